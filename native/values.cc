#include "values.h"

namespace xnatfs {

std::string textOf(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return "";
  std::string text(size, '\0');
  napi_get_value_string_utf8(env, value, text.data(), size + 1, &size);
  return text;
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  napi_get_named_property(env, object, name, &value);
  return value;
}

bool bytesOf(napi_env env, napi_value array, iovec* at) {
  napi_typedarray_type type;
  napi_value memory = nullptr;
  bool isFreed = false;
  return napi_get_typedarray_info(env, array, &type, &at->iov_len, &at->iov_base, &memory, nullptr) == napi_ok &&
         type == napi_uint8_array && napi_is_detached_arraybuffer(env, memory, &isFreed) == napi_ok && !isFreed;
}

bool piecesOf(napi_env env, napi_value array, std::vector<iovec>* pieces) {
  uint32_t count = 0;
  if (napi_get_array_length(env, array, &count) != napi_ok) return false;
  pieces->resize(count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value piece = nullptr;
    if (napi_get_element(env, array, i, &piece) != napi_ok || !bytesOf(env, piece, &(*pieces)[i])) return false;
  }
  return true;
}

}  // namespace xnatfs
