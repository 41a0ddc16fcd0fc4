/* bench.c: what this machine can do, and what share of it the kernels and whole steps reach.

       make -C tools && tools/bench [--simd SET] [--threads N] [--json]
           (SET: a word of ldr_simd_word, as avx2)
           peaks (multiply-add, 8-bit dot, memory read), then matrix products beside them
       tools/bench step [options]                   one ladder step on a backbone of random weights
           --layers 12 --width 768 --heads 12 --ffn 3072 --batch 16 --len 128 --steps 7
           --method ladder|full|lora|... --preset default|paper|clue|mlp|head --reduction 8 --threads N --simd ...
           --cache --int8|--bf16 --pack --json
           --target N (a T5 instead: --len tokens of a source each, N of a target)
           --model MODEL (a language model's directory or GGUF file instead: all words of each text are foreseen)
           --accumulate 1 --recompute --tap-type f32|bf16|int8
           --lengths FILE (a number of tokens a line, for texts of those lengths)
       tools/bench forward [options]                the frozen backbone alone
       tools/bench generate MODEL [options]         tokens a second of a language model, of N texts in one step
           --threads N --int8|--bf16|--pack --texts N --kept-type f32|bf16|int8 --rounded
       tools/bench tokenize TOKENIZER FILE          the lines of a text file on one thread: megabytes a second of
                                                    processor time

   Every share is taken in one run, peak and product in turn, because machines drift. */
#if !defined(_POSIX_C_SOURCE) && !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L      /* clock_gettime and getrusage under -std=c99 */
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

static double now(void) {
#if defined(CLOCK_MONOTONIC)
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#else
  return (double)clock() / CLOCKS_PER_SEC;
#endif
}

static double peak_megabytes(void) {
#if defined(__unix__) || defined(__APPLE__)
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)u.ru_maxrss / 1024;
#else
  return 0;
#endif
}

static volatile float sink;

/* The machine's peak of one thread: twenty independent sums in registers (ten of 256 bits, which has sixteen),
   `count` operations in each step. Of single precision: multiply-adds. Of the 8-bit products: 16-bit pairs multiplied
   and added, then added up; with VNNI four bytes at once. Of bf16: pairs, where there is an instruction. */
#if LDR__X86
#define TEN(X, y) X(0, y) X(1, y) X(2, y) X(3, y) X(4, y) X(5, y) X(6, y) X(7, y) X(8, y) X(9, y)
#define TWENTY(X, y) TEN(X, y) X(10, y) X(11, y) X(12, y) X(13, y) X(14, y) X(15, y) X(16, y) X(17, y) X(18, y) X(19, y)
#define START(i, vector) vector c##i = a;
#define STEP(i, code) __asm__ volatile(code : "+v"(c##i), "=&v"(v) : "v"(a), "v"(b));
#define END(i, add) a = add(a, c##i);
#define PEAK(name, target, sums, all, vector, first, second, code, add, number, count) \
target static LDR__NOINLINE double name(void) {                                   \
  long n = 3000000, k;                                                          \
  double t;                                                                     \
  vector a = first, b = second, v = a;                                          \
  sums(START, vector)                                                           \
  t = now();                                                                    \
  for (k = 0; k < n; k++) { sums(STEP, code) }                                  \
  t = now() - t;                                                                \
  sums(END, add)                                                                \
  sink = (float)number(add(a, v));                                              \
  return (all) * (double)(count) * (double)n / t * 1e-9;                        \
}
#define FIRST_INT(v) _mm256_extract_epi32(v, 0)
PEAK(peak_avx2, LDR__AVX2, TEN, 10, __m256, _mm256_set1_ps(0.999f), _mm256_set1_ps(1e-3f), "vfmadd213ps %3, %2, %0",
    _mm256_add_ps, _mm256_cvtss_f32, 16)
PEAK(peak_avx512, LDR__AVX512, TWENTY, 20, __m512, _mm512_set1_ps(0.999f), _mm512_set1_ps(1e-3f),
    "vfmadd213ps %3, %2, %0", _mm512_add_ps, _mm512_cvtss_f32, 32)
PEAK(peak_pairs, LDR__AVX2, TEN, 10, __m256i, _mm256_set1_epi16(3), _mm256_set1_epi16(5),
    "vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0", _mm256_add_epi32, FIRST_INT, 32)
#if LDR__HAVE_VNNI256
PEAK(peak_bytes256, LDR__AVX2_VNNI, TEN, 10, __m256i, _mm256_set1_epi8(3), _mm256_set1_epi8(5),
    "%{vex%} vpdpbusd %3, %2, %0", _mm256_add_epi32, FIRST_INT, 64)
#else
static double peak_bytes256(void) { return 0; }
#endif
PEAK(peak_bf16, LDR__BF16, TWENTY, 20, __m512, _mm512_setzero_ps(), _mm512_setzero_ps(), "vdpbf16ps %3, %2, %0",
    _mm512_add_ps, _mm512_cvtss_f32, 64)
PEAK(peak_bytes, LDR__VNNI, TWENTY, 20, __m512i, _mm512_set1_epi8(3), _mm512_set1_epi8(5), "vpdpbusd %3, %2, %0",
    _mm512_add_epi32, _mm512_reduce_add_epi32, 128)
