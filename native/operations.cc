// libfuse's callbacks: each makes an event of its request, or answers it where no thought is needed.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "session.h"

namespace xnatfs {
namespace {

Session& sessionOf(fuse_req_t req) { return *static_cast<Session*>(fuse_req_userdata(req)); }

// JavaScript's strings cannot hold other names, and would make one name of several.
bool isUtf8(const char* text, size_t size) {
  const auto* at = reinterpret_cast<const unsigned char*>(text);
  const auto* end = at + size;
  while (at < end) {
    const unsigned char first = *at++;
    if (first < 0x80) continue;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || end - at < more) return false;
    const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (*at < low || *at > high) return false;
    for (int i = 1; i < more; i++)
      if ((at[i] & 0xc0) != 0x80) return false;
    at += more;
  }
  return true;
}

// @returns an errno; 0 for a name that can be handed over
int checkName(const char* name, bool mayBeAbsent) {
  const size_t size = strlen(name);
  if (size > kNameBytes) return ENAMETOOLONG;
  if (isUtf8(name, size)) return 0;
  return mayBeAbsent ? ENOENT : EILSEQ;
}

// Whole microseconds, which is what `setTime` gives back: no time may be shown later than it was set.
double milliseconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec / 1000) / 1e3;
}

double now() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return milliseconds(time);
}

void submit(fuse_req_t req, Event event) { sessionOf(req).submit(req, std::move(event)); }

void init(void* session, fuse_conn_info* connection) { static_cast<Session*>(session)->configure(connection); }

// --- names ---

void submitNamed(fuse_req_t req, Event event, const char* name, bool mayBeAbsent) {
  if (const int error = checkName(name, mayBeAbsent)) {
    fuse_reply_err(req, error);
    return;
  }
  event.name = name;
  submit(req, std::move(event));
}

void lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  submitNamed(req, Event(Op::lookup, parent), name, true);
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  if (!S_ISREG(mode)) {
    fuse_reply_err(req, EPERM);
    return;
  }
  Event event(Op::mknod, parent);
  event.values[0] = mode & 07777;
  submitNamed(req, std::move(event), name, false);
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  Event event(Op::mkdir, parent);
  event.values[0] = mode & 07777;
  submitNamed(req, std::move(event), name, false);
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  submitNamed(req, Event(Op::unlink, parent), name, true);
}

void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  submitNamed(req, Event(Op::rmdir, parent), name, true);
}

void symlink(fuse_req_t req, const char*, fuse_ino_t, const char*) { fuse_reply_err(req, EPERM); }

void link(fuse_req_t req, fuse_ino_t, fuse_ino_t, const char*) { fuse_reply_err(req, EPERM); }

void rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t newParent, const char* newName,
            unsigned int flags) {
  constexpr unsigned int noReplace = 1;  // RENAME_NOREPLACE; exchange and whiteout there are not
  const int error = (flags & ~noReplace) ? EINVAL : checkName(newName, false);
  if (error) {
    fuse_reply_err(req, error);
    return;
  }
  Event event(Op::rename, parent);
  event.secondName = newName;
  event.values[0] = static_cast<double>(newParent);
  event.values[1] = (flags & noReplace) ? 1 : 0;
  submitNamed(req, std::move(event), name, true);
}

// --- nodes ---

void postForget(Session& session, fuse_ino_t ino, uint64_t count) {
  Event event(Op::forget, ino);
  event.values[0] = static_cast<double>(count);
  session.post(std::move(event));
}

void forget(fuse_req_t req, fuse_ino_t ino, uint64_t count) {
  postForget(sessionOf(req), ino, count);
  fuse_reply_none(req);
}

