// The module: the class Session and the facts about its protocol.
#include <errno.h>
#include <string.h>

#include "call.h"
#include "digest.h"
#include "values.h"
#include "whole-files.h"

namespace xnatfs {
namespace {

#define XNATFS_TRY(expression)         \
  do {                                 \
    if ((expression) != napi_ok) {     \
      throwLast(env, #expression);     \
      return nullptr;                  \
    }                                  \
  } while (0)

void throwLast(napi_env env, const char* where) {
  bool isPending = false;
  napi_is_exception_pending(env, &isPending);
  if (!isPending) napi_throw_type_error(env, nullptr, where);
}

bool flagOf(napi_env env, napi_value object, const char* name) {
  bool value = false;
  napi_get_value_bool(env, property(env, object, name), &value);
  return value;
}

double numberOf(napi_env env, napi_value object, const char* name) {
  double value = 0;
  napi_get_value_double(env, property(env, object, name), &value);
  return value;
}

// @returns null if it is no such array, or too short
void* memoryOf(napi_env env, napi_value array, napi_typedarray_type wanted, size_t length) {
  napi_typedarray_type type;
  size_t actual = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, array, &type, &actual, &data, nullptr, nullptr) != napi_ok) return nullptr;
  return type == wanted && actual >= length ? data : nullptr;
}

SessionOptions readOptions(napi_env env, napi_value options) {
  SessionOptions result;
  result.mount.mountpoint = textOf(env, property(env, options, "mountpoint"));
  result.mount.source = textOf(env, property(env, options, "source"));
  result.mount.isReadOnly = flagOf(env, options, "isReadOnly");
  result.mount.allowOther = flagOf(env, options, "allowOther");
  result.heldBytes = static_cast<size_t>(numberOf(env, options, "heldBytes"));
  result.entryTimeoutSeconds = numberOf(env, options, "entryTimeoutMs") / 1000;
  result.negativeTimeoutSeconds = numberOf(env, options, "negativeTimeoutMs") / 1000;
  result.threads = static_cast<size_t>(std::fmax(1, std::fmin(16, numberOf(env, options, "threads"))));
  result.wantsPassthrough = flagOf(env, options, "wantsPassthrough");
  result.opensUntold = flagOf(env, options, "opensUntold");
  return result;
}

// @returns false if the memory is not what the protocol needs
bool readMemory(napi_env env, napi_value memory, size_t buffers, JsSide* js) {
  js->requests = static_cast<double*>(
      memoryOf(env, property(env, memory, "requests"), napi_float64_array, kBatchRows * kRequestRow));
  js->requestNames = static_cast<char*>(
      memoryOf(env, property(env, memory, "requestNames"), napi_uint8_array, kBatchRows * 2 * kNameBytes));
  js->attributes = static_cast<double*>(
      memoryOf(env, property(env, memory, "attributes"), napi_float64_array, kAttributeRows * kAttributeRow));
  js->attributeNames = static_cast<char*>(
      memoryOf(env, property(env, memory, "attributeNames"), napi_uint8_array, kAttributeRows * kNameBytes));
  napi_value list = property(env, memory, "buffers");
  uint32_t length = 0;
  if (napi_get_array_length(env, list, &length) != napi_ok || length < buffers) return false;
  for (uint32_t i = 0; i < length; i++) {
    napi_value one;
    if (napi_get_element(env, list, i, &one) != napi_ok) return false;
    js->buffers.push_back(static_cast<char*>(memoryOf(env, one, napi_uint8_array, kRequestBytes)));
    if (!js->buffers.back()) return false;
  }
  return js->requests && js->requestNames && js->attributes && js->attributeNames;
}

// new Session(options, memory, {onReady, onBatch, onEnded})
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value parameters[3];
  napi_value self;
  XNATFS_TRY(napi_get_cb_info(env, info, &count, parameters, &self, nullptr));
  const SessionOptions options = readOptions(env, parameters[0]);
  JsSide js;
  js.env = env;
  if (options.mount.mountpoint.empty() || options.mount.mountpoint[0] != '/' ||
      !readMemory(env, parameters[1], options.threads + 1, &js)) {
    napi_throw_type_error(env, nullptr, "a session needs an absolute mountpoint and its memory");
    return nullptr;
  }
  const auto remember = [&](const char* name, napi_ref* reference) {
    return napi_create_reference(env, property(env, parameters[2], name), 1, reference);
  };
  XNATFS_TRY(remember("onBatch", &js.onBatch));
  XNATFS_TRY(remember("onReady", &js.onReady));
  XNATFS_TRY(remember("onEnded", &js.onEnded));
  XNATFS_TRY(napi_create_reference(env, parameters[1], 1, &js.memory));
  auto* holder = new std::shared_ptr<Session>(std::make_shared<Session>(options));
  const auto release = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Session>*>(data); };
  if (napi_wrap(env, self, holder, release, nullptr, nullptr) != napi_ok) {
    delete holder;
    throwLast(env, "napi_wrap");
    return nullptr;
  }
  XNATFS_TRY(napi_type_tag_object(env, self, &kSessionTag));
  XNATFS_TRY(napi_create_reference(env, self, 1, &js.self));
  XNATFS_TRY(Session::start(*holder, std::move(js)));
  return self;
}

