// Work for libuv's pool that JavaScript has a promise of.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>

namespace xnatfs {

// The bytes that it works on stay where they are: `keep` holds their arrays.
class Job {
 public:
  virtual ~Job() = default;
  // On a thread of the pool.
  virtual void run() = 0;
  virtual napi_value result(napi_env env) = 0;

  // @returns the promise; null with an exception pending. A failure rejects with {errno, syscall, path}.
  static napi_value start(napi_env env, std::unique_ptr<Job> job, napi_value keep);

 protected:
  // @returns false, for the caller to pass on
  bool fail(int error, const char* call, const std::string& path);

 private:
  static void execute(napi_env, void* data) { static_cast<Job*>(data)->run(); }
  static void complete(napi_env env, napi_status status, void* data);
  napi_value failure(napi_env env);

  napi_deferred deferred_ = nullptr;
  napi_ref keep_ = nullptr;
  napi_async_work work_ = nullptr;
  int error_ = 0;
  const char* call_ = "";
  std::string path_;
};

}  // namespace xnatfs
