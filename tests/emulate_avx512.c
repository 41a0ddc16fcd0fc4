/* The AVX-512 kernels (but for bf16), and those of VNNI in 256 bits, on a machine without them, through SIMDe (Debian: libsimde-dev). Not part of
   `make -C tests`, which needs nothing but a compiler; .ci/run builds and runs it.
       cc -O1 -o emulate emulate_avx512.c -lm && ./emulate */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#include <simde/x86/f16c.h>
#undef _mm512_madd_epi16                 /* SIMDe 0.7.4 gives this name the masked form's arguments */
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

/* What SIMDe 0.7.4 lacks. */
#include <math.h>
#include <string.h>
#define __mmask16 simde__mmask16
#define EACH(i) for (i = 0; i < 16; i++)
static simde__m512 _mm512_maskz_loadu_ps(__mmask16 m, const float *p) {
  float v[16];
  int i;
  EACH(i) v[i] = m >> i & 1 ? p[i] : 0;
  return simde_mm512_loadu_ps(v);
}
static simde__m512 _mm512_mask_loadu_ps(simde__m512 other, __mmask16 m, const float *p) {
  float v[16];
  int i;
  simde_mm512_storeu_ps(v, other);
  EACH(i) if (m >> i & 1) v[i] = p[i];
  return simde_mm512_loadu_ps(v);
}
static void _mm512_mask_storeu_ps(float *p, __mmask16 m, simde__m512 x) {
  float v[16];
  int i;
  simde_mm512_storeu_ps(v, x);
  EACH(i) if (m >> i & 1) p[i] = v[i];
}
static simde__m512 _mm512_cvtepi32_ps(simde__m512i x) {
  int32_t w[16];
  float v[16];
  int i;
  simde_mm512_storeu_si512(w, x);
  EACH(i) v[i] = (float)w[i];
  return simde_mm512_loadu_ps(v);
}
static simde__m512i _mm512_cvtps_epi32(simde__m512 x) {
  int32_t w[16];
  float v[16];
  int i;
  simde_mm512_storeu_ps(v, x);
  EACH(i) w[i] = (int32_t)rintf(v[i]);
  return simde_mm512_loadu_si512(w);
}
static void _mm512_mask_cvtepi32_storeu_epi8(void *p, __mmask16 m, simde__m512i x) {
  int32_t w[16];
  int i;
  simde_mm512_storeu_si512(w, x);
  EACH(i) if (m >> i & 1) ((uint8_t *)p)[i] = (uint8_t)w[i];
}
static float _mm512_reduce_add_ps(simde__m512 x) {
  float v[16], s = 0;
  int i;
  simde_mm512_storeu_ps(v, x);
  EACH(i) s += v[i];
  return s;
}
static float _mm512_reduce_max_ps(simde__m512 x) {
  float v[16], s;
  int i;
  simde_mm512_storeu_ps(v, x);
  s = v[0];
  EACH(i) s = v[i] > s ? v[i] : s;
  return s;
}
#define LADDER_IMMINTRIN <stdint.h>
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_int8.h"

/* Whole numbers, so that every order of additions gives the same sum and agreement must be exact. */
TEST(tile_agrees_with_portable) {
  static const ldr__kernels *const sets[] = { &ldr__kernels_portable, &ldr__kernels_avx2, &ldr__kernels_avx512 };
  static float a[6000], b[6000], c[3][6000], bias[100];
  uint64_t key = 17, i = 0;
  int round, v;
  size_t k;
  for (round = 0; round < 1500; round++) {
    size_t m = 1 + ldr__random_below(key, i++, 40), n = 1 + ldr__random_below(key, i++, 70), depth = 1 + ldr__random_below(key, i++, 50);
    int transposed = (int)ldr__random_below(key, i++, 2), columns = (int)ldr__random_below(key, i++, 2), add = (int)ldr__random_below(key, i++, 2), with_bias = (int)ldr__random_below(key, i++, 2);
    for (k = 0; k < 6000; k++) {
      a[k] = (float)ldr__random_below(key, i++, 17) - 8;
      b[k] = (float)ldr__random_below(key, i++, 13) - 6;
    }
    for (k = 0; k < 100; k++) bias[k] = (float)k;
    for (v = 0; v < 3; v++) {
      ldr__exec ex;
      memset(&ex, 0, sizeof ex);
      ex.kernels = sets[v];
      ex.threads = 1;
      ex.scratch_size = ldr__gemm_scratch(n, LDR__KC);
      ex.scratch = (float *)malloc(ex.scratch_size * sizeof(float));
      for (k = 0; k < 6000; k++) c[v][k] = (float)(k % 7);
      ldr__gemm(&ex, c[v], n, a, transposed ? 1 : depth, transposed ? m : 1, columns ? ldr__mat_float(b, 1, depth) : ldr__mat_float(b, n, 1), ldr__finish_bias(with_bias ? bias : NULL), m, n, depth, add);
      CHECK(memcmp(c[v], c[0], sizeof c[0]) == 0);
      free(ex.scratch);
    }
  }
}

