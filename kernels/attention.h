// Attention of one head in bfloat16, with sums in float32, with AVX-512.
#pragma once

#include "products.h"

namespace marimba {

struct AttentionSizes {
  int64_t sequences, queries, keys, width, heads;
  float scale;
};

/** Memory for one head, in 64-byte steps. */
struct HeadMemory {
  int64_t depthPairs, depth16, padded;  // padded: keys, by whole panels
  int64_t queries, rows, transposed, values, weights, scores, bytes;

  explicit HeadMemory(const AttentionSizes& s) {
    const int64_t depth = s.width / s.heads;
    depthPairs = (depth + 1) / 2;
    depth16 = ceilDiv(depth, 16) * 16;
    padded = ceilDiv(s.keys, PANEL) * PANEL;
    bytes = 0;
    const auto reserve = [&](int64_t words) {
      const int64_t at = bytes;
      bytes += ceilDiv(words * 4, 64) * 64;
      return at;
    };
    queries = reserve(s.queries * depthPairs);
    rows = reserve(padded * depthPairs);
    transposed = reserve(depthPairs * padded);
    values = reserve(padded / 2 * depth16);
    weights = reserve(ROWS * padded / 2);
    scores = reserve(ROWS * padded);
  }
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")

/**
 * Sums over pairs of a[r][i] b[i][...] in bfloat16, for COUNT rows and COLUMNS vectors, of which the last may have fewer lanes.
 * Strides are in pairs.
 */
template <int COUNT, int COLUMNS>
inline void pairProduct(const int32_t* a, int64_t lda, const int32_t* b, int64_t ldb, int64_t depth, float* y, int64_t ldy, __mmask16 last) {
  __m512 sums[COUNT][COLUMNS];
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j) sums[r][j] = _mm512_setzero_ps();
  for (int64_t i = 0; i < depth; ++i, b += ldb) addPairs(a + i, lda, b, sums);
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j) _mm512_mask_storeu_ps(y + r * ldy + 16 * j, j + 1 < COLUMNS ? 0xffff : last, sums[r][j]);
}

/** What one head's keys and values become. */
struct Head {
  const int32_t* keys;    // [depth / 2][padded]: pairs of a key's numbers
  const int32_t* values;  // [keys / 2][depth16]: pairs of keys
  int64_t count, padded, depth, depthPairs, depth16;
};

/** COUNT queries: [COUNT][depth / 2] pairs. `scores` has room for [COUNT][padded], `weights` for half as many pairs. */
template <int COUNT>
inline void attendRows(const int32_t* q, const Head& h, float* scores, int32_t* weights, float* y, int64_t ldy) {
  for (int64_t j = 0; j < h.count; j += 64)
    pairProduct<COUNT, 4>(q, h.depthPairs, h.keys + j, h.padded, h.depthPairs, scores + j, h.padded, 0xffff);
  float factors[COUNT];
  for (int r = 0; r < COUNT; ++r) {
    const float* s = scores + r * h.padded;
    __m512 largest = _mm512_set1_ps(-INFINITY);
    for (int64_t j = 0; j < h.count; j += 16) largest = _mm512_mask_max_ps(largest, firstLanes(h.count - j), largest, _mm512_load_ps(s + j));
    const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < h.count; j += 32) {
      const __m512 low = _mm512_maskz_mov_ps(firstLanes(h.count - j), exponential(_mm512_sub_ps(_mm512_load_ps(s + j), top)));
      const __m512 high = _mm512_maskz_mov_ps(firstLanes(h.count - j - 16), exponential(_mm512_sub_ps(_mm512_load_ps(s + j + 16), top)));
      sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
      _mm512_store_si512(weights + (r * h.padded + j) / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    factors[r] = 1.f / _mm512_reduce_add_ps(sum);
  }
  const int64_t half = h.padded / 2, depth = (h.count + 1) / 2;
  int64_t at = 0;
  for (; at + 48 < h.depth16; at += 64) pairProduct<COUNT, 4>(weights, half, h.values + at, h.depth16, depth, y + at, ldy, firstLanes(h.depth - at - 48));
  const __mmask16 last = firstLanes(h.depth - h.depth16 + 16);
  switch ((h.depth16 - at) / 16) {
    case 3: pairProduct<COUNT, 3>(weights, half, h.values + at, h.depth16, depth, y + at, ldy, last); break;
    case 2: pairProduct<COUNT, 2>(weights, half, h.values + at, h.depth16, depth, y + at, ldy, last); break;
    case 1: pairProduct<COUNT, 1>(weights, half, h.values + at, h.depth16, depth, y + at, ldy, last); break;
    default: break;
  }
  for (int r = 0; r < COUNT; ++r)
    for (int64_t i = 0; i < h.depth; i += 16) {
      const __mmask16 m = firstLanes(h.depth - i);
      _mm512_mask_storeu_ps(y + r * ldy + i, m, _mm512_mul_ps(_mm512_maskz_loadu_ps(m, y + r * ldy + i), _mm512_set1_ps(factors[r])));
    }
}

/** Numbers [0, count) of a row plus a bias, times a factor, as pairs; zeros up to `pairCount`. */
inline void toPairs(const float* x, const float* bias, float factor, int64_t count, int64_t pairCount, int32_t* out) {
  for (int64_t p = 0; p < pairCount; p += 16) {
    const __mmask16 low = firstLanes(count - 2 * p), high = firstLanes(count - 2 * p - 16);
    __m512 a = _mm512_maskz_loadu_ps(low, x + 2 * p), b = _mm512_maskz_loadu_ps(high, x + 2 * p + 16);
    if (bias) {
      a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(low, bias + 2 * p));
      b = _mm512_add_ps(b, _mm512_maskz_loadu_ps(high, bias + 2 * p + 16));
    }
    const __m512i packed = (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(b, _mm512_set1_ps(factor)), _mm512_mul_ps(a, _mm512_set1_ps(factor)));
    _mm512_mask_storeu_epi32(out + p, firstLanes(pairCount - p), packed);
  }
}

