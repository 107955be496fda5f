#include "whole-files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace xnatfs {
namespace {

// What lies beside a small file is a line and a few records.
constexpr off_t kLongestCompanion = 1024 * 1024;

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }
  // @returns whether all that was written has arrived, as far as close(2) can tell
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

// A task for the pool, and the promise of what comes out. The pieces stay where they are: `keep` holds their arrays.
class Job {
 public:
  virtual ~Job() = default;
  // On a thread of the pool.
  virtual void run() = 0;
  virtual napi_value result(napi_env env) = 0;

  static napi_value start(napi_env env, std::unique_ptr<Job> job, napi_value keep) {
    napi_value promise = nullptr, name = nullptr;
    Job* raw = job.get();
    if (napi_create_promise(env, &raw->deferred_, &promise) != napi_ok ||
        napi_create_reference(env, keep, 1, &raw->keep_) != napi_ok ||
        napi_create_string_utf8(env, "xnatfs", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_async_work(env, nullptr, name, execute, complete, raw, &raw->work_) != napi_ok ||
        napi_queue_async_work(env, raw->work_) != napi_ok) {
      napi_throw_error(env, nullptr, "cannot start a task");
      return nullptr;
    }
    job.release();  // until complete()
    return promise;
  }

 protected:
  // @returns false, for the caller to pass on
  bool fail(int error, const char* call, const std::string& path) {
    error_ = error;
    call_ = call;
    path_ = path;
    return false;
  }

 private:
  static void execute(napi_env, void* data) { static_cast<Job*>(data)->run(); }
  static void complete(napi_env env, napi_status status, void* data) {
    std::unique_ptr<Job> job(static_cast<Job*>(data));
    if (status != napi_ok && job->error_ == 0) job->fail(ECANCELED, "work", "");
    napi_value result = job->error_ == 0 ? job->result(env) : nullptr;
    if (job->error_ == 0 && !result) job->fail(ENOMEM, "work", "");
    if (result) napi_resolve_deferred(env, job->deferred_, result);
    else napi_reject_deferred(env, job->deferred_, job->failure(env));
    napi_delete_reference(env, job->keep_);
    napi_delete_async_work(env, job->work_);
  }
  // {errno, syscall, path}
  napi_value failure(napi_env env) {
    napi_value object, number, call, path;
    napi_create_object(env, &object);
    napi_create_int32(env, error_, &number);
    napi_create_string_utf8(env, call_, NAPI_AUTO_LENGTH, &call);
    napi_create_string_utf8(env, path_.c_str(), path_.size(), &path);
    napi_set_named_property(env, object, "errno", number);
    napi_set_named_property(env, object, "syscall", call);
    napi_set_named_property(env, object, "path", path);
    return object;
  }

  napi_deferred deferred_ = nullptr;
  napi_ref keep_ = nullptr;
  napi_async_work work_ = nullptr;
  int error_ = 0;
  const char* call_ = "";
  std::string path_;
};

// @returns an errno; EIO where the file ends before
int readInto(int fd, const std::vector<iovec>& pieces) {
  for (const iovec& piece : pieces) {
    for (size_t done = 0; done < piece.iov_len;) {
      const ssize_t got = read(fd, static_cast<char*>(piece.iov_base) + done, piece.iov_len - done);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0 ? errno : EIO;
      done += static_cast<size_t>(got);
    }
  }
  return 0;
}

int writeFrom(int fd, const std::vector<iovec>& pieces) {
  for (const iovec& piece : pieces) {
    for (size_t done = 0; done < piece.iov_len;) {
      const ssize_t put = write(fd, static_cast<const char*>(piece.iov_base) + done, piece.iov_len - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      done += static_cast<size_t>(put);
    }
  }
  return 0;
}

class ReadJob : public Job {
 public:
  std::string path, companion;
  std::vector<iovec> pieces;
  double touchBeforeMs = 0;

  void run() override {
    if (readCompanion()) readPieces();
  }
  napi_value result(napi_env env) override {
    napi_value buffer = nullptr;
    napi_create_buffer_copy(env, text_.size(), text_.data(), nullptr, &buffer);
    return buffer;
  }

 private:
  bool readCompanion() {
    const OpenFile file(companion, O_RDONLY);
    struct stat facts;
    if (file.fd() < 0) return fail(errno, "open", companion);
    if (fstat(file.fd(), &facts) != 0) return fail(errno, "fstat", companion);
    if (facts.st_size > kLongestCompanion) return fail(EFBIG, "read", companion);
    text_.resize(static_cast<size_t>(facts.st_size));
    if (const int error = readInto(file.fd(), {{text_.data(), text_.size()}})) return fail(error, "read", companion);
    const double changedMs = static_cast<double>(facts.st_mtim.tv_sec) * 1e3 + facts.st_mtim.tv_nsec / 1e6;
    if (changedMs < touchBeforeMs) futimens(file.fd(), nullptr);  // that it is used, is a hint
    return true;
  }
  bool readPieces() {
    const OpenFile file(path, O_RDONLY);
    struct stat facts;
    size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    if (file.fd() < 0) return fail(errno, "open", path);
    if (fstat(file.fd(), &facts) != 0) return fail(errno, "fstat", path);
    if (facts.st_size != static_cast<off_t>(size)) return fail(EIO, "read", path);
    const int error = readInto(file.fd(), pieces);
    return error == 0 || fail(error, "read", path);
  }

  std::string text_;
};

class PutJob : public Job {
 public:
  struct File {
    std::string temporary, path;
    std::vector<iovec> pieces;
  };
  std::vector<File> files;

  void run() override {
    for (const File& file : files)
      if (!put(file)) return;
  }
  // The states of the files (src/cache/file-state.ts).
  napi_value result(napi_env env) override {
    napi_value list = nullptr;
    napi_create_array(env, &list);
    for (uint32_t i = 0; i < states_.size(); i++) {
      napi_value text;
      napi_create_string_utf8(env, states_[i].c_str(), states_[i].size(), &text);
      napi_set_element(env, list, i, text);
    }
    return list;
  }

 private:
  bool put(const File& one) {
    OpenFile file(one.temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (file.fd() < 0) return fail(errno, "open", one.temporary);
    if (const int error = writeFrom(file.fd(), one.pieces)) return giveUp(error, "write", one);
    if (rename(one.temporary.c_str(), one.path.c_str()) != 0) return giveUp(errno, "rename", one);
    struct stat facts;
    if (fstat(file.fd(), &facts) != 0) return fail(errno, "fstat", one.path);
    states_.push_back(std::to_string(facts.st_ino) + " " + std::to_string(facts.st_size) + " " +
                      nanoseconds(facts.st_mtim) + " " + nanoseconds(facts.st_ctim));
    return file.close() || fail(errno, "close", one.path);
  }
  bool giveUp(int error, const char* call, const File& one) {
    unlink(one.temporary.c_str());  // a full disk needs the room
    return fail(error, call, one.path);
  }
  static std::string nanoseconds(const timespec& time) {
    return std::to_string(static_cast<long long>(time.tv_sec) * 1'000'000'000 + time.tv_nsec);
  }

  std::vector<std::string> states_;
};

// --- from JavaScript ---

std::string textOf(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return "";
  std::string text(size, '\0');
  napi_get_value_string_utf8(env, value, text.data(), size + 1, &size);
  return text;
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  napi_get_named_property(env, object, name, &value);
  return value;
}

// @returns false where it is no array of Uint8Array, or one of them is empty because it was let go of
bool piecesOf(napi_env env, napi_value array, std::vector<iovec>* pieces) {
  uint32_t count = 0;
  if (napi_get_array_length(env, array, &count) != napi_ok) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value piece, memory;
    napi_typedarray_type type;
    iovec at;
    bool isFreed = false;
    if (napi_get_element(env, array, i, &piece) != napi_ok ||
        napi_get_typedarray_info(env, piece, &type, &at.iov_len, &at.iov_base, &memory, nullptr) != napi_ok ||
        type != napi_uint8_array || napi_is_detached_arraybuffer(env, memory, &isFreed) != napi_ok || isFreed) {
      return false;
    }
    pieces->push_back(at);
  }
  return true;
}

// (path, companion, pieces, touchBeforeMs) → promise of the companion's bytes
napi_value readWhole(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value parameters[4];
  auto job = std::make_unique<ReadJob>();
  if (napi_get_cb_info(env, info, &count, parameters, nullptr, nullptr) != napi_ok || count < 4 ||
      !piecesOf(env, parameters[2], &job->pieces) ||
      napi_get_value_double(env, parameters[3], &job->touchBeforeMs) != napi_ok) {
    napi_throw_type_error(env, nullptr, "what is read needs paths, memory and a time");
    return nullptr;
  }
  job->path = textOf(env, parameters[0]);
  job->companion = textOf(env, parameters[1]);
  return Job::start(env, std::move(job), parameters[2]);
}

// ([{temporary, path, pieces}]) → promise of their states
napi_value putWhole(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value list;
  uint32_t length = 0;
  auto job = std::make_unique<PutJob>();
  bool isRight = napi_get_cb_info(env, info, &count, &list, nullptr, nullptr) == napi_ok && count == 1 &&
                 napi_get_array_length(env, list, &length) == napi_ok;
  for (uint32_t i = 0; isRight && i < length; i++) {
    napi_value one;
    PutJob::File file;
    isRight = napi_get_element(env, list, i, &one) == napi_ok && piecesOf(env, property(env, one, "pieces"), &file.pieces);
    if (!isRight) break;
    file.temporary = textOf(env, property(env, one, "temporary"));
    file.path = textOf(env, property(env, one, "path"));
    job->files.push_back(std::move(file));
  }
  if (!isRight) {
    napi_throw_type_error(env, nullptr, "what is put in place needs paths and bytes");
    return nullptr;
  }
  return Job::start(env, std::move(job), list);
}

}  // namespace

napi_status defineWholeFiles(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"readWhole", nullptr, readWhole, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"putWhole", nullptr, putWhole, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return napi_define_properties(env, exports, 2, methods);
}

}  // namespace xnatfs