TEST(int8_tiles_are_exact_sums) {
  static const ldr__kernels *const sets[] = { &ldr__kernels_avx2, &ldr__kernels_avx2vnni, &ldr__kernels_avx512, &ldr__kernels_vnni };
  static float y[20000];
  int i, v;
  for (i = 0; i < 30; i++)
    for (v = 0; v < 4; v++) CHECK_NEAR(int8_error(sets[v], 1 + (size_t)i, 1 + (size_t)i * 5, 1 + (size_t)i * 41, i % 2, i % 3 == 0, 1, (uint64_t)i, y), 0, 4e-7);
}

/* The loops that are written by hand for this set. */
TEST(rows_agree_with_portable) {
  static float x[2][32 * 40], g[2][32 * 40];
  float peak[2], lse[40], dot[40];
  uint32_t row[40];
  ldr__softmax q[2];
  ldr__softmax_back back;
  int n, i, v;
  for (n = 1; n < 100; n += 7) {
    for (v = 0; v < 2; v++) {
      const ldr__row_kernels *rows = v ? &ldr__rows_avx512 : &ldr__rows_portable;
      float sum, want = 0;
      for (i = 0; i < 100; i++) x[v][i] = (float)((i * 37) % 61) * 0.1f - 3;
      sum = rows->exp(x[v], (size_t)n, 0.7f, &peak[v]);
      for (i = 0; i < n; i++) want += x[v][i];
      CHECK_NEAR(sum, want, 1e-5 * want);
    }
    CHECK(peak[0] == peak[1]);
    for (i = 0; i < 100; i++) CHECK(fabsf(x[0][i] - x[1][i]) < 1e-6f);
  }
  for (n = 1; n <= 40; n += 13) {
    for (i = 0; i < 40; i++) {
      lse[i] = -0.5f + 0.01f * (float)i;
      dot[i] = 0.1f * (float)i;
      row[i] = (uint32_t)i * 77u;
    }
    back.lse = lse;
    back.dot = dot;
    back.row = row;
    back.scale = 0.3f;
    back.kept = 1.25f;
    back.threshold = n == 14 ? 0x33333333u : 0;
    for (v = 0; v < 2; v++) {
      const ldr__row_kernels *rows = v ? &ldr__rows_avx512 : &ldr__rows_portable;
      memset(&q[v], 0, sizeof q[v]);
      q[v].scale = 0.3f;
      q[v].kept = 1.25f;
      q[v].threshold = n == 14 ? 0x33333333u : 0;
      for (i = 0; i < 32; i++) {
        q[v].peak[i] = -0.5f + 0.01f * (float)i;
        q[v].sum[i] = 1 + (float)i;
        q[v].row[i] = (uint32_t)i * 77u;
      }
      for (i = 0; i < 32 * 40; i++) x[v][i] = g[v][i] = (float)((i * 37) % 61) * 0.1f - 3;
      rows->softmax(x[v], (size_t)n, 32, &q[v], 5);
      rows->softmax_backward(g[v], x[v], (size_t)n, 32, &back, 5);
    }
    for (i = 0; i < 32; i++) CHECK(fabsf(q[0].peak[i] - q[1].peak[i]) < 1e-6f && fabsf(q[0].fix[i] - q[1].fix[i]) < 1e-6f && fabsf(q[0].sum[i] - q[1].sum[i]) < 1e-5f * q[0].sum[i]);
    for (i = 0; i < 32 * 40; i++) CHECK(fabsf(x[0][i] - x[1][i]) < 1e-5f && fabsf(g[0][i] - g[1][i]) < 1e-5f);
  }
}

#define TESTS(X) X(tile_agrees_with_portable) X(int8_tiles_are_exact_sums) X(rows_agree_with_portable)
LDR_TEST_MAIN("emulated avx512", TESTS)
