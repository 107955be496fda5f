// What travels between the FUSE threads and JavaScript: numbers in rows of a Float64Array, names behind one another in
// a buffer. The names of the operations are handed to JavaScript, which looks its handlers up by them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace xnatfs {

#define XNATFS_OPERATIONS(X)                                                                                         \
  X(interrupt)                                                                                                       \
  X(forget)                                                                                                          \
  X(lookup)                                                                                                          \
  X(getattr)                                                                                                         \
  X(setattr)                                                                                                         \
  X(readlink)                                                                                                        \
  X(getxattr)                                                                                                        \
  X(listxattr)                                                                                                       \
  X(access)                                                                                                          \
  X(opendir)                                                                                                         \
  X(readdir)                                                                                                         \
  X(readdirplus)                                                                                                     \
  X(releasedir)                                                                                                      \
  X(open)                                                                                                            \
  X(opened)                                                                                                          \
  X(create)                                                                                                          \
  X(read)                                                                                                            \
  X(write)                                                                                                           \
  X(flush)                                                                                                           \
  X(fsync)                                                                                                           \
  X(fallocate)                                                                                                       \
  X(release)                                                                                                         \
  X(mknod)                                                                                                           \
  X(mkdir)                                                                                                           \
  X(rmdir)                                                                                                           \
  X(unlink)                                                                                                          \
  X(rename)

enum class Op : uint8_t {
#define XNATFS_ENUM(name) name,
  XNATFS_OPERATIONS(XNATFS_ENUM)
#undef XNATFS_ENUM
      count
};
constexpr size_t kOpCount = static_cast<size_t>(Op::count);

// Numbers of a request, in this order: operation, token, inode, handle, the values below, bytes of the two names.
constexpr size_t kValueCount = 8;
constexpr size_t kRequestRow = 4 + kValueCount + 2;
// Requests handed over by one call into JavaScript.
constexpr size_t kBatchRows = 256;

// Numbers of one set of attributes in the other direction: inode, mode with type, size, uid, gid, atime, mtime (both in
// milliseconds), bytes of the name where it is an entry of a directory, bytes that are best written at once (a power of
// 2, or 0), names that it has, for how long at most the kernel may go by its name without asking (milliseconds).
constexpr size_t kAttributeRow = 11;
// Entries of one READDIR reply.
constexpr size_t kAttributeRows = 1024;

constexpr size_t kNameBytes = 255;

// The largest read and write, and the size of a buffer that holds any request.
constexpr size_t kMaxTransfer = 1024 * 1024;
constexpr size_t kRequestBytes = kMaxTransfer + 4096;

// Buffers for requests beyond those that the threads are reading into: so many writes can be under way without a copy.
constexpr size_t kSpareBuffers = 8;

// One request on its way to JavaScript.
struct Event {
  Op op;
  uint64_t token = 0;
  uint64_t ino = 0;
  uint64_t handle = 0;
  double values[kValueCount] = {};
  std::string name;
  std::string secondName;

  Event(Op op, uint64_t ino) : op(op), ino(ino) {}
};

// The bits of a reply to OPEN, OPENDIR and CREATE.
constexpr uint32_t kOpenKeepCache = 1;
constexpr uint32_t kOpenNoFlush = 2;
constexpr uint32_t kOpenCacheDirectory = 4;
constexpr uint32_t kOpenDirect = 8;

}  // namespace xnatfs
