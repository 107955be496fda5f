// One mount: the threads that read the kernel's requests, the table of those in flight, and the way to JavaScript.
//
// The rules of its life
//
// Threads. «Workers» read /dev/fuse, one at a time (turn.h), and let libfuse parse what they read; they answer what needs
// no thought, what JavaScript has told them to answer in its place (served-files.h, shared-opens.h), and hand the rest
// over. The «supervisor» mounts, starts the workers and joins them. The «notifier» tells the kernel to drop what it has
// cached. JavaScript runs on its own thread, the only one that may touch napi_* (but for calling the
// thread-safe function). No thread of libuv's pool is ever held, and nothing waits for JavaScript but the kernel's
// requests themselves.
//
// Requests. A request lives in a slot from submit() until it is answered. Its token is the slot's number and how often
// the slot was used before, so a late or a second answer hits nobody: take() gives the libfuse request out once. Who
// has taken it must answer it, on the JavaScript thread; libfuse frees it then. No other pointer to a request is kept:
// the interrupt callback gets the token, because libfuse may call it while the answer is on its way.
//
// Undone answers. An answer says whether the kernel took it. Where it did not (the caller was killed, the mount is
// gone), whoever answered must take back what the kernel would have held: lookup counts, handles.
//
// Buffers of writes. Workers read into ArrayBuffers that JavaScript made; a WRITE hands its buffer over with its slot,
// and the worker takes a spare one. The buffer comes back when JavaScript answers, not before, even if the request was
// given up meanwhile: the slot is «abandoned» until then, so that nobody reads into memory that is still being used.
//
// The end. It begins when the workers find the connection gone (unmounted, by whomever) or when JavaScript calls
// close(). From then on requests are refused by the workers themselves, also those that a worker has in hand but not
// queued yet; every queued one is answered with EIO; then the notifier, which may have waited for a page that such a
// request held, is joined; then the workers, by cancellation if the connection still stands. Cancellation is enabled
// around read(2) only, where a worker owns nothing but its turn. Only when no thread is left that could use the libfuse session is
// it destroyed, on the JavaScript thread, and with it the file descriptor; that ends the connection. Last, the guard
// (see mount.h) is let go and reaped. When Node tears the environment down the same happens in its cleanup hook.
//
// Locks. mutex_ guards the slots, the queue and the state; nothing is called with it held. libfuse calls the interrupt
// callback with locks of its own held, under which mutex_ is taken; never the other way round.
//
// There is no global state: several mounts, and several environments, live side by side.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <node_api.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mount.h"
#include "notifier.h"
#include "passthrough.h"
#include "protocol.h"
#include "served-files.h"
#include "shared-opens.h"
#include "turn.h"

namespace xnatfs {

struct SessionOptions {
  MountPlan mount;
  double entryTimeoutSeconds = 0;
  size_t heldBytes = 0;
  double negativeTimeoutSeconds = 0;
  size_t threads = 2;
  bool wantsPassthrough = false;
  // The kernel opens and closes files without telling: reads and attributes come with no handle. For mounts that are read-only.
  bool opensUntold = false;
};

// What JavaScript gave at the start: callbacks, and memory that is written and read here.
struct JsSide {
  napi_env env = nullptr;
  napi_ref self = nullptr;  // keeps the wrapper while the session lives
  napi_ref onBatch = nullptr, onReady = nullptr, onEnded = nullptr;
  napi_ref memory = nullptr;  // keeps the arrays below
  double* requests = nullptr;
  char* requestNames = nullptr;
  double* attributes = nullptr;
  char* attributeNames = nullptr;
  std::vector<char*> buffers;  // of kRequestBytes each
};

struct Counters {
  std::array<std::atomic<uint64_t>, kOpCount> requests{};
  std::atomic<uint64_t> bytesRead{0}, bytesWritten{0}, batches{0}, lateReplies{0}, undoneReplies{0},
      notifications{0}, copiedWrites{0}, passthroughOpens{0}, servedReads{0},
      sharedOpens{0}, furnishedReads{0};
};

class Session {
 public:
  explicit Session(SessionOptions options)
      : options_(std::move(options)), servedFiles_(options_.threads), sharedOpens_(options_.heldBytes) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // --- JavaScript thread ---
  // Begins to mount. onReady or onEnded is called.
  static napi_status start(const std::shared_ptr<Session>& session, JsSide js);
  // Ends serving, whether or not it is still mounted. onEnded is called. To be called again, it does nothing.
  void close();
  // Gives the request of a token out to be answered, once. Null if it is not to be answered (any more).
  fuse_req_t take(uint64_t token);
  // Tells the kernel something; dropped where there is no kernel to tell.
  void notify(Notice notice);
  size_t noticesWaiting() { return notifier_.waiting(); }
  // The bytes of a WRITE that found no spare buffer; valid until the request is answered.
  const std::vector<char>* copiedBytes(uint64_t token);
  bool isOver() const { return isOver_; }
  bool isPassthrough() const { return passthrough_.isOffered(); }

