#pragma once

namespace marimba {

/** What this CPU can do and the operating system lets it do. */
struct Cpu {
  /** AVX-512 F, BW, DQ, VL and VNNI, and what every CPU with them has: AVX2 and FMA. */
  bool avx512vnni;
  /** The same, and products of bfloat16. */
  bool avx512bf16;
  bool amxInt8;
  bool amxBf16;
};

/** Asks the CPU, and Linux for the right to use AMX's registers, which a process needs. */
Cpu detectCpu();

}  // namespace marimba
