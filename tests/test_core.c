/* Kernels, matrix products, operations, JSON and error reports, against double arithmetic written
   here for the purpose. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_int8.h"
#include "ldr_tiny.h"
#if defined(__unix__) || defined(__APPLE__)
#include <dirent.h>
#endif

/* ---- helpers ----------------------------------------------------------------------------- */

static float *zeros(size_t n) {
  float *p = (float *)calloc(n ? n : 1, sizeof(float));
  if (!p) abort();
  return p;
}

static float *random_floats(size_t n, ldr_test_rng *r) {
  float *p = zeros(n);
  size_t i;
  for (i = 0; i < n; i++) p[i] = ldr_test_uniform(r);
  return p;
}

/* An execution context with scratch for gemm and attention. */
typedef struct rig { ldr__exec ex; } rig;

static rig rig_open(const ldr__kernels *k, int32_t threads, size_t columns, size_t longest, size_t head_dim) {
  rig g;
  size_t need = ldr__gemm_scratch(columns, 4096), other = longest ? ldr__attention_scratch(longest, head_dim) : 0;
  memset(&g, 0, sizeof g);
  g.ex.kernels = k;
  g.ex.threads = threads;
  g.ex.scratch_size = need > other ? need : other;
  g.ex.scratch = zeros(g.ex.scratch_size * (size_t)threads);
  return g;
}

static void rig_close(rig *g) {
  free(g->ex.scratch);
}

static int same_bits(const float *a, const float *b, size_t n) { return memcmp(a, b, n * sizeof(float)) == 0; }

/* A scalar of a vector in double arithmetic, for central differences. */
typedef double (*scalar_fn)(const double *x, void *context);

/* Largest signed disagreement of g[n] with central differences of f at x, relative to the largest slope. */
static double slope_error(scalar_fn f, void *context, const float *x, const float *g, size_t n) {
  double *at = (double *)malloc(n * sizeof(double)), *numeric = (double *)malloc(n * sizeof(double)), worst = 0, size = 1e-3;
  size_t i;
  for (i = 0; i < n; i++) at[i] = (double)x[i];
  for (i = 0; i < n; i++) {
    const double h = 1e-5, keep = at[i];
    double up, down;
    at[i] = keep + h;
    up = f(at, context);
    at[i] = keep - h;
    down = f(at, context);
    at[i] = keep;
    numeric[i] = (up - down) / (2 * h);
    size = fmax(size, fabs(numeric[i]));
  }
  for (i = 0; i < n; i++) worst = fmax(worst, fabs(numeric[i] - (double)g[i]) / size);
  free(at);
  free(numeric);
  return worst;
}

/* The gradient must pass and its negation must not: a checker that cannot fail checks nothing. */
static void check_slopes(scalar_fn f, void *context, const float *x, const float *g, size_t n, double limit) {
  float *wrong = zeros(n);
  size_t i;
  for (i = 0; i < n; i++) wrong[i] = -g[i];
  CHECK_NEAR(slope_error(f, context, x, g, n), 0, limit);
  CHECK(slope_error(f, context, x, wrong, n) > 0.5);
  free(wrong);
}

/* ---- errors ------------------------------------------------------------------------------ */

/* What tiles are told to fetch is no result, so that only this sees it go wrong. */
TEST(all_that_comes_next_is_fetched) {
  /* rows, stride, bytes, tiles: one row; rows in one piece; rows apart; more rows than tiles */
  static const size_t shapes[][4] = { { 1, 0, 32768, 1 }, { 7, 256, 256, 3 }, { 5, 4096, 1024, 9 }, { 40, 4096, 256, 9 }, { 0, 64, 64, 4 } };
  size_t i, k;
  for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (k = 2; k <= 300; k += 149) {
      static unsigned char seen[40 * 4096 / 64];
      size_t rows = shapes[i][0], stride = shapes[i][1], bytes = shapes[i][2], r, b, step, p, wanted = rows * bytes / 64, got = 0;
      uintptr_t at;
      ldr__ahead h = ldr__ahead_of(0, stride, rows, bytes, shapes[i][3]);
      memset(seen, 0, sizeof seen);
      while (ldr__ahead_take(&h, k, &at, &step))
        for (p = 0; p < k / 2; p++) {
          size_t line = (at + p * step) / 64;
          if (line < sizeof seen) seen[line] = 1;
        }
      for (r = 0; r < rows; r++)
        for (b = 0; b < bytes; b += 64) got += seen[(r * stride + b) / 64];
      CHECK(got == wanted);
      if (rows == 0) CHECK(seen[0] == 0);
    }
}

/* In the list's order; what is put in a place comes before what is left of later ones. */
TEST(lists_of_what_comes_next_are_fetched_in_order) {
  static const uintptr_t wanted[] = { 2, 3, 1, 7, 3, 0 };
  ldr__fetches s;
  size_t i, step;
  uintptr_t at;
  ldr__fetches_clear(&s);
  s.count++;
  ldr__fetches_add(&s, ldr__ahead_of(64 * 2, 4096, 1, 64, 1));
  ldr__fetches_add(&s, ldr__ahead_of(64 * 3, 64 * 64, 2, 64, 2));      /* two rows, a take each */
  for (i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    at = 0;
    if (i == 2) ldr__fetches_put(&s, 0, ldr__ahead_of(64 * 1, 4096, 1, 64, 1));
    if (i == 3) ldr__fetches_put(&s, 1, ldr__ahead_of(64 * 7, 4096, 1, 64, 1));
    ldr__fetches_take(&s, 8, &at, &step);
    CHECK(at / 64 % 64 == wanted[i]);
  }
}

TEST(statuses_have_names_and_texts) {
  int i, k;
  CHECK_STR(ldr_status_name(LDR_OK), "LDR_OK");
  CHECK_STR(ldr_status_name(LDR_NUMERIC), "LDR_NUMERIC");
  CHECK_STR(ldr_status_text(LDR_MEMORY), "the allocator returned NULL");
  CHECK_STR(ldr_status_name(LDR_STATUS_COUNT), "LDR_UNKNOWN");
  CHECK_STR(ldr_status_name((ldr_status)31), "LDR_UNKNOWN");
  CHECK_STR(ldr_status_text((ldr_status)31), "unknown status");
  for (i = 0; i < LDR_STATUS_COUNT; i++) {
    CHECK(strncmp(ldr_status_name((ldr_status)i), "LDR_", 4) == 0 && strlen(ldr_status_text((ldr_status)i)) > 5);
    for (k = 0; k < i; k++) CHECK(strcmp(ldr_status_name((ldr_status)i), ldr_status_name((ldr_status)k)) != 0 && strcmp(ldr_status_text((ldr_status)i), ldr_status_text((ldr_status)k)) != 0);
  }
#define T(name) { LDR_##name, #name }
  {       /* the rows of element types stand in the order of their constants */
    static const struct { ldr_dtype type; const char *name; } types[] = {
      T(F32), T(F16), T(BF16), T(F64), T(I8), T(U8), T(I16), T(U16), T(I32), T(U32), T(I64), T(U64), T(BOOL), T(Q8_0), T(Q4_0), T(Q4_1), T(Q5_0), T(Q5_1), T(IQ4_NL),
      T(Q2_K), T(Q3_K), T(Q4_K), T(Q5_K), T(Q6_K), T(IQ4_XS), { LDR_DTYPE_COUNT, "?" } };
    CHECK_INT(sizeof types / sizeof *types, LDR_DTYPE_COUNT + 1);
    for (i = 0; i < (int)(sizeof types / sizeof *types); i++) CHECK_STR(ldr_dtype_name(types[i].type), types[i].name);
  }
#undef T
  CHECK_INT(ldr_dtype_block(LDR_Q6_K), 256);
  CHECK_INT(ldr_dtype_size(LDR_F64), 8);
  CHECK_INT(ldr_dtype_size(LDR_DTYPE_COUNT), 0);
}

TEST(the_first_error_wins) {
  ldr_error err, before;
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr__fail_at(&err, LDR_SHAPE, 17, "a %s of %d, %I and %U%%", "word", -3, (int64_t)-5000000000, UINT64_MAX), LDR_SHAPE);
  CHECK_STR(err.message, "a word of -3, -5000000000 and 18446744073709551615% (offset 17)");
  CHECK_INT(err.offset, 17);
  CHECK_INT(ldr__fail_at(&err, LDR_DTYPE, 1, "another"), LDR_DTYPE);
  CHECK_INT(err.status, LDR_SHAPE);
  CHECK(strncmp(err.message, "a word", 6) == 0);
  CHECK_INT(ldr__fail_at(NULL, LDR_IO, 0, "nobody reads this"), LDR_IO);
  before = err;
  CHECK(ldr_json_parse("[", 1, NULL, &err) == NULL);
  CHECK(ldr_weights_open_memory("12345678", 8, NULL, &err) == NULL);
  CHECK(ldr_weights_open("no/such/file", NULL, &err) == NULL);
  CHECK(ldr_model_load("no/such/folder", NULL, &err) == NULL);
  CHECK(memcmp(&before, &err, sizeof err) == 0);
}

TEST(a_message_keeps_its_first_error_when_a_file_fails_later) {
  static const char bad[] = "12345678 this is no weight file";
  ldr_error err, before;
  ldr_model_desc none;
  memset(&none, 0, sizeof none);
  memset(&err, 0, sizeof err);
  CHECK(ldr_test_write("core_bad.tmp", bad, sizeof bad));
  CHECK(ldr_json_parse("[1,]", 4, NULL, &err) == NULL);
  before = err;
  CHECK(ldr_weights_open("core_bad.tmp", NULL, &err) == NULL);
  CHECK_STR(err.message, before.message);
  CHECK(memcmp(&before, &err, sizeof err) == 0);
  remove("core_bad.tmp");
}

TEST(long_messages_are_cut_not_overrun) {
  struct { ldr_error err; char guard[8]; } e;
  char text[2000], shown[96];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  memset(&e, 0, sizeof e);
  memset(e.guard, 77, sizeof e.guard);
  ldr__fail_at(&e.err, LDR_IO, 5, "%s", text);
  CHECK_INT(strlen(e.err.message), sizeof e.err.message - 1);
  CHECK_INT(e.guard[0], 77);
  CHECK_INT(e.err.offset, 5);
  ldr__format(shown, sizeof shown, "%b", text, sizeof text - 1);
  CHECK_INT(strlen(shown), sizeof shown - 1);
  CHECK(strcmp(shown + sizeof shown - 4, "...") == 0);
  ldr__format(shown, sizeof shown, "%b %q%b", "a\nb\x7f", (size_t)4, "\tc", "", (size_t)0);
  CHECK_STR(shown, "a?b? ?c");
}