  // --- workers ---
  // Hands a request over; refuses it when the end has begun.
  void submit(fuse_req_t req, Event event);
  void submitWrite(fuse_req_t req, Event event, const char* bytes, size_t size);
  // For events that have no answer.
  void post(Event event);
  // What this worker does now may take long: another reads what comes meanwhile. To be called again, it does nothing.
  void passTurn();
  void configure(fuse_conn_info* connection);

  const SessionOptions& options() const { return options_; }
  const JsSide& js() const { return js_; }
  Counters& counters() { return counters_; }
  size_t inFlight();
  int fd() const { return mounted_.fd; }
  Passthrough& passthrough() { return passthrough_; }
  ServedFiles& servedFiles() { return servedFiles_; }
  SharedOpens& sharedOpens() { return sharedOpens_; }

 private:
  enum class SlotState : uint8_t { free, active, abandoned };
  struct Slot {
    uint64_t uses = 1;  // so that no token is 0, which events without an answer have
    fuse_req_t req = nullptr;
    SlotState state = SlotState::free;
    bool isQueued = false;
    bool isInterrupted = false;
    int buffer = -1;
    std::vector<char> copy;
  };
  struct Worker {
    Session* session;
    pthread_t thread;
    int buffer;
    bool hasTurn;
    bool hasHandedOver;  // what it read last
    bool isGone;
  };
  // Set on a worker's own thread.
  static thread_local Worker* currentWorker_;
  // How far the end has come; the supervisor and the JavaScript thread hand each other on.
  enum class Phase : uint8_t { serving, workersGone, destroyed, ended };

  Slot* slotOf(uint64_t token);
  uint64_t claimSlot(fuse_req_t req);
  void freeSlot(size_t index);
  void enqueue(uint64_t token, Event event);
  void wakeJs();
  void abandonAll();

  void supervise();
  std::string openSession();
  void startWorkers();
  // AddressSanitizer takes what a cancelled thread leaves on its stack for an error of the next function there.
  __attribute__((no_sanitize_address)) static void* runWorker(void* worker);
  __attribute__((no_sanitize_address)) void work(Worker& worker);
  static void onInterrupt(fuse_req_t req, void* token);

  static void callJs(napi_env env, napi_value, void* context, void*);
  void drain(napi_env env);
  void writeRow(const Event& event, size_t row, size_t* nameBytes);
  void destroySession();
  void finish(napi_env env);
  void call(napi_env env, napi_ref callback, size_t count, const napi_value* parameters);
  static void onEnvironmentEnd(void* session);

  const SessionOptions options_;
  JsSide js_;
  napi_threadsafe_function wake_ = nullptr;
  Counters counters_;
  Notifier notifier_;
  Passthrough passthrough_;
  ServedFiles servedFiles_;
  SharedOpens sharedOpens_;
  Turn turn_;

  std::mutex mutex_;
  std::condition_variable phaseChanged_;
  Phase phase_ = Phase::serving;
  std::vector<Slot> slots_;
  std::vector<uint32_t> freeSlots_;
  std::vector<int> spareBuffers_;
  std::vector<Event> queue_;
  bool isWoken_ = false;
  bool isEnding_ = false;
  bool isReady_ = false;
  bool isReadyTold_ = false;
  bool areWorkersCancelled_ = false;
  std::string failure_;

  std::vector<Event> batch_;  // JavaScript thread only
  bool isOver_ = false;       // JavaScript thread only

  fuse_session* fuse_ = nullptr;
  std::atomic<bool> isConfigured_{false};
  bool wasConnected_ = false;
  Mounted mounted_;
  std::vector<Worker> workers_;
  std::thread supervisor_;
};

// The table of libfuse's callbacks (operations.cc).
const fuse_lowlevel_ops& operations();

}  // namespace xnatfs
