// Bounds of a processor, as JSON: products per second by type, and bytes read per second from cache and from memory.
// Built by peaks.ts with `cc -O2 -march=native -pthread`; types that the processor has no instructions for are left out.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__AMX_TILE__)
#include <sys/syscall.h>
#endif

#define CHAINS 12 // Independent sums, so that no instruction waits for the last one's result.
#define TURNS 20000000L
#define READ_BYTES (2UL << 30)

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

#if defined(__AVX512BF16__)
#define BFLOAT16_OPS (32 * 2)
static void bfloat16(void) {
  __m512bh b = (__m512bh)_mm512_set1_epi16(0x3f80), c = b; // 1
  LOOP(__m512, _mm512_setzero_ps(), _mm512_dpbf16_ps(a[i], b, c))
}
#endif

// Products of tiles, 16 x 64 bytes each: 32,768 operations an instruction in int8, half as many in bfloat16.
#if defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__linux__)
#define TILES
#define TILE_TURNS (TURNS / 10)
#define TILE_INT8_OPS (16 * 16 * 64 * 2)
static int mayUseTiles(void) { // Linux gives tiles to a process that asks: ARCH_REQ_XCOMP_PERM for XTILEDATA.
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
static void configureTiles(void) {
  struct { unsigned char palette, row, reserved[14]; unsigned short bytes[16]; unsigned char rows[16]; } config = {.palette = 1};
  for (int i = 0; i < 8; i++) config.bytes[i] = 64, config.rows[i] = 16;
  __asm__ volatile("" ::"r"(&config) : "memory"); // The intrinsic reads more of it than the compiler knows.
  _tile_loadconfig(&config);
  _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3); _tile_zero(4); _tile_zero(5); _tile_zero(6); _tile_zero(7);
}
#define TILE_LOOP(product)                                                   \
  configureTiles();                                                          \
  for (long n = 0; n < TILE_TURNS; n++) {                                    \
    product(0, 4, 6); product(1, 4, 7); product(2, 5, 6); product(3, 5, 7);  \
  }                                                                          \
  _tile_release();
static void tileInt8(void) { TILE_LOOP(_tile_dpbusd) }
static void tileBfloat16(void) { TILE_LOOP(_tile_dpbf16ps) }
#endif

// Whole vectors, as many at once as registers hold. Each thread takes a part of the data, which exist before the clock runs.
typedef long vector __attribute__((vector_size(64)));
static vector *readData;
static size_t readBytes; // Of each thread.
static int readers;
static void readMemory(void) {
  size_t count = readBytes / sizeof(vector);
  vector *data = readData + count * __sync_fetch_and_add(&readers, 1), sums[8] = {0};
  for (size_t turns = READ_BYTES / readBytes; turns > 0; turns--) {
    for (size_t i = 0; i + 8 <= count; i += 8) {
      _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) sums[k] += data[i + k];
    }
    __asm__ volatile("" ::"r"(data) : "memory"); // May have changed the data, so they are read again.
  }
  __asm__ volatile("" ::"r"(sums) : "memory");
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

static double readGBs(size_t bytes, int threads) {
  readBytes = bytes;
  readData = aligned_alloc(sizeof(vector), bytes * threads);
  readers = 0;
  memset(readData, 1, bytes * threads);
  double taken = seconds(readMemory, threads);
  free(readData);
  return (double)threads * READ_BYTES / 1e9 / taken;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256) return 2;
  double turns = (double)threads * TURNS * CHAINS / 1e9, int8GOPs = 0, bfloat16GOPs = 0;
  (void)turns;
  printf("{");
#ifdef FLOAT32_OPS
  printf("\"float32\":%.1f,", turns * FLOAT32_OPS / seconds(float32, threads));
#endif
#ifdef INT8_OPS
  int8GOPs = turns * INT8_OPS / seconds(int8, threads);
#endif
#ifdef BFLOAT16_OPS
  bfloat16GOPs = turns * BFLOAT16_OPS / seconds(bfloat16, threads);
#endif
#ifdef TILES
  if (mayUseTiles()) {
    double tileOps = 4.0 * threads * TILE_TURNS * TILE_INT8_OPS / 1e9;
    int8GOPs = tileOps / seconds(tileInt8, threads);
    bfloat16GOPs = tileOps / 2 / seconds(tileBfloat16, threads);
  }
#endif
  if (bfloat16GOPs > 0) printf("\"bfloat16\":%.1f,", bfloat16GOPs);
  if (int8GOPs > 0) printf("\"int8\":%.1f,", int8GOPs);
  long lastCache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  lastCache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  if (lastCache > 0) printf("\"lastCacheBytes\":%ld,", lastCache);
  printf("\"cacheGBs\":%.1f,", readGBs(128UL << 10, threads));
  printf("\"memoryGBs\":%.1f}\n", readGBs(256UL << 20, threads));
  return 0;
}