void forgetMulti(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  Session& session = sessionOf(req);
  for (size_t i = 0; i < count; i++) postForget(session, forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

// What is open stays what it was when it was opened: JavaScript has to know that it is, by a handle of it.
Event onNode(fuse_req_t req, Op op, fuse_ino_t ino) {
  Event event(op, ino);
  event.handle = sessionOf(req).sharedOpens().unheard(ino);
  return event;
}

void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  Session& session = sessionOf(req);
  if (session.sharedOpens().getattr(req, ino, session.options().entryTimeoutSeconds))
    session.counters().requests[static_cast<size_t>(Op::getattr)]++;
  else submit(req, onNode(req, Op::getattr, ino));
}

void setattr(fuse_req_t req, fuse_ino_t ino, struct stat* to, int which, fuse_file_info* file) {
  Event event = onNode(req, Op::setattr, ino);
  // A NaN stays as it is.
  for (double& value : event.values) value = __builtin_nan("");
  if (which & FUSE_SET_ATTR_SIZE) event.values[0] = static_cast<double>(to->st_size);
  if (which & FUSE_SET_ATTR_MODE) event.values[1] = to->st_mode & 07777;
  if (which & FUSE_SET_ATTR_UID) event.values[2] = to->st_uid;
  if (which & FUSE_SET_ATTR_GID) event.values[3] = to->st_gid;
  if (which & FUSE_SET_ATTR_ATIME_NOW) event.values[4] = now();
  else if (which & FUSE_SET_ATTR_ATIME) event.values[4] = milliseconds(to->st_atim);
  if (which & FUSE_SET_ATTR_MTIME_NOW) event.values[5] = now();
  else if (which & FUSE_SET_ATTR_MTIME) event.values[5] = milliseconds(to->st_mtim);
  if (file && (which & FUSE_SET_ATTR_SIZE)) event.values[6] = static_cast<double>(file->fh);
  submit(req, std::move(event));
}

void readlink(fuse_req_t req, fuse_ino_t ino) { submit(req, Event(Op::readlink, ino)); }

bool startsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

// Programs ask for attributes of all kinds of everything they meet, and the kernel for security.capability before it
// writes. There are none but ours, so the rest is answered here. (ENOSYS would end the questions, but for ours too.)
// Of kinds that are not supported `ls -l` asks once only, not for each file.
void getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  if (!startsWith(name, "user.xnat.")) {
    fuse_reply_err(req, startsWith(name, "user.") ? ENODATA : EOPNOTSUPP);
    return;
  }
  Event event(Op::getxattr, ino);
  event.values[0] = static_cast<double>(size);
  submitNamed(req, std::move(event), name, true);
}

void listxattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  Event event(Op::listxattr, ino);
  event.values[0] = static_cast<double>(size);
  submit(req, std::move(event));
}

void access(fuse_req_t req, fuse_ino_t ino, int mask) {
  Event event(Op::access, ino);
  event.values[0] = mask;
  submit(req, std::move(event));
}

// Nobody knows how much room an archive has, so plenty.
void statfs(fuse_req_t req, fuse_ino_t) {
  struct statvfs facts {};
  facts.f_bsize = facts.f_frsize = 1024 * 1024;
  facts.f_blocks = facts.f_bfree = facts.f_bavail = 1u << 30;
  facts.f_files = facts.f_ffree = facts.f_favail = 1u << 31;
  facts.f_namemax = kNameBytes;
  fuse_reply_statfs(req, &facts);
}

// --- directories ---

void opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) { submit(req, Event(Op::opendir, ino)); }

void submitOnHandle(fuse_req_t req, Op op, fuse_ino_t ino, fuse_file_info* file, double first = 0, double second = 0) {
  Event event(op, ino);
  event.handle = file->fh;
  event.values[0] = first;
  event.values[1] = second;
  submit(req, std::move(event));
}

void readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file) {
  submitOnHandle(req, Op::readdir, ino, file, static_cast<double>(offset), static_cast<double>(size));
}

void readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file) {
  submitOnHandle(req, Op::readdirplus, ino, file, static_cast<double>(offset), static_cast<double>(size));
}

void releasedir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  submitOnHandle(req, Op::releasedir, ino, file);
}

void fsyncdir(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(req, 0); }

// --- files ---

void open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  Session& session = sessionOf(req);
  if (session.options().opensUntold) {
    session.counters().requests[static_cast<size_t>(Op::open)]++;
    fuse_reply_err(req, ENOSYS);  // the kernel asks once only
    return;
  }
  const bool isForReading = (file->flags & O_ACCMODE) == O_RDONLY;
  const auto opened = isForReading ? session.sharedOpens().open(req, ino) : SharedOpens::Opened::no;
  if (opened != SharedOpens::Opened::no) {
    session.counters().requests[static_cast<size_t>(Op::open)]++;
    session.counters().sharedOpens++;
    if (opened == SharedOpens::Opened::first) session.post(Event(Op::opened, ino));
    return;
  }
  Event event(Op::open, ino);
  event.values[0] = file->flags;
  submit(req, std::move(event));
}

