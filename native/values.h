// What JavaScript hands over.
#pragma once

#include <node_api.h>
#include <sys/uio.h>

#include <string>
#include <vector>

namespace xnatfs {

std::string textOf(napi_env env, napi_value value);
napi_value property(napi_env env, napi_value object, const char* name);
// @returns false where it is no array of Uint8Array, or one of them is empty because it was let go of
bool piecesOf(napi_env env, napi_value array, std::vector<iovec>* pieces);

}  // namespace xnatfs
