#include "notifier.h"

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <errno.h>

namespace xnatfs {
namespace {

// Makes the kernel look the name up again. To invalidate it would also take it from those who are in that directory:
// they could not tell where they are any more.
int expire(fuse_session* session, const Notice& notice) {
  const char* name = notice.name.data();
#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 15)
  return fuse_lowlevel_notify_expire_entry(session, notice.ino, name, notice.name.size(), FUSE_LL_EXPIRE_ONLY);
#else
  return fuse_lowlevel_notify_expire_entry(session, notice.ino, name, notice.name.size());
#endif
}

}  // namespace

void Notifier::add(fuse_session* session, Notice notice) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isStopping_) return;
    notices_.push_back(std::move(notice));
    if (!thread_.joinable()) thread_ = std::thread([this, session] { run(session); });
  }
  changed_.notify_one();
}

void Notifier::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isStopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  std::lock_guard<std::mutex> lock(mutex_);
  notices_.clear();
}

size_t Notifier::waiting() {
  std::lock_guard<std::mutex> lock(mutex_);
  return notices_.size() + (isTelling_ ? 1 : 0);
}

void Notifier::run(fuse_session* session) {
  pthread_setname_np(pthread_self(), "xnatfs-notify");
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex_);
    isTelling_ = false;
    changed_.wait(lock, [this] { return isStopping_ || !notices_.empty(); });
    if (isStopping_) return;
    Notice notice = std::move(notices_.front());
    notices_.pop_front();
    isTelling_ = true;
    lock.unlock();
    // What the kernel does not know (any more) is ENOENT: as it should be.
    switch (notice.kind) {
      case Notice::Kind::inode:
        fuse_lowlevel_notify_inval_inode(session, notice.ino, notice.offset, notice.length);
        break;
      case Notice::Kind::entry:
        if (expire(session, notice) == -ENOSYS)
          fuse_lowlevel_notify_inval_entry(session, notice.ino, notice.name.data(), notice.name.size());
        break;
      case Notice::Kind::store: {
        fuse_bufvec bytes = FUSE_BUFVEC_INIT(notice.bytes.size());
        bytes.buf[0].mem = notice.bytes.data();
        fuse_lowlevel_notify_store(session, notice.ino, notice.offset, &bytes, static_cast<fuse_buf_copy_flags>(0));
        break;
      }
    }
  }
}

}  // namespace xnatfs