// ()
napi_value closeSession(napi_env env, napi_callback_info info) {
  const Call call(env, info, 0);
  if (call && !call.session().isOver()) call.session().close();
  return nullptr;
}

// (inode, offset, length): below 0 attributes only, length 0 to the end
napi_value invalidateInode(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  call.session().notify({Notice::Kind::inode, call.natural(0), static_cast<int64_t>(call.number(1)),
                         static_cast<int64_t>(call.number(2)), "", {}});
  return nullptr;
}

// (parent, name)
napi_value invalidateEntry(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  call.session().notify({Notice::Kind::entry, call.natural(0), 0, 0, call.text(1), {}});
  return nullptr;
}

// (inode, offset, bytes)
napi_value storePages(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  const char* bytes = nullptr;
  size_t size = 0;
  if (!call.bytes(2, &bytes, &size)) {
    call.fail("pages to store must be a Uint8Array");
    return nullptr;
  }
  call.session().notify({Notice::Kind::store, call.natural(0), static_cast<int64_t>(call.number(1)), 0, "",
                         std::vector<char>(bytes, bytes + size)});
  return nullptr;
}

// (inode, path) → backing number, or the negative errno
napi_value acquireBacking(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  Session& session = call.session();
  int32_t number = -EOPNOTSUPP;
  if (!session.isOver() && session.isPassthrough()) {
    number = session.passthrough().acquire(session.fd(), call.natural(0), call.text(1).c_str());
    if (number == 0) number = -errno;
  }
  napi_value result = nullptr;
  napi_create_int32(env, number, &result);
  return result;
}

// (inode)
napi_value releaseBacking(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (call && !call.session().isOver()) call.session().passthrough().release(call.session().fd(), call.natural(0));
  return nullptr;
}

// (inode, handle, path) → whether the workers read the open file there from now on
napi_value serve(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  return call.answer(call.session().servedFiles().serve(call.natural(0), call.natural(1), call.text(2).c_str()) == 0);
}

// (handle)
napi_value releaseServed(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (call) call.session().servedFiles().release(call.natural(0));
  return nullptr;
}

// (inode): when it returns, no worker reads for handles of the inode any more
napi_value stopServing(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (call) call.session().servedFiles().stop(call.natural(0));
  return nullptr;
}

// (inode, milliseconds): the workers answer opens of it for reading
napi_value offerOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  const auto time = std::chrono::milliseconds(static_cast<int64_t>(call.number(1)));
  call.session().sharedOpens().offer(call.natural(0), time);
  return nullptr;
}

// The bytes of an offered file, which come last. @returns false where they are none: that is thrown
bool takeBytes(const Call& call, std::vector<iovec>* pieces) {
  if (call.pieces(2, pieces)) return true;
  call.fail("the bytes of a file must be an array of Uint8Array");
  return false;
}

// (inode, handle, pieces), the attributes in row 0: what is offered of it
napi_value furnishOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  std::vector<iovec> pieces;
  if (!takeBytes(call, &pieces)) return nullptr;
  const struct stat attributes = attributesOf(call.session().js().attributes);
  call.session().sharedOpens().furnish(call.natural(0), call.natural(1), attributes, pieces);
  return nullptr;
}

// (inode, milliseconds, pieces), the attributes in row 0: what will probably be opened. → whether there was room for it
napi_value foretellOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  std::vector<iovec> pieces;
  if (!takeBytes(call, &pieces)) return nullptr;
  const auto time = std::chrono::milliseconds(static_cast<int64_t>(call.number(1)));
  const struct stat attributes = attributesOf(call.session().js().attributes);
  return call.answer(call.session().sharedOpens().foretell(call.natural(0), time, attributes, pieces));
}

// (inode) → a handle that is open and was not adopted, or 0
napi_value withdrawOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (!call) return nullptr;
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(call.session().sharedOpens().withdraw(call.natural(0))), &result);
  return result;
}

// ()
napi_value expireOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 0);
  if (call) call.session().sharedOpens().expireAll();
  return nullptr;
}

// (handle) → whether it is open
napi_value adoptOpens(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  return call ? call.answer(call.session().sharedOpens().adopt(call.natural(0))) : nullptr;
}

