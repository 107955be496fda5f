// One call from JavaScript: its session and its parameters, checked.
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cmath>
#include <vector>

#include "session.h"
#include "values.h"

namespace xnatfs {

constexpr napi_type_tag kSessionTag{0x6d6f756e74207864, 0x786e617466732d31};

class Call {
 public:
  // On failure `session` stays null, and a TypeError is pending.
  Call(napi_env env, napi_callback_info info, size_t expected) : env_(env) {
    size_t count = parameters_.size();
    napi_value self;
    bool isSession = false;
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, parameters_.data(), &self, nullptr) != napi_ok || count < expected ||
        napi_check_object_type_tag(env, self, &kSessionTag, &isSession) != napi_ok || !isSession ||
        napi_unwrap(env, self, &data) != napi_ok) {
      fail("called on no session, or with too few parameters");
      return;
    }
    session_ = static_cast<std::shared_ptr<Session>*>(data)->get();
  }

  explicit operator bool() const { return session_ != nullptr; }
  Session& session() const { return *session_; }
  napi_env env() const { return env_; }

  double number(size_t index) const {
    double value = 0;
    napi_get_value_double(env_, parameters_[index], &value);
    return value;
  }
  uint64_t natural(size_t index) const {
    const double value = number(index);
    return value >= 0 && value < 18446744073709551616.0 ? static_cast<uint64_t>(value) : 0;
  }
  bool flag(size_t index) const {
    bool value = false;
    napi_get_value_bool(env_, parameters_[index], &value);
    return value;
  }
  std::string text(size_t index) const {
    return textOf(env_, parameters_[index]);
  }
  // Valid while JavaScript holds the array and does not run.
  bool bytes(size_t index, const char** data, size_t* size) const {
    iovec at;
    if (!bytesOf(env_, parameters_[index], &at)) return false;
    *data = static_cast<const char*>(at.iov_base);
    *size = at.iov_len;
    return true;
  }
  // An array of them; valid as long.
  bool pieces(size_t index, std::vector<iovec>* pieces) const {
    return piecesOf(env_, parameters_[index], pieces);
  }
  napi_value parameter(size_t index) const { return parameters_[index]; }

  napi_value answer(bool value) const {
    napi_value result = nullptr;
    napi_get_boolean(env_, value, &result);
    return result;
  }
  void fail(const char* why) const {
    bool isPending = false;
    napi_is_exception_pending(env_, &isPending);
    if (!isPending) napi_throw_type_error(env_, nullptr, why);
  }

 private:
  napi_env env_;
  Session* session_ = nullptr;
  std::array<napi_value, 6> parameters_{};
};

// One row of attributes (protocol.h).
struct stat attributesOf(const double* row);

// The methods of a session that answer requests (replies.cc).
std::vector<napi_property_descriptor> replyMethods();

}  // namespace xnatfs