TEST(random_numbers_are_the_published_ones) {
  /* splitmix64 from seed 0 (Steele, Lea, Flood): its first three outputs. */
  CHECK(ldr__random_u64(0, 0) == UINT64_C(0xe220a8397b1dcdaf));
  CHECK(ldr__random_u64(0, 1) == UINT64_C(0x6e789e6aa1b965f4));
  CHECK(ldr__random_u64(0, 2) == UINT64_C(0x06c45d188009454f));
  {
    int32_t order[50], seen[50], i;
    double mean = 0, square = 0;
    for (i = 0; i < 50; i++) order[i] = i, seen[i] = 0;
    ldr__shuffle(order, 50, 3);
    for (i = 0; i < 50; i++) seen[order[i]]++;
    for (i = 0; i < 50; i++) CHECK_INT(seen[i], 1);
    for (i = 0; i < 20000; i++) {
      double v = ldr__random_normal(9, (uint64_t)i);
      mean += v / 20000;
      square += v * v / 20000;
    }
    CHECK_NEAR(mean, 0, 0.03);
    CHECK_NEAR(square, 1, 0.04);
    for (i = 0; i < 1000; i++) CHECK(ldr__random_below(5, (uint64_t)i, 7) < 7);
  }
}

/* ---- kernels against double ---------------------------------------------------------------- */

static double want_activation(double x, int kind) {
  switch (kind) {
    case LDR_GELU: return 0.5 * x * erfc(-x / sqrt(2.0));
    case LDR_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case LDR_RELU: return x > 0 ? x : 0;
    case LDR_SILU: return x / (1 + exp(-x));
    default: return tanh(x);
  }
}

static double want_slope(double x, int kind) {
  const double h = 1e-6 * fmax(1, fabs(x));
  if (kind == LDR_RELU) return x > 0 ? 1 : 0;
  return (want_activation(x + h, kind) - want_activation(x - h, kind)) / (2 * h);
}

TEST(exponential_and_its_kin) {
  double e_exp = 0, e_tanh = 0, e_tanh_rel = 0, e_erf = 0, e_erf_rel = 0, e_sigmoid = 0;
  int i;
  for (i = -400000; i <= 400000; i++) {
    volatile float stored = (float)i * (87.0f / 400000.0f), eighth = stored / 8.0f;   /* through memory: x87 registers are wider than a float */
    float x = stored, y = eighth;
    double d = (double)x, s = (double)y;
    e_exp = fmax(e_exp, fabs((double)ldr__exp(x) / exp(d) - 1));
    e_sigmoid = fmax(e_sigmoid, fabs((double)ldr__sigmoid(x) * (1 + exp(-d)) - 1));
    e_tanh = fmax(e_tanh, fabs((double)ldr__tanh(y) - tanh(s)));
    e_erf = fmax(e_erf, fabs((double)ldr__erf(y) - erf(s)));
    if (i) {
      e_tanh_rel = fmax(e_tanh_rel, fabs((double)ldr__tanh(y) / tanh(s) - 1));
      e_erf_rel = fmax(e_erf_rel, fabs((double)ldr__erf(y) / erf(s) - 1));
    }
  }
  CHECK_NEAR(e_exp, 0, 2.6e-7);
  CHECK_NEAR(e_sigmoid, 0, 3.5e-7);
  CHECK_NEAR(e_tanh, 0, 1.5e-7);
  CHECK_NEAR(e_tanh_rel, 0, 7e-7);
  CHECK_NEAR(e_erf, 0, 5e-7);
  CHECK_NEAR(e_erf_rel, 0, 1e-6);
  for (i = -126; i < -13; i++) {                 /* small arguments keep their relative precision */
    float x = (float)ldexp(1.3, i);
    CHECK_NEAR((double)ldr__tanh(x) / tanh((double)x), 1, 2e-7);
    CHECK_NEAR((double)ldr__erf(-x) / -erf((double)x), 1, 2e-7);
    CHECK(ldr__exp(x) == 1.0f || i > -25);
  }
}

static float activation(float x, int32_t kind, int slope) {
  switch (kind) {
#define ROW(kind, f, names) case kind: return slope ? ldr__##f##_slope(x) : ldr__##f(x);
    LDR__ACTIVATIONS(ROW)
#undef ROW
    default: return 0;
  }
}

TEST(extreme_arguments) {
  const float inf = ldr__float_from_bits(0x7f800000u), nan = ldr__float_from_bits(0x7fc00000u);
  static const float huge[] = { 1e-45f, 1e-38f, 88.0f, 89.0f, 1e3f, 1e10f, 1.8e19f, 2e19f, 1e30f, FLT_MAX };
  size_t i, k;
  CHECK(ldr__exp(-inf) == 0.0f && ldr__exp(-FLT_MAX) == 0.0f && ldr__exp(-87.4f) == 0.0f);
  CHECK(ldr__exp(inf) == ldr__exp(88.0f) && ldr__exp(FLT_MAX) == ldr__exp(88.0f) && ldr__exp(0.0f) == 1.0f && ldr__exp(-0.0f) == 1.0f);
  CHECK(ldr__tanh(inf) == 1.0f && ldr__tanh(-inf) == -1.0f && ldr__erf(inf) == 1.0f && ldr__erf(-inf) == -1.0f);
  CHECK(ldr__sigmoid(inf) == 1.0f && ldr__sigmoid(-inf) == 0.0f && ldr__sigmoid(0.0f) == 0.5f);
  CHECK(ldr__exp(nan) != ldr__exp(nan) && ldr__tanh(nan) != ldr__tanh(nan) && ldr__erf(nan) != ldr__erf(nan) && ldr__sigmoid(nan) != ldr__sigmoid(nan));
  for (k = 0; k < 5; k++) {
    float y = activation(nan, (int32_t)k, 0);
    CHECK(y != y);                             /* a NaN must stay visible to the loss check */
    y = activation(inf, (int32_t)k, 0);
    CHECK(k == LDR_TANH ? y == 1.0f : y == inf);
    for (i = 0; i < sizeof huge / sizeof *huge; i++) {
      float up = activation(huge[i], (int32_t)k, 0), down = activation(-huge[i], (int32_t)k, 0);
      CHECK(up - up == 0 && down - down == 0);
      CHECK_NEAR(up, want_activation((double)huge[i], (int)k), 1e-6 * (double)huge[i] + 1.5e-45);
      if (huge[i] > 80) CHECK_NEAR(down, k == LDR_TANH ? -1 : 0, 1e-6);
    }
  }
}

TEST(slopes_stay_finite_for_every_finite_argument) {
  static const float at[] = { 1e-45f, 1e-38f, 20.0f, 88.0f, 1e3f, 1e10f, 1.8e19f, 2e19f, 1e30f, FLT_MAX };
  size_t i, k;
  for (k = 0; k < 5; k++)
    for (i = 0; i < sizeof at / sizeof *at; i++) {
      float up = activation(at[i], (int32_t)k, 1), down = activation(-at[i], (int32_t)k, 1);
      CHECK(up - up == 0 && down - down == 0);
      if (i >= 2) CHECK_NEAR(up, k == LDR_TANH ? 0 : 1, 1e-6);
      if (i >= 2) CHECK_NEAR(down, 0, 1e-6);
    }
}

TEST(columns_become_rows_in_every_kernel_set) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, scaled, add;
  size_t rows, d, i, c;
  for (s = 0; s < count; s++)
    for (rows = 1; rows <= 32; rows += rows < 9 ? 1 : 5)
      for (d = 1; d <= 67; d += d < 18 ? 1 : 7)
        for (scaled = 0; scaled < 2; scaled++)
          for (add = 0; add < 2; add++) {
            float src[67 * 32], dst[32 * 70], by[32];
            for (i = 0; i < 67 * 32; i++) src[i] = (float)i;
            for (i = 0; i < 32; i++) by[i] = (float)(i + 1);
            for (i = 0; i < 32 * 70; i++) dst[i] = (float)(i % 5);
            sets[s]->rows->transpose(dst, 70, src, 32, scaled ? by : NULL, rows, d, add);
            for (i = 0; i < 32; i++)
              for (c = 0; c < 70; c++) {
                float old = (float)((i * 70 + c) % 5), made = (float)(c * 32 + i) * (scaled ? by[i] : 1.0f) + (add ? old : 0.0f);
                CHECK(dst[i * 70 + c] == (i < rows && c < d ? made : old));
              }
          }
}

/* Intel's bf16 products take twice as long as float ones: they are there when asked for, and not otherwise. */
TEST(bf16_products_are_chosen_where_they_are_fast) {
#if LDR__X86 && LDR__HAVE_BF16
  if (!ldr__x86_bf16(1)) SKIP("this processor has no bf16 products");
  CHECK_STR(ldr_simd_name(LDR_SIMD_AVX512_BF16), "avx512bf16");
  CHECK_STR(ldr_simd_name(LDR_SIMD_AUTO), ldr__x86_intel() ? "avx512vnni" : "avx512bf16");
#else
  SKIP("this build has no bf16 products");
#endif
}

TEST(activations_of_every_kernel_set) {
  static const double limit[] = { 2.5e-7, 2.5e-7, 2.5e-7, 0, 2.5e-7 }, slope_limit[] = { 8e-7, 8e-7, 1.2e-6, 0, 8e-7 };      /* tanh, gelu, gelu_tanh, relu, silu */
  const int N = 40013;
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, kind, i;
  float *x = zeros((size_t)N), *y = zeros((size_t)N), *d = zeros((size_t)N), *y0 = zeros((size_t)N), *d0 = zeros((size_t)N), *both = zeros((size_t)N);
  for (i = 0; i < N; i++) x[i] = (float)(i - N / 2) * (20.0f / (float)N);
  for (kind = 0; kind < 5; kind++)
    for (s = 0; s < count; s++) {
      double e = 0, es = 0, between = 0;
      sets[s]->rows->activate(both, x, (size_t)N, kind);
      memcpy(d, x, (size_t)N * sizeof(float));
      sets[s]->rows->activate_both(y, d, (size_t)N, kind);
      for (i = 0; i < N; i++) CHECK(fabsf(both[i] - y[i]) <= 1e-6f * (1 + fabsf(y[i])));
      if (!s) memcpy(y0, y, (size_t)N * sizeof(float)), memcpy(d0, d, (size_t)N * sizeof(float));
      for (i = 0; i < N; i++) {
        double v = (double)x[i];
        e = fmax(e, fabs((double)y[i] - want_activation(v, kind)) / fmax(1, fabs(v)));
        es = fmax(es, fabs((double)d[i] - want_slope(v, kind)));
        between = fmax(between, fmax(fabs((double)(y[i] - y0[i])) / fmax(1, fabs(v)), fabs((double)(d[i] - d0[i]))));
      }
      CHECK_NEAR(e, 0, limit[kind]);
      CHECK_NEAR(es, 0, slope_limit[kind]);
      CHECK_NEAR(between, 0, 1.2e-6);
    }
  free(x); free(y); free(d); free(y0); free(d0); free(both);
}