void create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* file) {
  Event event(Op::create, parent);
  event.values[0] = file->flags;
  event.values[1] = mode & 07777;
  submitNamed(req, std::move(event), name, false);
}

void read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* file) {
  Session& session = sessionOf(req);
  bool isFirst = false;
  ssize_t sent = session.sharedOpens().read(req, ino, file->fh, size, offset, &isFirst);
  const bool isFurnished = sent >= 0;
  // What is opened untold is served by inode.
  const uint64_t served = session.options().opensUntold ? ino : file->fh;
  if (!isFurnished) sent = session.servedFiles().read(req, served, size, offset, [&] { session.passTurn(); });
  if (isFirst) session.post(Event(Op::opened, ino));
  if (sent >= 0) {
    Counters& counters = session.counters();
    counters.requests[static_cast<size_t>(Op::read)]++;
    (isFurnished ? counters.furnishedReads : counters.servedReads)++;
    counters.bytesRead += static_cast<uint64_t>(sent);
    return;
  }
  submitOnHandle(req, Op::read, ino, file, static_cast<double>(offset), static_cast<double>(size));
}

void write(fuse_req_t req, fuse_ino_t ino, const char* bytes, size_t size, off_t offset, fuse_file_info* file) {
  Event event(Op::write, ino);
  event.handle = file->fh;
  event.values[0] = static_cast<double>(offset);
  event.values[1] = static_cast<double>(size);
  sessionOf(req).submitWrite(req, std::move(event), bytes, size);
}

void flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  if (sessionOf(req).options().opensUntold) fuse_reply_err(req, ENOSYS);  // the kernel asks once only
  else if (SharedOpens::isShared(file->fh)) fuse_reply_err(req, 0);  // opened for reading
  else submitOnHandle(req, Op::flush, ino, file);
}

void fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* file) {
  if (sessionOf(req).options().opensUntold) fuse_reply_err(req, 0);  // nothing is written
  else submitOnHandle(req, Op::fsync, ino, file);
}

void release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  const auto tell = [&] { submitOnHandle(req, Op::release, ino, file); };
  if (SharedOpens::isShared(file->fh)) sessionOf(req).sharedOpens().release(req, file->fh, tell);
  else tell();
}

// Only what makes a file longer. Without it posix_fallocate() writes a zero into each block, which takes long, and reads
// what is there before, which a descriptor for writing cannot.
void fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, fuse_file_info* file) {
  if (mode != 0) fuse_reply_err(req, EOPNOTSUPP);
  else submitOnHandle(req, Op::fallocate, ino, file, static_cast<double>(offset + length));
}

void ioctl(fuse_req_t req, fuse_ino_t, unsigned int, void*, fuse_file_info*, unsigned, const void*, size_t, size_t) {
  fuse_reply_err(req, ENOTTY);
}

fuse_lowlevel_ops makeTable() {
  fuse_lowlevel_ops table{};
  table.init = init;
  table.lookup = lookup;
  table.forget = forget;
  table.forget_multi = forgetMulti;
  table.getattr = getattr;
  table.setattr = setattr;
  table.readlink = readlink;
  table.getxattr = getxattr;
  table.listxattr = listxattr;
  table.access = access;
  table.statfs = statfs;
  table.mknod = mknod;
  table.mkdir = mkdir;
  table.unlink = unlink;
  table.rmdir = rmdir;
  table.symlink = symlink;
  table.link = link;
  table.rename = rename;
  table.opendir = opendir;
  table.readdir = readdir;
  table.readdirplus = readdirplus;
  table.releasedir = releasedir;
  table.fsyncdir = fsyncdir;
  table.open = open;
  table.create = create;
  table.read = read;
  table.write = write;
  table.flush = flush;
  table.fsync = fsync;
  table.release = release;
  table.fallocate = fallocate;
  table.ioctl = ioctl;
  // Without a callback libfuse answers ENOSYS, and the kernel asks once only: changes of extended attributes,
  // locks and flock (local ones then), lseek (a file is all data), copy_file_range (the kernel copies through its own
  // cache), poll (always ready), bmap.
  return table;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
  static const fuse_lowlevel_ops table = makeTable();
  return table;
}

}  // namespace xnatfs
