#include "passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "session.h"

namespace xnatfs {
namespace {

// From Linux 6.9's fuse.h, which Debian 12 does not have yet.
constexpr uint32_t kInitExt = 1u << 30;
constexpr uint32_t kPassthroughFlag2 = 1u << 5;  // FUSE_PASSTHROUGH, bit 37
constexpr uint32_t kOpenPassthrough = 1u << 7;   // FOPEN_PASSTHROUGH
constexpr size_t kInitOutBytes = 64;
constexpr size_t kInitOutFlags = 12;
constexpr size_t kInitOutFlags2 = 32;
constexpr size_t kInitOutMaxStackDepth = 36;
struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
#define XNATFS_BACKING_OPEN _IOW(229, 1, BackingMap)
#define XNATFS_BACKING_CLOSE _IOW(229, 2, uint32_t)

thread_local int32_t backingOfNextReply = 0;

uint32_t load(const char* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

void store(char* at, uint32_t value) { memcpy(at, &value, sizeof value); }

}  // namespace

void Passthrough::observe(const char* request, size_t size) {
  if (!isWanted_ || size < sizeof(fuse_in_header) + 20) return;
  fuse_in_header header;
  memcpy(&header, request, sizeof header);
  if (header.opcode != FUSE_INIT) return;
  const char* in = request + sizeof header;  // major, minor, max_readahead, flags, flags2
  if (!(load(in + 12) & kInitExt) || !(load(in + 16) & kPassthroughFlag2)) return;
  initUnique_ = header.unique;
}

void Passthrough::setBackingOfNextReply(int32_t backing) { backingOfNextReply = backing; }

ssize_t Passthrough::write(int fd, iovec* parts, int count, void* session) {
  static_cast<Session*>(session)->passthrough().fillIn(parts, count);
  return writev(fd, parts, count);
}

void Passthrough::fillIn(iovec* parts, int count) {
  if (initUnique_ == 0 || count < 2 || parts[0].iov_len != sizeof(fuse_out_header)) return;
  fuse_out_header header;
  memcpy(&header, parts[0].iov_base, sizeof header);
  char* out = static_cast<char*>(parts[1].iov_base);
  if (header.unique == initUnique_ && !isOffered_ && header.error == 0 && parts[1].iov_len == kInitOutBytes) {
    store(out + kInitOutFlags, load(out + kInitOutFlags) | kInitExt);
    store(out + kInitOutFlags2, load(out + kInitOutFlags2) | kPassthroughFlag2);
    store(out + kInitOutMaxStackDepth, 1);
    isOffered_ = true;
  }
  if (backingOfNextReply == 0 || header.error != 0 || parts[1].iov_len < sizeof(fuse_open_out)) return;
  char* open = out + parts[1].iov_len - sizeof(fuse_open_out);  // behind the entry in a reply to CREATE
  store(open + 8, (load(open + 8) | kOpenPassthrough) & ~(FOPEN_KEEP_CACHE | FOPEN_DIRECT_IO));
  store(open + 12, static_cast<uint32_t>(backingOfNextReply));
  backingOfNextReply = 0;
}

int32_t Passthrough::acquire(int fuseFd, uint64_t ino, const char* path) {
  const auto known = backings_.find(ino);
  if (known != backings_.end()) {
    known->second.handles++;
    return known->second.number;
  }
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  BackingMap map{file, 0, 0};
  const int number = ioctl(fuseFd, XNATFS_BACKING_OPEN, &map);
  const int reason = errno;
  close(file);
  errno = reason;
  if (number <= 0) return 0;
  backings_[ino] = {number, 1};
  return number;
}

void Passthrough::release(int fuseFd, uint64_t ino) {
  const auto known = backings_.find(ino);
  if (known == backings_.end() || --known->second.handles > 0) return;
  uint32_t number = static_cast<uint32_t>(known->second.number);
  ioctl(fuseFd, XNATFS_BACKING_CLOSE, &number);
  backings_.erase(known);
}

}  // namespace xnatfs
