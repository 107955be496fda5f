// The least a file system over libfuse3's low-level interface can do: the yardstick of `npm run bench:driver`.
// One folder of small files, a large file of one repeated pattern, and a file that takes whatever is written to it.
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 2, BIG = 3, SINK = 4, FIRST = 10 };
enum { SMALL_COUNT = 10000, SMALL_BYTES = 100 * 1024 };
#define BIG_BYTES (1024L * 1024 * 1024)
static char pattern[2 * 1024 * 1024];
static off_t sink_bytes;

static void facts(fuse_ino_t ino, struct stat *st) {
  memset(st, 0, sizeof *st);
  st->st_ino = ino;
  st->st_nlink = 1;
  st->st_mode = ino <= SMALL ? S_IFDIR | 0755 : S_IFREG | 0644;
  st->st_size = ino <= SMALL ? 0 : ino == BIG ? BIG_BYTES : ino == SINK ? sink_bytes : SMALL_BYTES;
  st->st_mtime = 1700000000;
}

static void entry(fuse_ino_t ino, struct fuse_entry_param *e) {
  memset(e, 0, sizeof *e);
  e->ino = ino;
  e->attr_timeout = e->entry_timeout = 60;
  facts(ino, &e->attr);
}

static void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
  struct fuse_entry_param e;
  fuse_ino_t ino = 0;
  if (parent == SMALL) ino = FIRST + atoi(name + 5);
  else if (!strcmp(name, "small")) ino = SMALL;
  else if (!strcmp(name, "big")) ino = BIG;
  else if (!strcmp(name, "sink")) ino = SINK;
  if (!ino) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  entry(ino, &e);
  fuse_reply_entry(req, &e);
}

static void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi) {
  (void)fi;
  struct stat st;
  facts(ino, &st);
  fuse_reply_attr(req, &st, 60);
}

static void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int which, struct fuse_file_info *fi) {
  if (ino == SINK && (which & FUSE_SET_ATTR_SIZE)) sink_bytes = to->st_size;
  ll_getattr(req, ino, fi);
}

static void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi) {
  (void)ino;
  fi->noflush = (fi->flags & 3) == 0;
  fi->keep_cache = getenv("KEEP_CACHE") != NULL;
  fuse_reply_open(req, fi);
}

static void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  char *page = malloc(size);
  size_t used = 0;
  for (off_t at = offset; ino == SMALL && at < SMALL_COUNT; at++) {
    char name[32];
    struct fuse_entry_param e;
    snprintf(name, sizeof name, "file-%ld", (long)at);
    entry(FIRST + at, &e);
    size_t needed = fuse_add_direntry_plus(req, page + used, size - used, name, &e, at + 1);
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(req, page, used);
  free(page);
}

static void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  struct stat st;
  facts(ino, &st);
  if (offset >= st.st_size) size = 0;
  else if (offset + (off_t)size > st.st_size) size = st.st_size - offset;
  fuse_reply_buf(req, pattern + offset % (1024 * 1024), size);
}

static void ll_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *fi) {
  (void)ino, (void)fi;
  static char sink[2 * 1024 * 1024];
  memcpy(sink, bytes, size);
  if (offset + (off_t)size > sink_bytes) sink_bytes = offset + size;
  fuse_reply_write(req, size);
}

static void ll_init(void *data, struct fuse_conn_info *conn) {
  (void)data;
  conn->want = conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS);
  conn->max_read = conn->max_write = 1024 * 1024;
  conn->max_background = 64;
}

int main(int argc, char **argv) {
  (void)argc;
  const struct fuse_lowlevel_ops ops = {.init = ll_init, .lookup = ll_lookup, .getattr = ll_getattr,
    .setattr = ll_setattr, .open = ll_open, .readdirplus = ll_readdirplus, .read = ll_read, .write = ll_write};
  char *words[] = {"memory-fs", "-omax_read=1048576,fsname=memory-fs"};
  struct fuse_args args = FUSE_ARGS_INIT(2, words);
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)(i * 31 >> 3);
  struct fuse_session *se = fuse_session_new(&args, &ops, sizeof ops, NULL);
  if (!se || fuse_session_mount(se, argv[1]) != 0) return 1;
  struct fuse_loop_config *config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, 2);
  fuse_loop_cfg_set_idle_threads(config, 2);
  const int result = fuse_session_loop_mt(se, config);
  fuse_loop_cfg_destroy(config);
  fuse_session_unmount(se);
  fuse_session_destroy(se);
  return result != 0;
}
