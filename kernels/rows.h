// Rows of numbers as bytes, with AVX-512.
#pragma once

#include "vectors.h"

namespace marimba {

/** How `QuantizeRows` makes bytes. */
struct RowQuantization {
  bool norms;
  float epsilon;
  float lowest;
  int32_t zeroPoint;
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")

/** One row; returns its scale, which is NaN if a number of the row is not finite. `scale` and `shift` are vectors, or null. */
inline float quantizeRow(const float* x, int64_t width, const float* scale, const float* shift, const RowQuantization& how, uint8_t* out) {
  __m512 mean = _mm512_setzero_ps(), factor = _mm512_set1_ps(1.f);
  if (how.norms) {
    __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < width; i += 16) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(firstLanes(width - i), x + i));
    mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / static_cast<float>(width));
    for (int64_t i = 0; i < width; i += 16) {
      const __mmask16 m = firstLanes(width - i);
      const __m512 d = _mm512_maskz_sub_ps(m, _mm512_maskz_loadu_ps(m, x + i), mean);
      squares = _mm512_fmadd_ps(d, d, squares);
    }
    factor = _mm512_set1_ps(1.f / std::sqrt(_mm512_reduce_add_ps(squares) / static_cast<float>(width) + how.epsilon));
  }
  const auto value = [&](int64_t i, __mmask16 m) {
    __m512 v = _mm512_maskz_loadu_ps(m, x + i);
    if (how.norms) v = _mm512_mul_ps(_mm512_sub_ps(v, mean), factor);
    if (scale) v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, scale + i));
    if (shift) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, shift + i));
    return v;
  };
  const bool isSymmetric = how.zeroPoint == 128;
  // Maxima pass over NaN; 0 times what is no finite number is NaN.
  __m512 largest = _mm512_setzero_ps(), wrong = _mm512_setzero_ps();
  for (int64_t i = 0; i < width; i += 16) {
    const __mmask16 m = firstLanes(width - i);
    const __m512 v = value(i, m);
    largest = _mm512_mask_max_ps(largest, m, isSymmetric ? _mm512_abs_ps(v) : v, largest);
    wrong = _mm512_mask3_fmadd_ps(v, _mm512_setzero_ps(), wrong, m);
  }
  const float above = _mm512_reduce_max_ps(largest) / static_cast<float>(255 - how.zeroPoint);
  const float magnitude = isSymmetric ? above : std::max(above, -how.lowest / static_cast<float>(how.zeroPoint));
  const float step = magnitude + _mm512_reduce_add_ps(wrong);
  // A row of zeros has the scale 0, and its bytes are the zero point.
  const __m512 inverse = _mm512_set1_ps(step == 0.f ? 0.f : 1.f / step);
  for (int64_t i = 0; i < width; i += 16) {
    const __mmask16 m = firstLanes(width - i);
    const __m512i word = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(value(i, m), inverse)), _mm512_set1_epi32(how.zeroPoint));
    _mm_mask_storeu_epi8(out + i, m, _mm512_cvtusepi32_epi8(_mm512_max_epi32(word, _mm512_setzero_si512())));
  }
  return step;
}

#pragma GCC pop_options

}  // namespace marimba
