#include "session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

namespace xnatfs {
namespace {

ssize_t readRequest(int fd, void* bytes, size_t size, void*) { return read(fd, bytes, size); }

}  // namespace

// --- threads ---

void Session::configure(fuse_conn_info* connection) {
  connection->want = connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                                            FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_IOCTL_DIR);
  // Not wanted: ASYNC_DIO (an O_DIRECT reader of a stalled file could not be killed), ATOMIC_O_TRUNC (SETATTR truncates),
  // splicing (slower than reading and writing), WRITEBACK_CACHE (close() must find every byte here).
  connection->max_read = kMaxTransfer;
  connection->max_write = kMaxTransfer;
  connection->max_background = 64;
  connection->congestion_threshold = 48;
  isConfigured_ = true;
}

std::string Session::openSession() {
  mounted_ = mountFuse(options_.mount);
  if (mounted_.fd < 0) return mounted_.error;
  // libfuse wants to hear here too what the mount was told.
  const std::string maxRead = "-omax_read=" + std::to_string(kMaxTransfer);
  const char* words[] = {"xnatfs", maxRead.c_str()};
  fuse_args arguments = FUSE_ARGS_INIT(2, const_cast<char**>(words));
  fuse_ = fuse_session_new(&arguments, &operations(), sizeof(fuse_lowlevel_ops), this);
  fuse_opt_free_args(&arguments);
  fuse_custom_io io{};
  io.writev = Passthrough::write;
  io.read = readRequest;
  if (fuse_ && fuse_session_custom_io(fuse_, &io, mounted_.fd) == 0) return "";
  if (fuse_) fuse_session_destroy(fuse_);
  fuse_ = nullptr;
  ::close(mounted_.fd);
  mounted_.fd = -1;
  return "libfuse3 cannot open a session";
}

void Session::startWorkers() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isEnding_) return;
  workers_.reserve(options_.threads);
  for (size_t i = 0; i < options_.threads; i++) {
    workers_.push_back({this, {}, spareBuffers_.back(), false, false, false});
    spareBuffers_.pop_back();
    if (pthread_create(&workers_.back().thread, nullptr, runWorker, &workers_.back()) == 0) continue;
    workers_.pop_back();
    return;
  }
}

void Session::supervise() {
  pthread_setname_np(pthread_self(), "xnatfs-mount");
  std::string failure = openSession();
  if (failure.empty()) {
    startWorkers();
    for (Worker& worker : workers_) pthread_join(worker.thread, nullptr);
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (failure_.empty()) failure_ = std::move(failure);
    phase_ = Phase::workersGone;
  }
  phaseChanged_.notify_all();
  wakeJs();
  {
    std::unique_lock<std::mutex> lock(mutex_);
    phaseChanged_.wait(lock, [this] { return phase_ == Phase::destroyed; });
  }
  releaseMount(options_.mount, mounted_, wasConnected_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    phase_ = Phase::ended;
  }
  wakeJs();
}

void* Session::runWorker(void* data) {
  Worker& worker = *static_cast<Worker*>(data);
  pthread_setname_np(pthread_self(), "xnatfs-fuse");
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  worker.session->work(worker);
  return nullptr;
}

void Session::work(Worker& worker) {
  currentWorker_ = &worker;
  for (;;) {
    if (!worker.hasTurn && !turn_.take()) {
      std::lock_guard<std::mutex> lock(mutex_);
      worker.isGone = true;
      return;
    }
    worker.hasTurn = true;
    char* bytes = js_.buffers[static_cast<size_t>(worker.buffer)];
    if (!worker.hasHandedOver) turn_.lookOut(mounted_.fd);
    worker.hasHandedOver = false;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    const ssize_t size = ::read(mounted_.fd, bytes, kRequestBytes);
    const int reason = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    turn_.found();
    if (size < 0 && (reason == EINTR || reason == EAGAIN || reason == ENOENT)) continue;
    std::unique_lock<std::mutex> lock(mutex_);
    if (size <= 0) {
      const bool isOrderly = size == 0 || reason == ENODEV || reason == ECONNABORTED;
      worker.isGone = true;
      if (!isOrderly) failure_ = std::string("reading /dev/fuse: ") + strerror(reason);
      lock.unlock();
      if (isOrderly) return turn_.end();
      turn_.pass();  // until close() somebody has to refuse what comes
      wakeJs();
      return;
    }
    const bool isFirst = !isReady_;
    lock.unlock();
    if (isFirst) passthrough_.observe(bytes, static_cast<size_t>(size));
    fuse_buf request{};
    request.mem = bytes;
    request.size = static_cast<size_t>(size);
    fuse_session_process_buf(fuse_, &request);
    if (!isFirst || !isConfigured_) continue;
    lock.lock();
    if (fuse_session_exited(fuse_)) failure_ = "libfuse3 and the kernel cannot work together";
    else isReady_ = true;
    lock.unlock();
    wakeJs();
  }
}

void Session::passTurn() {
  if (!currentWorker_->hasTurn) return;
  currentWorker_->hasTurn = false;
  turn_.pass();
}

// --- JavaScript thread ---

