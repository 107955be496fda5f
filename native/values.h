// What JavaScript hands over.
#pragma once

#include <node_api.h>
#include <sys/uio.h>

#include <string>
#include <vector>

namespace xnatfs {

std::string textOf(napi_env env, napi_value value);
napi_value property(napi_env env, napi_value object, const char* name);
// @returns false where it is no Uint8Array, or was freed (addon.cc, freeMemory): that is no bytes, not none, for a read must
// never be short by mistake
bool bytesOf(napi_env env, napi_value array, iovec* at);
// The same of an array of them.
bool piecesOf(napi_env env, napi_value array, std::vector<iovec>* pieces);

// @param make one value of JavaScript for one of the list
template <typename List, typename Make>
napi_value arrayOf(napi_env env, const List& list, Make make) {
  napi_value array = nullptr;
  napi_create_array(env, &array);
  for (uint32_t i = 0; i < list.size(); i++) {
    napi_value value = nullptr;
    make(list[i], &value);
    napi_set_element(env, array, i, value);
  }
  return array;
}

}  // namespace xnatfs