/* Whole lanes of them, since what is left over at the end of a row is another loop's. */
TEST(extreme_arguments_in_every_kernel_set) {
  static const float huge[] = { 1e-45f, 1e-38f, 5.4f, 5.44f, 20.0f, 88.0f, 1e3f, 1e10f, 1.8e19f, 2e19f, 1e30f, FLT_MAX };
  const float inf = ldr__float_from_bits(0x7f800000u), nan = ldr__float_from_bits(0x7fc00000u);
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, kind, sign;
  size_t i, k;
  for (s = 0; s < count; s++)
    for (kind = 0; kind < 5; kind++) {
      float x[35], y[35], d[35];
      for (k = 0; k < sizeof huge / sizeof *huge; k++)
        for (sign = 1; sign >= -1; sign -= 2) {
          for (i = 0; i < 35; i++) x[i] = d[i] = huge[k] * (float)sign;
          sets[s]->rows->activate(y, x, 35, kind);
          for (i = 0; i < 35; i++) CHECK_NEAR(y[i], want_activation((double)x[i], kind), 1e-6 * fmax(1, (double)huge[k]) * (sign > 0) + 1.01e-6);
          sets[s]->rows->activate_both(y, d, 35, kind);
          for (i = 0; i < 35; i++) {
            CHECK_NEAR(y[i], want_activation((double)x[i], kind), 1e-6 * fmax(1, (double)huge[k]) * (sign > 0) + 1.01e-6);
            CHECK(d[i] - d[i] == 0);
            if (k > 3) CHECK_NEAR(d[i], kind == LDR_TANH ? 0 : sign > 0, 1e-6);
          }
        }
      for (i = 0; i < 35; i++) x[i] = i % 3 == 0 ? nan : i % 3 == 1 ? inf : -inf;
      sets[s]->rows->activate(y, x, 35, kind);
      for (i = 0; i < 35; i++) {
        if (i % 3 == 0) CHECK(kind == LDR_RELU || y[i] != y[i]);      /* a NaN must stay visible to the loss check */
        if (i % 3 == 1) CHECK(kind == LDR_TANH ? y[i] == 1.0f : y[i] == inf);
      }
    }
}

/* Scores of queries side by side, with some that are hidden, in two pieces; and the way back. */
TEST(softmax_of_every_kernel_set) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), t;
  ldr_test_rng r = { 6 };
  for (t = 0; t < count; t++) {
    enum { KEYS = 37, CUT = 20, MOST = 64 };
    size_t n = (size_t)sets[t]->nr, j, l;
    float s[KEYS * MOST], given[KEYS * MOST], e[KEYS * MOST], gradient[KEYS * MOST], lse[KEYS], dot[KEYS];
    ldr__softmax q;
    ldr__softmax_back back;
    for (j = 0; j < KEYS * n; j++) {
      s[j] = given[j] = j % 11 == 3 ? -FLT_MAX : 9 * ldr_test_uniform(&r);
      e[j] = gradient[j] = ldr_test_uniform(&r);
    }
    memset(&q, 0, sizeof q);
    q.scale = 0.35f;
    for (l = 0; l < n; l++) q.peak[l] = -FLT_MAX;
    sets[t]->rows->softmax(s, CUT, n, &q, 0);
    sets[t]->rows->softmax(s + CUT * n, KEYS - CUT, n, &q, CUT);
    for (l = 0; l < n; l++) {
      double first = -1e300, top = -1e300, sum = 0;
      for (j = 0; j < KEYS; j++) {
        top = fmax(top, (double)given[j * n + l] * 0.35);
        if (j < CUT) first = top;
      }
      for (j = 0; j < KEYS; j++) {
        double x = (double)given[j * n + l] * 0.35;
        sum += exp(x - top);
        CHECK_NEAR(s[j * n + l], exp(x - (j < CUT ? first : top)), 1e-6);
      }
      CHECK_NEAR(q.peak[l], top, 1e-6);
      CHECK_NEAR(q.fix[l], exp(first - top), 1e-6);
      CHECK_NEAR((double)q.sum[l] / sum, 1, 1e-6);
    }
    memcpy(s, given, sizeof s);
    memset(&back, 0, sizeof back);
    back.lse = lse;
    back.dot = dot;
    back.scale = 0.35f;
    for (j = 0; j < KEYS; j++) {
      lse[j] = 3 + ldr_test_uniform(&r);
      dot[j] = ldr_test_uniform(&r);
    }
    sets[t]->rows->softmax_backward(s, e, KEYS, n, &back, 0);
    for (j = 0; j < KEYS * n; j++) {
      double p = exp((double)given[j] * 0.35 - (double)lse[j / n]);
      CHECK_NEAR(s[j], p, 1e-6);
      CHECK_NEAR(e[j], 0.35 * p * ((double)gradient[j] - (double)dot[j / n]), 1e-6);
    }
  }
}

TEST(rows_of_exponentials_and_moments_agree_between_kernel_sets) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s;
  ldr_test_rng r = { 4 };
  size_t n, i;
  for (n = 1; n < 70; n++) {
    float x[70], y[70], w[4][70], w0[4][70], c[7] = { 0.9f, 0.999f, 1e-2f, 1.7f, 1e-8f, 1e-4f, 0.5f }, peak, sum;
    double top = -1e300, total = 0;
    for (i = 0; i < n; i++) {
      x[i] = 6 * ldr_test_uniform(&r);
      top = fmax(top, (double)x[i] * 0.37);
      for (s = 0; s < 4; s++) w0[s][i] = s == 2 ? 0.1f + fabsf(ldr_test_uniform(&r)) : ldr_test_uniform(&r);
    }
    for (i = 0; i < n; i++) total += exp((double)x[i] * 0.37 - top);
    for (s = 0; s < count; s++) {
      memcpy(y, x, sizeof y);
      sum = sets[s]->rows->exp(y, n, 0.37f, &peak);
      CHECK_NEAR(peak, top, 1e-6);
      CHECK_NEAR((double)sum / total, 1, 1e-6);
      for (i = 0; i < n; i++) CHECK_NEAR(y[i], exp((double)x[i] * 0.37 - top), 1e-6);
      memcpy(w, w0, sizeof w);
      sets[s]->rows->moments(w[0], w[1], w[2], w[3], n, c);
      for (i = 0; i < n; i++) {
        double g = 0.5 * (double)w0[3][i], m = 0.9 * (double)w0[1][i] + 0.1 * g, v = 0.999 * (double)w0[2][i] + 0.001 * g * g;
        CHECK_NEAR(w[0][i], (double)w0[0][i] * (1 - 1e-4) - 1e-2 * m / (sqrt(v * 1.7) + 1e-8), 1e-6);
        CHECK_NEAR(w[1][i], m, 1e-6);
        CHECK_NEAR(w[2][i], v, 1e-6);
      }
    }
  }
}

TEST(every_half_is_exact) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, type;
  unsigned char *bytes = (unsigned char *)malloc(2 * 65536 + 2);
  float *out = zeros(65536);
  uint32_t h;
  for (h = 0; h < 65536; h++) bytes[1 + 2 * h] = (unsigned char)(h & 255), bytes[2 + 2 * h] = (unsigned char)(h >> 8);   /* odd address */
  for (s = 0; s < count; s++)
    for (type = 0; type < 2; type++) {
      sets[s]->to_float(out, bytes + 1, type ? LDR_BF16 : LDR_F16, 65536);
      for (h = 0; h < 65536; h++) {
        uint32_t got = ldr__bits_from_float(out[h]), special = type ? (h & 0x7f80u) == 0x7f80u : (h & 0x7c00u) == 0x7c00u, payload = type ? h & 127u : h & 1023u;
        if (special && payload) CHECK(out[h] != out[h]);
        else if (special) CHECK(got == ((h & 0x8000u) << 16 | 0x7f800000u));
        else if (type) CHECK(got == h << 16);
        else CHECK((double)out[h] == half_value(h) && got >> 31 == h >> 15);
      }
    }
  free(bytes);
  free(out);
}

/* The value of a bfloat16 with infinity counted as 2^128, the next value of the grid. */
static double bf16_value(uint32_t h) {
  double v = (h & 0x7fffu) == 0x7f80u ? ldexp(1, 128) : (double)ldr__float_from_bits((h & 0x7fffu) << 16);
  return h & 0x8000u ? -v : v;
}

TEST(bfloat16_rounds_to_nearest_even) {
  static const uint32_t low[] = { 0, 1, 0x7fff, 0x8000, 0x8001, 0xffff };
  uint32_t h, k;
  for (h = 0; h < 65536; h++)
    for (k = 0; k < 6; k++) {
      uint32_t bits = h << 16 | low[k], got = ldr__float_to_bf16(ldr__float_from_bits(bits));
      double v, below, above;
      if ((bits & 0x7fffffffu) > 0x7f800000u) {
        CHECK((got & 0x7fffu) > 0x7f80u && got <= 0xffffu);
        continue;
      }
      v = (double)ldr__float_from_bits(bits);
      if ((h & 0x7fffu) == 0x7f80u) {
        CHECK(got == h);
        continue;
      }
      below = fabs(v - bf16_value(h));
      above = fabs(v - bf16_value(h + 1));
      CHECK(got == (below < above || (below == above && !(h & 1)) ? h : h + 1));
    }
}

TEST(tensors_read_as_float) {
  unsigned char bytes[33];
  double d = -2.5;
  uint64_t bits;
  float out[4];
  ldr_tensor t;
  memset(&t, 0, sizeof t);
  memset(bytes, 0, sizeof bytes);
  memcpy(&bits, &d, 8);
  ldr__store_u64(bytes + 1 + 8, bits);
  t.dtype = LDR_F64;
  t.data = bytes + 1;
  t.bytes = 32;
  CHECK(ldr_tensor_read(out, &t, 0, 4) && out[0] == 0 && out[1] == -2.5f);
  CHECK(ldr_tensor_read(out, &t, 1, 1) && out[0] == -2.5f);
  CHECK(ldr_tensor_read(out, &t, 4, 0));
  CHECK(!ldr_tensor_read(out, &t, 0, 5));
  CHECK(!ldr_tensor_read(out, &t, 5, 0));
  CHECK(!ldr_tensor_read(out, &t, UINT64_MAX, 2));
  CHECK(!ldr_tensor_read(out, &t, 2, SIZE_MAX));
  CHECK(!ldr_tensor_read(NULL, &t, 0, 1) && !ldr_tensor_read(out, NULL, 0, 1));
  t.dtype = LDR_I32;
  CHECK(!ldr_tensor_read(out, &t, 0, 1));
}

/* ---- gemm ----------------------------------------------------------------------------------- */

/* Element i of a typed array, filled from a float so that the double reference sees the rounded value. */
static float put_typed(unsigned char *p, ldr_dtype t, size_t i, float v) {
  if (t == LDR_F32) ldr__store_u32(p + 4 * i, ldr__bits_from_float(v));
  else {
    uint32_t h = t == LDR_BF16 ? ldr__float_to_bf16(v) : (uint32_t)(0x3000u + (uint32_t)(fabsf(v) * 2000.0f)) | (v < 0 ? 0x8000u : 0u);
    p[2 * i] = (unsigned char)(h & 255);
    p[2 * i + 1] = (unsigned char)(h >> 8);
  }
  return ldr__load(p, t, i);
}

typedef struct product { size_t m, n, k, rs, cs, brs, bcs, ldc; ldr_dtype type; int bias, accumulate; float *a, *c0, *c, *b_float, *bias_v; unsigned char *b; } product;