napi_status Session::start(const std::shared_ptr<Session>& session, JsSide js) {
  Session& self = *session;
  self.js_ = std::move(js);
  for (size_t i = 0; i < self.js_.buffers.size(); i++) self.spareBuffers_.push_back(static_cast<int>(i));
  if (self.options_.wantsPassthrough) self.passthrough_.want();
  napi_env env = self.js_.env;
  napi_value name;
  napi_status status = napi_create_string_utf8(env, "xnatfs", NAPI_AUTO_LENGTH, &name);
  if (status != napi_ok) return status;
  auto* context = new std::shared_ptr<Session>(session);
  const auto release = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Session>*>(data); };
  status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, context, release, context, callJs,
                                           &self.wake_);
  if (status != napi_ok) {
    delete context;
    return status;
  }
  // After the thread-safe function has added its own: the last one added runs first.
  napi_add_env_cleanup_hook(env, onEnvironmentEnd, &self);
  self.supervisor_ = std::thread([&self] { self.supervise(); });
  return napi_ok;
}

void Session::notify(Notice notice) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isEnding_ || !isReady_) return;
  }
  counters_.notifications++;
  notifier_.add(fuse_, std::move(notice));
}

void Session::close() {
  bool hasSession;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isEnding_ = true;
    hasSession = isReady_;
  }
  if (hasSession && fuse_) fuse_session_exit(fuse_);  // answers that find nobody are no errors to write about
  abandonAll();
  notifier_.stop();
  turn_.end();
  std::lock_guard<std::mutex> lock(mutex_);
  if (areWorkersCancelled_) return;
  areWorkersCancelled_ = true;
  for (Worker& worker : workers_)
    if (!worker.isGone) pthread_cancel(worker.thread);
}

void Session::callJs(napi_env env, napi_value, void* context, void*) {
  if (!env) return;
  const std::shared_ptr<Session> session = *static_cast<std::shared_ptr<Session>*>(context);
  session->drain(env);
}

void Session::drain(napi_env env) {
  Phase phase;
  bool isNews;
  bool hasFailed;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isWoken_ = false;
    hasFailed = !failure_.empty();
    batch_.swap(queue_);
    phase = phase_;
    isNews = isReady_ && !isReadyTold_;
    isReadyTold_ = isReady_;
  }
  if (isOver_) return;
  if (isNews) call(env, js_.onReady, 0, nullptr);
  for (size_t first = 0; first < batch_.size(); first += kBatchRows) {
    const size_t rows = std::min(kBatchRows, batch_.size() - first);
    size_t nameBytes = 0;
    for (size_t row = 0; row < rows; row++) writeRow(batch_[first + row], row, &nameBytes);
    counters_.batches++;
    napi_value count;
    if (napi_create_uint32(env, static_cast<uint32_t>(rows), &count) == napi_ok) call(env, js_.onBatch, 1, &count);
  }
  batch_.clear();
  if (phase == Phase::serving && hasFailed) close();
  if (phase == Phase::workersGone) destroySession();
  if (phase == Phase::ended) finish(env);
}

void Session::writeRow(const Event& event, size_t row, size_t* nameBytes) {
  double* at = js_.requests + row * kRequestRow;
  *at++ = static_cast<double>(event.op);
  *at++ = static_cast<double>(event.token);
  *at++ = static_cast<double>(event.ino);
  *at++ = static_cast<double>(event.handle);
  for (const double value : event.values) *at++ = value;
  for (const std::string* name : {&event.name, &event.secondName}) {
    *at++ = static_cast<double>(name->size());
    memcpy(js_.requestNames + *nameBytes, name->data(), name->size());
    *nameBytes += name->size();
  }
}

void Session::call(napi_env env, napi_ref callback, size_t count, const napi_value* parameters) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value receiver, function;
  napi_get_undefined(env, &receiver);
  if (napi_get_reference_value(env, callback, &function) == napi_ok &&
      napi_call_function(env, receiver, function, count, parameters, nullptr) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

void Session::destroySession() {
  close();
  if (fuse_) {
    wasConnected_ = isConnected(mounted_.fd);
    fuse_session_destroy(fuse_);  // closes the file descriptor too
    fuse_ = nullptr;
    mounted_.fd = -1;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    phase_ = Phase::destroyed;
  }
  phaseChanged_.notify_all();
}

void Session::finish(napi_env env) {
  supervisor_.join();
  isOver_ = true;
  napi_remove_env_cleanup_hook(env, onEnvironmentEnd, this);
  napi_value failure;
  if (failure_.empty()) napi_get_undefined(env, &failure);
  else napi_create_string_utf8(env, failure_.data(), failure_.size(), &failure);
  call(env, js_.onEnded, 1, &failure);
  for (napi_ref one : {js_.self, js_.onBatch, js_.onReady, js_.onEnded, js_.memory}) napi_delete_reference(env, one);
  napi_release_threadsafe_function(wake_, napi_tsfn_release);
}

void Session::onEnvironmentEnd(void* data) {
  auto& session = *static_cast<Session*>(data);
  session.close();
  Phase phase;
  {
    std::unique_lock<std::mutex> lock(session.mutex_);
    session.phaseChanged_.wait(lock, [&session] { return session.phase_ != Phase::serving; });
    phase = session.phase_;
  }
  if (phase == Phase::workersGone) session.destroySession();
  session.supervisor_.join();
  session.isOver_ = true;
  napi_release_threadsafe_function(session.wake_, napi_tsfn_abort);
}

}  // namespace xnatfs
