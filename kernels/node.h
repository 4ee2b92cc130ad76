#pragma once

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace marimba {

/** A JavaScript exception is pending: of a getter, or because the thread is being ended. */
struct Pending {};

/** Throws what went wrong in a call of Node-API. */
inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending || status == napi_pending_exception) throw Pending{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw std::runtime_error(info && info->error_message ? info->error_message : "Node-API failed.");
}

/** Runs a function of the addon; what it throws becomes a JavaScript error. */
template <typename Work>
napi_value guarded(napi_env env, const Work& work) noexcept {
  try {
    return work();
  } catch (const Pending&) {
  } catch (const std::invalid_argument& error) {
    napi_throw_type_error(env, nullptr, error.what());
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

/** Text for a function in C, which a character 0 would end. */
inline std::string readString(napi_env env, napi_value value, const std::string& what) {
  if (typeOf(env, value) != napi_string) throw std::invalid_argument(what + " must be a string.");
  size_t bytes = 0;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &bytes));
  std::string text(bytes + 1, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), text.size(), &bytes));
  text.resize(bytes);
  if (text.find('\0') != std::string::npos) throw std::invalid_argument(what + " must not contain the character 0.");
  return text;
}

/** A whole number of at least `least` and at most `most`, both exact in float64. */
inline int64_t readInteger(napi_env env, napi_value value, const std::string& what, int64_t least, int64_t most) {
  double number = 0;
  if (typeOf(env, value) == napi_number) check(env, napi_get_value_double(env, value, &number));
  else throw std::invalid_argument(what + " must be a number.");
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != static_cast<double>(static_cast<int64_t>(number)))
    throw std::invalid_argument(what + " must be a whole number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ".");
  return static_cast<int64_t>(number);
}

inline napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

struct Property {
  std::string name;
  napi_value value;
};

/** An object's own enumerable properties with names that are strings. */
inline std::vector<Property> propertiesOf(napi_env env, napi_value object, const std::string& what) {
  if (typeOf(env, object) != napi_object) throw std::invalid_argument(what + " must be an object.");
  napi_value names;
  const auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  check(env, napi_get_all_property_names(env, object, napi_key_own_only, filter, napi_key_numbers_to_strings, &names));
  uint32_t count = 0;
  check(env, napi_get_array_length(env, names, &count));
  std::vector<Property> properties;
  for (uint32_t i = 0; i < count; i++) {
    napi_value name, value;
    check(env, napi_get_element(env, names, i, &name));
    check(env, napi_get_property(env, object, name, &value));
    properties.push_back({readString(env, name, "A name in " + what), value});
  }
  return properties;
}

/** Defines an own property, whatever its name: setting `__proto__` would do something else. */
inline void define(napi_env env, napi_value object, const std::string& name, napi_value value) {
  napi_property_descriptor descriptor{};
  check(env, napi_create_string_utf8(env, name.data(), name.size(), &descriptor.name));
  descriptor.value = value;
  descriptor.attributes = napi_default_jsproperty;
  check(env, napi_define_properties(env, object, 1, &descriptor));
}

}  // namespace marimba