/* mode 0 NN, 1 NT (weights), 2 TN (gradients), 3 both operands strided. */
static product product_new(size_t m, size_t n, size_t k, int mode, ldr_dtype type, int bias, int accumulate, ldr_test_rng *r) {
  product p;
  size_t i, pad = ldr_test_below(r, 3), bn;
  p.m = m; p.n = n; p.k = k; p.type = type; p.bias = bias; p.accumulate = accumulate;
  p.rs = mode == 2 ? 1 : mode == 3 ? 2 * k + pad : k + pad;
  p.cs = mode == 2 ? m + pad : mode == 3 ? 2 : 1;
  p.brs = mode == 1 ? 1 : mode == 3 ? 3 * n : n + pad;
  p.bcs = mode == 1 ? k + pad : mode == 3 ? 3 : 1;
  p.ldc = n + pad;
  p.a = random_floats((m - 1) * p.rs + (k - 1) * p.cs + 1, r);
  bn = (k - 1) * p.brs + (n - 1) * p.bcs + 1;
  p.b = (unsigned char *)malloc(bn * 4);
  p.b_float = zeros(bn);
  for (i = 0; i < bn; i++) p.b_float[i] = put_typed(p.b, type, i, ldr_test_uniform(r));
  p.bias_v = random_floats(n, r);
  p.c0 = random_floats(m * p.ldc, r);
  p.c = zeros(m * p.ldc);
  return p;
}

static void product_free(product *p) { free(p->a); free(p->b); free(p->b_float); free(p->bias_v); free(p->c0); free(p->c); }

/* packed: b comes as panels that are there already. */
static void product_run(product *p, const ldr__exec *ex, float *c, size_t row, size_t rows, int packed) {
  ldr__mat b = ldr__mat_float(NULL, p->brs, p->bcs);
  float *panels = NULL;
  b.data = p->b;
  b.dtype = p->type;
  if (packed) {
    panels = zeros(ldr__round_up(p->n, (size_t)ex->kernels->nr) * p->k);
    ldr__pack_panels(ex->kernels, panels, b, p->k, p->n);
    b.panels[0] = panels;
    b = ldr__mat_transposed(ldr__mat_transposed(b));
  }
  ldr__gemm(ex, c, p->ldc, p->a + row * p->rs, p->rs, p->cs, b, ldr__finish_bias(p->bias ? p->bias_v : NULL), rows, p->n, p->k, p->accumulate);
  free(panels);
}

/* Largest error, relative to the sum of absolute products; columns behind n must stay as they were. */
static double product_error(const product *p) {
  double worst = 0;
  size_t i, j, q;
  for (i = 0; i < p->m; i++)
    for (j = 0; j < p->ldc; j++) {
      double want = p->accumulate ? (double)p->c0[i * p->ldc + j] : p->bias && j < p->n ? (double)p->bias_v[j] : 0, size = 1e-3 + fabs(want);
      if (j >= p->n) {
        if (p->c[i * p->ldc + j] != p->c0[i * p->ldc + j]) return 1e9;
        continue;
      }
      for (q = 0; q < p->k; q++) {
        double v = (double)p->a[i * p->rs + q * p->cs] * (double)p->b_float[q * p->brs + j * p->bcs];
        want += v;
        size += fabs(v);
      }
      worst = fmax(worst, fabs((double)p->c[i * p->ldc + j] - want) / size);
    }
  return worst;
}

static const size_t edges[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17, 19, 23, 27, 28, 29, 31, 32, 33, 37, 40 };
static const size_t depths[] = { 1, 2, 3, 5, 16, 31, 63, 64, 65, 127, LDR__KC - 1, LDR__KC, LDR__KC + 1, 2 * LDR__KC + 7 };
#define PICK(r, list) list[ldr_test_below(r, (uint32_t)(sizeof list / sizeof *list))]

TEST(products_of_every_layout_and_type) {
  static const ldr_dtype types[] = { LDR_F32, LDR_F16, LDR_BF16 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  ldr_test_rng r = { 11 };
  double worst = 0, between = 0;
  rig g[KERNEL_SETS];
  for (s = 0; s < count; s++) g[s] = rig_open(sets[s], 1, 40, 0, 0);
  for (i = 0; i < 1500; i++) {
    size_t m = PICK(&r, edges), n = PICK(&r, edges), k = PICK(&r, depths), at;
    product p = product_new(m, n, k, i % 4, types[i / 4 % 3], i / 12 % 2, i / 24 % 2, &r);
    float *first = zeros(m * p.ldc), *again = zeros(m * p.ldc);
    for (s = 0; s < count; s++) {
      memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &g[s].ex, p.c, 0, m, 0);
      worst = fmax(worst, product_error(&p));
      if (!s) memcpy(first, p.c, m * p.ldc * sizeof(float));
      for (at = 0; at < m * p.ldc; at++) between = fmax(between, fabs((double)(p.c[at] - first[at])) / (1 + sqrt((double)k)));
      memcpy(again, p.c, m * p.ldc * sizeof(float));
      memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &g[s].ex, p.c, 0, m, 1);
      CHECK(same_bits(again, p.c, m * p.ldc));
    }
    free(first);
    free(again);
    product_free(&p);
  }
  CHECK_NEAR(worst, 0, 5e-7);
  CHECK_NEAR(between, 0, 1e-6);
  for (s = 0; s < count; s++) rig_close(&g[s]);
}

TEST(products_do_not_depend_on_threads) {
  static const int32_t threads[] = { 1, 2, 3, 7 };
  static const size_t rows[] = { 1, 5, 13, 97, 200 }, columns[] = { 3, 33, 130, LDR__NB + 5 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, t, i;
  ldr_test_rng r = { 12 };
  for (s = 0; s < count; s++)
    for (i = 0; i < 24; i++) {
      size_t m = rows[i % 5], n = columns[i % 4], k = n > 1000 ? 9 : PICK(&r, depths);
      product p = product_new(m, n, k, i % 3, i % 2 ? LDR_F32 : LDR_BF16, 1, i % 5 == 4, &r);
      float *first = zeros(m * p.ldc);
      for (t = 0; t < 4; t++) {
        rig g = rig_open(sets[s], threads[t], n, 0, 0);
        memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
        product_run(&p, &g.ex, p.c, 0, m, 0);
        if (!t) memcpy(first, p.c, m * p.ldc * sizeof(float));
        CHECK(same_bits(first, p.c, m * p.ldc));
        rig_close(&g);
      }
      CHECK_NEAR(m * n * k < 3000000 ? product_error(&p) : 0, 0, 5e-7);
      free(first);
      product_free(&p);
    }
}

/* Where memory is what counts a matrix is read once, as it lies. Neither threads nor other rows change a bit. */
TEST(products_of_a_few_rows) {
  static const ldr_dtype types[] = { LDR_F32, LDR_F16, LDR_BF16 };
  static const size_t long_depths[] = { 1, 3, 16, 33, LDR__FEW_DEEP - 1, LDR__FEW_DEEP, LDR__FEW_DEEP + 1, 2 * LDR__FEW_DEEP + 70 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i, other = 0;
  ldr_test_rng r = { 14 };
  double worst = 0;
  for (s = 0; s < count; s++)
    for (i = 0; i < 96; i++) {
      size_t m = 1 + ldr_test_below(&r, LDR__FEW), n = i % 8 ? PICK(&r, edges) : 100, k = PICK(&r, long_depths), row, j;
      product p = product_new(m, n, k, 1, types[i % 3], i % 2, i % 5 == 4, &r);
      rig one = rig_open(sets[s], 1, n, 0, 0), three = rig_open(sets[s], 3, n, 0, 0);
      float *first = zeros(m * p.ldc), *f = zeros(m * p.ldc), *want = zeros(n);
      ldr__mat b = ldr__mat_float(NULL, 1, p.bcs);
      ldr__finish finish = ldr__finish_bias(p.bias ? p.bias_v : NULL);
      b.data = p.b;
      b.dtype = p.type;
      memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &one.ex, p.c, 0, m, 0);
      memcpy(first, p.c, m * p.ldc * sizeof(float));
      one.ex.few = three.ex.few = 1;
      memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &one.ex, p.c, 0, m, 0);
      worst = fmax(worst, product_error(&p));
      other += !same_bits(first, p.c, m * p.ldc);                  /* it is another way */
      memcpy(first, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &three.ex, first, 0, m, 0);
      CHECK(same_bits(first, p.c, m * p.ldc));
      for (row = 0; row < m; row++) {
        memcpy(first, p.c0 + row * p.ldc, p.ldc * sizeof(float));
        product_run(&p, &one.ex, first, row, 1, 0);
        CHECK(same_bits(first, p.c + row * p.ldc, p.ldc));
      }
      finish.f = f;
      finish.ldf = p.ldc;
      finish.activation = LDR_RELU;
      memcpy(first, p.c0, m * p.ldc * sizeof(float));
      ldr__gemm(&three.ex, first, p.ldc, p.a, p.rs, 1, b, finish, m, n, k, p.accumulate);
      CHECK(same_bits(first, p.c, m * p.ldc));
      for (row = 0; row < m; row++) {
        for (j = 0; j < n; j++) want[j] = p.c[row * p.ldc + j] > 0 ? p.c[row * p.ldc + j] : 0;
        CHECK(same_bits(want, f + row * p.ldc, n));
      }
      free(first);
      free(f);
      free(want);
      rig_close(&one);
      rig_close(&three);
      product_free(&p);
    }
  CHECK_NEAR(worst, 0, 5e-7);
  CHECK(other > 20);
}

TEST(a_row_of_a_product_does_not_depend_on_the_others) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  ldr_test_rng r = { 13 };
  for (s = 0; s < count; s++) {
    rig g = rig_open(sets[s], 1, 40, 0, 0);
    for (i = 0; i < 40; i++) {
      size_t m = 40, n = PICK(&r, edges), k = PICK(&r, depths), row;
      product p = product_new(m, n, k, i % 4, i % 2 ? LDR_F32 : LDR_F16, 1, i % 3 == 2, &r);
      float *one = zeros(p.ldc);
      memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
      product_run(&p, &g.ex, p.c, 0, m, 0);
      for (row = 0; row < m; row++) {
        memcpy(one, p.c0 + row * p.ldc, p.ldc * sizeof(float));
        product_run(&p, &g.ex, one, row, 1, 0);
        CHECK(same_bits(one, p.c + row * p.ldc, p.ldc));
      }
      free(one);
      product_free(&p);
    }
    rig_close(&g);
  }
}

TEST(an_empty_product_is_its_bias) {
  rig g = rig_open(&ldr__kernels_portable, 1, 8, 0, 0);
  float c[4] = { 9, 9, 9, 9 };
  const float bias[2] = { 3, 4 };
  ldr__gemm(&g.ex, c, 2, c, 1, 1, ldr__mat_float(c, 1, 1), ldr__finish_bias(bias), 2, 2, 0, 0);
  CHECK(c[0] == 3 && c[1] == 4 && c[2] == 3 && c[3] == 4);
  ldr__gemm(&g.ex, c, 2, c, 1, 1, ldr__mat_float(c, 1, 1), ldr__finish_bias(bias), 0, 2, 5, 0);
  CHECK(c[0] == 3);
  rig_close(&g);
}

