#pragma once

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>

namespace marimba {

/**
 * Registers the operators of the domain "marimba" with a session that is about to be opened. Called once per session, from
 * any thread; Ort::InitApi has been called before. Throws std::exception, of which Ort::Exception is one.
 *
 * - Sessions keep pointers to the operators and their domain, and may outlive static objects when the process ends: neither
 *   is ever deleted.
 * - An operator returns its errors as statuses, as in operators.cc (the third parameter of Ort::CustomOpBase), or throws them
 *   in the thread that called it. What a function given to ParallelFor throws ends the process.
 * - The file is loaded on CPUs without AVX-512, too. Code for them stands between `#pragma GCC push_options`,
 *   `#pragma GCC target("avx512f,...")` and `#pragma GCC pop_options`, with the headers of the standard library and of ONNX
 *   Runtime included before. With a flag for the whole file, the linker might choose AVX-512 copies of their inline functions
 *   for all files; the build fails where an object has any.
 */
void addOperators(OrtSessionOptions* options);

}  // namespace marimba
