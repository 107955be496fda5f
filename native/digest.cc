#include "digest.h"

#include <dlfcn.h>
#include <errno.h>

#include <algorithm>

#include "job.h"
#include "values.h"

namespace xnatfs {
namespace {

// What Node.js has of OpenSSL, found by name: its headers are not everywhere, and a name that were missing would end the
// process when it is called.
struct OpenSsl {
  void* (*newContext)();
  void (*freeContext)(void*);
  const void* (*md5)();
  int (*init)(void*, const void*, void*);
  int (*update)(void*, const void*, size_t);
  int (*finish)(void*, unsigned char*, unsigned*);

  static const OpenSsl* find() {
    static OpenSsl found;
    static const bool isWhole = look(&found.newContext, "EVP_MD_CTX_new") &&
                                look(&found.freeContext, "EVP_MD_CTX_free") && look(&found.md5, "EVP_md5") &&
                                look(&found.init, "EVP_DigestInit_ex") &&
                                look(&found.update, "EVP_DigestUpdate") &&
                                look(&found.finish, "EVP_DigestFinal_ex");
    return isWhole ? &found : nullptr;
  }

 private:
  template <typename Function>
  static bool look(Function* function, const char* name) {
    *function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
    return *function != nullptr;
  }
};

class Md5Job : public Job {
 public:
  std::vector<iovec> pieces;

  void run() override {
    const OpenSsl* ssl = OpenSsl::find();
    void* context = ssl->newContext();
    // Where MD5 is forbidden (FIPS), it cannot be begun.
    bool isRight = context && ssl->init(context, ssl->md5(), nullptr) == 1;
    for (const iovec& piece : pieces) isRight = isRight && ssl->update(context, piece.iov_base, piece.iov_len) == 1;
    unsigned size = 0;
    isRight = isRight && ssl->finish(context, digest_, &size) == 1 && size == 16;
    if (context) ssl->freeContext(context);
    if (!isRight) fail(ENOTSUP, "md5", "");
  }
  napi_value result(napi_env env) override {
    static const char* const kDigits = "0123456789abcdef";
    char text[32];
    for (int i = 0; i < 16; i++) {
      text[2 * i] = kDigits[digest_[i] >> 4];
      text[2 * i + 1] = kDigits[digest_[i] & 15];
    }
    napi_value value = nullptr;
    napi_create_string_utf8(env, text, sizeof text, &value);
    return value;
  }

 private:
  unsigned char digest_[64] = {};
};

using Crc32 = unsigned long (*)(unsigned long, const unsigned char*, unsigned);

// zlib's, as the MD5.
Crc32 findCrc32() {
  static const auto found = reinterpret_cast<Crc32>(dlsym(RTLD_DEFAULT, "crc32"));
  static const auto* check = reinterpret_cast<const unsigned char*>("123456789");
  static const bool isRight = found && found(0, check, 9) == 0xcbf43926;
  return isRight ? found : nullptr;
}

class Crc32Job : public Job {
 public:
  std::vector<iovec> pieces;

  void run() override {
    const Crc32 crc32 = findCrc32();
    for (const iovec& piece : pieces) {
      const auto* bytes = static_cast<const unsigned char*>(piece.iov_base);
      unsigned long sum = 0;
      for (size_t done = 0; done < piece.iov_len;) {
        const size_t count = std::min(piece.iov_len - done, size_t{1} << 30);
        sum = crc32(sum, bytes + done, static_cast<unsigned>(count));
        done += count;
      }
      sums_.push_back(static_cast<uint32_t>(sum));
    }
  }
  napi_value result(napi_env env) override {
    return arrayOf(env, sums_, [env](uint32_t sum, napi_value* value) { napi_create_uint32(env, sum, value); });
  }

 private:
  std::vector<uint32_t> sums_;
};

// (pieces) → promise of the MD5 of all in lower-case hex, or of the CRC-32 of each
template <typename Of>
napi_value digest(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value list;
  auto job = std::make_unique<Of>();
  if (napi_get_cb_info(env, info, &count, &list, nullptr, nullptr) != napi_ok || count != 1 ||
      !piecesOf(env, list, &job->pieces)) {
    napi_throw_type_error(env, nullptr, "what is digested needs bytes");
    return nullptr;
  }
  return Job::start(env, std::move(job), list);
}

}  // namespace

napi_status defineDigest(napi_env env, napi_value exports) {
  std::vector<napi_property_descriptor> methods;
  if (OpenSsl::find())
    methods.push_back({"md5", nullptr, digest<Md5Job>, nullptr, nullptr, nullptr, napi_default, nullptr});
  if (findCrc32())
    methods.push_back({"crc32", nullptr, digest<Crc32Job>, nullptr, nullptr, nullptr, napi_default, nullptr});
  return napi_define_properties(env, exports, methods.size(), methods.data());
}

}  // namespace xnatfs