TEST(int8_products_are_exact_sums) {
  static const size_t outs[] = { 1, 7, 16, 33, LDR__NB + 5 }, ins[] = { 1, 3, 32, 77, LDR__PACKED_KC, LDR__PACKED_KC + 2, 2 * LDR__PACKED_KC + 9 }, rows[] = { 1, 5, 14, 70 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  for (i = 0; i < 60; i++) {
    size_t out = outs[i % 5], in = ins[i % 7], m = rows[i % 4], n = m * (out + 3);
    float *first = zeros(n), *y = zeros(n);
    for (s = 0; s < count; s++) {
      CHECK_NEAR(int8_error(sets[s], m, out, in, i % 3 != 0, i % 2, 1, (uint64_t)i, first), 0, 4e-7);
      CHECK_NEAR(int8_error(sets[s], m, out, in, i % 3 != 0, i % 2, 3, (uint64_t)i, y), 0, 4e-7);
      CHECK(same_bits(first, y, n));
    }
    free(first);
    free(y);
  }
}

TEST(bf16_products_of_every_kernel_set) {
  static const size_t outs[] = { 1, 7, 16, 33, LDR__PACKED_NB + 5 }, ins[] = { 1, 3, 32, 77, LDR__PACKED_KC / 2 + 1, LDR__PACKED_KC + 2 }, rows[] = { 1, 5, 14, 31, 100 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  for (s = 0; s < count; s++)
    for (i = 0; i < 30; i++) {
      size_t out = outs[i % 5], in = ins[i % 6], m = rows[i / 6], n = m * (out + 3);
      float *first = zeros(n), *y = zeros(n);
      CHECK_NEAR(bf16_error(sets[s], m, out, in, i % 2, 1, (uint64_t)i, first), 0, 5e-7);
      CHECK_NEAR(bf16_error(sets[s], m, out, in, i % 2, 3, (uint64_t)i, y), 0, 5e-7);
      CHECK(same_bits(first, y, n));
      free(first);
      free(y);
    }
}

TEST(floats_become_the_nearest_bf16) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  for (s = 0; s < count; s++) {
    float x[40];
    uint16_t h[48];
    if (!sets[s]->to_bf16) continue;
    for (i = 0; i < 40; i++) x[i] = ldr__float_from_bits(0x3f800000u + (uint32_t)i * 0x4321u) * (i % 2 ? -1.0f : 1.0f);
    x[3] = (float)INFINITY;
    x[5] = (float)NAN;
    x[7] = 0;
    memset(h, 1, sizeof h);
    sets[s]->to_bf16(h, x, 37, 42);
    for (i = 0; i < 37; i++) {
      if (i == 5) CHECK((h[i] & 0x7fffu) > 0x7f80u);
      else CHECK_INT(h[i], ldr__float_to_bf16(x[i]));
    }
    for (; i < 42; i++) CHECK_INT(h[i], 0);
    CHECK_INT(h[42], 0x101);
  }
}

/* Whatever is not a number in a token's state must stay so. */
TEST(int8_rows_show_what_is_not_finite) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i;
  for (s = 0; s < count; s++)
    for (i = 0; i < 4; i++) {
      float x[40], scale, want = 36.0f / 127.0f;      /* stored, so that the compiler rounds it */
      unsigned char q[160];
      int k;
      for (k = 0; k < 40; k++) x[k] = (float)k;
      sets[s]->quantise(q, &scale, x, 37, 40, sets[s]->unit, sets[s]->excess);
      CHECK(scale == want);
      x[i * 12] = i % 2 ? (float)INFINITY : (float)NAN;
      sets[s]->quantise(q, &scale, x, 37, 40, sets[s]->unit, sets[s]->excess);
      CHECK(scale != scale);
      for (k = 0; k < 40; k++) x[k] = 0;
      sets[s]->quantise(q, &scale, x, 37, 40, sets[s]->unit, sets[s]->excess);
      CHECK(scale == 0);
    }
}

/* Every set rounds to the same bytes, in place too, and writes nothing beyond them. */
TEST(int8_rows_are_the_same_of_every_set) {
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s;
  for (s = 0; s < count; s++) {
    size_t unit = sets[s]->unit, n, i;
    for (n = 1; n < 80; n++) {
      float x[80], scale, same, want;
      unsigned char q[320], expected[320];
      size_t padded = ldr__round_up(n, unit), bytes = padded * (4 / unit);
      memset(q, 0xee, sizeof q);
      memset(expected, 0xee, sizeof expected);
      for (i = 0; i < 80; i++) x[i] = (float)(ldr__random_unit(7, i * 80 + n) - 0.5) * (i % 5 ? 1.0f : 3.0f);
      x[n / 2] = -2;
      if (n > 4) x[n - 1] = -2.0f / 127.0f * 2.5f;        /* half way: to the even one */
      for (i = n; i < 80; i++) x[i] = 1e9f;               /* not of this row           */
      ldr__quantise_body(expected, &want, x, n, padded, unit, sets[s]->excess);
      sets[s]->quantise(q, &scale, x, n, padded, unit, sets[s]->excess);
      CHECK(memcmp(q, expected, sizeof q) == 0);
      sets[s]->quantise(x, &same, x, n, padded, unit, sets[s]->excess);
      CHECK(memcmp(x, expected, bytes) == 0);
      CHECK(scale == want && same == want);
    }
  }
}

/* Asking for a set that the machine lacks gives the next lower one that it has, and the words are those of the sets. */
TEST(a_set_that_is_not_there_gives_the_next_lower) {
  const ldr__kernels *sets[KERNEL_SETS];
  const char *word, *lowest = "";
  int count = kernel_sets(sets), i, j, s, words = 0;
  ldr_simd set;
  for (i = 0; (word = ldr_simd_word(i, &set)) != NULL; i++, words++) {
    const char *want = NULL;
    lowest = word;
    CHECK(set > LDR_SIMD_AUTO && set < LDR_SIMD_COUNT);
    for (j = i; !want && ldr_simd_word(j, NULL); j++)
      for (s = 0; s < count; s++)
        if (strcmp(sets[s]->name, ldr_simd_word(j, NULL)) == 0) want = sets[s]->name;
    CHECK_STR(ldr_simd_name(set), want ? want : "");
  }
  CHECK(words >= count && !ldr_simd_word(-1, NULL) && !ldr_simd_word(words, &set));
  CHECK_STR(lowest, "portable");
  CHECK_STR(ldr_simd_name(LDR_SIMD_PORTABLE), "portable");
  CHECK_STR(ldr_simd_name(LDR__X86 ? LDR_SIMD_NEON : LDR_SIMD_AVX2), ldr_simd_name(LDR_SIMD_AUTO));
}

/* ---- operations: gradients against central differences of a double reference -------------------- */

/* A weighted sum of outputs makes a scalar of them; its weights are the incoming gradient. */
typedef struct norm_case { size_t rows, n; ldr_norm kind; const float *dy; } norm_case;

/* x is [x, g, b] end to end. */
static double norm_scalar(const double *x, void *context) {
  const norm_case *c = (const norm_case *)context;
  const double *g = x + c->rows * c->n, *b = g + c->n;
  double total = 0;
  size_t t, i;
  for (t = 0; t < c->rows; t++) {
    const double *row = x + t * c->n;
    double mean = 0, square = 0;
    for (i = 0; i < c->n; i++) mean += row[i] / (double)c->n;
    if (c->kind == LDR_NORM_RMS) mean = 0;
    for (i = 0; i < c->n; i++) square += (row[i] - mean) * (row[i] - mean) / (double)c->n;
    for (i = 0; i < c->n; i++) total += (double)c->dy[t * c->n + i] * ((row[i] - mean) / sqrt(square + (double)1e-5f) * g[i] + (c->kind == LDR_NORM_LAYER ? b[i] : 0));
  }
  return total;
}

TEST(norms_and_their_gradients) {
  static const size_t widths[] = { 1, 2, 7, 16, 33, 70, 96 };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), set;
  ldr_test_rng r = { 21 };
  size_t w, i;
  int kind;
  for (set = 0; set < count; set++)
    for (w = 1; w < sizeof widths / sizeof *widths; w++)
      for (kind = 0; kind < 2; kind++) {
        rig g = rig_open(sets[set], 1, 8, 0, 0);
        size_t n = widths[w], rows = 3, all = rows * n + 2 * n;
        float *x = random_floats(all, &r), *y = zeros(rows * n), *stats = zeros(2 * rows), *dy = random_floats(rows * n, &r), *dx = zeros(all), *more = zeros(rows * n);
        norm_case c = { rows, n, kind ? LDR_NORM_RMS : LDR_NORM_LAYER, dy };
        double got = 0, *at = (double *)malloc(all * sizeof(double));
        ldr__norm_forward(&g.ex, y, stats, x, x + rows * n, kind ? NULL : x + rows * n + n, rows, n, c.kind, 1e-5f);
        for (i = 0; i < rows * n; i++) got += (double)y[i] * (double)dy[i];
        for (i = 0; i < all; i++) at[i] = (double)x[i];
        CHECK_NEAR(got, norm_scalar(at, &c), 1e-4);
        ldr__norm_backward(&g.ex, dx, 0, dx + rows * n, kind ? NULL : dx + rows * n + n, dy, x, stats, x + rows * n, rows, n, c.kind);
        check_slopes(norm_scalar, &c, x, dx, all, n > 2 ? 2e-5 : 1e-3);
        for (i = 0; i < rows * n; i++) more[i] = 2;
        ldr__norm_backward(&g.ex, more, 1, NULL, NULL, dy, x, stats, x + rows * n, rows, n, c.kind);
        for (i = 0; i < rows * n; i++) CHECK_NEAR(more[i], 2 + (double)dx[i], 1e-6 * (2 + fabs((double)dx[i])));
        free(x); free(y); free(stats); free(dy); free(dx); free(more); free(at);
        rig_close(&g);
      }
}

typedef struct linear_case { size_t rows, out, in; const float *dy; } linear_case;

/* [x, w, b] */
static double linear_scalar(const double *x, void *context) {
  const linear_case *c = (const linear_case *)context;
  const double *w = x + c->rows * c->in, *b = w + c->out * c->in;
  double total = 0;
  size_t t, o, i;
  for (t = 0; t < c->rows; t++)
    for (o = 0; o < c->out; o++) {
      double v = b[o];
      for (i = 0; i < c->in; i++) v += x[t * c->in + i] * w[o * c->in + i];
      total += v * (double)c->dy[t * c->out + o];
    }
  return total;
}

TEST(linear_maps_and_their_gradients) {
  rig g = rig_open(ldr__kernels_pick(LDR_SIMD_AUTO), 1, 64, 0, 0);
  ldr_test_rng r = { 22 };
  int round;
  for (round = 0; round < 12; round++) {
    size_t rows = 1 + ldr_test_below(&r, 9), out = 1 + ldr_test_below(&r, 19), in = 1 + ldr_test_below(&r, 19), all = rows * in + out * in + out, i;
    float *x = random_floats(all, &r), *dx = zeros(all), *y = zeros(rows * out), *dy = random_floats(rows * out, &r), *w = x + rows * in;
    linear_case c = { rows, out, in, dy };
    double got = 0, *at = (double *)malloc(all * sizeof(double));
    ldr__linear_forward(&g.ex, y, out, x, in, ldr__mat_float(w, in, 1), w + out * in, rows, out, in);
    for (i = 0; i < rows * out; i++) got += (double)y[i] * (double)dy[i];
    for (i = 0; i < all; i++) at[i] = (double)x[i];
    CHECK_NEAR(got, linear_scalar(at, &c), 1e-4);
    ldr__linear_backward(&g.ex, dx, in, 0, dx + rows * in, dx + rows * in + out * in, dy, out, x, in, ldr__mat_float(w, in, 1), rows, out, in);
    check_slopes(linear_scalar, &c, x, dx, all, 1e-5);
    free(x); free(dx); free(y); free(dy); free(at);
  }
  rig_close(&g);
}

