// Answers from JavaScript. Each says whether the kernel took it; where it did not, the caller undoes what the kernel
// would have held.
#include <errno.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "call.h"

namespace xnatfs {
namespace {

void setTime(timespec* time, double milliseconds) {
  const double seconds = std::floor(milliseconds / 1000);
  time->tv_sec = static_cast<time_t>(seconds);
  // A double holds the milliseconds of today to a quarter of a microsecond.
  time->tv_nsec = std::lround((milliseconds - seconds * 1000) * 1000) * 1000;
  if (time->tv_nsec >= 1'000'000'000) {
    time->tv_nsec -= 1'000'000'000;
    time->tv_sec++;
  }
}

}  // namespace

struct stat attributesOf(const double* row) {
  struct stat result {};
  result.st_ino = static_cast<ino_t>(row[0]);
  result.st_mode = static_cast<mode_t>(row[1]);
  result.st_size = static_cast<off_t>(row[2]);
  result.st_uid = static_cast<uid_t>(row[3]);
  result.st_gid = static_cast<gid_t>(row[4]);
  setTime(&result.st_atim, row[5]);
  setTime(&result.st_mtim, row[6]);
  result.st_ctim = result.st_mtim;
  result.st_nlink = static_cast<nlink_t>(row[9]);
  result.st_blocks = (result.st_size + 511) / 512;
  result.st_blksize = static_cast<blksize_t>(row[8]);
  return result;
}

namespace {

constexpr size_t kNobody = 0xffffffff;  // FUSE_UNKNOWN_INO

// Sends one answer by `send`, a function from the request to libfuse's result.
template <typename Send>
napi_value answer(const Call& call, Send send) {
  Session& session = call.session();
  fuse_req_t req = session.take(call.natural(0));
  if (!req) return call.answer(false);
  const bool isTaken = send(req) == 0;
  if (!isTaken) session.counters().undoneReplies++;
  return call.answer(isTaken);
}

fuse_entry_param entryOf(const Session& session, const double* row) {
  fuse_entry_param entry{};
  entry.attr = attributesOf(row);
  entry.ino = entry.attr.st_ino;
  entry.attr_timeout = session.options().entryTimeoutSeconds;
  entry.entry_timeout = std::min(entry.attr_timeout, row[10] / 1000);
  return entry;
}

fuse_file_info fileInfo(uint64_t handle, uint32_t flags) {
  fuse_file_info file{};
  file.fh = handle;
  file.keep_cache = (flags & kOpenKeepCache) != 0;
  file.noflush = (flags & kOpenNoFlush) != 0;
  file.direct_io = (flags & kOpenDirect) != 0;
  file.cache_readdir = (flags & kOpenCacheDirectory) != 0;
  return file;
}

// (token, errno)
napi_value replyErrno(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  const int error = static_cast<int>(call.number(1));
  return answer(call, [&](fuse_req_t req) { return fuse_reply_err(req, error); });
}

// (token), the attributes in row 0
napi_value replyEntry(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (!call) return nullptr;
  const fuse_entry_param entry = entryOf(call.session(), call.session().js().attributes);
  return answer(call, [&](fuse_req_t req) { return fuse_reply_entry(req, &entry); });
}

// (token): the kernel may believe for a while that there is no such name
napi_value replyAbsent(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (!call) return nullptr;
  const double timeout = call.session().options().negativeTimeoutSeconds;
  return answer(call, [&](fuse_req_t req) {
    if (timeout <= 0) return fuse_reply_err(req, ENOENT);
    fuse_entry_param none{};
    none.entry_timeout = timeout;
    return fuse_reply_entry(req, &none);
  });
}

// (token), the attributes in row 0
napi_value replyAttributes(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (!call) return nullptr;
  const struct stat attributes = attributesOf(call.session().js().attributes);
  const double timeout = call.session().options().entryTimeoutSeconds;
  return answer(call, [&](fuse_req_t req) { return fuse_reply_attr(req, &attributes, timeout); });
}

// (token, handle, flags, backing number or 0)
napi_value replyOpen(napi_env env, napi_callback_info info) {
  const Call call(env, info, 4);
  if (!call) return nullptr;
  const fuse_file_info file = fileInfo(call.natural(1), static_cast<uint32_t>(call.number(2)));
  const auto backing = static_cast<int32_t>(call.number(3));
  return answer(call, [&](fuse_req_t req) {
    if (backing != 0) call.session().counters().passthroughOpens++;
    Passthrough::setBackingOfNextReply(backing);
    const int result = fuse_reply_open(req, &file);
    Passthrough::setBackingOfNextReply(0);
    return result;
  });
}

// (token, handle, flags), the attributes in row 0
napi_value replyCreate(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  const fuse_entry_param entry = entryOf(call.session(), call.session().js().attributes);
  const fuse_file_info file = fileInfo(call.natural(1), static_cast<uint32_t>(call.number(2)));
  return answer(call, [&](fuse_req_t req) { return fuse_reply_create(req, &entry, &file); });
}

// (token, bytes)
napi_value replyBytes(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  const char* bytes = nullptr;
  size_t size = 0;
  if (!call.bytes(1, &bytes, &size)) {
    call.fail("the bytes of a reply must be a Uint8Array");
    return nullptr;
  }
  call.session().counters().bytesRead += size;
  return answer(call, [&](fuse_req_t req) { return fuse_reply_buf(req, bytes, size); });
}

// (token, array of bytes): they go one behind the other
napi_value replyPieces(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  std::vector<iovec> pieces;
  if (!call.pieces(1, &pieces)) {
    call.fail("the bytes of a reply must be an array of Uint8Array");
    return nullptr;
  }
  for (const iovec& piece : pieces) call.session().counters().bytesRead += piece.iov_len;
  return answer(call, [&](fuse_req_t req) {
    return fuse_reply_iov(req, pieces.data(), static_cast<int>(pieces.size()));
  });
}

// (token, text)
napi_value replyText(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  const std::string text = call.text(1);
  return answer(call, [&](fuse_req_t req) { return fuse_reply_readlink(req, text.c_str()); });
}

// (token, bytes, room for them): with no room, what is wanted is their number
napi_value replyXattr(napi_env env, napi_callback_info info) {
  const Call call(env, info, 3);
  if (!call) return nullptr;
  const char* bytes = nullptr;
  size_t size = 0;
  if (!call.bytes(1, &bytes, &size)) {
    call.fail("the bytes of a reply must be a Uint8Array");
    return nullptr;
  }
  const size_t room = call.natural(2);
  return answer(call, [&](fuse_req_t req) {
    if (room == 0) return fuse_reply_xattr(req, size);
    return size > room ? fuse_reply_err(req, ERANGE) : fuse_reply_buf(req, bytes, size);
  });
}

// (token, count)
napi_value replyWritten(napi_env env, napi_callback_info info) {
  const Call call(env, info, 2);
  if (!call) return nullptr;
  const size_t count = call.natural(1);
  call.session().counters().bytesWritten += count;
  return answer(call, [&](fuse_req_t req) { return fuse_reply_write(req, count); });
}

// (token, count of entries, cookie of the first one, bytes asked for, whether with attributes); the entries in the rows
// and their names behind one another. Those that have a node of their own come with a lookup each.
napi_value replyDirectory(napi_env env, napi_callback_info info) {
  const Call call(env, info, 5);
  if (!call) return nullptr;
  Session& session = call.session();
  const size_t count = std::min<size_t>(call.natural(1), kAttributeRows);
  const auto firstCookie = static_cast<off_t>(call.number(2));
  const bool isPlus = call.flag(4);
  std::vector<char> page(std::min<size_t>(call.natural(3), kMaxTransfer));
  const char* names = session.js().attributeNames;
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    const double* row = session.js().attributes + i * kAttributeRow;
    const std::string name(names, static_cast<size_t>(row[7]));
    names += name.size();
    fuse_entry_param entry = entryOf(session, row);
    if (row[0] == 0 || name == "." || name == "..") entry.ino = 0;  // no node, only a name
    if (row[0] == 0) entry.attr.st_ino = kNobody;
    const off_t next = firstCookie + static_cast<off_t>(i) + 1;
    fuse_req_t none = nullptr;
    const size_t needed =
        isPlus ? fuse_add_direntry_plus(none, page.data() + used, page.size() - used, name.c_str(), &entry, next)
               : fuse_add_direntry(none, page.data() + used, page.size() - used, name.c_str(), &entry.attr, next);
    if (needed > page.size() - used) {
      call.fail("more entries than the kernel has room for");
      return nullptr;
    }
    used += needed;
  }
  return answer(call, [&](fuse_req_t req) { return fuse_reply_buf(req, page.data(), used); });
}

// (token): the bytes of a WRITE that found no buffer
napi_value copiedBytes(napi_env env, napi_callback_info info) {
  const Call call(env, info, 1);
  if (!call) return nullptr;
  const std::vector<char>* bytes = call.session().copiedBytes(call.natural(0));
  napi_value result = nullptr;
  if (!bytes) napi_get_undefined(env, &result);
  else napi_create_buffer_copy(env, bytes->size(), bytes->data(), nullptr, &result);
  return result;
}

}  // namespace

std::vector<napi_property_descriptor> replyMethods() {
  const auto method = [](const char* name, napi_callback callback) {
    return napi_property_descriptor{name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  };
  return {method("replyErrno", replyErrno),       method("replyEntry", replyEntry),
          method("replyAbsent", replyAbsent),     method("replyAttributes", replyAttributes),
          method("replyOpen", replyOpen),         method("replyCreate", replyCreate),
          method("replyBytes", replyBytes),       method("replyPieces", replyPieces),
          method("replyText", replyText),
          method("replyXattr", replyXattr), method("replyWritten", replyWritten),   method("replyDirectory", replyDirectory),
          method("copiedBytes", copiedBytes)};
}

}  // namespace xnatfs
