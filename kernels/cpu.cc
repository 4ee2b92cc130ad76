#include "cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace marimba {
namespace {

/** Bits of XCR0, the registers that the operating system saves: SSE and AVX; AVX-512's masks and both its halves; AMX's tiles. */
constexpr uint64_t AVX512_STATE = 0xe6, AMX_STATE = 0x60000;
/** Linux's asm/prctl.h and asm/fpu/types.h; older headers lack them. */
constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;

constexpr bool has(uint64_t bits, unsigned bit) { return (bits >> bit & 1) != 0; }

uint64_t readXcr0() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

}  // namespace

Cpu detectCpu() {
  unsigned a, b, c, d, features;
  Cpu cpu{};
  if (!__get_cpuid(1, &a, &b, &features, &d)) return cpu;
  const bool osxsave = has(features, 27), fma = has(features, 12), avx = has(features, 28);
  if (!osxsave || !fma || !avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
  const uint64_t xcr0 = readXcr0();
  const unsigned subleaves = a;
  const bool avx2 = has(b, 5), f = has(b, 16), dq = has(b, 17), bw = has(b, 30), vl = has(b, 31), vnni = has(c, 11);
  const bool tile = has(d, 24), tileInt8 = has(d, 25), tileBf16 = has(d, 22);
  const bool avx512 = (xcr0 & AVX512_STATE) == AVX512_STATE && avx2 && f && dq && bw && vl;
  cpu.avx512vnni = avx512 && vnni;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) cpu.avx512bf16 = cpu.avx512vnni && has(a, 5);
  if (tile && (xcr0 & AMX_STATE) == AMX_STATE &&
      syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0) {
    cpu.amxInt8 = tileInt8;
    cpu.amxBf16 = tileBf16;
  }
  return cpu;
}

}  // namespace marimba
