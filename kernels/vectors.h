// What the operators' inner loops share. Every function under `#pragma GCC target` is only called where the CPU has what it names
// (src/engine/runtime/kernels.ts).
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace marimba {

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/** Memory that vectors can be loaded from. */
class Memory {
 public:
  explicit Memory(int64_t bytes) : data_(static_cast<uint8_t*>(std::aligned_alloc(64, static_cast<size_t>(ceilDiv(bytes + 1, 64) * 64)))) {
    if (!data_) throw std::bad_alloc();
  }
  ~Memory() { std::free(data_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  uint8_t* get() const { return data_; }

 private:
  uint8_t* data_;
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")

inline __mmask16 firstLanes(int64_t count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : static_cast<__mmask16>((1u << count) - 1); }

/** e^x to within 2 units in the last place; infinite from 88.8 on. */
inline __m512 exponential(__m512 x) {
  x = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(88.8f)), _mm512_set1_ps(-103.f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.f));
  return _mm512_scalef_ps(p, n);
}

/** Two vectors of numbers as pairs of bfloat16: the first in the lower halves. */
inline __m512i pairs(__m512 low, __m512 high) {
  const __m512i l = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low)), h = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
  return _mm512_or_si512(l, _mm512_slli_epi32(h, 16));
}

/** Adds a[r] b[...] to the sums, in bfloat16: a pair of each row, `stride` apart, and pairs that lie together. */
template <int COUNT, int COLUMNS>
[[gnu::always_inline]] inline void addPairs(const int32_t* a, int64_t stride, const int32_t* b, __m512 (&sums)[COUNT][COLUMNS]) {
  __m512i v[COLUMNS];
#pragma GCC unroll 4
  for (int j = 0; j < COLUMNS; ++j) v[j] = _mm512_loadu_si512(b + 16 * j);
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r) {
    const __m512i factor = _mm512_set1_epi32(a[r * stride]);
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j) sums[r][j] = _mm512_dpbf16_ps(sums[r][j], (__m512bh)factor, (__m512bh)v[j]);
  }
}

#pragma GCC pop_options

}  // namespace marimba
