// What two bounds of a processor are, as JSON: products per second by type, and bytes read per second by size.
// Built by peaks.ts with `cc -O2 -march=native -pthread`; types that the processor has no instructions for are left out.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CHAINS 12 // Independent sums, so that no instruction waits for the last one's result.
#define TURNS 20000000L

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// One turn: every chain's instruction once. KEEP hides the value from the compiler, which else would shorten the loop.
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#define LOOP(type, zero, next)                                        \
  type a[CHAINS];                                                     \
  _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) a[i] = (zero); \
  for (long n = 0; n < TURNS; n++) {                                  \
    _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) {       \
      a[i] = (next);                                                  \
      KEEP(a[i]);                                                     \
    }                                                                 \
  }

#if defined(__AVX512F__)
#define FLOAT32_OPS (16 * 2)
static void float32(void) {
  __m512 b = _mm512_set1_ps(1.0001f), c = _mm512_set1_ps(0.5f);
  LOOP(__m512, c, _mm512_fmadd_ps(a[i], b, c))
}
#elif defined(__FMA__)
#define FLOAT32_OPS (8 * 2)
static void float32(void) {
  __m256 b = _mm256_set1_ps(1.0001f), c = _mm256_set1_ps(0.5f);
  LOOP(__m256, c, _mm256_fmadd_ps(a[i], b, c))
}
#endif

#if defined(__AVX512VNNI__)
#define INT8_OPS (64 * 2)
static void int8(void) {
  __m512i b = _mm512_set1_epi8(3), c = _mm512_set1_epi8(5);
  LOOP(__m512i, c, _mm512_dpbusd_epi32(a[i], b, c))
}
#elif defined(__AVXVNNI__)
#define INT8_OPS (32 * 2)
static void int8(void) {
  __m256i b = _mm256_set1_epi8(3), c = _mm256_set1_epi8(5);
  LOOP(__m256i, c, _mm256_dpbusd_avx_epi32(a[i], b, c))
}
#endif

static size_t readBytes; // Of each thread.
static void readMemory(void) {
  size_t words = readBytes / sizeof(long);
  long *data = malloc(readBytes), sums[8] = {0};
  memset(data, 1, readBytes);
  for (size_t turns = (2UL << 30) / readBytes; turns > 0; turns--) {
    for (size_t i = 0; i + 8 <= words; i += 8)
      for (int k = 0; k < 8; k++) sums[k] += data[i + k];
    __asm__ volatile("" ::"r"(sums) : "memory");
  }
  free(data);
}

static void *start(void *work) {
  ((void (*)(void))work)();
  return NULL;
}

static double seconds(void (*work)(void), int threads) {
  pthread_t all[256];
  double startS = now();
  for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, start, (void *)work);
  for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
  return now() - startS;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256) return 2;
  double giga = (double)threads * TURNS * CHAINS / 1e9;
  printf("{");
#ifdef FLOAT32_OPS
  printf("\"float32\":%.1f,", giga * FLOAT32_OPS / seconds(float32, threads));
#endif
#ifdef INT8_OPS
  printf("\"int8\":%.1f,", giga * INT8_OPS / seconds(int8, threads));
#endif
  readBytes = 4UL << 20;
  printf("\"cacheGBs\":%.1f,", threads * 2.147483648 / seconds(readMemory, threads));
  readBytes = 256UL << 20;
  printf("\"memoryGBs\":%.1f}\n", threads * 2.147483648 / seconds(readMemory, threads));
  return 0;
}
