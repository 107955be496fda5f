#include "shared-opens.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace xnatfs {
namespace {

// Of those that wait to be read, before it is said that there is no room.
constexpr size_t kLookedThrough = 64;

size_t sizeOf(const std::vector<iovec>& pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

}  // namespace

void SharedOpens::offer(uint64_t ino, std::chrono::milliseconds time) {
  std::lock_guard<std::mutex> lock(mutex_);
  offerLocked(ino, time);
}

SharedOpens::Shared& SharedOpens::offerLocked(uint64_t ino, std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  if (Shared* shared = offered(ino)) {
    shared->until = until;
    shared->epoch = epoch_;
    return *shared;
  }
  if (handles_.size() >= sweepAt_) sweep();
  offered_[ino] = ++lastHandle_;
  return handles_[lastHandle_] = Shared{ino, until, epoch_};
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
    dropBytes(one->second);
    one = handles_.erase(one);
  }
  sweepAt_ = std::max<size_t>(1024, handles_.size() * 2);
}

SharedOpens::Shared* SharedOpens::offered(uint64_t ino) {
  const auto known = offered_.find(ino);
  return known == offered_.end() ? nullptr : &handles_.at(known->second);
}

void SharedOpens::dropBytes(Shared& shared) {
  bytesHeld_ -= shared.bytes.size();
  shared.bytes = std::string();
}

// Handles that are gone, and all but one mention of the others.
void SharedOpens::forgetOld() {
  std::unordered_set<uint64_t> seen;
  const auto isOver = [&](uint64_t handle) {
    const auto known = handles_.find(handle);
    return known == handles_.end() || known->second.bytes.empty() || !seen.insert(handle).second;
  };
  furnished_.erase(std::remove_if(furnished_.begin(), furnished_.end(), isOver), furnished_.end());
}

void SharedOpens::furnish(uint64_t ino, uint64_t reader, const struct stat& attributes,
                          const std::vector<iovec>& pieces) {
  std::lock_guard<std::mutex> lock(mutex_);
  Shared* shared = offered(ino);
  if (!shared) return;
  dropBytes(*shared);
  shared->isFurnished = true;
  shared->attributes = attributes;
  if (makeRoom(sizeOf(pieces))) take(*shared, reader, pieces);
}

bool SharedOpens::foretell(uint64_t ino, std::chrono::milliseconds time, const struct stat& attributes,
                           const std::vector<iovec>& pieces) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Shared* known = offered(ino);
  const bool hasBytes = known && !known->bytes.empty();
  if (!hasBytes && !makeRoom(sizeOf(pieces))) return false;
  Shared& shared = offerLocked(ino, time);
  shared.isForetold = true;
  shared.isFurnished = true;
  shared.attributes = attributes;
  if (!hasBytes) take(shared, 0, pieces);
  return true;
}

void SharedOpens::take(Shared& shared, uint64_t reader, const std::vector<iovec>& pieces) {
  shared.reader = reader;
  shared.bytesRead = 0;
  shared.bytes.reserve(sizeOf(pieces));
  for (const iovec& piece : pieces) shared.bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  bytesHeld_ += shared.bytes.size();
  mention(offered_.at(shared.ino));
}

void SharedOpens::mention(uint64_t handle) {
  furnished_.push_back(handle);
  if (furnished_.size() > 2 * handles_.size() + 1024) forgetOld();
}

// Only what is offered no more gives way, or was read, so that the kernel has it: who goes through more files than there is
// room for, again and again, would find none of them otherwise.
bool SharedOpens::makeRoom(size_t size) {
  if (size > mostBytes_) return false;
  const auto now = Clock::now();
  for (size_t at = 0; bytesHeld_ + size > mostBytes_ && at < std::min(furnished_.size(), kLookedThrough);) {
    const auto oldest = handles_.find(furnished_[at]);
    if (oldest != handles_.end()) {
      const Shared& shared = oldest->second;
      if (!shared.bytes.empty() && shared.bytesRead < shared.bytes.size() && isGood(shared, now)) {
        at++;
        continue;
      }
      dropBytes(oldest->second);
    }
    furnished_.erase(furnished_.begin() + static_cast<ptrdiff_t>(at));
  }
  return bytesHeld_ + size <= mostBytes_;
}

bool SharedOpens::getattr(fuse_req_t req, uint64_t ino, double longestSeconds) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Shared* shared = offered(ino);
  const auto now = Clock::now();
  if (!shared || !shared->isFurnished || !isGood(*shared, now)) return false;
  const std::chrono::duration<double> left = shared->until - now;
  fuse_reply_attr(req, &shared->attributes, std::min(left.count(), longestSeconds));
  return true;
}

ssize_t SharedOpens::read(fuse_req_t req, uint64_t ino, uint64_t handle, size_t size, off_t offset,
                          bool* isFirst) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = offered_.find(ino);
  if (known == offered_.end()) return -1;
  Shared& shared = handles_.at(known->second);
  if (shared.bytes.empty() || (handle != 0 && handle != known->second && handle != shared.reader)) return -1;
  if (handle == 0) *isFirst = std::exchange(shared.isForetold, false);
  const size_t start = std::min(static_cast<size_t>(offset), shared.bytes.size());
  const size_t count = std::min(size, shared.bytes.size() - start);
  fuse_reply_buf(req, shared.bytes.data() + start, count);
  shared.bytesRead += count;
  return static_cast<ssize_t>(count);
}

uint64_t SharedOpens::withdraw(uint64_t ino) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto offered = offered_.find(ino);
  if (offered == offered_.end()) return 0;
  const uint64_t handle = offered->second;
  offered_.erase(offered);
  Shared& shared = handles_.at(handle);
  dropBytes(shared);
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

SharedOpens::Opened SharedOpens::open(fuse_req_t req, uint64_t ino) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto offered = offered_.find(ino);
  if (offered == offered_.end()) return Opened::no;
  Shared& shared = handles_.at(offered->second);
  if (!isGood(shared, Clock::now())) return Opened::no;
  fuse_file_info file{};
  file.fh = offered->second;
  file.keep_cache = 1;
  file.noflush = 1;
  shared.opens++;
  if (fuse_reply_open(req, &file) != 0) shared.opens--;  // the caller was killed
  return std::exchange(shared.isForetold, false) ? Opened::first : Opened::yes;
}

void SharedOpens::release(fuse_req_t req, uint64_t handle, const std::function<void()>& tell) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = handles_.find(handle);
  if (known == handles_.end() || --known->second.opens > 0) {
    fuse_reply_err(req, 0);
    return;
  }
  Shared& last = known->second;
  if (last.isAdopted) tell();
  else fuse_reply_err(req, 0);
  const auto offered = offered_.find(last.ino);
  const bool isOffered = offered != offered_.end() && offered->second == handle;
  if (isOffered && !last.isAdopted) return;
  // Until JavaScript has heard the end of this handle, its number must not stand for another.
  Shared next = std::move(last);
  handles_.erase(known);
  if (!isOffered) return;
  next.isAdopted = false;
  offered->second = ++lastHandle_;
  const bool hasBytes = !next.bytes.empty();
  handles_[lastHandle_] = std::move(next);
  if (hasBytes) mention(lastHandle_);
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