TEST(rotary_positions_turn_and_turn_back) {
  enum { ROWS = 70, HEADS = 3, N = 6, LD = 23 };
  rig g = rig_open(&ldr__kernels_portable, 1, 8, 0, 0);
  ldr_test_rng r = { 23 };
  float *x = random_floats(ROWS * LD, &r), *y = zeros(ROWS * LD), frequency[N / 2];
  int32_t position[ROWS], t, h, i;
  for (i = 0; i < N / 2; i++) frequency[i] = (float)pow(10000.0, -2.0 * i / (int)N);
  for (t = 0; t < ROWS; t++) position[t] = t * 7 % 50;
  memcpy(y, x, ROWS * LD * sizeof(float));
  ldr__rotary(&g.ex, y, LD, position, ROWS, HEADS, N, N, 0, frequency, 1, 1);
  for (t = 0; t < ROWS; t++)
    for (h = 0; h < HEADS; h++)
      for (i = 0; i < N / 2; i++) {
        double a = (double)position[t] * (double)frequency[i], u = (double)x[t * LD + h * N + i], v = (double)x[t * LD + h * N + i + N / 2];
        CHECK_NEAR(y[t * LD + h * N + i], u * cos(a) - v * sin(a), 1e-5);
        CHECK_NEAR(y[t * LD + h * N + i + N / 2], v * cos(a) + u * sin(a), 1e-5);
      }
  for (t = 0; t < ROWS; t++)
    for (i = HEADS * N; i < LD; i++) CHECK(y[t * LD + i] == x[t * LD + i]);
  ldr__rotary(&g.ex, y, LD, position, ROWS, HEADS, N, N, 0, frequency, 1, -1);      /* a rotation's gradient is its inverse */
  for (t = 0; t < ROWS * LD; t++) CHECK_NEAR(y[t], x[t], 1e-6);
  free(x);
  free(y);
  rig_close(&g);
}

/* Naive attention in double over [T, ld] of q, k, v; the dropout mask is asked of the library, entry by entry. */
static double attention_scalar_of(const double *x, const ldr__attention *a, const float *dy, double *out) {
  size_t d = (size_t)a->head_dim, inner = (size_t)a->heads * d;
  double total = 0;
  int32_t s, h;
  for (s = 0; s < a->sequences; s++)
    for (h = 0; h < a->heads; h++) {
      size_t first = (size_t)a->offsets[s], n = (size_t)a->offsets[s + 1] - first, i, j, c;
      size_t qc = (size_t)h * d, kc = inner + (size_t)(h / (a->heads / a->kv_heads)) * d, vc = kc + (size_t)a->kv_heads * d;
      double *p = (double *)malloc(n * sizeof(double));
      for (i = 0; i < n; i++) {
        size_t keys = a->causal ? i + 1 : n;
        double sum = 0, top = -1e300;
        for (j = 0; j < keys; j++) {
          for (p[j] = 0, c = 0; c < d; c++) p[j] += (double)a->scale * x[(first + i) * a->ld + qc + c] * x[(first + j) * a->ld + kc + c];
          top = fmax(top, p[j]);
        }
        for (j = 0; j < keys; j++) sum += p[j] = exp(p[j] - top);
        for (j = 0; j < keys; j++) {
          p[j] /= sum;
          if (a->drop && a->drop->p > 0)
            p[j] *= (double)ldr__mask_factor(ldr__dropout_row(a->drop, first + i, (uint64_t)h + 1), (uint32_t)j, (uint32_t)((double)a->drop->p * 4294967296.0), 1 / (1 - a->drop->p));
        }
        for (c = 0; c < d; c++) {
          double o = 0;
          for (j = 0; j < keys; j++) o += p[j] * x[(first + j) * a->ld + vc + c];
          if (out) out[(first + i) * inner + qc + c] = o;
          total += o * (double)dy[(first + i) * inner + qc + c];
        }
      }
      free(p);
    }
  return total;
}

typedef struct attention_case { const ldr__attention *a; const float *dy, *x, *direction; size_t n; } attention_case;

static double attention_scalar(const double *x, void *context) {
  const attention_case *c = (const attention_case *)context;
  return attention_scalar_of(x, c->a, c->dy, NULL);
}

/* One number: how far to go along a direction, for sequences too long to visit every entry. */
static double attention_along(const double *step, void *context) {
  const attention_case *c = (const attention_case *)context;
  double *x = (double *)malloc(c->n * sizeof(double)), v;
  size_t i;
  for (i = 0; i < c->n; i++) x[i] = (double)c->x[i] + step[0] * (double)c->direction[i];
  v = attention_scalar_of(x, c->a, c->dy, NULL);
  free(x);
  return v;
}

static void check_attention(const ldr__kernels *k, int32_t heads, int32_t kv_heads, int32_t d, int causal, float p, const int32_t *offsets, int32_t sequences, int every) {
  size_t tokens = (size_t)offsets[sequences], inner = (size_t)(heads * d), ld = inner + (size_t)(2 * kv_heads * d), n = tokens * ld, i, longest = 0;
  ldr_test_rng r = { 24 };
  float *x = random_floats(n, &r), *dx = random_floats(n, &r), *out = zeros(tokens * inner), *dy = random_floats(tokens * inner, &r), *lse = zeros(tokens * (size_t)heads), *direction = random_floats(n, &r);
  double *at = (double *)malloc(n * sizeof(double)), *want = (double *)malloc(tokens * inner * sizeof(double)), worst = 0;
  uint64_t *rows = (uint64_t *)malloc(tokens * sizeof(uint64_t));
  ldr__dropout drop;
  ldr__attention a;
  attention_case c;
  rig g;
  for (i = 0; i < (size_t)sequences; i++) longest = LDR__MAX(longest, (size_t)(offsets[i + 1] - offsets[i]));
  g = rig_open(k, 2, 64, longest, (size_t)d);
  for (i = 0; i < tokens; i++) rows[i] = 1000 + 7 * i;
  for (i = 0; i < n; i++) x[i] *= 2, at[i] = (double)x[i];
  drop.p = p;
  drop.key = 77;
  drop.rows = rows;
  memset(&a, 0, sizeof a);
  a.heads = heads;
  a.kv_heads = kv_heads;
  a.head_dim = d;
  a.causal = causal;
  a.scale = 0.5f;
  a.sequences = sequences;
  a.offsets = offsets;
  a.ld = ld;
  a.drop = p > 0 ? &drop : NULL;
  c.a = &a;
  c.dy = dy;
  c.x = x;
  c.direction = direction;
  c.n = n;
  ldr__attention_forward(&g.ex, out, lse, x, &a);
  attention_scalar_of(at, &a, dy, want);
  for (i = 0; i < tokens * inner; i++) worst = fmax(worst, fabs((double)out[i] - want[i]));
  CHECK_NEAR(worst, 0, 8e-6);
  ldr__attention_backward(&g.ex, dx, dy, out, lse, x, &a);
  if (every) check_slopes(attention_scalar, &c, x, dx, n, 2e-5);
  else {
    const float zero = 0;
    float slope;
    double sum = 0;
    for (i = 0; i < n; i++) sum += (double)dx[i] * (double)direction[i];
    slope = (float)sum;
    check_slopes(attention_along, &c, &zero, &slope, 1, 1e-4);
  }
  free(x); free(dx); free(out); free(dy); free(lse); free(direction); free(at); free(want); free(rows);
  rig_close(&g);
}

TEST(attention_and_its_gradients) {
  static const int32_t small[] = { 0, 5, 6, 13 }, large[] = { 0, 50, 147, 148, 180 };
  static const int32_t shapes[][3] = { { 2, 2, 4 }, { 4, 2, 2 }, { 3, 1, 5 }, { 1, 1, 1 } };
  const ldr__kernels *sets[KERNEL_SETS];
  int count = kernel_sets(sets), s, i, causal, drop;
  for (s = 0; s < count; s++)
    for (causal = 0; causal < 2; causal++)
      for (drop = 0; drop < 2; drop++)
        for (i = 0; i < 4; i++) {
          if (s == 0) check_attention(sets[s], shapes[i][0], shapes[i][1], shapes[i][2], causal, drop ? 0.3f : 0, small, 3, 1);
          check_attention(sets[s], shapes[i][0], shapes[i][1], shapes[i][2] * 7, causal, drop ? 0.3f : 0, large, 4, 0);
        }
}

TEST(dropout_has_its_rate_and_one_mask) {
  enum { ROWS = 300, N = 500 };
  static const float rates[] = { 0.05f, 0.1f, 0.5f, 0.9f };
  rig g = rig_open(&ldr__kernels_portable, 1, 8, 0, 0), g3 = rig_open(&ldr__kernels_portable, 3, 8, 0, 0);
  float *r = zeros(ROWS * N), *zero = zeros(ROWS * N), *ones = zeros(ROWS * N), *back = zeros(ROWS * N);
  uint64_t *rows = (uint64_t *)malloc(ROWS * sizeof(uint64_t));
  ldr__dropout drop, half;
  size_t i, k;
  for (i = 0; i < ROWS; i++) rows[i] = ldr__mix64(i / 10) + i % 10;
  for (i = 0; i < ROWS * N; i++) ones[i] = 1;
  for (k = 0; k < 4; k++) {
    double p = (double)rates[k], gone = 0, n = (double)ROWS * (double)N, column[N];
    drop.p = rates[k];
    drop.key = 5 + k;
    drop.rows = rows;
    memset(column, 0, sizeof column);
    memcpy(r, ones, ROWS * N * sizeof(float));
    ldr__residual_norm_forward(&g.ex, NULL, r, zero, NULL, NULL, NULL, ROWS, N, LDR_NORM_LAYER, 0, &drop);
    for (i = 0; i < ROWS * N; i++) {
      CHECK(r[i] == 0 || fabs((double)r[i] - 1 / (1 - (double)rates[k])) < 1e-6);
      gone += r[i] == 0;
      column[i % N] += r[i] == 0;
    }
    CHECK_NEAR(gone / n, p, 4 * sqrt(p * (1 - p) / n));
    for (i = 0; i < N; i++) CHECK_NEAR(column[i] / (double)ROWS, p, 5.5 * sqrt(p * (1 - p) / (double)ROWS));     /* no column is favoured */
    ldr__dropout_backward(&g3.ex, back, ones, ROWS, N, &drop);
    CHECK(same_bits(back, r, ROWS * N));
    half = drop;                               /* the second part of the batch alone */
    half.rows = rows + 130;
    ldr__dropout_backward(&g.ex, back, ones, ROWS - 130, N, &half);
    CHECK(same_bits(back, r + 130 * N, (ROWS - 130) * N));
    half = drop;
    half.key++;
    ldr__dropout_backward(&g.ex, back, ones, ROWS, N, &half);
    for (gone = 0, i = 0; i < ROWS * N; i++) gone += (back[i] == 0) != (r[i] == 0);
    CHECK_NEAR(gone / n, 2 * p * (1 - p), 0.01);                                                  /* another step, an independent mask */
  }
  drop.p = 0;
  ldr__dropout_backward(&g.ex, back, ones, ROWS, N, &drop);
  CHECK(same_bits(back, ones, ROWS * N));
  ldr__dropout_backward(&g.ex, back, ones, ROWS, N, NULL);
  CHECK(same_bits(back, ones, ROWS * N));
  free(r); free(zero); free(ones); free(back); free(rows);
  rig_close(&g);
  rig_close(&g3);
}

