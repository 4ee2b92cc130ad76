#include "library.h"

#include <dlfcn.h>

#include <memory>
#include <mutex>
#include <stdexcept>

// Before 2.34, glibc had dlopen, dlsym, dlclose and dlerror in another library and under this version, which newer ones know as well.
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
__asm__(".symver dlclose,dlclose@GLIBC_2.2.5");
__asm__(".symver dlerror,dlerror@GLIBC_2.2.5");

namespace marimba {
namespace {

std::runtime_error loaderError(const std::string& path) {
  const char* reason = dlerror();
  return std::runtime_error("ONNX Runtime can't be loaded from " + path + ": " + (reason ? reason : "no reason given"));
}

const OrtApi* apiOf(void* handle, const std::string& path) {
  using GetApiBase = const OrtApiBase* (*)();
  const auto getApiBase = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (!getApiBase) throw loaderError(path);
  const OrtApi* api = getApiBase()->GetApi(ORT_API_VERSION);
  if (!api)
    throw std::runtime_error(path + " is ONNX Runtime " + getApiBase()->GetVersionString() +
                             ", which has no API of version " + std::to_string(ORT_API_VERSION) + ".");
  return api;
}

}  // namespace

const Ort::Env& loadLibrary(const std::string& path) {
  static std::mutex mutex;
  static void* loaded = nullptr;
  static const Ort::Env* environment = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  // The same file has the same handle, by whatever path.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw loaderError(path);
  if (environment) {
    dlclose(handle);
    if (handle != loaded) throw std::runtime_error("ONNX Runtime has been loaded from a file other than " + path + ".");
    return *environment;
  }
  try {
    Ort::InitApi(apiOf(handle, path));
    auto created = std::make_unique<Ort::Env>(ORT_LOGGING_LEVEL_FATAL, "marimba");
    created->DisableTelemetryEvents();
    environment = created.release();
  } catch (...) {
    dlclose(handle);
    throw;
  }
  loaded = handle;
  return *environment;
}

}  // namespace marimba
