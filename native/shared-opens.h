// Opens that the workers answer by themselves: programs open a file again and again that the kernel has all pages of,
// and JavaScript would give the same answer every time.
//
// JavaScript «offers» an inode after it has answered an open of it, for a while. Until then, or until it takes the offer
// back, opens for reading get a handle that JavaScript has not heard of: they share one, and as long as the kernel reads
// nothing with it, its end is not told either. JavaScript «adopts» the shared handle when a read comes with it, or before
// the file changes: then it opens one of its own that stands for all of them, and is told when the last is closed.
//
// An offer may come with what else would be asked of the file: its attributes, which the kernel asks for again after each
// read, and, of a small one, its bytes. So a file can be «foretold» that nobody has opened yet: JavaScript hears of the
// first open of it, later.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace xnatfs {

class SharedOpens {
 public:
  // Above every handle that JavaScript gives; a double holds it (protocol.h).
  static constexpr uint64_t kFirstHandle = uint64_t{1} << 50;

  // @param mostBytes of files, which it holds beside what else is offered
  explicit SharedOpens(size_t mostBytes) : mostBytes_(mostBytes) {}

  // --- JavaScript thread ---
  void offer(uint64_t ino, std::chrono::milliseconds time);
  // What the file is, as long as it is offered. @param reader a handle of JavaScript's that may be answered from it too
  void furnish(uint64_t ino, uint64_t reader, const struct stat& attributes, const std::vector<iovec>& pieces);
  // Offers and furnishes a file before its first open. @returns false where there is no room: nothing has changed then
  bool foretell(uint64_t ino, std::chrono::milliseconds time, const struct stat& attributes,
                const std::vector<iovec>& pieces);
  // Takes the offer back. @returns the handle that is adopted by this, or 0 where none is open that was not
  uint64_t withdraw(uint64_t ino);
  // For a handle that a request came with. @returns false where its last open was closed meanwhile
  bool adopt(uint64_t handle);
  // All offers end: something has become known that may concern any of them. Handles stay what they are.
  void expireAll();

  // --- workers ---
  enum class Opened { no, yes, first };
  // Answers an open for reading. @returns `no` where JavaScript has to be asked, `first` where it has to hear of it
  Opened open(fuse_req_t req, uint64_t ino);
  // Answers from what the offer came with. @returns false, or -1, where JavaScript has to be asked
  bool getattr(fuse_req_t req, uint64_t ino, double longestSeconds);
  // @param handle 0: of a file that was opened untold; `isFirst` is set when JavaScript has to hear that it was
  ssize_t read(fuse_req_t req, uint64_t ino, uint64_t handle, size_t size, off_t offset, bool* isFirst);
  // A handle of the inode that is open and that JavaScript has not heard of, or 0.
  uint64_t unheard(uint64_t ino);
  static bool isShared(uint64_t handle) { return handle > kFirstHandle; }
  // Answers the end of one open, by `tell` where JavaScript has to hear of it.
  void release(fuse_req_t req, uint64_t handle, const std::function<void()>& tell);

 private:
  using Clock = std::chrono::steady_clock;
  struct Shared {
    uint64_t ino;
    Clock::time_point until;
    uint64_t epoch;
    size_t opens = 0;
    bool isAdopted = false;
    bool isFurnished = false;
    bool isForetold = false;  // until it is opened
    size_t bytesRead = 0;     // with all of them the kernel has the file
    struct stat attributes {};
    uint64_t reader = 0;
    std::string bytes;
  };
  bool isGood(const Shared& shared, Clock::time_point now) const { return shared.until > now && shared.epoch == epoch_; }
  Shared& offerLocked(uint64_t ino, std::chrono::milliseconds time);
  void take(Shared& shared, uint64_t reader, const std::vector<iovec>& pieces);
  void sweep();
  void dropBytes(Shared& shared);
  void mention(uint64_t handle);
  void forgetOld();
  bool makeRoom(size_t size);
  Shared* offered(uint64_t ino);

  const size_t mostBytes_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, Shared> handles_;
  std::unordered_map<uint64_t, uint64_t> offered_;  // by inode
  std::deque<uint64_t> furnished_;                  // handles whose bytes are here, or were; oldest first
  size_t bytesHeld_ = 0;
  uint64_t lastHandle_ = kFirstHandle;
  uint64_t epoch_ = 0;
  size_t sweepAt_ = 1024;
};

}  // namespace xnatfs
