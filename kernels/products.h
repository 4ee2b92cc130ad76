// Products of rows of bytes and int8 weights, with AVX-512 VNNI.
#pragma once

#include "vectors.h"

namespace marimba {

constexpr int64_t PANEL = 64;       // outputs that one pass over a row's inputs makes
constexpr int64_t ROWS = 6;         // rows that share a pass over a panel's weights
constexpr int64_t ROW_BLOCK = 96;   // rows of a task: their bytes stay in the second-level cache
constexpr int64_t PANEL_GROUP = 6;  // panels of a task, at most
constexpr int64_t TASKS = 32;       // of a product, at least, if it has as many panels: enough for threads to end together

/** [inputs, outputs] int8, row-major, as panels: [outputs / 64][inputs / 4][64][4], with zeros beyond the edges. */
class PackedWeights {
 public:
  const int64_t inputs, outputs, quads, panels;
  /** `zeroPoint` is that of the rows. */
  PackedWeights(const int8_t* weights, int64_t inputs, int64_t outputs, int32_t zeroPoint)
      : inputs(inputs),
        outputs(outputs),
        quads(ceilDiv(inputs, 4)),
        panels(ceilDiv(outputs, PANEL)),
        memory_(panels * quads * PANEL * 4),
        sums_(static_cast<size_t>(panels * PANEL), 0) {
    std::memset(memory_.get(), 0, static_cast<size_t>(panels * quads * PANEL * 4));
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t first = panel * PANEL, count = std::min(PANEL, outputs - first);
      for (int64_t k = 0; k < inputs; ++k) {
        const int8_t* from = weights + k * outputs + first;
        int8_t* to = reinterpret_cast<int8_t*>(memory_.get()) + (panel * quads + k / 4) * PANEL * 4 + k % 4;
        int32_t* sums = sums_.data() + first;
        for (int64_t n = 0; n < count; ++n) {
          to[4 * n] = from[n];
          sums[n] += zeroPoint * from[n];
        }
      }
    }
  }
  const int8_t* panel(int64_t index) const { return reinterpret_cast<const int8_t*>(memory_.get()) + index * quads * PANEL * 4; }
  /** What the zero point of a row adds to each output. */
  const int32_t* sums(int64_t panel) const { return sums_.data() + panel * PANEL; }

 private:
  Memory memory_;
  std::vector<int32_t> sums_;
};

enum class Activation { none, geluTanh, silu };

/** What happens to a product on its way to memory: residual + gate * activation(product * scales + bias). */
struct Ending {
  const float* rowScales;  // [rows]
  const float* scales;     // [outputs]
  const float* bias;       // [outputs], or null
  const float* gate;       // [sequences, outputs], or null
  int64_t tokens;          // of each sequence
  const float* residual;   // [rows, outputs], or null
  Activation activation;
  float* y;  // [rows, outputs]
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")

template <Activation KIND>
inline __m512 activate(__m512 x) {
  if constexpr (KIND == Activation::none) return x;
  // x / (1 + e^-u): SiLU for u = x; and GELU for twice the argument of its tanh, since (1 + tanh u) / 2 = 1 / (1 + e^-2u).
  const __m512 cubic = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_mul_ps(x, x), x), _mm512_set1_ps(0.044715f), x);
  const __m512 exponent = KIND == Activation::silu ? _mm512_sub_ps(_mm512_setzero_ps(), x) : _mm512_mul_ps(cubic, _mm512_set1_ps(-1.5957691216f));
  const __m512 power = exponential(exponent);
  return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.f), power));
}

/** Sums of products of COUNT rows and one panel -> [COUNT][64]. They stay in registers until all inputs are through. */
template <int COUNT>
inline void panelSums(const uint8_t* a, int64_t inputs, const int8_t* b, int64_t quads, int32_t* out) {
  __m512i sums[COUNT][4];
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sums[r][j] = _mm512_setzero_si512();
  for (int64_t k = 0; k < quads; ++k, b += 4 * PANEL, a += 4) {
    const __m512i b0 = _mm512_load_si512(b), b1 = _mm512_load_si512(b + 64), b2 = _mm512_load_si512(b + 128),
                  b3 = _mm512_load_si512(b + 192);
#pragma GCC unroll 6
    for (int r = 0; r < COUNT; ++r) {
      int32_t word;
      std::memcpy(&word, a + r * inputs, 4);
      const __m512i quad = _mm512_set1_epi32(word);
      sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], quad, b0);
      sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], quad, b1);
      sums[r][2] = _mm512_dpbusd_epi32(sums[r][2], quad, b2);
      sums[r][3] = _mm512_dpbusd_epi32(sums[r][3], quad, b3);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) _mm512_store_si512(out + r * PANEL + 16 * j, sums[r][j]);
}

/** From sums of products to outputs. */
template <Activation KIND>
inline void finishRow(const int32_t* sums, const PackedWeights& w, int64_t panel, int64_t row, const Ending& e) {
  const float* gate = e.gate ? e.gate + row / e.tokens * w.outputs : nullptr;
  const __m512 rowScale = _mm512_set1_ps(e.rowScales[row]);
  for (int64_t j = 0; j < PANEL; j += 16) {
    const int64_t n = panel * PANEL + j, left = w.outputs - n;
    if (left <= 0) return;
    const __mmask16 mask = firstLanes(left);
    const __m512 product = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_load_si512(sums + j), _mm512_loadu_si512(w.sums(panel) + j)));
    __m512 y = _mm512_mul_ps(_mm512_mul_ps(product, _mm512_maskz_loadu_ps(mask, e.scales + n)), rowScale);
    if (e.bias) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, e.bias + n));
    y = activate<KIND>(y);
    if (gate) y = _mm512_mul_ps(y, _mm512_maskz_loadu_ps(mask, gate + n));
    if (e.residual) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, e.residual + row * w.outputs + n));
    _mm512_mask_storeu_ps(e.y + row * w.outputs + n, mask, y);
  }
}

template <int COUNT>
inline void panelRows(const uint8_t* rows, const PackedWeights& w, int64_t panel, int64_t row, const Ending& e) {
  alignas(64) int32_t sums[COUNT * PANEL];
  panelSums<COUNT>(rows + row * w.inputs, w.inputs, w.panel(panel), w.quads, sums);
  for (int r = 0; r < COUNT; ++r) {
    const int32_t* from = sums + r * PANEL;
    if (e.activation == Activation::none)
      finishRow<Activation::none>(from, w, panel, row + r, e);
    else if (e.activation == Activation::silu)
      finishRow<Activation::silu>(from, w, panel, row + r, e);
    else
      finishRow<Activation::geluTanh>(from, w, panel, row + r, e);
  }
}

/** Rows [begin, end) of panels [first, last). */
inline void product(const uint8_t* rows, const PackedWeights& w, int64_t begin, int64_t end, int64_t first, int64_t last, const Ending& e) {
  for (int64_t panel = first; panel < last; ++panel) {
    int64_t row = begin;
    for (; row + ROWS <= end; row += ROWS) panelRows<ROWS>(rows, w, panel, row, e);
    switch (end - row) {
      case 5: panelRows<5>(rows, w, panel, row, e); break;
      case 4: panelRows<4>(rows, w, panel, row, e); break;
      case 3: panelRows<3>(rows, w, panel, row, e); break;
      case 2: panelRows<2>(rows, w, panel, row, e); break;
      case 1: panelRows<1>(rows, w, panel, row, e); break;
      default: break;
    }
  }
}

#pragma GCC pop_options

}  // namespace marimba
