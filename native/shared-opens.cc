#include "shared-opens.h"

#include <algorithm>

namespace xnatfs {

void SharedOpens::offer(uint64_t ino, std::chrono::milliseconds time) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto until = Clock::now() + time;
  const auto known = offered_.find(ino);
  if (known != offered_.end()) {
    Shared& shared = handles_.at(known->second);
    shared.until = until;
    shared.epoch = epoch_;
    return;
  }
  if (handles_.size() >= sweepAt_) sweep();
  offered_[ino] = ++lastHandle_;
  handles_[lastHandle_] = Shared{ino, until, epoch_};
}

// What nobody uses any more goes; the next time is when there are twice as many as are left.
void SharedOpens::sweep() {
  const auto now = Clock::now();
  for (auto one = handles_.begin(); one != handles_.end();) {
    const Shared& shared = one->second;
    if (shared.opens > 0 || isGood(shared, now)) {
      ++one;
      continue;
    }
    offered_.erase(shared.ino);  // of handles that are not offered none is kept without opens
    one = handles_.erase(one);
  }
  sweepAt_ = std::max<size_t>(1024, handles_.size() * 2);
}

uint64_t SharedOpens::withdraw(uint64_t ino) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto offered = offered_.find(ino);
  if (offered == offered_.end()) return 0;
  const uint64_t handle = offered->second;
  offered_.erase(offered);
  Shared& shared = handles_.at(handle);
  if (shared.opens == 0) {
    handles_.erase(handle);
    return 0;
  }
  if (shared.isAdopted) return 0;
  shared.isAdopted = true;
  return handle;
}

bool SharedOpens::adopt(uint64_t handle) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = handles_.find(handle);
  if (known == handles_.end() || known->second.opens == 0) return false;
  known->second.isAdopted = true;
  return true;
}

bool SharedOpens::open(fuse_req_t req, uint64_t ino) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto offered = offered_.find(ino);
  if (offered == offered_.end()) return false;
  Shared& shared = handles_.at(offered->second);
  if (!isGood(shared, Clock::now())) return false;
  fuse_file_info file{};
  file.fh = offered->second;
  file.keep_cache = 1;
  file.noflush = 1;
  shared.opens++;
  if (fuse_reply_open(req, &file) != 0) shared.opens--;  // the caller was killed
  return true;
}

void SharedOpens::release(fuse_req_t req, uint64_t handle, const std::function<void()>& tell) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = handles_.find(handle);
  if (known == handles_.end() || --known->second.opens > 0) {
    fuse_reply_err(req, 0);
    return;
  }
  const Shared last = known->second;
  if (last.isAdopted) tell();
  else fuse_reply_err(req, 0);
  const auto offered = offered_.find(last.ino);
  const bool isOffered = offered != offered_.end() && offered->second == handle;
  if (isOffered && !last.isAdopted) return;
  handles_.erase(known);
  if (!isOffered) return;
  // Until JavaScript has heard the end of this handle, its number must not stand for another.
  offered->second = ++lastHandle_;
  handles_[lastHandle_] = Shared{last.ino, last.until, last.epoch};
}

uint64_t SharedOpens::unheard(uint64_t ino) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto offered = offered_.find(ino);
  if (offered == offered_.end()) return 0;
  const Shared& shared = handles_.at(offered->second);
  return shared.opens > 0 && !shared.isAdopted ? offered->second : 0;
}

void SharedOpens::expireAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  epoch_++;
}

}  // namespace xnatfs
