// Small files of the cache, with what is said about them beside, read and written in one go by a thread of libuv's pool:
// by the functions of node:fs each would take ten calls, and each call as long as the kernel needs for all of them.
#pragma once

#include <node_api.h>

namespace xnatfs {

// readWhole(path, companion, pieces, touchBeforeMs), putWhole(files) and areThere(paths): see native-binding.ts. All
// return a promise.
napi_status defineWholeFiles(napi_env env, napi_value exports);

}  // namespace xnatfs
