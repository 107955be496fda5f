// MD5 and CRC-32 on a thread of libuv's pool.
#pragma once

#include <node_api.h>

namespace xnatfs {

// Defines `md5(pieces)` and `crc32(pieces)`, as far as this Node.js has an OpenSSL and a zlib to offer.
napi_status defineDigest(napi_env env, napi_value exports);

}  // namespace xnatfs