// (ArrayBuffer): it is empty afterwards, and its memory free. Its views are empty too; no thread may be at work on it.
napi_value freeMemory(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value memory;
  bool isBuffer = false;
  if (napi_get_cb_info(env, info, &count, &memory, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_is_arraybuffer(env, memory, &isBuffer) != napi_ok || !isBuffer ||
      napi_detach_arraybuffer(env, memory) != napi_ok) {
    napi_throw_type_error(env, nullptr, "what is freed must be an ArrayBuffer");
  }
  return nullptr;
}

void setNumber(napi_env env, napi_value object, const char* name, double number) {
  napi_value value;
  if (napi_create_double(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

const char* const kOpNames[] = {
#define XNATFS_NAME(name) #name,
    XNATFS_OPERATIONS(XNATFS_NAME)
#undef XNATFS_NAME
};

// () → numbers by name
napi_value stats(napi_env env, napi_callback_info info) {
  const Call call(env, info, 0);
  if (!call) return nullptr;
  Session& session = call.session();
  Counters& counters = session.counters();
  napi_value result;
  XNATFS_TRY(napi_create_object(env, &result));
  for (size_t i = 0; i < kOpCount; i++) setNumber(env, result, kOpNames[i], static_cast<double>(counters.requests[i]));
  setNumber(env, result, "inFlight", static_cast<double>(session.inFlight()));
  setNumber(env, result, "batches", static_cast<double>(counters.batches));
  setNumber(env, result, "bytesRead", static_cast<double>(counters.bytesRead));
  setNumber(env, result, "bytesWritten", static_cast<double>(counters.bytesWritten));
  setNumber(env, result, "lateReplies", static_cast<double>(counters.lateReplies));
  setNumber(env, result, "undoneReplies", static_cast<double>(counters.undoneReplies));
  setNumber(env, result, "copiedWrites", static_cast<double>(counters.copiedWrites));
  setNumber(env, result, "notifications", static_cast<double>(counters.notifications));
  setNumber(env, result, "noticesWaiting", static_cast<double>(session.noticesWaiting()));
  setNumber(env, result, "passthroughOpens", static_cast<double>(counters.passthroughOpens));
  setNumber(env, result, "sharedOpens", static_cast<double>(counters.sharedOpens));
  setNumber(env, result, "furnishedReads", static_cast<double>(counters.furnishedReads));
  setNumber(env, result, "servedReads", static_cast<double>(counters.servedReads));
  setNumber(env, result, "hasPassthrough", session.isPassthrough() ? 1 : 0);
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  const auto method = [](const char* name, napi_callback callback) {
    return napi_property_descriptor{name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  };
  std::vector<napi_property_descriptor> methods = replyMethods();
  for (const auto& one : {method("close", closeSession), method("invalidateInode", invalidateInode),
                          method("invalidateEntry", invalidateEntry), method("storePages", storePages),
                          method("acquireBacking", acquireBacking), method("releaseBacking", releaseBacking),
                          method("serve", serve), method("releaseServed", releaseServed),
                          method("stopServing", stopServing), method("offerOpens", offerOpens),
                          method("furnishOpens", furnishOpens), method("foretellOpens", foretellOpens),
                          method("withdrawOpens", withdrawOpens), method("adoptOpens", adoptOpens),
                          method("expireOpens", expireOpens),
                          method("stats", stats)}) {
    methods.push_back(one);
  }
  napi_value session, names;
  XNATFS_TRY(napi_define_class(env, "Session", NAPI_AUTO_LENGTH, construct, nullptr, methods.size(), methods.data(),
                               &session));
  XNATFS_TRY(napi_set_named_property(env, exports, "Session", session));
  XNATFS_TRY(napi_create_array_with_length(env, kOpCount, &names));
  for (uint32_t i = 0; i < kOpCount; i++) {
    napi_value name;
    XNATFS_TRY(napi_create_string_utf8(env, kOpNames[i], NAPI_AUTO_LENGTH, &name));
    XNATFS_TRY(napi_set_element(env, names, i, name));
  }
  XNATFS_TRY(napi_set_named_property(env, exports, "operations", names));
  setNumber(env, exports, "requestRow", kRequestRow);
  setNumber(env, exports, "batchRows", kBatchRows);
  setNumber(env, exports, "attributeRow", kAttributeRow);
  setNumber(env, exports, "attributeRows", kAttributeRows);
  setNumber(env, exports, "nameBytes", kNameBytes);
  setNumber(env, exports, "bufferBytes", kRequestBytes);
  setNumber(env, exports, "spareBuffers", kSpareBuffers);
  setNumber(env, exports, "firstSharedHandle", static_cast<double>(SharedOpens::kFirstHandle));
  napi_value free;
  XNATFS_TRY(napi_create_function(env, "freeMemory", NAPI_AUTO_LENGTH, freeMemory, nullptr, &free));
  XNATFS_TRY(napi_set_named_property(env, exports, "freeMemory", free));
  XNATFS_TRY(defineDigest(env, exports));
  XNATFS_TRY(defineWholeFiles(env, exports));
  napi_value version;
  XNATFS_TRY(napi_create_string_utf8(env, fuse_pkgversion(), NAPI_AUTO_LENGTH, &version));
  XNATFS_TRY(napi_set_named_property(env, exports, "libfuseVersion", version));
  return exports;
}

}  // namespace
}  // namespace xnatfs

NAPI_MODULE_INIT() { return xnatfs::init(env, exports); }
