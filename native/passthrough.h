// Kernel passthrough (Linux 6.9): the kernel reads an open file from another file by itself. libfuse 3.14 does not
// know it, so the few bytes it leaves at zero in the replies to INIT and OPEN are filled in where they are written.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <sys/uio.h>

#include <cstdint>
#include <unordered_map>

namespace xnatfs {

class Passthrough {
 public:
  // Before the session is opened: whether to ask the kernel for it. It needs root.
  void want() { isWanted_ = true; }
  // A worker, before libfuse parses the kernel's INIT.
  void observe(const char* request, size_t size);
  // Whether kernel and privileges have it.
  bool isOffered() const { return isOffered_; }

  // JavaScript thread. Opens the file that stands behind an inode. The kernel takes one file for all handles of an
  // inode: a second open of the inode gets the first one's. @returns a backing number, or 0 with errno set
  int32_t acquire(int fuseFd, uint64_t ino, const char* path);
  // The handle is closed, or its open was not taken.
  void release(int fuseFd, uint64_t ino);

  // The next reply to OPEN or CREATE that this thread writes gets the backing number.
  static void setBackingOfNextReply(int32_t backing);
  // writev(2) for libfuse.
  static ssize_t write(int fd, iovec* parts, int count, void* session);

 private:
  struct Backing {
    int32_t number;
    uint32_t handles;
  };
  void fillIn(iovec* parts, int count);

  bool isWanted_ = false;
  bool isOffered_ = false;
  uint64_t initUnique_ = 0;
  std::unordered_map<uint64_t, Backing> backings_;
};

}  // namespace xnatfs
