// Convolutions of 3 x 3 pixels in bfloat16, with sums in float32, with AVX-512.
#pragma once

#include "products.h"

namespace marimba {

constexpr int64_t TILE = 64;                    // positions whose outputs a pass over the weights makes
constexpr int64_t CHANNEL_GROUP = 24 * ROWS;    // output channels of a task
constexpr int64_t TAPS = 9;                     // pixels that an output depends on
constexpr int64_t TILE_ROW = TILE + 16;         // positions of a tile and of its neighbours at both sides, in whole vectors

/** [outputs, inputs, 3, 3] as pairs of bfloat16: [outputs / 6][taps][inputs / 2][6], with zeros beyond the edges. */
class PackedConvolution {
 public:
  const int64_t inputs, outputs, pairs, blocks;

  PackedConvolution(const float* weights, int64_t inputs, int64_t outputs)
      : inputs(inputs), outputs(outputs), pairs(ceilDiv(inputs, 2)), blocks(ceilDiv(outputs, ROWS)), memory_(blocks * TAPS * pairs * ROWS * 4) {
    uint16_t* const packed = reinterpret_cast<uint16_t*>(memory_.get());
    std::memset(packed, 0, static_cast<size_t>(blocks * TAPS * pairs * ROWS * 4));
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t i = 0; i < inputs; ++i)
        for (int64_t tap = 0; tap < TAPS; ++tap)
          packed[2 * (((o / ROWS * TAPS + tap) * pairs + i / 2) * ROWS + o % ROWS) + i % 2] = rounded(weights[(o * inputs + i) * TAPS + tap]);
  }
  const int32_t* block(int64_t index) const { return reinterpret_cast<const int32_t*>(memory_.get()) + index * TAPS * pairs * ROWS; }

 private:
  /** To the nearest bfloat16, to even where there are two; weights are finite. */
  static uint16_t rounded(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
  Memory memory_;
};

/**
 * An image in pairs of channels, [pairs][line * (height + 2) and more]. A pixel of zeros surrounds it, so that a neighbour is always
 * as far away: lines follow one another, and outputs are made for `line * height` positions, the two at the end of a line in vain.
 */
struct Planes {
  const int64_t height, width, line, tiles, plane;
  Planes(int64_t height, int64_t width)
      : height(height),
        width(width),
        line(width + 2),
        tiles(ceilDiv(line * height, TILE)),
        plane(ceilDiv((tiles - 1) * TILE + 2 * line + TILE_ROW, 16) * 16) {}
};

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")

/** Scale and shift of the channels of one group, as GroupNorm has them: x [channels, pixels] -> [channels]. */
inline void groupScales(const float* x, int64_t channels, int64_t pixels, float epsilon, const float* weight, const float* bias, float* scale, float* shift) {
  const int64_t count = channels * pixels;
  // Differences from one of the numbers are about as small as the deviation, however far from zero the numbers lie, unless that
  // one lies hundreds of deviations away from the others. Sums of a few thousand of them at a time keep float32's error far below
  // that of one.
  const __m512 near = _mm512_set1_ps(x[0]);
  double sum = 0, squares = 0;
  for (int64_t begin = 0; begin < count; begin += 4096) {
    const int64_t end = std::min(count, begin + 4096);
    __m512 s = _mm512_setzero_ps(), q = _mm512_setzero_ps();
    for (int64_t i = begin; i < end; i += 16) {
      const __mmask16 m = firstLanes(end - i);
      const __m512 v = _mm512_maskz_sub_ps(m, _mm512_maskz_loadu_ps(m, x + i), near);
      s = _mm512_add_ps(s, v);
      q = _mm512_fmadd_ps(v, v, q);
    }
    sum += _mm512_reduce_add_ps(s);
    squares += _mm512_reduce_add_ps(q);
  }
  const double distance = sum / static_cast<double>(count), mean = x[0] + distance;
  const double variance = std::max(squares / static_cast<double>(count) - distance * distance, 0.);
  const double inverse = 1 / std::sqrt(variance + epsilon);
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(inverse * weight[c]);
    shift[c] = static_cast<float>(bias[c] - mean * inverse * weight[c]);
  }
}

