/**
 * The addon for Node.js: sessions of ONNX Runtime that know our operators. src/engine/runtime/kernels.ts declares its
 * functions. All that a caller gives is checked, and every error becomes a JavaScript error. Each function may run in many
 * threads of Node's at once; a session belongs to the thread that opened it, since its object can't leave that.
 */
#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu.h"
#include "library.h"
#include "node.h"
#include "operators.h"
#include "tensors.h"

namespace marimba {
namespace {

/** Marks the objects whose wrapped pointer is a Session. */
constexpr napi_type_tag SESSION_TAG = {0x8f3d1c5a76e24b90, 0xb1a7d20e94c6f358};
constexpr int64_t MAX_THREADS = 1024;

struct Session {
  Ort::Session session{nullptr};
  std::vector<std::string> inputs, outputs;
};

template <size_t COUNT>
std::vector<napi_value> argumentsOf(napi_env env, napi_callback_info info) {
  std::vector<napi_value> values(COUNT);
  size_t count = COUNT;
  // Those that are missing are undefined.
  check(env, napi_get_cb_info(env, info, &count, values.data(), nullptr, nullptr));
  return values;
}

/** Throws where the value is no session, or a released one. */
Session& sessionOf(napi_env env, napi_value value, bool mayBeReleased = false) {
  bool isSession = false;
  if (typeOf(env, value) == napi_object) check(env, napi_check_object_type_tag(env, value, &SESSION_TAG, &isSession));
  if (!isSession) throw std::invalid_argument("This is not a session.");
  void* session = nullptr;
  check(env, napi_unwrap(env, value, &session));
  auto& found = *static_cast<Session*>(session);
  if (!found.session && !mayBeReleased) throw std::runtime_error("The session has been released.");
  return found;
}

/** The options of src/engine/runtime/session-options.ts, which runs all other graphs. */
Ort::SessionOptions readOptions(napi_env env, napi_value value) {
  if (typeOf(env, value) != napi_object) throw std::invalid_argument("The options must be an object.");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(
      static_cast<int>(readInteger(env, property(env, value, "threads"), "threads", 1, MAX_THREADS)));
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.EnableCpuMemArena();
  options.EnableMemPattern();
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL); // Every error is thrown as well.
  for (const auto& [key, entry] : propertiesOf(env, property(env, value, "entries"), "entries"))
    options.AddConfigEntry(key.c_str(), readString(env, entry, "The entry " + key).c_str());
  const napi_value profile = property(env, value, "profile");
  if (typeOf(env, profile) != napi_undefined) options.EnableProfiling(readString(env, profile, "profile").c_str());
  return options;
}

/** Throws where an output could not become a JavaScript array. */
void checkOutputs(const Session& session) {
  for (size_t i = 0; i < session.outputs.size(); i++) {
    const Ort::TypeInfo type = session.session.GetOutputTypeInfo(i);
    if (type.GetONNXType() != ONNX_TYPE_TENSOR || !isSupported(type.GetTensorTypeAndShapeInfo().GetElementType()))
      throw std::runtime_error("The output " + session.outputs[i] + " is no tensor of float32, int64 or uint8.");
  }
}

/** One at a time: ONNX Runtime fails where two threads make the first sessions with operators of a domain that it doesn't know. */
Ort::Session created(const Ort::Env& environment, const void* model, size_t bytes, const Ort::SessionOptions& options) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  return Ort::Session(environment, model, bytes, options);
}

