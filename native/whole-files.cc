#include "whole-files.h"

#include "job.h"
#include "values.h"

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
  OpenFile(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  OpenFile() = default;
  bool open(const std::string& path, int flags) {
    fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    return fd_ >= 0;
  }
  int fd() const { return fd_; }
  // @returns whether all that was written has arrived, as far as close(2) can tell
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_ = -1;
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

// @returns 0, also where it is there already, or an errno
int makeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return 0;
  const size_t end = path.rfind('/');
  if (errno != ENOENT || end == std::string::npos || end == 0) return errno;
  const int error = makeDirectory(path.substr(0, end));
  if (error != 0) return error;
  return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

// Does something to `path`, and once more when its directory was missing and is made. @returns 0 or an errno
template <typename Task>
int inDirectory(const std::string& path, Task task) {
  if (task() == 0) return 0;
  if (errno != ENOENT) return errno;
  const int error = makeDirectory(path.substr(0, path.rfind('/')));
  if (error != 0) return error;
  return task() == 0 ? 0 : errno;
}

class ExistJob : public Job {
 public:
  std::vector<std::string> paths;

  void run() override {
    struct stat facts;
    for (const std::string& path : paths) {
      // Whatever else is wrong, who opens it learns.
      exist_.push_back(stat(path.c_str(), &facts) == 0 || (errno != ENOENT && errno != ENOTDIR));
    }
  }
  napi_value result(napi_env env) override {
    return arrayOf(env, exist_, [env](bool isThere, napi_value* value) { napi_get_boolean(env, isThere, value); });
  }

 private:
  std::vector<bool> exist_;
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
    return arrayOf(env, states_, [env](const std::string& state, napi_value* value) {
      napi_create_string_utf8(env, state.c_str(), state.size(), value);
    });
  }

 private:
  bool put(const File& one) {
    OpenFile file;
    const int refused =
        inDirectory(one.temporary, [&] { return file.open(one.temporary, O_WRONLY | O_CREAT | O_EXCL) ? 0 : -1; });
    if (refused != 0) return fail(refused, "open", one.temporary);
    if (const int error = writeFrom(file.fd(), one.pieces)) return giveUp(error, "write", one);
    const int unnamed = inDirectory(one.path, [&] { return rename(one.temporary.c_str(), one.path.c_str()); });
    if (unnamed != 0) return giveUp(unnamed, "rename", one);
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

// (paths) → promise of whether each is there
napi_value areThere(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value list;
  uint32_t length = 0;
  if (napi_get_cb_info(env, info, &count, &list, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_get_array_length(env, list, &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "what is looked for needs paths");
    return nullptr;
  }
  auto job = std::make_unique<ExistJob>();
  for (uint32_t i = 0; i < length; i++) {
    napi_value path;
    if (napi_get_element(env, list, i, &path) == napi_ok) job->paths.push_back(textOf(env, path));
  }
  return Job::start(env, std::move(job), list);
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
      {"areThere", nullptr, areThere, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return napi_define_properties(env, exports, 3, methods);
}

}  // namespace xnatfs
