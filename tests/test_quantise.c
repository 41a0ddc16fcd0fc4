/* Backbones in blocks of 8 and 4 bits: the blocks against a quantiser written here, everything computed from
   them against the same weights written out as floats, and files that lie about them. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/export.h"
#include "ldr_test.h"
#include "ldr_tiny.h"
#include "ldr_hostile.h"

static const ldr_dtype formats[] = { LDR_Q8_0, LDR_Q4_0 };

/* ---- helpers --------------------------------------------------------------------------------- */

/* The half nearest to v, ties to the even one, found by looking at all of them. */
static unsigned nearest_half(double v) {
  unsigned h, best = 0, sign = signbit(v) ? 0x8000u : 0;
  v = fabs(v);
  if (v >= 65520) return sign | 0x7c00u;
  for (h = 1; h < 0x7c00u; h++) {
    double d = fabs(half_value(h) - v), was = fabs(half_value(best) - v);
    if (d < was || (d == was && !(h & 1))) best = h;
  }
  return sign | best;
}

/* One block as the format describes it; double products of floats are exact before they are rounded to float. */
static void naive_block(unsigned char *out, const float *x, ldr_dtype format) {
  float top = 0, d, inverse;
  unsigned h;
  int i;
  for (i = 0; i < 32; i++)
    if (fabs((double)x[i]) > fabs((double)top)) top = x[i];
  d = (float)(format == LDR_Q8_0 ? fabs((double)top) / 127.0 : (double)top / -8.0);
  inverse = d != 0 ? (float)(1.0 / (double)d) : 0;
  h = nearest_half((double)d);
  out[0] = (unsigned char)(h & 255);
  out[1] = (unsigned char)(h >> 8);
  memset(out + 2, 0, format == LDR_Q8_0 ? 32 : 16);
  for (i = 0; i < 32; i++) {
    double v = (double)(float)((double)x[i] * (double)inverse);
    if (format == LDR_Q8_0) out[2 + i] = (unsigned char)((int)(v < 0 ? -floor(0.5 - v) : floor(v + 0.5)) & 255);
    else {
      int q = (int)(float)(v + 8.5);
      out[2 + i % 16] = (unsigned char)(out[2 + i % 16] | (q > 15 ? 15 : q) << (i < 16 ? 0 : 4));
    }
  }
}

static double naive_value(const unsigned char *blocks, ldr_dtype format, size_t i) {
  const unsigned char *b = blocks + i / 32 * (format == LDR_Q8_0 ? 34 : 18);
  double d = half_value((unsigned)b[0] | (unsigned)b[1] << 8);
  int k = (int)(i % 32), q;
  if (format == LDR_Q8_0) q = b[2 + k] > 127 ? (int)b[2 + k] - 256 : (int)b[2 + k];
  else q = (int)(k < 16 ? b[2 + k] & 15 : b[2 + k - 16] >> 4) - 8;
  return d * q;
}

static unsigned char *random_blocks(ldr_dtype format, size_t blocks, ldr_test_rng *r) {
  size_t size = ldr_dtype_size(format), i;
  unsigned char *p = (unsigned char *)malloc(blocks * size + 1);
  if (!p) abort();
  for (i = 0; i < blocks * size; i++) p[i] = (unsigned char)ldr_test_below(r, 256);
  for (i = 0; i < blocks; i++)
    if ((p[i * size + 1] & 0x7c) == 0x7c) p[i * size + 1] = 0x2a;              /* neither infinite nor NaN */
  return p;
}

/* 64 wide: every row but those of `ffn` columns is whole blocks. ffn 96: those too. */
static tiny_spec wide(const char *family, int ffn) {
  tiny_spec s = tiny_default(family);
  s.width = 64;
  s.embed = tiny_projects(family) ? 32 : 64;
  s.ffn = ffn;
  return s;
}

static ldr_model *load_bytes(const char *config, const char *weights, size_t size, int threads, ldr_compute compute, const ldr_allocator *a, ldr_error *err) {
  ldr_model_desc d;
  memset(&d, 0, sizeof d);
  d.threads = threads;
  d.compute = compute;
  if (a) d.alloc = *a;
  return ldr_model_load_memory(config, strlen(config), weights, size, NULL, 0, &d, err);
}

/* The bytes of the quantised file. */
static char *quantised(const ldr_model *m, ldr_dtype format, size_t *size) {
  ldr_error err = no_error();
  char *data;
  CHECK_INT(ldr_model_quantise(m, "quantise.tmp", format, &err), LDR_OK);
  CHECK_STR(err.message, "");
  CHECK(!ldr_test_exists("quantise.tmp.partial"));
  data = ldr_test_read("quantise.tmp", size);
  remove("quantise.tmp");
  CHECK(data != NULL);
  return data;
}

/* A tiny model three times: its floats, its blocks, and as floats the values its blocks have. */
typedef struct trio { tiny_model floats; char *blocks, *values; size_t blocks_size; } trio;

static trio trio_open(tiny_spec s, ldr_dtype format) {
  trio t;
  ldr_error err = no_error();
  ldr_weights *from, *to;
  int32_t i;
  size_t k;
  memset(&t, 0, sizeof t);
  t.floats = tiny_open(s, &err);
  CHECK_STR(err.message, "");
  t.blocks = quantised(t.floats.m, format, &t.blocks_size);
  t.values = exact_copy(t.floats.weights, t.floats.size);
  from = ldr_weights_open_memory(t.blocks, t.blocks_size, NULL, &err);
  to = ldr_weights_open_memory(t.values, t.floats.size, NULL, &err);
  CHECK_STR(err.message, "");
  CHECK_INT(ldr_weights_count(from), ldr_weights_count(to));
  for (i = 0; i < ldr_weights_count(to); i++) {
    const ldr_tensor *a = ldr_weights_at(from, i), *b = ldr_weights_at(to, i);
    size_t n = (size_t)b->bytes / 4;
    float *x = (float *)malloc(n * sizeof *x);
    CHECK(a && strcmp(a->name, b->name) == 0 && a->dims == b->dims && memcmp(a->shape, b->shape, sizeof a->shape) == 0);
    CHECK(x && ldr_tensor_read(x, a, 0, n) && !ldr_tensor_read(x, a, 1, n));
    for (k = 0; k < n; k++) ldr__store_u32((unsigned char *)t.values + b->offset + 4 * k, ldr__bits_from_float(x[k]));
    free(x);
  }
  ldr_weights_close(from);
  ldr_weights_close(to);
  return t;
}

