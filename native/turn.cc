#include "turn.h"

#include <poll.h>
#include <sched.h>

namespace xnatfs {
namespace {

// Twice what a program takes from one small cached file to the next.
constexpr std::chrono::microseconds kSoon(50);
// Where others want the processor, who gives way may get it back late, and nobody else would read meanwhile.
constexpr std::chrono::milliseconds kGivesWayFor(100);

}  // namespace

bool Turn::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  passed_.wait(lock, [this] { return !isTaken_ || isOver_; });
  isTaken_ = true;
  return !isOver_;
}

void Turn::pass() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isTaken_ = false;
  }
  passed_.notify_one();
}

void Turn::end() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isOver_ = true;
  }
  passed_.notify_all();
}

void Turn::lookOut(int fd) {
  waitsSince_ = Clock::now();
  if (!isBusy_ || waitsSince_ < noLookOutUntil_) return;
  pollfd requests{fd, POLLIN, 0};
  for (Clock::time_point now = waitsSince_; now - waitsSince_ < kSoon && poll(&requests, 1, 0) == 0;) {
    sched_yield();
    const Clock::time_point before = now;
    now = Clock::now();
    if (now - before >= kSoon) noLookOutUntil_ = now + kGivesWayFor;
  }
}

void Turn::found() { isBusy_ = Clock::now() - waitsSince_ < kSoon; }

}  // namespace xnatfs
