// Tells the kernel to drop or take pages, attributes and names, from a thread of its own: the kernel may make the
// notifying thread wait for a page or a directory that a request holds, and that request may need the JavaScript thread
// to be answered. No lock is held while the kernel is told.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct fuse_session;

namespace xnatfs {

struct Notice {
  enum class Kind : uint8_t { inode, entry, store } kind;
  uint64_t ino;
  int64_t offset = 0;
  int64_t length = 0;
  std::string name;
  std::vector<char> bytes;
};

class Notifier {
 public:
  // JavaScript thread. Starts the thread when it is first needed.
  void add(fuse_session* session, Notice notice);
  // JavaScript thread. What is not told yet is dropped. Every request must have been answered, and those that come be
  // refused, or the thread may never end.
  void stop();
  // Notices that the kernel has not been told yet, that which it is being told included.
  size_t waiting();

 private:
  void run(fuse_session* session);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notice> notices_;
  bool isStopping_ = false;
  bool isTelling_ = false;
  std::thread thread_;
};

}  // namespace xnatfs
