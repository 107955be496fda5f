// Whose turn it is to read /dev/fuse: one worker's at a time.
//
// The kernel then never wakes a second one, and whoever reads answers what can be answered at once and reads on. Before
// anything that may take long it passes the turn. Falling asleep and being woken takes longer than many an answer, so
// while requests come in quick succession, and there is a processor to spare, the worker looks out for the next one for a
// moment before it sleeps in read(2).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace xnatfs {

class Turn {
 public:
  // Waits for it. @returns false where there will be none any more
  bool take();
  void pass();
  // Nobody gets it from now on. To be called again, it does nothing.
  void end();

  // --- whose turn it is ---
  // Returns when there is a request to read, or when none is soon to be expected. Not cancellable.
  void lookOut(int fd);
  // A request was read.
  void found();

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;
  std::condition_variable passed_;
  bool isTaken_ = false;
  bool isOver_ = false;
  Clock::time_point waitsSince_;
  bool isBusy_ = false;  // the last request came soon
  Clock::time_point noLookOutUntil_;
};

}  // namespace xnatfs