#undef TEN
#undef TWENTY
#undef START
#undef STEP
#undef END
#undef PEAK
#undef FIRST_INT
#endif

/* GFLOP/s or GOP/s of one thread in 0: f32, 1: int8, 2: bf16; 0 where nobody wrote the loop. The portable set is
   measured beside AVX2, which the machine has. */
static double peak_once(const ldr__kernels *k, int type) {
#if LDR__X86
  if (type == 2 && k->tile_bf16) return peak_bf16();
  if (type == 1 && k->unit == 4) return k->nr == 32 ? peak_bytes() : peak_bytes256();
  if (type == 1) return ldr__x86_avx2(1) ? peak_pairs() * (k->nr == 32 ? 2 : 1) : 0;
  return k->nr == 32 ? peak_avx512() : ldr__x86_avx2(1) ? peak_avx2() : 0;
#else
  (void)k;
  (void)type;
  return 0;
#endif
}

/* Sums 256 MB that no core's own cache holds, GB/s of all threads together. */
static double memory_read(const ldr__kernels *kernels, int threads) {
  size_t n = (size_t)1 << 26, i;
  float *p = (float *)malloc(n * sizeof(float));
  double best = 0, t;
  int r;
  if (!p) return 0;
  for (i = 0; i < n; i++) p[i] = (float)(i & 15);
  for (r = 0; r < 5; r++) {
    t = now();
    LDR__FOR(block, 64, threads) {
      float sums[32] = { 0 };
      kernels->rows->columns(sums, p + (size_t)block * (n / 64), 32, n / 64 / 32, 32);
      p[(size_t)block * (n / 64)] = sums[0] > 1e30f;
    }
    t = (double)n * sizeof(float) / (now() - t) * 1e-9;
    if (t > best) best = t;
  }
  free(p);
  return best;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* All threads at once, so that a clock shared between cores shows. */
static double peak_all(const ldr__kernels *k, int threads, int type) {
  double each[LADDER_MAX_THREADS], sum = 0;
  int i;
  LDR__FOR(t, threads, threads) { each[t] = peak_once(k, type); }
  for (i = 0; i < threads; i++) sum += each[i];
  return sum;
}

/* Floats from a cache line on, in large pages, as a plan lays them out; *block is to be freed. */
static float *floats(void **block, size_t n) {
  unsigned char *p = (unsigned char *)malloc(n * sizeof(float) + LDR__LINE);
  float *at = (float *)(void *)(p + (LDR__LINE - (uintptr_t)p % LDR__LINE));
  *block = p;
  ldr__large_pages(at, n * sizeof(float));
  return at;
}

/* Room for [out,in] in 8 bits or bf16. */
static ldr__packed narrow_matrix(const ldr__kernels *kernels, size_t out, size_t in, ldr__packing type) {
  size_t whole = ldr__round_up(out, LDR__TILE_MAX_N);
  ldr__packed w;
  memset(&w, 0, sizeof w);
  w.type = type;
  w.out = out;
  w.in = in;
  w.data = calloc(ldr__packed_bytes(kernels, out, in, type), 1);
  w.scale = type != LDR__PACK_INT8 ? NULL : (float *)calloc(whole, 4);
  w.sums = (int32_t *)calloc(whole * ldr__packed_blocks(in), 4);
  return w;
}

static void free_narrow(ldr__packed *w) {
  free(w->data);
  free(w->scale);
  free(w->sums);
}

/* mode 0: y = x W^T, 1: dx = dy W, 2: dW = dy^T x, 3: y = x W^T in 8 bits, 4: in bf16, 5: W in blocks of `type`,
   which are multiplied as they lie in the file */
static void bench_gemm(size_t m, size_t n, size_t k, int mode, ldr_dtype type, int threads, int json,
    const ldr__kernels *kernels) {
  static const char *const names[] = { "NT", "NN", "TN", "int8", "bf16" };
  const char *name = mode == 5 ? ldr_dtype_name(type) : names[mode];
  size_t i;
  void *blocks[4];
  float *a = floats(&blocks[0], m * k), *b = floats(&blocks[1], k * n), *c = floats(&blocks[2], m * n);
  float *row = (float *)malloc(k * 4);
  ldr__mat file = ldr__mat_float(b, 1, k);
  ldr__exec ex;
  ldr__packed w;
  double rate[64], peak = 0, median, flop = 2.0 * (double)m * (double)n * (double)k * 1e-9;
  int reps = 0, inner = (int)(0.2 / flop) + 1;
  memset(&ex, 0, sizeof ex);
  memset(&w, 0, sizeof w);
  ex.kernels = kernels;
  ex.threads = threads;
  ex.scratch_size = ldr__gemm_scratch(n, k);
  ex.scratch = floats(&blocks[3], ex.scratch_size * (size_t)threads);
  for (i = 0; i < m * k; i++) a[i] = (float)(i % 13) - 6;
  for (i = 0; i < k * n; i++) b[i] = (float)(i % 11) - 5;
  if (mode == 5) {                                   /* bytes below 0x3c: no half of them is an infinity */
    file.dtype = type;
    for (i = 0; i < k * n * 4; i++) ((unsigned char *)b)[i] = (unsigned char)(i * 2654435761u / 8192 % 60);
  }
  if (mode == 3 || mode == 4) {
    w = narrow_matrix(kernels, n, k, mode == 3 ? LDR__PACK_INT8 : LDR__PACK_BF16);
    ex.narrowed = (float *)malloc(m * ldr__narrow_stride(k));
    ex.row_scales = (float *)malloc(m * 4);
    ldr__packed_fill(kernels, &w, 0, ldr__mat_float(b, k, 1), NULL, n, row);
  }
  while (reps < 21) {
    double t = now();
    int r;
    for (r = 0; r < inner; r++) {
      if (mode == 0 || mode == 5) ldr__gemm(&ex, c, n, a, k, 1, file, ldr__finish_bias(NULL), m, n, k, 0);
      if (mode == 1) ldr__gemm(&ex, c, n, a, k, 1, ldr__mat_float(b, n, 1), ldr__finish_bias(NULL), m, n, k, 0);
      if (mode == 2) ldr__gemm(&ex, c, n, a, 1, m, ldr__mat_float(b, n, 1), ldr__finish_bias(NULL), m, n, k, 0);
      if (mode == 3 || mode == 4) ldr__packed_forward(&ex, c, n, NULL, a, k, &w, m, 0);
    }
    rate[reps++] = flop * inner / (now() - t);
    if (reps % 3 == 1) peak = LDR__MAX(peak, peak_all(kernels, threads, mode == 3 ? 1 : mode == 4 ? 2 : 0));
  }
  qsort(rate, (size_t)reps, sizeof rate[0], by_value);
  median = rate[reps / 2];
  if (json)
    printf("{\"product\":\"%s\",\"m\":%d,\"n\":%d,\"k\":%d,\"threads\":%d,\"kernels\":\"%s\","
        "\"median\":%.1f,\"best\":%.1f,\"peak\":%.1f}\n",
        name, (int)m, (int)n, (int)k, threads, kernels->name, median, rate[reps - 1], peak);
  else
    printf("%-6s %5d x %5d x %5d  %d threads  median %6.1f  best %6.1f  %3.0f %% and %3.0f %% of the peak %.1f\n",
        name, (int)m, (int)n, (int)k, threads, median, rate[reps - 1],
        peak > 0 ? 100 * median / peak : 0, peak > 0 ? 100 * rate[reps - 1] / peak : 0, peak);
  fflush(stdout);
  for (i = 0; i < 4; i++) free(blocks[i]);
  free(row);
  free_narrow(&w);
  free(ex.narrowed);
  free(ex.row_scales);
}

static void bench_products(const ldr__kernels *kernels, int threads, int json) {
  static const int shapes[][4] = {
    { 2048, 768, 768, 0 }, { 2048, 3072, 768, 0 }, { 2048, 768, 3072, 0 }, { 512, 768, 768, 0 }, { 128, 768, 768, 0 },
    { 2048, 768, 768, 1 }, { 2048, 768, 3072, 1 }, { 768, 768, 2048, 2 }, { 3072, 768, 2048, 2 },
    { 2048, 96, 96, 0 }, { 2048, 96, 768, 0 }, { 2048, 384, 96, 0 }, { 2048, 96, 384, 1 },
    { 96, 768, 2048, 2 }, { 96, 96, 2048, 2 },
    { 2048, 768, 768, 3 }, { 2048, 3072, 768, 3 }, { 2048, 768, 3072, 3 }, { 128, 768, 768, 3 },
    { 2048, 768, 768, 4 }, { 2048, 3072, 768, 4 }, { 2048, 768, 3072, 4 }, { 128, 768, 768, 4 } };
  static const ldr_dtype types[] = {
    LDR_F16, LDR_Q8_0, LDR_Q4_0, LDR_Q5_1, LDR_Q2_K, LDR_Q3_K, LDR_Q4_K, LDR_Q5_K, LDR_Q6_K, LDR_IQ4_XS };
  int max = threads ? threads : ldr__max_threads();
  size_t i;
  for (threads = max; threads >= 1; threads = threads > 1 ? 1 : 0) {
    double f = 0, q = 0, h = 0, r = memory_read(kernels, threads);
    int k;
    for (k = 0; k < 5; k++) {
      f = LDR__MAX(f, peak_all(kernels, threads, 0));
      q = LDR__MAX(q, peak_all(kernels, threads, 1));
      h = LDR__MAX(h, peak_all(kernels, threads, 2));
    }
    if (json)
      printf("{\"peaks\":\"%s\",\"threads\":%d,\"f32\":%.1f,\"int8\":%.1f,\"bf16\":%.1f,\"read_gigabytes\":%.1f}\n",
          kernels->name, threads, f, q, h, r);
    else
      printf("%s, %d threads: multiply-add %.1f GFLOP/s, 8-bit dot %.1f GOP/s, bf16 %.1f GFLOP/s, "
          "memory read %.1f GB/s\n", kernels->name, threads, f, q, h, r);
    for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
      bench_gemm((size_t)shapes[i][0], (size_t)shapes[i][1], (size_t)shapes[i][2], shapes[i][3],
          LDR_F32, threads, json, kernels);
    for (i = 0; i < 2 * sizeof types / sizeof *types; i++)
      bench_gemm(i % 2 ? 1 : 512, 3072, 768, 5, types[i / 2], threads, json, kernels);
  }
}

/* ---- one ladder step -------------------------------------------------------------------- */

typedef struct step_options {
  int         layers, width, heads, ffn, batch, len, steps, reduction, threads, cache, json, method;
  ldr_preset  preset;
  ldr_compute compute;
  int         recompute;
  ldr_dtype   tap_type;
  const char *lengths;
  int         accumulate;
  ldr_simd    simd;
  int         pack, target;
  const char *model;
} step_options;

static void put_tensor(char **header, float **data, size_t *at, const char *name, int rows, int columns, float mean,
    float scale) {
  size_t n = (size_t)(rows ? rows : 1) * (size_t)columns, i;
  *header += sprintf(*header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", name);
  if (rows) *header += sprintf(*header, "%d,", rows);
  *header += sprintf(*header, "%d],\"data_offsets\":[%llu,%llu]}", columns, (unsigned long long)*at * 4,
      (unsigned long long)(*at + n) * 4);
  for (i = 0; *data && i < n; i++)
    (*data)[*at + i] = mean + scale * ((float)(ldr__mix64(*at + i) >> 40) / 8388608.0f - 1.0f);
  *at += n;
}

/* A BERT of random weights: header text and, when `data` is there, the numbers. Returns the floats. */
static size_t random_bert(char *header, float *data, const step_options *o) {
  static const struct { const char *name; int out, in; } linears[] = {      /* 0: width, 1: ffn */
    { "attention.self.query", 0, 0 }, { "attention.self.key", 0, 0 }, { "attention.self.value", 0, 0 },
    { "attention.output.dense", 0, 0 }, { "intermediate.dense", 1, 0 }, { "output.dense", 0, 1 } };
  static const char *const norms[] = { "attention.output.LayerNorm", "output.LayerNorm" };
  size_t at = 0;
  char name[128];
  int l, i, w = o->width;
  header += sprintf(header, "{\"__metadata__\":{}");
  put_tensor(&header, &data, &at, "embeddings.word_embeddings.weight", 30522, w, 0, 0.05f);
  put_tensor(&header, &data, &at, "embeddings.position_embeddings.weight", 512, w, 0, 0.05f);
  put_tensor(&header, &data, &at, "embeddings.token_type_embeddings.weight", 2, w, 0, 0.05f);
  put_tensor(&header, &data, &at, "embeddings.LayerNorm.weight", 0, w, 1, 0);
  put_tensor(&header, &data, &at, "embeddings.LayerNorm.bias", 0, w, 0, 0);
  for (l = 0; l < o->layers; l++) {
    for (i = 0; i < 6; i++) {
      int out = linears[i].out ? o->ffn : w, in = linears[i].in ? o->ffn : w;
      sprintf(name, "encoder.layer.%d.%s.weight", l, linears[i].name);
      put_tensor(&header, &data, &at, name, out, in, 0, 1.7f / sqrtf((float)in));
      sprintf(name, "encoder.layer.%d.%s.bias", l, linears[i].name);
      put_tensor(&header, &data, &at, name, 0, out, 0, 0.02f);
    }
    for (i = 0; i < 2; i++) {
      sprintf(name, "encoder.layer.%d.%s.weight", l, norms[i]);
      put_tensor(&header, &data, &at, name, 0, w, 1, 0);
      sprintf(name, "encoder.layer.%d.%s.bias", l, norms[i]);
      put_tensor(&header, &data, &at, name, 0, w, 0, 0);
    }
  }
  strcpy(header, "}");
  return at;
}

/* The same of a T5, whose output matrix is its table of words. */
static size_t random_t5(char *header, float *data, const step_options *o) {
  static const char *const kinds[] = { "SelfAttention", "EncDecAttention" }, *const stacks[] = { "encoder", "decoder" };
  size_t at = 0;
  char name[128];
  int stack, l, i, k, w = o->width;
  header += sprintf(header, "{\"__metadata__\":{}");
  put_tensor(&header, &data, &at, "shared.weight", 32128, w, 0, 1);
  for (stack = 0; stack < 2; stack++) {
    for (l = 0; l < o->layers; l++) {
      for (k = 0; k <= stack; k++) {
        for (i = 0; i < 4; i++) {
          sprintf(name, "%s.block.%d.layer.%d.%s.%c.weight", stacks[stack], l, k, kinds[k], "qkvo"[i]);
          put_tensor(&header, &data, &at, name, w, w, 0, i ? 1.7f / sqrtf((float)w) : 1.7f / (float)w);
        }
        sprintf(name, "%s.block.%d.layer.%d.layer_norm.weight", stacks[stack], l, k);
        put_tensor(&header, &data, &at, name, 0, w, 1, 0);
      }
      sprintf(name, "%s.block.%d.layer.%d.DenseReluDense.wi.weight", stacks[stack], l, k);
      put_tensor(&header, &data, &at, name, o->ffn, w, 0, 1.7f / sqrtf((float)w));
      sprintf(name, "%s.block.%d.layer.%d.DenseReluDense.wo.weight", stacks[stack], l, k);
      put_tensor(&header, &data, &at, name, w, o->ffn, 0, 1.7f / sqrtf((float)o->ffn));
      sprintf(name, "%s.block.%d.layer.%d.layer_norm.weight", stacks[stack], l, k);
      put_tensor(&header, &data, &at, name, 0, w, 1, 0);
    }
    sprintf(name, "%s.block.0.layer.0.SelfAttention.relative_attention_bias.weight", stacks[stack]);
    put_tensor(&header, &data, &at, name, 32, o->heads, 0, 1);
    sprintf(name, "%s.final_layer_norm.weight", stacks[stack]);
    put_tensor(&header, &data, &at, name, 0, w, 1, 0);
  }
  strcpy(header, "}");
  return at;
}

enum { MOST_TEXTS = 16384 };

/* Lengths of the texts: what the file says, at most 512, or a few of one length. */
static int text_lengths(int *lengths, const step_options *o) {
  FILE *f = o->lengths ? fopen(o->lengths, "r") : NULL;
  int n = 0;
  while (f && n < MOST_TEXTS && fscanf(f, "%d", &lengths[n]) == 1) {
    if (lengths[n] < 1) lengths[n] = 1;
    if (lengths[n] > 512) lengths[n] = 512;
    n++;
  }
  if (f) fclose(f);
  for (; !o->lengths && n < 3 * o->batch; n++) lengths[n] = o->len;
  return n;
}

/* Random weights as a safetensors file; of --model, which has its own, none. */
static unsigned char *random_weights(const step_options *o, size_t *size) {
  static char header[1 << 20];
  size_t (*fill)(char *, float *, const step_options *) = o->target ? random_t5 : random_bert;
  size_t floats = o->model ? 0 : fill(header, NULL, o), length = (strlen(header) + 7) / 8 * 8;
  unsigned char *file;
  *size = 8 + length + floats * 4;
  file = (unsigned char *)malloc(*size + 4096);
  if (!file) return NULL;
  memset(file, ' ', 8 + length);
  ldr__store_u64(file, length);
  memcpy(file + 8, header, strlen(header));
  if (!o->model) fill(header, (float *)(void *)(file + 8 + length), o);
  return file;
}

static ldr_model *step_model(const step_options *o, const unsigned char *file, size_t size, ldr_error *err) {
  char config[640];
  ldr_model_desc desc;
  memset(&desc, 0, sizeof desc);
  desc.threads = o->threads;
  desc.compute = o->compute;
  desc.simd = o->simd;
  desc.pack = o->pack;
  if (o->model) return ldr_model_load(o->model, &desc, err);
  if (o->target)
    sprintf(config,
        "{\"model_type\":\"t5\",\"architectures\":[\"T5ForConditionalGeneration\"],\"is_encoder_decoder\":true,"
        "\"vocab_size\":32128,\"d_model\":%d,\"num_layers\":%d,\"num_heads\":%d,\"d_ff\":%d,\"d_kv\":%d,"
        "\"decoder_start_token_id\":0,\"layer_norm_epsilon\":1e-06}",
        o->width, o->layers, o->heads, o->ffn, o->width / o->heads);
  else
    sprintf(config,
        "{\"model_type\":\"bert\",\"vocab_size\":30522,\"hidden_size\":%d,\"num_hidden_layers\":%d,"
        "\"num_attention_heads\":%d,\"intermediate_size\":%d,\"max_position_embeddings\":512}",
        o->width, o->layers, o->heads, o->ffn);
  return ldr_model_load_memory(config, strlen(config), file, size, NULL, 0, &desc, err);
}

static ldr_ladder *step_ladder(const step_options *o, ldr_model *m, ldr_error *err) {
  ldr_ladder_desc desc;
  memset(&desc, 0, sizeof desc);
  desc.preset = o->preset;
  desc.method = (ldr_method)o->method;
  desc.reduction = o->reduction;
  desc.classes = 2;
  if (o->target || o->model) desc.head = LDR_HEAD_WORDS;
  desc.dropout = -1;                           /* off, as in the peers */
  return m ? ldr_ladder_create(m, &desc, err) : NULL;
}

/* Texts of random tokens: of two classes, or with words to foresee. */
static ldr_dataset *step_texts(const step_options *o, const ldr_model *m, const int *lengths, int texts,
    ldr_error *err) {
  static int32_t ids[1024], segments[1024], labels[1024];
  uint64_t words = o->model && m ? (uint64_t)m->vocabulary : 30522;
  ldr_dataset_desc desc;
  ldr_dataset *d;
  int i, k;
  memset(&desc, 0, sizeof desc);
  if (o->target || o->model) desc.head = LDR_HEAD_WORDS;
  desc.max_len = 1024;
  d = ldr_dataset_create(&desc, err);
  for (i = 0; d && i < texts; i++) {
    int32_t label = i & 1;
    ldr_example e;
    memset(&e, 0, sizeof e);
    for (k = 0; k < lengths[i] + o->target; k++) {
      ids[k] = (int32_t)(ldr__mix64((uint64_t)(i * 512 + k)) % words);
      segments[k] = k >= lengths[i];
      labels[k] = segments[k] ? ids[k] : LDR_IGNORE;
      if (k && o->model) labels[k - 1] = ids[k];
    }
    e.count = lengths[i] + o->target;
    e.ids = ids;
    e.segments = o->target ? segments : NULL;
    e.labels = o->target || o->model ? labels : &label;
    ldr_dataset_add(d, &e, err);
  }
  return d;
}

/* Seconds of each pass through the frozen backbone, after two that are not counted. */
static void forward_seconds(double *seconds, const step_options *o, ldr_model *m, ldr_error *err) {
  static int32_t ids[4096 * 512], offsets[4097];
  float *hidden = (float *)malloc((size_t)o->batch * (size_t)o->len * (size_t)o->width * 4);
  ldr_batch b;
  int i;
  memset(&b, 0, sizeof b);
  for (i = 0; i < o->batch * o->len; i++) ids[i] = (int32_t)(ldr__mix64((uint64_t)i) % 30522);
  for (i = 0; i <= o->batch; i++) offsets[i] = i * o->len;
  b.ids = ids;
  b.offsets = offsets;
  b.sequences = o->batch;
  if (!hidden) ldr__fail(err, LDR_MEMORY, "out of memory");
  for (i = -2; m && hidden && i < o->steps; i++) {
    double start = now();
    if (ldr_model_hidden(m, hidden, &b, -1, err)) break;
    if (i >= 0) seconds[i] = now() - start;
  }
  free(hidden);
}

/* Seconds of each training step, after three that are not counted. Returns tokens a second of all of them. */
static double train_seconds(double *seconds, const step_options *o, ldr_ladder *l, ldr_dataset *d, ldr_error *err) {
  double all = 0, tokens = 0;
  ldr_train_desc desc;
  ldr_trainer *t;
  int i;
  memset(&desc, 0, sizeof desc);
  desc.epochs = 1000;
  desc.batch = o->batch;
  desc.cache = o->cache;
  desc.recompute = o->recompute;
  desc.accumulate = o->accumulate;
  desc.tap_type = o->tap_type;
  desc.schedule = LDR_CONSTANT;
  t = l && d ? ldr_trainer_create(l, d, NULL, &desc, err) : NULL;
  for (i = -3; t && i < o->steps; i++) {
    double start = now();
    if (i == 0) tokens = -(double)ldr_trainer_progress(t).tokens;
    if (ldr_trainer_step(t, NULL, err)) break;
    if (i >= 0) all += seconds[i] = now() - start;
  }
  if (t) tokens += (double)ldr_trainer_progress(t).tokens;
  ldr_trainer_free(t);
  return all > 0 ? tokens / all : 0;
}

/* base: megabytes before the first step. */
static void print_step(const step_options *o, const ldr_model *m, const ldr_ladder *l, int forward, double median,
    double best, double rate, double base) {
  unsigned long long trainable = (unsigned long long)ldr_ladder_trainable(l);
  const char *type = o->compute == LDR_COMPUTE_BF16 ? ", bf16" : o->compute ? ", int8" : o->pack ? ", packed" : "";
  double peak = peak_megabytes();
  char tokens_each[24];
  sprintf(tokens_each, "%d", o->len);
  if (o->lengths) strcpy(tokens_each, "various");
  if (o->json)
    printf("{\"step\":%.4f,\"best\":%.4f,\"tokens_per_second\":%.0f,\"trainable\":%llu,\"peak_megabytes\":%.1f,"
        "\"beyond_weights_megabytes\":%.1f}\n", median, best, rate, trainable, peak, peak - base);
  else
    printf("%s%s%d layers x %d, %d x %s tokens, preset %d, %s%s%s: median %.3f s, best %.3f s, %.0f tokens/s, "
        "%llu trained, peak %.0f MB of which %.0f beyond the weights\n",
        forward ? "forward, " : "step, ", o->model ? "of a model, " : "", (int)m->layers, (int)m->shape.width,
        o->batch, tokens_each, (int)o->preset, m->kernels->name, type, o->cache ? ", cached taps" : "",
        median, best, rate, trainable, peak, peak - base);
}

static int bench_step(const step_options *o, int forward) {
  static int lengths[MOST_TEXTS];
  unsigned char *file;
  size_t size;
  ldr_error err;
  ldr_model *m;
  ldr_ladder *l;
  ldr_dataset *d;
  double seconds[256], base, rate = 0;
  int texts = text_lengths(lengths, o);
  if (!texts) {
    fprintf(stderr, "bench: %s holds no lengths\n", o->lengths);
    return 1;
  }
  memset(&err, 0, sizeof err);
  file = random_weights(o, &size);
  if (!file) return 1;
  m = step_model(o, file, size, &err);
  l = step_ladder(o, m, &err);
  d = step_texts(o, m, lengths, texts, &err);
  base = peak_megabytes();
  if (forward) forward_seconds(seconds, o, m, &err);
  else rate = train_seconds(seconds, o, l, d, &err);
  if (!err.status) {
    double median;
    qsort(seconds, (size_t)o->steps, sizeof seconds[0], by_value);
    median = seconds[o->steps / 2];
    if (forward || !o->lengths) rate = o->batch * o->len / median;
    print_step(o, m, l, forward, median, seconds[0], rate, base);
  } else fprintf(stderr, "bench: %s\n", err.message);
  ldr_dataset_free(d);
  ldr_ladder_free(l);
  ldr_model_free(m);
  free(file);
  return err.status != LDR_OK;
}

/* The lines of a file, without special tokens, three times; the best of them in processor time. */
static int bench_tokenize(const char *path, const char *file) {
  ldr_error err;
  ldr_encoding e;
  ldr_tokenizer *t;
  FILE *f = fopen(file, "rb");
  char *s = NULL;
  size_t n = 0, at, next;
  double best = 0, seconds;
  long tokens = 0;
  int round;
  memset(&err, 0, sizeof err);
  memset(&e, 0, sizeof e);
  t = ldr_tokenizer_load(path, NULL, &err);
  if (f && !fseek(f, 0, SEEK_END) && ftell(f) > 0) {
    n = (size_t)ftell(f);
    s = (char *)malloc(n);
    rewind(f);
    n = s ? fread(s, 1, n, f) : 0;
  }
  if (f) fclose(f);
  for (round = 0; round < 3 && t && n; round++) {
    clock_t start = clock();
    for (tokens = 0, at = 0; at < n; at = next) {
      const char *end = (const char *)memchr(s + at, '\n', n - at);
      size_t length = end ? (size_t)(end - s) - at : n - at;
      next = at + length + 1;
      if (ldr_tokenizer_encode(t, &e, s + at, length, NULL, 0, 0, 0, &err)) break;
      tokens += e.count;
    }
    seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (round == 0 || seconds < best) best = seconds;
  }
  if (err.status || !n)
    fprintf(stderr, "bench: %s\n", err.status ? err.message : "the file cannot be read or is empty");
  else printf("%s: %ld tokens, %.1f MB/s\n", path, tokens, (double)n / 1e6 / best);
  ldr_encoding_free(&e);
  ldr_tokenizer_free(t);
  free(s);
  return err.status || !n;
}

/* What one of `rounds` takes at best, in seconds: 512 tokens read at once (two stacks: a source of 128), or, with
   some `single` texts, 64 tokens of each, one after the other behind 16. */
static double generate_seconds(ldr_session **s, float *logits, const int32_t *ids, int single, int two, int rounds,
    ldr_error *err) {
  double best = 0;
  int round, i, k;
  for (round = 0; round < rounds && !err->status; round++) {
    double t;
    for (i = 0; i < (single ? single : 1); i++) {
      if (single && two) ldr_session_source(s[i], ids, 128, err);
      ldr_session_rewind(s[i], 0, err);
      if (single) ldr_session_read(s[i], NULL, ids, 16, err);
    }
    t = now();
    if (!single && two) ldr_session_source(s[0], ids, 128, err);
    else if (!single) ldr_session_read(s[0], logits, ids, 512, err);
    for (k = 0; single && k < 64; k++) ldr_session_step(s, single, logits, ids + k, err);
    t = now() - t;
    if (round == 0 || t < best) best = t;
  }
  return best;
}

/* A language model's tokens a second, read in one piece and one by one, beside what its weights and memory allow. */
static int bench_generate(int argc, char **argv) {
  ldr_model_desc d;
  ldr_session_desc sd;
  ldr_error err;
  ldr_model *m;
  ldr_session *s[64];
  int32_t ids[512];
  double all, one, bytes = 0, memory;
  size_t i;
  int k, texts = 1, two;
  const char *kept = "f32";
  float *logits; /* the scores of words are a part of every token */
  memset(&d, 0, sizeof d);
  memset(&sd, 0, sizeof sd);
  memset(&err, 0, sizeof err);
  memset(s, 0, sizeof s);
  sd.capacity = 600;
  for (k = 3; k < argc; k++) {
    if (strcmp(argv[k], "--pack") == 0) d.pack = 1;
    else if (strcmp(argv[k], "--int8") == 0) d.compute = LDR_COMPUTE_INT8;
    else if (strcmp(argv[k], "--bf16") == 0) d.compute = LDR_COMPUTE_BF16;
    else if (strcmp(argv[k], "--threads") == 0 && k + 1 < argc) d.threads = atoi(argv[++k]);
    else if (strcmp(argv[k], "--texts") == 0 && k + 1 < argc) texts = atoi(argv[++k]);
    else if (strcmp(argv[k], "--kept-type") == 0 && k + 1 < argc) kept = argv[++k];
    else if (strcmp(argv[k], "--rounded") == 0) sd.rounded = 1;
  }
  if (texts < 1 || texts > 64) texts = 1;
  sd.kept_type = strcmp(kept, "bf16") == 0 ? LDR_BF16 : strcmp(kept, "int8") == 0 ? LDR_I8 : LDR_F32;
  m = ldr_model_load(argv[2], &d, &err);
  two = m && ldr_model_encoder(m);
  if (two) sd.capacity = 200;
  for (k = 0; m && k < texts; k++) s[k] = ldr_session_create(m, NULL, &sd, &err);
  for (i = 0; m && i < 512; i++) ids[i] = (int32_t)((uint64_t)i * 2654435761u / 7 % (uint64_t)m->vocabulary);
  for (i = 0; m && i < m->weights->count; i++) bytes += (double)m->weights->tensors[i].bytes;
  logits = m ? (float *)malloc((size_t)texts * (size_t)m->vocabulary * sizeof *logits) : NULL;
  all = !err.status && logits ? generate_seconds(s, logits, ids, 0, two, 3, &err) : 0;
  one = !err.status && logits ? generate_seconds(s, logits, ids, texts, two, 3, &err) / 64 : 0;
  if (err.status) fprintf(stderr, "bench: %s\n", err.message);
  else {
    memory = memory_read(m->kernels, m->threads);
    printf("%s: %s %.0f a second, single ones of %d texts %.1f a second; the file's %.0f MB at %.1f GB/s, "
        "memory reads %.1f GB/s\n",
        argv[2], two ? "tokens of a source" : "512 tokens", (two ? 128 : 512) / all, texts, texts / one, bytes / 1e6,
        bytes / one / 1e9, memory);
  }
  for (k = 0; k < texts; k++) ldr_session_free(s[k]);
  free(logits);
  ldr_model_free(m);
  return err.status != LDR_OK;
}

/* The method of that name, or one behind the last. */
static int method_of(const char *name) {
  int i;
  for (i = 0; strcmp(ldr_method_name((ldr_method)i), "?"); i++)
    if (strcmp(name, ldr_method_name((ldr_method)i)) == 0) break;
  return i;
}

int main(int argc, char **argv) {
  static const char *const presets[] = { "default", "paper", "clue", "mlp", "head" };
  step_options o = { 12, 768, 12, 3072, 16, 128, 7, 8, 0, 0, 0, 0, LDR_PRESET_DEFAULT, LDR_COMPUTE_F32, 0, LDR_F32,
    NULL, 1, LDR_SIMD_AUTO, 0, 0, NULL };
  struct { const char *name; int *value; } options[] = {
    { "--layers", &o.layers }, { "--width", &o.width }, { "--heads", &o.heads }, { "--ffn", &o.ffn },
    { "--batch", &o.batch }, { "--len", &o.len }, { "--steps", &o.steps }, { "--reduction", &o.reduction },
    { "--threads", &o.threads }, { "--accumulate", &o.accumulate }, { "--target", &o.target } };
  int i, step = argc > 1 ? strcmp(argv[1], "step") == 0 ? 1 : strcmp(argv[1], "forward") == 0 ? 2 : 0 : 0;
  size_t k;
  if (argc == 4 && strcmp(argv[1], "tokenize") == 0) return bench_tokenize(argv[2], argv[3]);
  if (argc > 2 && strcmp(argv[1], "generate") == 0) return bench_generate(argc, argv);
  for (i = 1 + (step > 0); i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) o.json = 1;
    else if (strcmp(argv[i], "--cache") == 0) o.cache = 1;
    else if (strcmp(argv[i], "--lengths") == 0 && i + 1 < argc) o.lengths = argv[++i];
    else if (strcmp(argv[i], "--model") == 0 && i + 1 < argc) o.model = argv[++i];
    else if (strcmp(argv[i], "--recompute") == 0) o.recompute = 1;
    else if (strcmp(argv[i], "--tap-type") == 0 && i + 1 < argc) {
      i++;
      o.tap_type = strcmp(argv[i], "bf16") == 0 ? LDR_BF16 : strcmp(argv[i], "int8") == 0 ? LDR_I8 : LDR_F32;
    }
    else if (strcmp(argv[i], "--pack") == 0) o.pack = 1;
    else if (strcmp(argv[i], "--int8") == 0) o.compute = LDR_COMPUTE_INT8;
    else if (strcmp(argv[i], "--bf16") == 0) o.compute = LDR_COMPUTE_BF16;
    else if (strcmp(argv[i], "--simd") == 0 && i + 1 < argc) {
      ldr_simd set;
      int w;
      for (w = 0, i++; ldr_simd_word(w, &set); w++)
        if (strcmp(argv[i], ldr_simd_word(w, NULL)) == 0) o.simd = set;
    }
    else if (strcmp(argv[i], "--method") == 0 && i + 1 < argc) o.method = method_of(argv[++i]);
    else if (strcmp(argv[i], "--preset") == 0 && i + 1 < argc) {
      for (k = 0, i++; k < 5; k++)
        if (strcmp(argv[i], presets[k]) == 0) o.preset = (ldr_preset)k;
    } else {
      for (k = 0; k < sizeof options / sizeof options[0]; k++)
        if (strcmp(argv[i], options[k].name) == 0 && i + 1 < argc) break;
      if (k == sizeof options / sizeof options[0]) {
        fprintf(stderr, "bench: unknown option %s (see the top of tools/bench.c)\n", argv[i]);
        return 2;
      }
      *options[k].value = atoi(argv[++i]);
    }
  }
  if (o.target < 0 || o.target > 512 || (o.target && (step != 1 || o.model)) || (o.model && step != 1)) {
    fprintf(stderr, "bench: --target 1 to 512 or --model, of step alone\n");
    return 2;
  }
  if (o.len < 1 || o.len > 512 || o.steps < 1 || o.steps > 256 || o.batch < 1 || o.batch > 4096) {
    fprintf(stderr, "bench: --len 1 to 512, --steps 1 to 256, --batch 1 to 4096\n");
    return 2;
  }
  if (step) return bench_step(&o, step == 2);
  bench_products(ldr__kernels_pick(o.simd), o.threads, o.json);
  return 0;
}