/** open(library, model, { threads, entries, profile? }) */
napi_value open(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::vector<napi_value> given = argumentsOf<3>(env, info);
    const Ort::Env& environment = loadLibrary(readString(env, given[0], "The library"));
    Ort::SessionOptions options = readOptions(env, given[2]);
    addOperators(options);
    // No JavaScript runs from here on, which could take the model's memory away.
    bool isTyped = false;
    napi_typedarray_type type{};
    size_t bytes = 0;
    void* model = nullptr;
    check(env, napi_is_typedarray(env, given[1], &isTyped));
    if (isTyped) check(env, napi_get_typedarray_info(env, given[1], &type, &bytes, &model, nullptr, nullptr));
    if (!isTyped || type != napi_uint8_array) throw std::invalid_argument("The model must be a Uint8Array.");
    if (bytes == 0) throw std::runtime_error("The model has no bytes.");
    auto session = std::make_unique<Session>();
    session->session = created(environment, model, bytes, options);
    session->inputs = session->session.GetInputNames();
    session->outputs = session->session.GetOutputNames();
    checkOutputs(*session);
    napi_value object;
    check(env, napi_create_object(env, &object));
    check(env, napi_type_tag_object(env, object, &SESSION_TAG));
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Session*>(data); };
    check(env, napi_wrap(env, object, session.get(), finalize, nullptr, nullptr));
    session.release();
    return object;
  });
}

/** ONNX Runtime checks names, types and shapes of what is given, but would run an operator over an input that isn't. */
void checkNoneMissing(const Session& session, const Inputs& inputs) {
  for (const std::string& name : session.inputs)
    if (std::find(inputs.names.begin(), inputs.names.end(), name) == inputs.names.end())
      throw std::invalid_argument("The input " + name + " is missing.");
}

std::vector<const char*> pointersTo(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

/** run(session, inputs) */
napi_value run(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::vector<napi_value> given = argumentsOf<2>(env, info);
    const InputReader reader(env, given[1]);
    // Only now: a getter among the inputs could have released the session.
    Session& session = sessionOf(env, given[0]);
    const Inputs inputs = reader.read(env);
    checkNoneMissing(session, inputs);
    const std::vector<const char*> inputNames = pointersTo(inputs.names), outputNames = pointersTo(session.outputs);
    const std::vector<Ort::Value> outputs =
        session.session.Run(Ort::RunOptions{nullptr}, inputNames.data(), inputs.values.data(), inputs.values.size(),
                            outputNames.data(), outputNames.size());
    napi_value result;
    check(env, napi_create_object(env, &result));
    for (size_t i = 0; i < outputs.size(); i++)
      define(env, result, session.outputs[i], toJavaScript(env, outputs[i]));
    return result;
  });
}

/** endProfiling(session): writes the profile. */
napi_value endProfiling(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    sessionOf(env, argumentsOf<1>(env, info)[0]).session.EndProfilingAllocated(Ort::AllocatorWithDefaultOptions());
    return nullptr;
  });
}

/** release(session): frees its memory and ends its threads now. A second time it does nothing. */
napi_value release(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    sessionOf(env, argumentsOf<1>(env, info)[0], true).session = Ort::Session(nullptr);
    return nullptr;
  });
}

/** cpu(): what the CPU can do. */
napi_value cpu(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    const Cpu found = detectCpu();
    napi_value result;
    check(env, napi_create_object(env, &result));
    const std::pair<const char*, bool> features[] = {{"avx512vnni", found.avx512vnni},
                                                     {"avx512bf16", found.avx512bf16},
                                                     {"amxInt8", found.amxInt8},
                                                     {"amxBf16", found.amxBf16}};
    for (const auto& [name, has] : features) {
      napi_value value;
      check(env, napi_get_boolean(env, has, &value));
      define(env, result, name, value);
    }
    return result;
  });
}

napi_value initialize(napi_env env, napi_value exports) {
  return guarded(env, [&] {
    const std::pair<const char*, napi_callback> functions[] = {
        {"open", open}, {"run", run}, {"endProfiling", endProfiling}, {"release", release}, {"cpu", cpu}};
    for (const auto& [name, callback] : functions) {
      napi_value function;
      check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function));
      define(env, exports, name, function);
    }
    napi_value stamp;
    check(env, napi_create_string_utf8(env, MARIMBA_STAMP, NAPI_AUTO_LENGTH, &stamp));
    define(env, exports, "stamp", stamp);
    return exports;
  });
}

}  // namespace
}  // namespace marimba

NAPI_MODULE_INIT() { return marimba::initialize(env, exports); }