TEST(a_batch_in_parts_has_the_same_masks) {
  tiny_spec s = tiny_default("bert");
  ldr_error err;
  tiny_model m;
  ldr_dataset *set;
  ldr_ladder_desc d;
  static const int32_t batch[] = { 3, 1, 4, 0, 5, 2, 6 };
  double loss[3];
  float *grads[3];
  int32_t parts[] = { 1, 3, 7 }, k, p, i;
  memset(&err, 0, sizeof err);
  memset(&d, 0, sizeof d);
  m = tiny_open(s, &err);
  set = tiny_dataset(&s, LDR_HEAD_CLASSIFY, 3, 7, 4);
  d.classes = 3;
  d.reduction = 2;
  d.dropout = 0.4f;
  for (k = 0; k < 3; k++) {
    ldr_ladder *l = ldr_ladder_create(m.m, &d, &err);
    ldr_train_desc td;
    ldr_trainer *t;
    float *to = grads[k] = zeros(20000);
    memset(&td, 0, sizeof td);
    td.batch = 7;
    td.accumulate = parts[k];
    t = ldr_trainer_create(l, set, NULL, &td, &err);
    CHECK_INT(ldr_trainer_gradients(t, &loss[k], batch, 7, &err), LDR_OK);
    for (p = 0; p < ldr_ladder_params(l); p++) {
      ldr_param q = ldr_ladder_param(l, p);
      for (i = 0; i < q.rows * q.columns; i++) *to++ = q.grad[i];
    }
    ldr_trainer_free(t);
    ldr_ladder_free(l);
    CHECK_NEAR(loss[k], loss[0], 1e-6);
    for (i = 0; i < 20000; i++) CHECK_NEAR(grads[k][i], grads[0][i], 1e-5 * (1 + fabs((double)grads[0][i])));
  }
  for (k = 0; k < 3; k++) free(grads[k]);
  CHECK_STR(err.message, "");
  ldr_dataset_free(set);
  tiny_close(&m);
}

/* The mix of state and down-projection through the functions a pass uses, every gate. */
typedef struct mix_case { size_t rows, w; ldr_gate gate; float temperature, fixed; const float *dy; } mix_case;

/* [state, m, g] */
static double mix_scalar(const double *x, void *context) {
  const mix_case *c = (const mix_case *)context;
  const double *m = x + c->rows * c->w, *g = m + c->rows * c->w;
  double total = 0;
  size_t t, i;
  for (t = 0; t < c->rows; t++)
    for (i = 0; i < c->w; i++) {
      double a = c->gate == LDR_GATE_FIXED || c->gate == LDR_GATE_NONE ? (double)c->fixed : 1 / (1 + exp(-g[c->gate == LDR_GATE_SCALAR ? 0 : i] / (double)c->temperature)), u = x[t * c->w + i], v = m[t * c->w + i];
      total += (double)c->dy[t * c->w + i] * (c->gate == LDR_GATE_NONE ? u + v : a * u + (1 - a) * v);
    }
  return total;
}

TEST(mixes_and_their_gradients) {
  enum { ROWS = 5 };
  tiny_spec spec = tiny_default("bert");
  ldr_error err;
  ldr_test_rng r = { 31 };
  tiny_model m;
  int gate;
  memset(&err, 0, sizeof err);
  m = tiny_open(spec, &err);
  for (gate = LDR_GATE_SCALAR; gate <= LDR_GATE_FIXED; gate++) {
    ldr_ladder_desc d;
    ldr_ladder *l;
    ldr__pass s;
    ldr__part part;
    ldr__sums sums;
    mix_case c;
    rig g = rig_open(&ldr__kernels_portable, 1, 8, 0, 0);
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    d.classes = 2;
    d.reduction = 2;
    d.gate = (ldr_gate)gate;
    d.gate_temperature = 0.3f;
    d.gate_fixed = 0.7f;
    d.init = LDR_INIT_RANDOM;
    l = ldr_ladder_create(m.m, &d, &err);
    CHECK_STR(err.message, "");
    if (l) {
      size_t w = (size_t)l->d.width, n = ROWS * w, gates = gate == LDR_GATE_SCALAR ? 1 : gate == LDR_GATE_CHANNEL ? w : 0, all = 2 * n + gates, i;
      float *x = random_floats(all, &r), *dx = zeros(all), *out = zeros(n), *dy = random_floats(n, &r), *own = zeros(l->size);
      double got = 0, *at = (double *)malloc(all * sizeof(double));
      s.l = l;
      s.ex = g.ex;
      s.t.count = ROWS;
      s.gate = zeros(w);
      s.gate_sums = zeros(w);
      l->grads = own;
      if (gates) memcpy(l->values + l->params[l->rungs[1].gate].offset, x + 2 * n, gates * sizeof(float));
      c.rows = ROWS;
      c.w = w;
      c.gate = d.gate;
      c.temperature = d.gate_temperature;
      c.fixed = d.gate_fixed;
      c.dy = dy;
      memset(&part, 0, sizeof part);
      part.ex = g.ex;
      part.rows = ROWS;
      ldr__gate_fill(l, s.gate, 1);
      ldr__mix_forward(&s, &part, out, x, x + n);
      for (i = 0; i < n; i++) got += (double)out[i] * (double)dy[i];
      for (i = 0; i < all; i++) at[i] = (double)x[i];
      CHECK_NEAR(got, mix_scalar(at, &c), 1e-5);
      ldr__mix_backward(&s, &part, dx + n, dx, dy);
      ldr__sums_begin(&sums, &s.ex);
      ldr__mix_gradients(&s, &sums, dy, x, x + n, 1);
      ldr__sums_make(&sums);
      ldr__mix_gradients_end(&s, 1);
      if (gates) memcpy(dx + 2 * n, own + l->params[l->rungs[1].gate].offset, gates * sizeof(float));
      check_slopes(mix_scalar, &c, x, dx, all, 2e-5);
      l->grads = NULL;
      free(x); free(dx); free(out); free(dy); free(own); free(at); free(s.gate); free(s.gate_sums);
    }
    ldr_ladder_free(l);
    rig_close(&g);
  }
  tiny_close(&m);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

#define DEEP8 "[[[[[[[["
#define DEEP64 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8
#define FLAT8 "]]]]]]]]"
#define FLAT64 FLAT8 FLAT8 FLAT8 FLAT8 FLAT8 FLAT8 FLAT8 FLAT8

TEST(bad_json_is_refused_at_its_place) {
  static const struct { const char *text; ldr_status status; int offset; } bad[] = {
    { "", LDR_JSON, 0 }, { "  ", LDR_JSON, 2 }, { "nul", LDR_JSON, 0 }, { "True", LDR_JSON, 0 }, { "[1,]", LDR_JSON, 3 }, { "[,1]", LDR_JSON, 1 }, { "[1 2]", LDR_JSON, 3 }, { "[1", LDR_JSON, 2 },
    { "]", LDR_JSON, 0 }, { "{\"a\":1,}", LDR_JSON, 7 }, { "{\"a\" 1}", LDR_JSON, 5 }, { "{\"a\":}", LDR_JSON, 5 }, { "{a:1}", LDR_JSON, 1 }, { "{1:1}", LDR_JSON, 1 }, { "{\"a\":1", LDR_JSON, 6 },
    { "{\"a\"", LDR_JSON, 4 }, { "{", LDR_JSON, 1 }, { "{\"a\":1]", LDR_JSON, 6 }, { "[1}", LDR_JSON, 2 }, { "01", LDR_JSON, 1 }, { "-", LDR_JSON, 0 }, { "+1", LDR_JSON, 0 }, { "1.", LDR_JSON, 0 },
    { ".5", LDR_JSON, 0 }, { "1e", LDR_JSON, 0 }, { "1e+", LDR_JSON, 0 }, { "NaN", LDR_JSON, 0 }, { "Infinity", LDR_JSON, 0 }, { "0x10", LDR_JSON, 1 }, { "\"abc", LDR_JSON, 4 },
    { "\"a\nb\"", LDR_JSON, 2 }, { "\"a\\x\"", LDR_JSON, 2 }, { "\"\\u12g4\"", LDR_JSON, 1 }, { "\"\\ud800\"", LDR_JSON, 1 }, { "\"\\udc00\"", LDR_JSON, 1 }, { "\"\\ud800\\u0041\"", LDR_JSON, 1 },
    { "\"\\", LDR_JSON, 1 }, { "\"\xff\"", LDR_JSON, 1 }, { "\"ab\xc0\xaf\"", LDR_JSON, 3 }, { "\"\xe4\xbd\"", LDR_JSON, 1 }, { "\"\xed\xa0\x80\"", LDR_JSON, 1 }, { "\"\xf4\x90\x80\x80\"", LDR_JSON, 1 },
    { "1 2", LDR_JSON, 2 }, { "{} x", LDR_JSON, 3 }, { "'a'", LDR_JSON, 0 }, { "[1]//", LDR_JSON, 3 }, { "\xef\xbb\xbf{}", LDR_JSON, 0 }, { "[1\v]", LDR_JSON, 2 }, { "{\"a\":[{\"b\":[1,2,}]}", LDR_JSON, 16 },
    { DEEP64 "[", LDR_LIMIT, 64 }, { DEEP64 "{", LDR_LIMIT, 64 } };
  size_t i;
  ldr_error err;
  ldr_json *j;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t n = strlen(bad[i].text);
    char *exact = (char *)malloc(n ? n : 1);       /* no NUL behind it: an overrun is seen by a sanitizer */
    memcpy(exact, bad[i].text, n);
    memset(&err, 0, sizeof err);
    j = ldr_json_parse(exact, n, NULL, &err);
    CHECK(j == NULL && err.message[0] != 0);
    CHECK_INT(err.status, bad[i].status);
    if (err.offset != (uint64_t)bad[i].offset) printf("  %s\n", bad[i].text);
    CHECK_INT(err.offset, bad[i].offset);
    ldr_json_free(j);
    CHECK(ldr_json_parse(exact, n, NULL, NULL) == NULL);
    free(exact);
  }
  memset(&err, 0, sizeof err);
  j = ldr_json_parse(DEEP64 FLAT64, 128, NULL, &err);
  CHECK(j != NULL);
  ldr_json_free(j);
}

TEST(the_public_json_suite) {
#if defined(__unix__) || defined(__APPLE__)
  char folder[1024];
  DIR *list;
  struct dirent *entry;
  int files = 0;
  NEED_DATA(folder, "conformance/JSONTestSuite/LICENSE");
  strcpy(folder + strlen(folder) - strlen("LICENSE"), "test_parsing");
  list = opendir(folder);
  CHECK(list != NULL);
  while (list && (entry = readdir(list)) != NULL) {
    const char *name = entry->d_name;
    char path[2048];
    size_t size;
    char *text, *exact;
    ldr_json *j;
    ldr_error err;
    if (name[0] == '.') continue;
    sprintf(path, "%.1000s/%.1000s", folder, name);
    text = ldr_test_read(path, &size);
    CHECK(text != NULL);
    if (!text) continue;
    exact = (char *)malloc(size ? size : 1);
    memcpy(exact, text, size);
    memset(&err, 0, sizeof err);
    j = ldr_json_parse(exact, size, NULL, &err);
    if ((name[0] == 'y' && !j) || (name[0] == 'n' && j)) printf("  %s: %s\n", name, err.message);
    if (name[0] == 'y') CHECK(j != NULL);
    if (name[0] == 'n') CHECK(j == NULL && (err.status == LDR_JSON || err.status == LDR_LIMIT));
    files++;
    ldr_json_free(j);
    free(exact);
    free(text);
  }
  if (list) closedir(list);
  CHECK(files > 300);
#else
  SKIP("no dirent.h to list the folder with");
#endif
}

