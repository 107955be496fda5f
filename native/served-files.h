// Open files whose bytes lie complete in a local file: the workers read them there, JavaScript is not asked.
//
// JavaScript says for which handles, and until when: from when stop() has returned no worker answers from there any
// more, so what JavaScript tells the kernel afterwards (another size, other bytes) comes behind every such answer.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

namespace xnatfs {

class ServedFiles {
 public:
  // One worker at least is always left for what does not wait for the disk.
  explicit ServedFiles(size_t workers) : most_(workers > 1 ? workers - 1 : 1) {}

  // JavaScript thread. Opens the file; all handles of an inode get the same one. @returns 0 or an errno: ENFILE where
  // enough are open, EOPNOTSUPP where reading may wait for a network
  int serve(uint64_t ino, uint64_t handle, const char* path);
  // The handle is closed, or its open was not taken.
  void release(uint64_t handle);
  // For all handles that the inode has now.
  void stop(uint64_t ino);

  // A worker. `beforeLong` is called before what may take long.
  // @returns the bytes sent, or -1 where it was not answered and JavaScript has to be asked
  ssize_t read(fuse_req_t req, uint64_t handle, size_t size, off_t offset, const std::function<void()>& beforeLong);

 private:
  struct File {
    File(uint64_t ino, int fd, off_t size, std::shared_ptr<std::atomic<size_t>> open);
    ~File();
    const uint64_t ino;
    const int fd;
    const off_t size;
    const std::shared_ptr<std::atomic<size_t>> open;
    size_t handles = 0;       // JavaScript thread only
    std::shared_mutex mutex;  // held while an answer is sent
    std::atomic<bool> isStopped{false};
  };
  static void stop(File& file);
  std::shared_ptr<File> find(uint64_t handle);
  bool readAtOnce(int fd, char* bytes, size_t size, off_t offset);

  const size_t most_;
  const std::shared_ptr<std::atomic<size_t>> open_ = std::make_shared<std::atomic<size_t>>(0);
  bool isOnNetwork_ = false;  // JavaScript thread only
  std::atomic<size_t> reading_{0};
  std::atomic<bool> canReadAtOnce_{true};  // the file system of the cache tells what is in memory
  std::shared_mutex mutex_;  // guards what workers look up: handles_
  std::unordered_map<uint64_t, std::shared_ptr<File>> handles_;
  std::unordered_map<uint64_t, std::weak_ptr<File>> files_;  // by inode; JavaScript thread only
};

}  // namespace xnatfs
