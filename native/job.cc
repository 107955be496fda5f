#include "job.h"

#include <errno.h>

namespace xnatfs {

napi_value Job::start(napi_env env, std::unique_ptr<Job> job, napi_value keep) {
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

bool Job::fail(int error, const char* call, const std::string& path) {
  error_ = error;
  call_ = call;
  path_ = path;
  return false;
}

void Job::complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (status != napi_ok && job->error_ == 0) job->fail(ECANCELED, "work", "");
  napi_value result = job->error_ == 0 ? job->result(env) : nullptr;
  if (job->error_ == 0 && !result) job->fail(ENOMEM, "work", "");
  if (result) napi_resolve_deferred(env, job->deferred_, result);
  else napi_reject_deferred(env, job->deferred_, job->failure(env));
  napi_delete_reference(env, job->keep_);
  napi_delete_async_work(env, job->work_);
}

napi_value Job::failure(napi_env env) {
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

}  // namespace xnatfs
