#pragma once

#include <string>

#include "operators.h"

namespace marimba {

/**
 * Loads ONNX Runtime from a shared library, once per process, and returns its environment. The environment is never
 * released: threads that end may leave sessions behind, and onnxruntime-node shares it. Throws std::exception where the
 * library can't be loaded, has another version, or is not the one that was loaded before.
 */
const Ort::Env& loadLibrary(const std::string& path);

}  // namespace marimba
