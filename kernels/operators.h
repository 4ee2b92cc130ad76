#pragma once

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

namespace marimba {

/**
 * Registers the operators of the domain "marimba" with a session that is about to be opened. Called once per session, from
 * any thread; `Ort::InitApi(&api)` has been called before. Throws std::exception, of which Ort::Exception is one.
 *
 * - ONNX Runtime keeps pointers to the operators and their domain, so they live as long as the process.
 * - An operator's errors are statuses: Ort::CustomOpBase with its third parameter true, as in operators.cc. What a function
 *   given to ParallelFor throws ends the process.
 * - The file is loaded on CPUs without AVX-512, too: code for more than x86-64's first version stands in functions with
 *   `__attribute__((target(...)))`, or between `#pragma GCC push_options` and `pop_options`, after every #include. A flag
 *   for a whole file would make the linker choose AVX-512 copies of the standard library's inline functions for all files.
 */
void addOperators(const OrtApi& api, OrtSessionOptions* options);

}  // namespace marimba