TEST(numbers_are_read_without_the_locale) {
  static const struct { const char *text; double value; } good[] = {
    { "0", 0 }, { "-0", 0 }, { "1", 1 }, { "-17", -17 }, { "3.25", 3.25 }, { "1e3", 1000 }, { "1E+3", 1000 }, { "25e-2", 0.25 }, { "0.1", 0.1 }, { "1e-12", 1e-12 }, { "123456789012345678", 123456789012345678.0 },
    { "1234567890123456789012", 1234567890123456789012.0 }, { "0.000000000000000000000000000001", 1e-30 }, { "0.00000000000000000000000000000123456789", 1.23456789e-30 }, { "1.7976931348623157e308", 1.7976931348623157e308 },
    { "2.2250738585072014e-308", 2.2250738585072014e-308 }, { "5e-324", 5e-324 }, { "1e-400", 0 }, { "100000000000000000000000000000000000000000e-41", 1 }, { "9007199254740993", 9007199254740993.0 } };
  size_t i;
  ldr_json *j;
  for (i = 0; i < sizeof good / sizeof *good; i++) {
    j = ldr_json_parse(good[i].text, strlen(good[i].text), NULL, NULL);
    CHECK(j != NULL);
#ifdef _WIN32                  /* whose pow may be a unit too large in the last place: behind the largest number there is nothing */
    if (good[i].value > 1e308 && ldr_json_number(j, 0, 99) > DBL_MAX) continue;
#endif
    CHECK_NEAR(ldr_json_number(j, 0, 99), good[i].value, fabs(good[i].value) * 1e-15 + 5e-324);
    ldr_json_free(j);
  }
  j = ldr_json_parse("[1e999,-1e999,1e-999999999999,\"5\"]", 34, NULL, NULL);
  CHECK(j != NULL);
  CHECK(ldr_json_number(j, 1, 0) > DBL_MAX);
  CHECK(ldr_json_number(j, 2, 0) < -DBL_MAX);
  CHECK(ldr_json_number(j, 3, 1) == 0);
  CHECK(ldr_json_number(j, 4, 7) == 7);              /* a string is no number */
  CHECK(ldr_json_number(j, 99, 8) == 8);
  CHECK(ldr_json_number(j, -1, 9) == 9);
  ldr_json_free(j);
}

TEST(trees_keys_and_escapes) {
  static const char text[] = " {\"a\":[1,{\"x\":[]},[[]],\"s\"], \"b\\u0041\":{\"k\":{}}, \"t\":\"q\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xe4\xb8\xad\", \"a\":2, \"z\\u0000\":3} ";
  ldr_json *j = ldr_json_parse(text, sizeof text - 1, NULL, NULL);
  const ldr_json_node *root = ldr_json_node_at(j, 0), *n;
  char dst[64];
  int32_t k, first;
  CHECK(j != NULL);
  if (!j) return;
  CHECK_INT(root->type, LDR_JSON_OBJECT);
  CHECK_INT(root->count, 5);
  CHECK_INT(root->next, -1);
  CHECK_INT(root->begin, 1);
  CHECK_INT(root->end, sizeof text - 2);
  CHECK(ldr_json_number(j, ldr_json_get(j, 0, "a"), 0) == 2);        /* the last of two counts */
  first = ldr_json_node_at(j, root->first)->next;
  n = ldr_json_node_at(j, first);
  CHECK_INT(n->type, LDR_JSON_ARRAY);
  CHECK_INT(n->count, 4);
  for (k = n->first, first = 0; k >= 0; k = ldr_json_node_at(j, k)->next) first++;
  CHECK_INT(first, 4);
  CHECK_INT(ldr_json_node_at(j, ldr_json_get(j, ldr_json_get(j, 0, "bA"), "k"))->type, LDR_JSON_OBJECT);
  CHECK_INT(ldr_json_get(j, 0, "none"), -1);
  CHECK_INT(ldr_json_get(j, 0, "z"), -1);            /* the key goes on after its NUL */
  CHECK_INT(ldr_json_get(j, ldr_json_get(j, 0, "a"), "x"), -1);
  CHECK_INT(ldr_json_get(NULL, 0, "a"), -1);
  k = ldr_json_get(j, 0, "t");
  CHECK_INT(ldr_json_string(dst, sizeof dst, j, k), 18);
  CHECK_STR(dst, "q\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe4\xb8\xad");
  CHECK_INT(ldr_json_string(dst, 4, j, k), 18);
  CHECK_STR(dst, "q\"\\");
  CHECK_INT(ldr_json_string(NULL, 0, j, k), 18);
  CHECK_INT(ldr_json_string(dst, sizeof dst, j, 0), -1);
  CHECK_STR(dst, "");
  CHECK_INT(ldr_json_string(dst, sizeof dst, j, 1000), -1);
  CHECK(ldr_json_equals(j, k, "q\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe4\xb8\xad"));
  CHECK(!ldr_json_equals(j, k, "q\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe4\xb8"));
  CHECK(!ldr_json_equals(j, k, NULL) && ldr_json_get(j, 0, NULL) == -1);
  CHECK(!ldr_json_equals(j, k, "q") && !ldr_json_equals(j, 0, "") && !ldr_json_equals(j, -1, ""));
  CHECK(ldr_json_node_at(j, -1) == NULL && ldr_json_node_at(j, 10000) == NULL && ldr_json_node_at(NULL, 0) == NULL);
  ldr_json_free(j);
  ldr_json_free(NULL);
}

TEST(values_one_after_another) {
  static const char text[] = "{\"a\":1}\n[2] 3\"x\"  null true{}";
  static const int32_t types[] = { LDR_JSON_OBJECT, LDR_JSON_ARRAY, LDR_JSON_NUMBER, LDR_JSON_STRING, LDR_JSON_NULL, LDR_JSON_TRUE, LDR_JSON_OBJECT };
  size_t at = 0, used, k;
  ldr_error err;
  memset(&err, 0, sizeof err);
  for (k = 0; at < sizeof text - 1 && k < 7; k++) {
    ldr_json *j = ldr_json_parse_next(text + at, sizeof text - 1 - at, &used, NULL, &err);
    CHECK(j != NULL);
    if (!j) break;
    CHECK_INT(ldr_json_node_at(j, 0)->type, types[k]);
    CHECK(used > 0);
    at += used;
    ldr_json_free(j);
  }
  CHECK_INT(k, 7);
  CHECK_INT(at, sizeof text - 1);
  CHECK(ldr_json_parse_next("", 0, &used, NULL, &err) == NULL);
  memset(&err, 0, sizeof err);
  CHECK(ldr_json_parse_next(NULL, 0, &used, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_ARGUMENT);
  memset(&err, 0, sizeof err);
  CHECK(ldr_json_parse_next("1", 1, NULL, NULL, &err) == NULL);
  CHECK_INT(err.status, LDR_ARGUMENT);
}

TEST(json_survives_every_byte_and_every_failed_allocation) {
  static const char text[] = "{\"key\":[1,-2.5e3,\"\\u00e9\\ud83d\\ude00\xe4\xb8\xad\",{\"n\":null,\"t\":true}],\"f\":false}";
  ldr_test_rng r = { 6 };
  size_t n = sizeof text - 1, i;
  char *exact = (char *)malloc(n);
  long at;
  int b;
  for (i = 0; i <= n; i++) {
    char *cut = (char *)malloc(i ? i : 1);
    ldr_json *j;
    memcpy(cut, text, i);
    j = ldr_json_parse(cut, i, NULL, NULL);
    CHECK((j != NULL) == (i == n));
    ldr_json_free(j);
    free(cut);
  }
  memcpy(exact, text, n);
  for (i = 0; i < n; i++)
    for (b = 0; b < 256; b++) {
      exact[i] = (char)b;
      ldr_json_free(ldr_json_parse(exact, n, NULL, NULL));
      exact[i] = text[i];
    }
  for (i = 0; i < 20000; i++) {
    size_t p = ldr_test_below(&r, (uint32_t)n), q = ldr_test_below(&r, (uint32_t)n);
    exact[p] = text[q];
    if (i % 8 == 0) memcpy(exact, text, n);
    ldr_json_free(ldr_json_parse(exact, n, NULL, NULL));
  }
  for (at = 1; at < 5; at++) {
    ldr_test_heap h;
    ldr_allocator a = ldr_test_alloc(&h, at);
    ldr_error err;
    ldr_json *j;
    memset(&err, 0, sizeof err);
    j = ldr_json_parse(text, n, &a, &err);
    CHECK(j ? err.status == LDR_OK : err.status == LDR_MEMORY);
    ldr_json_free(j);
    CHECK_INT(h.live, 0);
    CHECK_INT(h.bad, 0);
  }
  free(exact);
}

#define TESTS(X) X(statuses_have_names_and_texts) X(the_first_error_wins) X(a_message_keeps_its_first_error_when_a_file_fails_later) X(long_messages_are_cut_not_overrun) X(random_numbers_are_the_published_ones) \
  X(exponential_and_its_kin) X(extreme_arguments) X(slopes_stay_finite_for_every_finite_argument) X(columns_become_rows_in_every_kernel_set) X(bf16_products_are_chosen_where_they_are_fast) X(activations_of_every_kernel_set) X(extreme_arguments_in_every_kernel_set) X(softmax_of_every_kernel_set) X(rows_of_exponentials_and_moments_agree_between_kernel_sets) \
  X(every_half_is_exact) X(bfloat16_rounds_to_nearest_even) X(tensors_read_as_float) X(products_of_every_layout_and_type) X(products_do_not_depend_on_threads) \
  X(a_row_of_a_product_does_not_depend_on_the_others) X(products_of_a_few_rows) X(an_empty_product_is_its_bias) X(all_that_comes_next_is_fetched) X(lists_of_what_comes_next_are_fetched_in_order) X(int8_products_are_exact_sums) X(bf16_products_of_every_kernel_set) X(floats_become_the_nearest_bf16) X(int8_rows_show_what_is_not_finite) X(int8_rows_are_the_same_of_every_set) X(a_set_that_is_not_there_gives_the_next_lower) X(norms_and_their_gradients) X(linear_maps_and_their_gradients) X(rotary_positions_turn_and_turn_back) \
  X(attention_and_its_gradients) X(dropout_has_its_rate_and_one_mask) X(a_batch_in_parts_has_the_same_masks) X(mixes_and_their_gradients) X(bad_json_is_refused_at_its_place) X(the_public_json_suite) \
  X(numbers_are_read_without_the_locale) X(trees_keys_and_escapes) X(values_one_after_another) X(json_survives_every_byte_and_every_failed_allocation)
LDR_TEST_MAIN("core", TESTS)