static void trio_close(trio *t) {
  tiny_close(&t->floats);
  free(t->blocks);
  free(t->values);
}

/* |a - b| / |b| over all states. */
static double distance(const float *a, const float *b, size_t n) {
  double d = 0, s = 0;
  size_t i;
  for (i = 0; i < n; i++) {
    d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    s += (double)b[i] * (double)b[i];
  }
  return sqrt(d / s);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

TEST(halves_round_to_nearest_even) {
  unsigned h;
  CHECK_INT(ldr_dtype_size(LDR_Q8_0), 34);
  CHECK_INT(ldr_dtype_size(LDR_Q4_0), 18);
  CHECK(ldr_dtype_block(LDR_Q8_0) == 32 && ldr_dtype_block(LDR_Q4_0) == 32 && ldr_dtype_block(LDR_F16) == 1 && ldr_dtype_block(LDR_DTYPE_COUNT) == 0);
  for (h = 0; h < 0x7c00u; h++) {
    double low = half_value(h), high = h == 0x7bffu ? 65536 : half_value(h + 1), middle = (low + high) / 2;      /* exact in float */
    float m = (float)middle;
    CHECK_INT(ldr__float_to_half((float)low), h);
    CHECK_INT(ldr__float_to_half(-(float)low), h | 0x8000u);
    CHECK_INT(ldr__float_to_half(m), h & 1 ? h + 1 : h);
    CHECK_INT(ldr__float_to_half(nextafterf(m, 0.0f)), h);
    CHECK_INT(ldr__float_to_half(nextafterf(m, 1e9f)), h + 1);
  }
  CHECK_INT(ldr__float_to_half(1e30f), 0x7c00);
  CHECK_INT(ldr__float_to_half(ldr__float_from_bits(0x7fc00000u)), 0x7e00);
}

TEST(blocks_equal_a_naive_quantiser) {
  ldr_test_rng r = { 11 };
  int round, i, f;
  for (round = 0; round < 400; round++)
    for (f = 0; f < 2; f++) {
      unsigned char got[34], want[34];
      float x[32];
      double scale = ldexp(1, (int)ldr_test_below(&r, 36) - 24), worst = 0, peak = 0, d;
      for (i = 0; i < 32; i++) x[i] = (float)(scale * (double)ldr_test_uniform(&r));
      if (round % 7 == 1) x[ldr_test_below(&r, 32)] *= 50;                       /* one far outside the others   */
      if (round % 7 == 2) for (i = 0; i < 32; i++) x[i] = (float)((int)ldr_test_below(&r, 255) - 127) / 2;     /* ties of Q8_0 with 127 in it */
      if (round % 7 == 2) x[9] = 127;
      if (round % 7 == 3) for (i = 0; i < 32; i++) x[i] = (float)((int)ldr_test_below(&r, 33) - 16) / 2;       /* and of Q4_0 */
      if (round % 7 == 3) x[30] = i % 2 ? 8.0f : -8.0f;
      if (round % 7 == 4) x[3] = 2.0f * (float)scale, x[19] = -x[3];             /* the first of two largest     */
      if (round == 5) memset(x, 0, sizeof x);
      if (round == 6) for (i = 0; i < 32; i++) x[i] *= 1e-33f;
      if (round == 12) for (i = 0; i < 32; i++) x[i] = -0.0f;
      CHECK_INT(ldr__quantise_block(got, x, formats[f]), 1);
      if (round == 6) {                          /* a scale of 0 makes any q right: here they are those of 0 */
        for (i = 0; i < 32; i++) CHECK(naive_value(got, formats[f], (size_t)i) == 0);
        continue;
      }
      naive_block(want, x, formats[f]);
      if (memcmp(got, want, ldr_dtype_size(formats[f])) != 0) printf("  round %d of %s\n", round, ldr_dtype_name(formats[f]));
      CHECK(memcmp(got, want, ldr_dtype_size(formats[f])) == 0);
      for (i = 0; i < 32; i++) {
        worst = fmax(worst, fabs(naive_value(got, formats[f], (size_t)i) - (double)x[i]));
        peak = fmax(peak, fabs((double)x[i]));
      }
      d = formats[f] == LDR_Q8_0 ? peak / 127 : peak / 8;                        /* half a step, and the rounding of the scale; */
      CHECK(worst <= d * (formats[f] == LDR_Q8_0 ? 0.57 : 1.01) + 128 * ldexp(1, -25));      /* Q4_0 has no +8 for a peak met twice */
    }
}

TEST(what_has_no_block_is_refused) {
  float x[32];
  unsigned char out[34];
  int f, i;
  for (f = 0; f < 2; f++)
    for (i = 0; i < 4; i++) {
      memset(x, 0, sizeof x);
      x[17] = i == 0 ? ldr__float_from_bits(0x7fc00000u) : i == 1 ? ldr__float_from_bits(0xff800000u) : (f ? 8.0f : 127.0f) * (i == 2 ? 65536.0f : 65504.0f);
      CHECK_INT(ldr__quantise_block(out, x, formats[f]), i == 3);
    }
}

TEST(unpacking_has_the_same_bits_everywhere) {
  const ldr__kernels *sets[KERNEL_SETS];
  int n = kernel_sets(sets), k, f;
  ldr_test_rng r = { 5 };
  for (f = 0; f < 2; f++) {
    enum { BLOCKS = 9, COUNT = BLOCKS * 32 };
    unsigned char *blocks = random_blocks(formats[f], BLOCKS, &r), *moved = (unsigned char *)malloc(BLOCKS * 34 + 1);
    float want[COUNT], got[COUNT + 1];
    ldr_tensor t;
    ldr__mat m;
    size_t i, first, count;
    memset(&t, 0, sizeof t);
    t.dtype = formats[f];
    t.data = blocks;
    t.bytes = BLOCKS * ldr_dtype_size(formats[f]);
    CHECK(ldr_tensor_read(want, &t, 0, COUNT) && !ldr_tensor_read(want, &t, 0, COUNT + 1) && !ldr_tensor_read(want, &t, COUNT + 1, 0));
    for (i = 0; i < COUNT; i++) CHECK((double)want[i] == naive_value(blocks, formats[f], i));
    memcpy(moved + 1, blocks, BLOCKS * ldr_dtype_size(formats[f]));
    m = ldr__mat_float(NULL, COUNT, 1);
    m.data = moved + 1;
    m.dtype = formats[f];
    for (k = 0; k < n; k++)
      for (first = 0; first < 70; first++)
        for (count = 0; count <= COUNT - first; count += 1 + count / 40) {
          ldr__mat part = ldr__mat_at(m, 0, first);
          got[count] = 77;
          ldr__mat_run(sets[k], got, &part, 0, 0, count);
          CHECK(memcmp(got, want + first, count * sizeof *got) == 0 && got[count] == 77);
          if (first % 32 == 0) {
            sets[k]->to_float(got, ldr__element_at(m.data, m.dtype, first), m.dtype, count);
            CHECK(memcmp(got, want + first, count * sizeof *got) == 0 && got[count] == 77);
          }
        }
    free(blocks);
    free(moved);
  }
}

/* b in blocks, cut anywhere, gives the product of the floats its blocks are, bit for bit. */
TEST(products_with_blocks_are_products_with_their_floats) {
  static const size_t shapes[][3] = { { 1, 32, 64 }, { 7, 96, 32 }, { 65, 224, 416 }, { 130, 416, 224 } };
  const ldr__kernels *sets[KERNEL_SETS];
  int n = kernel_sets(sets), k, f, turned, threads;
  size_t q;
  ldr_test_rng r = { 8 };
  for (q = 0; q < sizeof shapes / sizeof *shapes; q++)
    for (f = 0; f < 2; f++)
      for (turned = 0; turned < 2; turned++) {
        size_t rows = shapes[q][0], w = shapes[q][1], d = shapes[q][2], i;     /* b[k,n] lies as [n][k] when turned, else as [k][n] */
        unsigned char *blocks = random_blocks(formats[f], w * d / 32, &r);
        float *x = (float *)malloc(rows * d * sizeof *x), *v = (float *)malloc(w * d * sizeof *v), *got = (float *)malloc(rows * w * sizeof *got), *want = (float *)malloc(rows * w * sizeof *want);
        ldr__mat b, bf;
        for (i = 0; i < w * d / 32; i++) blocks[i * ldr_dtype_size(formats[f]) + 1] = (unsigned char)(0x20 | (blocks[i * ldr_dtype_size(formats[f]) + 1] & 0x83));
        for (i = 0; i < w * d; i++) v[i] = ldr__load(blocks, formats[f], i);
        for (i = 0; i < rows * d; i++) x[i] = ldr_test_uniform(&r);
        bf = ldr__mat_float(v, turned ? 1 : w, turned ? d : 1);
        b = bf;
        b.data = blocks;
        b.dtype = formats[f];
        for (k = 0; k < n; k++)
          for (threads = 1; threads < 3; threads++) {
            ldr__exec ex;
            size_t skip = w > 100 ? 40 : 0;                                /* begins inside a block */
            memset(&ex, 0, sizeof ex);
            ex.kernels = sets[k];
#ifdef _OPENMP
            ex.threads = threads;
#else
            ex.threads = 1;
#endif
            ex.scratch_size = ldr__gemm_scratch(w, d);
            ex.scratch = (float *)malloc(ex.scratch_size * 2 * sizeof(float));
            memset(got, 0, rows * w * sizeof *got);
            memset(want, 0, rows * w * sizeof *want);
            ldr__gemm(&ex, got, w, x, d, 1, ldr__mat_at(b, 0, skip), ldr__finish_bias(NULL), rows, w - skip, d, 0);
            ldr__gemm(&ex, want, w, x, d, 1, ldr__mat_at(bf, 0, skip), ldr__finish_bias(NULL), rows, w - skip, d, 0);
            CHECK(memcmp(got, want, rows * w * sizeof *got) == 0);
            CHECK(want[0] - want[0] == 0);
            ex.few = 1;                                                    /* 1 and 7 rows of blocks as they lie */
            ldr__gemm(&ex, got, w, x, d, 1, ldr__mat_at(b, 0, skip), ldr__finish_bias(NULL), rows, w - skip, d, 0);
            CHECK(rows > LDR__FEW ? memcmp(got, want, rows * w * sizeof *got) == 0 : relative(got, want, rows * w, 1) < 1e-6);
            free(ex.scratch);
          }
        free(blocks);
        free(x);
        free(v);
        free(got);
        free(want);
      }
}

/* y[R,C] = x[R,deep] w[C,deep]^T in double. */
static void plain_product(float *y, const float *x, const float *w, int rows, int columns, int deep) {
  int i, j, h;
  for (i = 0; i < rows; i++)
    for (j = 0; j < columns; j++) {
      double sum = 0;
      for (h = 0; h < deep; h++) sum += (double)x[i * deep + h] * (double)w[j * deep + h];
      y[i * columns + j] = (float)sum;
    }
}

/* A step of one text multiplies blocks as they lie, on every set of kernels; with an x in 8 bits, where a set can. */
TEST(few_rows_of_every_kind_of_block) {
  static const struct { ldr_dtype type; int half, halves; } kinds[] = { { LDR_Q8_0, 0, 1 }, { LDR_Q4_0, 0, 1 }, { LDR_Q4_1, 0, 2 }, { LDR_Q5_0, 0, 1 }, { LDR_Q5_1, 0, 2 }, { LDR_IQ4_NL, 0, 1 }, { LDR_Q2_K, 80, 2 }, { LDR_Q3_K, 108, 1 }, { LDR_Q4_K, 0, 2 }, { LDR_Q5_K, 0, 2 }, { LDR_Q6_K, 208, 1 }, { LDR_IQ4_XS, 0, 1 } };
  enum { ROWS = 3, COLUMNS = 9, DEEP = 512 };
  const ldr__kernels *sets[KERNEL_SETS];
  int n = kernel_sets(sets), k, q, i, h, eight;
  ldr_test_rng r = { 18 };
  for (q = 0; q < (int)(sizeof kinds / sizeof *kinds); q++) {
    const size_t size = ldr_dtype_size(kinds[q].type), blocks = (size_t)COLUMNS * DEEP / ldr_dtype_block(kinds[q].type), all = blocks * size;
    unsigned char *bytes = (unsigned char *)malloc(all);
    static float x[ROWS * DEEP], u[ROWS * DEEP], v[COLUMNS * DEEP], got[ROWS * COLUMNS], want[ROWS * COLUMNS], rounded[ROWS * COLUMNS];
    static unsigned char packed[LDR__FEW * DEEP / 32 * 36];
    ldr__mat b;
    size_t at;
    for (at = 0; at < all; at++) bytes[at] = (unsigned char)ldr_test_below(&r, 256);
    for (at = 0; at < blocks; at++)
      for (h = 0; h < kinds[q].halves; h++) {
        unsigned char *high = bytes + at * size + kinds[q].half + 2 * h + 1;
        *high = (unsigned char)(0x20 | (*high & 0x83));                     /* a half that is small and finite */
      }
    for (i = 0; i < COLUMNS * DEEP; i++) v[i] = ldr__load(bytes, kinds[q].type, (size_t)i);
    for (i = 0; i < ROWS * DEEP; i++) x[i] = ldr_test_uniform(&r);
    plain_product(want, x, v, ROWS, COLUMNS, DEEP);
    ldr__pack_body(packed, x, ROWS * DEEP / 32, 32, LDR_I8);
    ldr__unpack_int8_body(u, packed, ROWS * DEEP / 32, 32);
    plain_product(rounded, u, v, ROWS, COLUMNS, DEEP);
    b = ldr__mat_float(NULL, 1, DEEP);
    b.data = bytes;
    b.dtype = kinds[q].type;
    for (k = 0; k < n; k++) {
      ldr__exec ex;
      memset(&ex, 0, sizeof ex);
      ex.kernels = sets[k];
      ex.threads = 1;
      ex.few = 1;
      ex.rounded_deep = DEEP;
      for (eight = 0; eight <= (sets[k]->dots_rounded != NULL); eight++)
        for (i = 1; i <= ROWS; i += 2) {
          const float *right = eight ? rounded : want;
          double off;
          ex.rounded = eight ? packed : NULL;
          memset(got, 0, sizeof got);
          ldr__gemm(&ex, got, COLUMNS, x, DEEP, 1, b, ldr__finish_bias(NULL), (size_t)i, COLUMNS, DEEP, 0);
          off = relative(got, right, (size_t)i * COLUMNS, 1e-3);
          if (!(off < 5e-6)) printf("  %s on %s, %d rows%s: %g\n", ldr_dtype_name(kinds[q].type), sets[k]->name, i, eight ? " in 8 bits" : "", off);
          CHECK(off < 5e-6);
        }
    }
    free(bytes);
  }
}

/* ---- models ---------------------------------------------------------------------------------- */

/* States and logits equal those of the floats the blocks are, at any address, and are near the original's. */
TEST(a_model_in_blocks_is_the_model_of_their_values) {
  int f, q, compute, shift;
  for (f = 0; f < FAMILIES; f++)
    for (q = 0; q < 2; q++) {
      tiny_spec s = wide(families[f], f % 2 ? 40 : 96);
      trio t = trio_open(s, formats[q]);
      ldr_batch b = some_batch();
      static float state[9 * 64], want[9 * 64], original[9 * 64], logits[9 * 31], want_logits[9 * 31];
      ldr_error err = no_error();
      /* the rest are vectors and matrices whose rows hold no whole blocks */
      if (!(t.blocks_size < t.floats.size * (q ? 40 : 55) / 100)) printf("  %s %s: %d of %d bytes\n", families[f], ldr_dtype_name(formats[q]), (int)t.blocks_size, (int)t.floats.size);
      CHECK(t.blocks_size < t.floats.size * (q ? 40 : 55) / 100);
      CHECK_INT(ldr_model_hidden(t.floats.m, original, &b, -1, &err), LDR_OK);
      for (compute = 0; compute < 2; compute++) {
        ldr_model *values = load_bytes(t.floats.config, t.values, t.floats.size, 1, (ldr_compute)compute, NULL, &err);
        CHECK(values != NULL);
        CHECK_INT(ldr_model_hidden(values, want, &b, -1, &err), LDR_OK);
        for (shift = 0; shift < 3; shift++) {
          char *moved = (char *)malloc(t.blocks_size + 4);
          ldr_model *m;
          memcpy(moved + shift, t.blocks, t.blocks_size);
          m = load_bytes(t.floats.config, moved + shift, t.blocks_size, shift + 1, (ldr_compute)compute, NULL, &err);
          CHECK_STR(err.message, "");
          CHECK_INT(ldr_model_hidden(m, state, &b, -1, &err), LDR_OK);
          CHECK(memcmp(state, want, sizeof state) == 0);
          CHECK(ldr_model_fingerprint(m) != ldr_model_fingerprint(values) && ldr_model_fingerprint(m) != ldr_model_fingerprint(t.floats.m));
          CHECK_INT(ldr_model_info_get(m).parameters, ldr_model_info_get(t.floats.m).parameters);
          if (ldr_model_info_get(m).has_logits) {
            CHECK_INT(ldr_model_logits(m, logits, state, 9, &err), LDR_OK);
            CHECK_INT(ldr_model_logits(values, want_logits, want, 9, &err), LDR_OK);
            CHECK(memcmp(logits, want_logits, sizeof logits) == 0);
          }
          ldr_model_free(m);
          free(moved);
        }
        if (!(distance(state, original, 9 * 64) < (q ? 0.3 : 0.04))) printf("  %s %s: states differ by %.4f\n", families[f], ldr_dtype_name(formats[q]), distance(state, original, 9 * 64));
        CHECK(distance(state, original, 9 * 64) < (q ? 0.3 : 0.04));
        ldr_model_free(values);
      }
      trio_close(&t);
    }
}

/* The bytes of the parameters of a ladder trained on a model. */
static float *trained(ldr_model *m, const tiny_spec *s, ldr_preset preset, ldr_importance importance, size_t *n) {
  ldr_ladder_desc d;
  ldr_train_desc td;
  ldr_error err = no_error();
  ldr_dataset *set = tiny_dataset(s, LDR_HEAD_CLASSIFY, 3, 11, 3);
  ldr_ladder *l;
  ldr_fit_result result;
  float *values;
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  d.preset = preset;
  d.reduction = 4;
  d.classes = 3;
  d.importance = importance;
  d.sample = set;
  td.epochs = 2;
  td.batch = 4;
  td.seed = 3;
  td.rate = 3e-3f;
  l = ldr_ladder_create(m, &d, &err);
  CHECK_STR(err.message, "");
  CHECK(l && ldr_fit(l, set, NULL, &td, &result, &err) == LDR_OK);
  *n = l->size;
  values = (float *)malloc(l->size * sizeof *values);
  memcpy(values, l->values, l->size * sizeof *values);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  return values;
}

/* Slicing by every importance and training: as from the floats, with any number of threads. */
TEST(ladders_are_cut_and_trained_from_blocks) {
  static const struct { ldr_preset preset; ldr_importance importance; } ways[] = { { LDR_PRESET_SLICED, LDR_MAGNITUDE }, { LDR_PRESET_SLICED, LDR_FISHER }, { LDR_PRESET_SLICED, LDR_ENERGY }, { LDR_PRESET_PAPER, LDR_MAGNITUDE } };
  static const char *const some[] = { "bert", "gpt2", "llama" };
  int f, q, way;
  for (f = 0; f < 3; f++)
    for (q = 0; q < 2; q++) {
      tiny_spec s = wide(some[f], 96);
      trio t = trio_open(s, formats[q]);
      ldr_error err = no_error();
      ldr_model *one = load_bytes(t.floats.config, t.blocks, t.blocks_size, 1, LDR_COMPUTE_F32, NULL, &err), *two = load_bytes(t.floats.config, t.blocks, t.blocks_size, 2, LDR_COMPUTE_F32, NULL, &err);
      ldr_model *values = load_bytes(t.floats.config, t.values, t.floats.size, 1, LDR_COMPUTE_F32, NULL, &err);
      CHECK(one && two && values);
      for (way = 0; way < 4; way++) {
        size_t n, n2, n3;
        float *a = trained(one, &s, ways[way].preset, ways[way].importance, &n), *b = trained(way ? one : two, &s, ways[way].preset, ways[way].importance, &n2), *c = trained(values, &s, ways[way].preset, ways[way].importance, &n3);
        CHECK(n == n2 && n == n3 && memcmp(a, b, n * sizeof *a) == 0 && memcmp(a, c, n * sizeof *a) == 0);
        free(a);
        free(b);
        free(c);
      }
      ldr_model_free(one);
      ldr_model_free(two);
      ldr_model_free(values);
      trio_close(&t);
    }
}

TEST(what_is_quantised_and_what_is_not) {
  tiny_spec s = wide("bert", 40);
  trio t = trio_open(s, LDR_Q4_0);
  ldr_error err = no_error();
  ldr_weights *w = ldr_weights_open_memory(t.blocks, t.blocks_size, NULL, &err);
  ldr_model *m = load_bytes(t.floats.config, t.blocks, t.blocks_size, 1, LDR_COMPUTE_F32, NULL, &err);
  tiny_model odd;
  size_t i;
  static const struct { const char *name; ldr_dtype type; } wanted[] = {
    { "bert.embeddings.word_embeddings.weight", LDR_Q8_0 }, { "bert.embeddings.position_embeddings.weight", LDR_F32 }, { "bert.embeddings.token_type_embeddings.weight", LDR_F32 },
    { "bert.encoder.layer.2.attention.self.key.weight", LDR_Q4_0 }, { "bert.encoder.layer.2.attention.self.key.bias", LDR_F32 }, { "bert.encoder.layer.0.attention.output.dense.weight", LDR_Q4_0 },
    { "bert.encoder.layer.1.intermediate.dense.weight", LDR_Q4_0 }, { "bert.encoder.layer.1.output.dense.weight", LDR_F32 }, { "bert.encoder.layer.1.output.LayerNorm.weight", LDR_F32 } };
  for (i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const ldr_tensor *a = ldr_weights_find(w, wanted[i].name);
    CHECK(a && a->dtype == wanted[i].type);
    if (a && ldr_dtype_block(a->dtype) == 1) CHECK(a->offset % 4 == 0);            /* floats stay aligned */
  }
  CHECK_STR(ldr_weights_meta(w, "ladder.quantised.bert.embeddings.word_embeddings.weight"), "Q8_0");
  CHECK(m != NULL);
  CHECK_INT(ldr_model_quantise(m, "quantise.tmp", LDR_Q4_0, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "already") != NULL && err.offset != LDR_NO_OFFSET && !ldr_test_exists("quantise.tmp"));
  err = no_error();
  CHECK_INT(ldr_model_quantise(t.floats.m, "quantise.tmp", LDR_F16, &err), LDR_ARGUMENT);
  CHECK_INT(ldr_model_quantise(NULL, "quantise.tmp", LDR_Q8_0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_model_quantise(t.floats.m, NULL, LDR_Q8_0, NULL), LDR_ARGUMENT);
  err = no_error();
  CHECK_INT(ldr_model_quantise(t.floats.m, "no/such/folder/file", LDR_Q8_0, &err), LDR_IO);
  s = tiny_default("bert");                          /* 24 wide: not one whole block */
  err = no_error();
  odd = tiny_open(s, &err);
  CHECK_INT(ldr_model_quantise(odd.m, "quantise.tmp", LDR_Q8_0, &err), LDR_UNSUPPORTED);
  CHECK(!ldr_test_exists("quantise.tmp"));
  tiny_close(&odd);
  ldr_model_free(m);
  ldr_weights_close(w);
  trio_close(&t);
}

TEST(values_without_blocks_leave_the_old_file) {
  tiny_spec s = wide("bert", 96);
  ldr_error err = no_error();
  tiny_model t = tiny_open(s, &err);
  const ldr_tensor *w = ldr_weights_find(t.m->weights, "bert.encoder.layer.1.intermediate.dense.weight");
  size_t n;
  char *left;
  CHECK(w != NULL);
  if (w) ldr__store_u32((unsigned char *)t.weights + w->offset + 4 * (32 * 40 + 7), 0x7f800000u);
  CHECK(ldr_test_write("quantise.tmp", "old", 3));
  CHECK_INT(ldr_model_quantise(t.m, "quantise.tmp", LDR_Q4_0, &err), LDR_NUMERIC);
  CHECK(w && err.offset == w->offset + 4 * 32 * 40 && strstr(err.message, "layer.1.intermediate") != NULL);
  left = ldr_test_read("quantise.tmp", &n);
  CHECK(left && n == 3 && memcmp(left, "old", 3) == 0 && !ldr_test_exists("quantise.tmp.partial"));
  free(left);
  remove("quantise.tmp");
  tiny_close(&t);
}

TEST(shards_become_one_file) {
#if HAVE_POSIX
  tiny_spec s = wide("bert", 96);
  static char map[65536], text[70000];
  ldr_error err = no_error();
  tiny_model t = tiny_open(s, &err);
  ldr_model *parts;
  size_t n, n2;
  char *whole = quantised(t.m, LDR_Q8_0, &n), *joined;
  CHECK(folder_make());
  map[0] = 0;
  write_shard(in_folder("one.safetensors"), t.weights, t.size, 0, NULL, map);
  write_shard(in_folder("two.safetensors"), t.weights, t.size, 1, NULL, map);
  sprintf(text, "{\"weight_map\":{%s}}", map);
  CHECK(write_text(in_folder("config.json"), t.config) && write_text(in_folder("model.safetensors.index.json"), text));
  parts = ldr_model_load(folder, NULL, &err);
  CHECK_STR(err.message, "");
  joined = quantised(parts, LDR_Q8_0, &n2);
  CHECK(n == n2 && memcmp(whole, joined, n) == 0);
  free(joined);
  free(whole);
  ldr_model_free(parts);
  tiny_close(&t);
  folder_remove();
#else
  SKIP("needs a folder");
#endif
}

TEST(every_failed_allocation_is_clean) {
  tiny_spec s = wide("bert", 40);
  trio t = trio_open(s, LDR_Q8_0);
  ldr_test_heap h;
  long at;
  int what, done;
  for (what = 0; what < 2; what++)
    for (at = 1, done = 0; !done && at < 2000; at++) {
      ldr_allocator a = ldr_test_alloc(&h, what ? 0 : at);
      ldr_error err = no_error();
      ldr_model *m = load_bytes(t.floats.config, what ? t.floats.weights : t.blocks, what ? t.floats.size : t.blocks_size, 1, LDR_COMPUTE_INT8, &a, &err);
      if (what && m) {
        long before = h.calls;
        h.fail_at = before + at;
        done = ldr_model_quantise(m, "quantise.tmp", LDR_Q8_0, &err) == LDR_OK;
        CHECK(done == ldr_test_exists("quantise.tmp"));
        CHECK(h.calls - before <= 1);          /* the header, whatever the size of the model */
        remove("quantise.tmp");
      } else done = m != NULL;
      CHECK(done || err.status == LDR_MEMORY);
      ldr_model_free(m);
      CHECK(h.live == 0 && h.bytes == 0 && h.bad == 0);
    }
  trio_close(&t);
}

/* ---- files that lie -------------------------------------------------------------------------- */

#define META(entries) "{\"__metadata__\":{" entries "},"
#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

TEST(metadata_that_lies_is_refused_at_its_place) {
  static const struct { const char *header; int data; ldr_status status; int offset; const char *word; } cases[] = {
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_OK, -1, "" },
    { META("\"ladder.quantised.a\":\"Q4_0\"") T("a", "U8", "2,36", "0,72") "}", 72, LDR_OK, -1, "" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "0,68", "0,0") "}", 0, LDR_OK, -1, "" },
    { META("\"ladder.quantised\":\"Q8_0\"") T("a", "U8", "2,33", "0,66") "}", 66, LDR_OK, -1, "" },
    { META("\"ladder.quantised.a\":\"Q5_K\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_UNSUPPORTED, 47, "Q5_K" },
    { META("\"ladder.quantised.a\":\"q8_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_UNSUPPORTED, 47, "q8_0" },
    { META("\"ladder.quantised.a\":\"F32\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_UNSUPPORTED, 47, "F32" },
    { META("\"ladder.quantised.a\":\"\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_UNSUPPORTED, 47, "\"\"" },
    { META("\"ladder.quantised.b\":\"Q8_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_MISSING, 47, "\"b\"" },
    { META("\"ladder.quantised.\":\"Q8_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_MISSING, 46, "\"\"" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "I8", "2,34", "0,68") "}", 68, LDR_DTYPE, 47, "I8" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "F16", "1,34", "0,68") "}", 68, LDR_DTYPE, 47, "F16" },
    { META("\"ladder.quantised.a\":\"Q8_0\",\"ladder.quantised.a\":\"Q4_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_DTYPE, 75, "once" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "68", "0,68") "}", 68, LDR_SHAPE, 47, "1 dimensions" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "1,2,34", "0,68") "}", 68, LDR_SHAPE, 47, "3 dimensions" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "", "0,1") "}", 1, LDR_SHAPE, 47, "0 dimensions" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "34,2", "0,68") "}", 68, LDR_SHAPE, 47, "of 2 bytes" },
    { META("\"ladder.quantised.a\":\"Q4_0\"") T("a", "U8", "2,34", "0,68") "}", 68, LDR_SHAPE, 47, "multiple of 18" },
    { META("\"ladder.quantised.a\":\"Q4_0\"") T("a", "U8", "0,9223372036854775800", "0,0") "}", 0, LDR_LIMIT, 47, "count" },
    { META("\"ladder.quantised.a\":7") T("a", "U8", "2,34", "0,68") "}", 68, LDR_FORMAT, 46, "strings" },
    { "{" T("a", "Q8_0", "2,34", "0,68") "}", 68, LDR_DTYPE, 23, "Q8_0" },
    { META("\"ladder.quantised.a\":\"Q8_0\"") T("a", "U8", "2,34", "0,68") "}", 67, LDR_FORMAT, -1, "truncated" } };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = strlen(cases[i].header);
    char *p = (char *)malloc(8 + n + (size_t)cases[i].data);
    int before = ldr_test.failures;
    ldr_error err = no_error();
    ldr_weights *w;
    ldr__store_u64((unsigned char *)p, n);
    memcpy(p + 8, cases[i].header, n);
    memset(p + 8 + n, 1, (size_t)cases[i].data);
    w = ldr_weights_open_memory(p, 8 + n + (size_t)cases[i].data, NULL, &err);
    CHECK_INT(err.status, cases[i].status);
    CHECK((w != NULL) == (cases[i].status == LDR_OK) && strstr(err.message, cases[i].word) != NULL);
    if (cases[i].offset >= 0) CHECK_INT(err.offset, cases[i].offset);
    if (i < 3 && w) {
      const ldr_tensor *t = ldr_weights_at(w, 0);
      float x[65];
      CHECK(t->dtype == (i == 1 ? LDR_Q4_0 : LDR_Q8_0) && t->shape[1] == (i == 0 ? 32 : 64) && t->shape[0] == (i == 2 ? 0 : 2));
      CHECK_INT(ldr_tensor_read(x, t, 0, (size_t)(t->shape[0] * t->shape[1] < 65 ? t->shape[0] * t->shape[1] : 65)), 1);
      CHECK_INT(ldr_tensor_read(x, t, (uint64_t)(t->shape[0] * t->shape[1]), 1), 0);
    }
    if (ldr_test.failures != before) printf("  case %d, %s: offset %llu, %s\n", (int)i, cases[i].header, (unsigned long long)err.offset, err.message);
    ldr_weights_close(w);
    free(p);
  }
}

/* A quantised model whose header says something else than its configuration, is cut or damaged. */
TEST(quantised_models_that_do_not_fit) {
  static const struct { const char *from, *to; ldr_status status; const char *word; } changes[] = {
    { "\"ladder.quantised.bert.encoder.layer.1.output.dense.weight\":\"Q8_0\"", "\"x\":\"y\"", LDR_DTYPE, "layer.1.output.dense.weight\": type U8" },
    { "\"ladder.quantised.bert.encoder.layer.1.output.dense.weight\":\"Q8_0\"", "\"ladder.quantised.bert.encoder.layer.1.output.dense.weight\":\"Q4_0\"", LDR_SHAPE, "layer.1.output.dense.weight" },
    { "\"shape\":[64,102]", "\"shape\":[32,204]", LDR_SHAPE, "[32,192]" },
    { "\"shape\":[64,102]", "\"shape\":[192,34]", LDR_SHAPE, "[192,32]" },
    { "\"shape\":[31,68]", "\"shape\":[62,34]", LDR_SHAPE, "word_embeddings" } };
  tiny_spec s = wide("bert", 96);
  trio t = trio_open(s, LDR_Q8_0);
  ldr_error err;
  ldr_test_rng r = { 6 };
  size_t i, n, header = (size_t)ldr__load_u64((const unsigned char *)t.blocks);
  char *exact = exact_copy(t.blocks, t.blocks_size);
  for (i = 0; i < sizeof changes / sizeof *changes; i++) {
    char *changed = replaced_header(t.blocks, t.blocks_size, changes[i].from, changes[i].to, &n);
    ldr_model *m;
    err = no_error();
    m = load_bytes(t.floats.config, changed, n, 1, LDR_COMPUTE_F32, NULL, &err);
    if (m || err.status != changes[i].status || !strstr(err.message, changes[i].word)) printf("  change %d: %s\n", (int)i, err.message);
    CHECK(m == NULL && err.status == changes[i].status && strstr(err.message, changes[i].word) != NULL && err.offset != LDR_NO_OFFSET);
    ldr_model_free(m);
    free(changed);
  }
  for (n = 0; n < t.blocks_size; n += 1 + t.blocks_size / 200) {
    char *cut = exact_copy(t.blocks, n);
    err = no_error();
    CHECK(load_bytes(t.floats.config, cut, n, 1, LDR_COMPUTE_F32, NULL, &err) == NULL && (err.status == LDR_FORMAT || err.status == LDR_JSON));
    free(cut);
  }
  for (i = 0; i < 3000; i++) {                       /* whatever still loads is run */
    ldr_model *m;
    if (i % 3 == 0) memcpy(exact, t.blocks, t.blocks_size);
    exact[8 + ldr_test_below(&r, (uint32_t)header)] = "{}[]\",:0123456789-.eaFQ_\\\x80 "[ldr_test_below(&r, 27)];
    if (i % 2) exact[8 + header + ldr_test_below(&r, (uint32_t)(t.blocks_size - header - 8))] ^= 0x40;
    m = load_bytes(t.floats.config, exact, t.blocks_size, 1, LDR_COMPUTE_F32, NULL, NULL);
    if (m) {
      static float state[9 * 64];
      ldr_batch b = some_batch();
      CHECK_INT(ldr_model_hidden(m, state, &b, -1, NULL), LDR_OK);
    }
    ldr_model_free(m);
  }
  free(exact);
  trio_close(&t);
}

/* ---- a trained model ------------------------------------------------------------------------- */

TEST(outside_zh_mini_in_blocks) {
  char path[1024];
  ldr_error err = no_error();
  ldr_model *m, *k;
  char *config;
  size_t n, size;
  int q, i;
  int32_t ids[40], offsets[] = { 0, 12, 40 };
  ldr_batch b;
  static float want[40 * 256], got[40 * 256];
  NEED_DATA(path, "models/zh-mini/config.json");
  config = ldr_test_read(path, &n);
  *strrchr(path, '/') = 0;
  m = ldr_model_load(path, NULL, &err);
  CHECK_STR(err.message, "");
  for (i = 0; i < 40; i++) ids[i] = i == 0 || i == 12 ? 101 : i == 11 || i == 39 ? 102 : 700 + i * 131;
  memset(&b, 0, sizeof b);
  b.sequences = 2;
  b.ids = ids;
  b.offsets = offsets;
  CHECK_INT(ldr_model_hidden(m, want, &b, -1, &err), LDR_OK);
  for (q = 0; q < 2; q++) {
    char *blocks = quantised(m, formats[q], &size);
    k = load_bytes(config, blocks, size, 0, LDR_COMPUTE_F32, NULL, &err);
    CHECK_STR(err.message, "");
    CHECK_INT(ldr_model_hidden(k, got, &b, -1, &err), LDR_OK);
    if (!(distance(got, want, 40 * 256) < (q ? 0.15 : 0.015))) printf("  %s: states differ by %.4f\n", ldr_dtype_name(formats[q]), distance(got, want, 40 * 256));
    CHECK(distance(got, want, 40 * 256) < (q ? 0.15 : 0.015));
    ldr_model_free(k);
    free(blocks);
  }
  ldr_model_free(m);
  free(config);
}

/* Weights in blocks: a token's numbers in 8 bits change scores little, the same way again; elsewhere nothing. */
TEST(tokens_meet_blocks_rounded) {
  enum { VOCABULARY = 31 };
  static const ldr_dtype types[] = { LDR_Q8_0, LDR_Q4_0, LDR_F32 };
  static const int32_t text_ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19, 4, 8, 15 };
  size_t k;
  for (k = 0; k < 3; k++) {
    tiny_spec spec = wide("llama", 64);
    float want[VOCABULARY], got[VOCABULARY], again[VOCABULARY], pair[2 * VOCABULARY];
    ldr_session *s[2];
    ldr_session_desc d;
    ldr_model *m;
    ldr_error err;
    tiny_model t;
    char *blocks = NULL;
    size_t size = 0;
    int32_t i, ids[2];
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    t = tiny_open(spec, &err);
    if (types[k] != LDR_F32) blocks = quantised(t.m, types[k], &size);
    m = blocks ? ldr_model_load_memory(t.config, strlen(t.config), blocks, size, NULL, 0, NULL, &err) : t.m;
    CHECK_STR(err.message, "");
    for (i = 0; i < 2; i++) {
      d.rounded = i;
      s[i] = ldr_session_create(m, NULL, &d, &err);
      CHECK_INT(ldr_session_read(s[i], NULL, text_ids, 10, &err), LDR_OK);     /* more than 8 at a time: exact */
      CHECK_INT(ldr_session_read(s[i], i ? got : want, text_ids + 10, 1, &err), LDR_OK);
    }
    CHECK(relative(got, want, VOCABULARY, 1) < 2e-2);
    CHECK((memcmp(got, want, sizeof got) != 0) == (types[k] != LDR_F32 && m->kernels->dots_rounded != NULL));
    CHECK_INT(ldr_session_rewind(s[1], 10, &err), LDR_OK);
    CHECK_INT(ldr_session_read(s[1], again, text_ids + 10, 1, &err), LDR_OK);
    CHECK(memcmp(again, got, sizeof got) == 0);
    ids[0] = ids[1] = text_ids[11];
    CHECK_INT(ldr_session_step(s, 2, pair, ids, &err), LDR_ARGUMENT);          /* one is rounded, one is not */
    CHECK_INT(ldr_session_length(s[0]), 11);
    ldr_session_free(s[0]);
    ldr_session_free(s[1]);
    if (m != t.m) ldr_model_free(m);
    free(blocks);
    tiny_close(&t);
  }
}

#define TESTS(X) X(halves_round_to_nearest_even) X(blocks_equal_a_naive_quantiser) X(what_has_no_block_is_refused) X(unpacking_has_the_same_bits_everywhere) X(products_with_blocks_are_products_with_their_floats) X(few_rows_of_every_kind_of_block) X(tokens_meet_blocks_rounded) \
  X(a_model_in_blocks_is_the_model_of_their_values) X(ladders_are_cut_and_trained_from_blocks) X(what_is_quantised_and_what_is_not) X(values_without_blocks_leave_the_old_file) X(shards_become_one_file) \
  X(every_failed_allocation_is_clean) X(metadata_that_lies_is_refused_at_its_place) X(quantised_models_that_do_not_fit) X(outside_zh_mini_in_blocks)
LDR_TEST_MAIN("quantise", TESTS)