/** One pair of channels [pixels] into its plane: rows of silu(x * scale + shift), or of x where there is no scale. */
inline void packPlane(const float* first, const float* second, const float* scale, const float* shift, const Planes& p, int32_t* plane) {
  const auto value = [&](const float* x, int64_t channel, __mmask16 mask) {
    const __m512 v = _mm512_maskz_loadu_ps(mask, x);
    return scale ? activate<Activation::silu>(_mm512_fmadd_ps(v, _mm512_set1_ps(scale[channel]), _mm512_set1_ps(shift[channel]))) : v;
  };
  std::memset(plane, 0, static_cast<size_t>(p.line + 1) * 4);
  for (int64_t y = 0; y < p.height; ++y) {
    int32_t* row = plane + (y + 1) * p.line + 1;
    for (int64_t i = 0; i < p.width; i += 16) {
      const __mmask16 mask = firstLanes(p.width - i);
      const __m512 low = value(first + y * p.width + i, 0, mask);
      const __m512 high = second ? value(second + y * p.width + i, 1, mask) : _mm512_setzero_ps();
      _mm512_mask_storeu_epi32(row + i, mask, pairs(low, high));
    }
    row[p.width] = row[p.width + 1] = 0;
  }
  const int64_t done = (p.height + 1) * p.line + 1;
  std::memset(plane + done, 0, static_cast<size_t>(p.plane - done) * 4);
}

/** A tile and its neighbours: [3 lines][pairs][TILE_ROW]. */
inline void gatherTile(const int32_t* planes, const Planes& p, int64_t pairs, int64_t tile, int32_t* out) {
  for (int64_t dy = 0; dy < 3; ++dy)
    for (int64_t i = 0; i < pairs; ++i, out += TILE_ROW)
      for (int64_t j = 0; j < TILE_ROW; j += 16) _mm512_store_si512(out + j, _mm512_loadu_si512(planes + i * p.plane + tile * TILE + dy * p.line + j));
}

/** Sums over taps and pairs of COUNT output channels -> [COUNT][TILE]. */
template <int COUNT>
inline void tileSums(const int32_t* tile, int64_t pairs, const int32_t* weights, float* out) {
  __m512 sums[COUNT][4];
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sums[r][j] = _mm512_setzero_ps();
  for (int64_t tap = 0; tap < TAPS; ++tap) {
    const int32_t* b = tile + tap / 3 * pairs * TILE_ROW + tap % 3;
    for (int64_t i = 0; i < pairs; ++i, b += TILE_ROW, weights += ROWS) addPairs(weights, 1, b, sums);
  }
#pragma GCC unroll 6
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) _mm512_store_ps(out + r * TILE + 16 * j, sums[r][j]);
}

/** Bias and residual of one channel [pixels]; positions at the end of a line are left out. */
inline void finishTile(const float* sums, float bias, const float* residual, const Planes& p, int64_t tile, float* y) {
  const int64_t end = std::min((tile + 1) * TILE, p.line * p.height);
  for (int64_t at = tile * TILE; at < end;) {
    const int64_t row = at / p.line, x = at % p.line, next = std::min(end, (row + 1) * p.line);
    const float* from = sums + at - tile * TILE;
    for (int64_t i = 0; i < std::min(next - at, p.width - x); i += 16) {
      const __mmask16 mask = firstLanes(std::min(next - at, p.width - x) - i);
      const int64_t pixel = row * p.width + x + i;
      __m512 v = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, from + i), _mm512_set1_ps(bias));
      if (residual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, residual + pixel));
      _mm512_mask_storeu_ps(y + pixel, mask, v);
    }
    at = next;
  }
}

/** Output channels of one block and one tile. */
template <int COUNT>
inline void convolveBlock(const int32_t* gathered, const PackedConvolution& w, int64_t block, const float* bias, const float* residual, const Planes& p,
                          int64_t tile, float* y) {
  alignas(64) float sums[COUNT * TILE];
  tileSums<COUNT>(gathered, w.pairs, w.block(block), sums);
  const int64_t pixels = p.height * p.width;
  for (int64_t r = 0; r < COUNT; ++r) {
    const int64_t channel = block * ROWS + r;
    finishTile(sums + r * TILE, bias[channel], residual ? residual + channel * pixels : nullptr, p, tile, y + channel * pixels);
  }
}

/** Output channels [first, last) of one tile of one image; `gathered` has room for [3][pairs][TILE_ROW]. */
inline void convolveTile(const int32_t* planes, const PackedConvolution& w, int64_t first, int64_t last, const float* bias, const float* residual,
                         const Planes& p, int64_t tile, int32_t* gathered, float* y) {
  gatherTile(planes, p, w.pairs, tile, gathered);
  for (int64_t block = first / ROWS; block < ceilDiv(last, ROWS); ++block) {
    switch (std::min(ROWS, w.outputs - block * ROWS)) {
      case 6: convolveBlock<6>(gathered, w, block, bias, residual, p, tile, y); break;
      case 5: convolveBlock<5>(gathered, w, block, bias, residual, p, tile, y); break;
      case 4: convolveBlock<4>(gathered, w, block, bias, residual, p, tile, y); break;
      case 3: convolveBlock<3>(gathered, w, block, bias, residual, p, tile, y); break;
      case 2: convolveBlock<2>(gathered, w, block, bias, residual, p, tile, y); break;
      default: convolveBlock<1>(gathered, w, block, bias, residual, p, tile, y); break;
    }
  }
}

#pragma GCC pop_options

}  // namespace marimba
