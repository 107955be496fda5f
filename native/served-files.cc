#include "served-files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <mutex>

#include "protocol.h"

namespace xnatfs {
namespace {

// Descriptors are for staging files and connections too, and a program may have a thousand files mapped.
constexpr size_t kMostFiles = 256;

// A read there may wait for a server for ever, and a worker with it. By the numbers of statfs(2) and linux/magic.h.
bool isOnNetwork(int fd) {
  constexpr unsigned long types[] = {
      0x6969,                          // NFS
      0x517b, 0xff534d42, 0xfe534d42,  // SMB
      0x65735546,                      // FUSE: sshfs, glusterfs
      0x0bd00bd0,                      // Lustre
      0x47504653,                      // GPFS
      0x19830326,                      // BeeGFS
      0x00c36400,                      // Ceph
      0x5346414f, 0x6b414653,          // AFS
      0x01021997,                      // 9p
      0xaad7aaea,                      // PanFS
  };
  struct statfs facts;
  if (fstatfs(fd, &facts) != 0) return true;
  const auto type = static_cast<unsigned long>(static_cast<uint32_t>(facts.f_type));
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

// @returns whether all of it was there
bool readAll(int fd, char* bytes, size_t size, off_t offset) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = pread(fd, bytes + done, size - done, offset + static_cast<off_t>(done));
    if (got == 0 || (got < 0 && errno != EINTR)) return false;
    if (got > 0) done += static_cast<size_t>(got);
  }
  return true;
}

// A reader who waits for so little would wait longer for another worker to be woken.
constexpr size_t kQuickBytes = 64 * 1024;

// To note when the file was read may wait for the disk's journal. Only its owner may leave that out.
int openForReading(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
  return fd < 0 && errno == EPERM ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

}  // namespace

ServedFiles::File::File(uint64_t ino, int fd, off_t size, std::shared_ptr<std::atomic<size_t>> open)
    : ino(ino), fd(fd), size(size), open(std::move(open)) {
  ++*this->open;
}

ServedFiles::File::~File() {
  close(fd);
  --*open;
}

int ServedFiles::serve(uint64_t ino, uint64_t handle, const char* path) {
  if (isOnNetwork_) return EOPNOTSUPP;
  std::shared_ptr<File> file = files_[ino].lock();
  if (!file) {
    const int fd = openForReading(path);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
      const int reason = errno;
      if (fd >= 0) close(fd);
      files_.erase(ino);
      return reason;
    }
    isOnNetwork_ = isOnNetwork(fd);  // all lie in one cache: not even one more is opened
    if (isOnNetwork_ || *open_ >= kMostFiles) {
      close(fd);
      files_.erase(ino);
      return isOnNetwork_ ? EOPNOTSUPP : ENFILE;
    }
    files_[ino] = file = std::make_shared<File>(ino, fd, facts.st_size, open_);
  }
  file->handles++;
  std::unique_lock<std::shared_mutex> lock(mutex_);
  handles_[handle] = std::move(file);
  return 0;
}

void ServedFiles::release(uint64_t handle) {
  std::shared_ptr<File> file;
  {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    const auto known = handles_.find(handle);
    if (known == handles_.end()) return;
    file = std::move(known->second);
    handles_.erase(known);
  }
  if (--file->handles > 0) return;
  const auto known = files_.find(file->ino);
  if (known != files_.end() && known->second.lock() == file) files_.erase(known);
}

void ServedFiles::stop(uint64_t ino) {
  const auto known = files_.find(ino);
  if (known == files_.end()) return;
  if (const std::shared_ptr<File> file = known->second.lock()) stop(*file);
  files_.erase(known);
}

void ServedFiles::stop(File& file) {
  file.isStopped = true;
  std::unique_lock<std::shared_mutex> lock(file.mutex);  // whoever was sending has sent
}

std::shared_ptr<ServedFiles::File> ServedFiles::find(uint64_t handle) {
  std::shared_lock<std::shared_mutex> lock(mutex_);
  const auto known = handles_.find(handle);
  return known == handles_.end() ? nullptr : known->second;
}

// @returns whether all of it was there without waiting for the disk
bool ServedFiles::readAtOnce(int fd, char* bytes, size_t size, off_t offset) {
  if (size > kQuickBytes || !canReadAtOnce_) return false;
  iovec into{bytes, size};
  const ssize_t got = preadv2(fd, &into, 1, offset, RWF_NOWAIT);
  if (got < 0 && errno == EOPNOTSUPP) canReadAtOnce_ = false;
  return got == static_cast<ssize_t>(size);
}

ssize_t ServedFiles::read(fuse_req_t req, uint64_t handle, size_t size, off_t offset,
                          const std::function<void()>& beforeLong) {
  const std::shared_ptr<File> file = find(handle);
  if (!file || file->isStopped) return -1;
  static thread_local std::unique_ptr<char[]> bytes(new char[kMaxTransfer]);
  const off_t left = std::max<off_t>(0, file->size - offset);
  const size_t wanted = static_cast<size_t>(std::min<off_t>(static_cast<off_t>(std::min(size, kMaxTransfer)), left));
  if (!readAtOnce(file->fd, bytes.get(), wanted, offset)) {
    const bool mayRead = ++reading_ <= most_;
    if (mayRead) beforeLong();
    const bool isRead = mayRead && readAll(file->fd, bytes.get(), wanted, offset);
    reading_--;
    if (!isRead) {
      if (mayRead) stop(*file);  // whoever looks closer will see what is wrong with it
      return -1;
    }
  }
  std::shared_lock<std::shared_mutex> lock(file->mutex);
  if (file->isStopped) return -1;
  fuse_reply_buf(req, bytes.get(), wanted);
  return static_cast<ssize_t>(wanted);
}

}  // namespace xnatfs