/** One head of one sequence, in `memory` that is aligned to 64 bytes. Keys from `keys` on are padding. */
inline void attendHead(const float* q, const float* k, const float* v, const float* bias, int64_t keys, const AttentionSizes& s, const HeadMemory& m,
                       int64_t sequence, int64_t head, uint8_t* memory, float* y) {
  const int64_t depth = s.width / s.heads, at = head * depth;
  int32_t* queries = reinterpret_cast<int32_t*>(memory + m.queries);
  int32_t* rows = reinterpret_cast<int32_t*>(memory + m.rows);
  int32_t* transposed = reinterpret_cast<int32_t*>(memory + m.transposed);
  int32_t* values = reinterpret_cast<int32_t*>(memory + m.values);
  int32_t* weights = reinterpret_cast<int32_t*>(memory + m.weights);
  float* scores = reinterpret_cast<float*>(memory + m.scores);
  const auto biasOf = [&](int part) { return bias ? bias + part * s.width + at : nullptr; };
  for (int64_t t = 0; t < s.queries; ++t)
    toPairs(q + (sequence * s.queries + t) * s.width + at, biasOf(0), s.scale, depth, m.depthPairs, queries + t * m.depthPairs);
  const float* keyRows = k + sequence * s.keys * s.width + at;
  const float* valueRows = v + sequence * s.keys * s.width + at;
  for (int64_t t = 0; t < keys; ++t) toPairs(keyRows + t * s.width, biasOf(1), 1.f, depth, m.depthPairs, rows + t * m.depthPairs);
  const __m512i lanes = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                           _mm512_set1_epi32(static_cast<int32_t>(m.depthPairs)));
  for (int64_t t = 0; t < m.padded; t += 16)
    for (int64_t i = 0; i < m.depthPairs; ++i)
      _mm512_store_si512(transposed + i * m.padded + t,
                         _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), firstLanes(keys - t), lanes, rows + t * m.depthPairs + i, 4));
  for (int64_t t = 0; t < keys; t += 2)
    for (int64_t i = 0; i < depth; i += 16) {
      const __mmask16 mask = firstLanes(depth - i);
      const __m512 b = bias ? _mm512_maskz_loadu_ps(mask, biasOf(2) + i) : _mm512_setzero_ps();
      const __m512 low = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, valueRows + t * s.width + i), b);
      const __m512 high =
          t + 1 < keys ? _mm512_add_ps(_mm512_maskz_loadu_ps(mask, valueRows + (t + 1) * s.width + i), b) : _mm512_setzero_ps();
      _mm512_store_si512(values + t / 2 * m.depth16 + i, pairs(low, high));
    }
  const Head h{transposed, values, keys, m.padded, depth, m.depthPairs, m.depth16};
  float* out = y + sequence * s.queries * s.width + at;
  int64_t row = 0;
  for (; row + ROWS <= s.queries; row += ROWS) attendRows<ROWS>(queries + row * m.depthPairs, h, scores, weights, out + row * s.width, s.width);
  for (; row < s.queries; ++row) attendRows<1>(queries + row * m.depthPairs, h, scores, weights, out + row * s.width, s.width);
}

#pragma GCC pop_options

}  // namespace marimba
