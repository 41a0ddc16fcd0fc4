/* Kernels, matrix products, operations, JSON and error reports, against double arithmetic written
   here for the purpose. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

/* ---- helpers ----------------------------------------------------------------------------- */

static int kernel_sets(const ldr__kernels **sets) {
    int n = 0;
    sets[n++] = &ldr__kernels_portable;
#if LDR__X86
    if (ldr__x86_level() >= 1) sets[n++] = &ldr__kernels_avx2;
    if (ldr__x86_level() >= 2) sets[n++] = &ldr__kernels_avx512;
#endif
    return n;
}

static float *floats(size_t n) {
    float *p = (float *)calloc(n ? n : 1, sizeof(float));
    if (!p) abort();
    return p;
}

static float *random_floats(size_t n, ldr_test_rng *r) {
    float *p = floats(n);
    size_t i;
    for (i = 0; i < n; i++) p[i] = ldr_test_uniform(r);
    return p;
}

/* An execution context with scratch for gemm and attention. */
typedef struct rig { ldr__exec ex; } rig;

static rig rig_open(const ldr__kernels *k, int32_t threads, size_t columns, size_t longest, size_t head_dim) {
    rig g;
    size_t need = ldr__gemm_scratch(), other = longest ? ldr__attention_scratch(longest, head_dim) : 0;
    g.ex.kernels = k;
    g.ex.threads = threads;
    g.ex.scratch_size = need > other ? need : other;
    g.ex.panel = floats(ldr__gemm_panel(columns));
    g.ex.scratch = floats(g.ex.scratch_size * (size_t)threads);
    return g;
}

static void rig_close(rig *g) {
    free(g->ex.panel);
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
    float *wrong = floats(n);
    size_t i;
    for (i = 0; i < n; i++) wrong[i] = -g[i];
    CHECK_NEAR(slope_error(f, context, x, g, n), 0, limit);
    CHECK(slope_error(f, context, x, wrong, n) > 0.5);
    free(wrong);
}

/* ---- errors ------------------------------------------------------------------------------ */

TEST(statuses_have_names_and_texts) {
    int i, k;
    CHECK_STR(ldr_status_name(LDR_OK), "LDR_OK");
    CHECK_STR(ldr_status_name(LDR_NUMERIC), "LDR_NUMERIC");
    CHECK_STR(ldr_status_text(LDR_MEMORY), "the allocator returned NULL");
    CHECK_STR(ldr_status_name(LDR_STATUS_COUNT), "LDR_UNKNOWN");
    CHECK_STR(ldr_status_name((ldr_status)-1), "LDR_UNKNOWN");
    CHECK_STR(ldr_status_text((ldr_status)999), "unknown status");
    for (i = 0; i < LDR_STATUS_COUNT; i++) {
        CHECK(strncmp(ldr_status_name((ldr_status)i), "LDR_", 4) == 0 && strlen(ldr_status_text((ldr_status)i)) > 5);
        for (k = 0; k < i; k++) CHECK(strcmp(ldr_status_name((ldr_status)i), ldr_status_name((ldr_status)k)) != 0 && strcmp(ldr_status_text((ldr_status)i), ldr_status_text((ldr_status)k)) != 0);
    }
    CHECK_STR(ldr_dtype_name(LDR_BF16), "BF16");
    CHECK_STR(ldr_dtype_name((ldr_dtype)99), "?");
    CHECK_INT(ldr_dtype_size(LDR_F64), 8);
    CHECK_INT(ldr_dtype_size((ldr_dtype)-1), 0);
}

TEST(the_first_error_wins) {
    ldr_error err, before;
    memset(&err, 0, sizeof err);
    CHECK_INT(ldr__fail(&err, LDR_SHAPE, 17, "a %s of %d, %I and %U%%", "word", -3, (int64_t)-5000000000, UINT64_MAX), LDR_SHAPE);
    CHECK_STR(err.message, "a word of -3, -5000000000 and 18446744073709551615% (offset 17)");
    CHECK_INT(err.offset, 17);
    CHECK_INT(ldr__fail(&err, LDR_DTYPE, 1, "another"), LDR_DTYPE);
    CHECK_INT(err.status, LDR_SHAPE);
    CHECK(strncmp(err.message, "a word", 6) == 0);
    CHECK_INT(ldr__fail(NULL, LDR_IO, 0, "nobody reads this"), LDR_IO);
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
    char text[2000], shown[LDR__SHOWN];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    memset(&e, 0, sizeof e);
    memset(e.guard, 77, sizeof e.guard);
    ldr__fail(&e.err, LDR_IO, 5, "%s", text);
    CHECK_INT(strlen(e.err.message), sizeof e.err.message - 1);
    CHECK_INT(e.guard[0], 77);
    CHECK_INT(e.err.offset, 5);
    CHECK_INT(strlen(ldr__show(shown, text, sizeof text - 1)), LDR__SHOWN - 1);
    CHECK(strcmp(shown + LDR__SHOWN - 4, "...") == 0);
    CHECK_STR(ldr__show(shown, "a\nb\x7f", 4), "a?b?");
    CHECK_STR(ldr__show(shown, "", 0), "");
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
        float x = (float)i * (87.0f / 400000.0f), y = x / 8.0f;
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
    CHECK_NEAR(e_exp, 0, 2.0e-7);
    CHECK_NEAR(e_sigmoid, 0, 3.5e-7);
    CHECK_NEAR(e_tanh, 0, 2.5e-7);
    CHECK_NEAR(e_tanh_rel, 0, 7e-7);
    CHECK_NEAR(e_erf, 0, 2.5e-7);
    CHECK_NEAR(e_erf_rel, 0, 6e-7);
    for (i = -126; i < -13; i++) {                 /* small arguments keep their relative precision */
        float x = (float)ldexp(1.3, i);
        CHECK_NEAR((double)ldr__tanh(x) / tanh((double)x), 1, 2e-7);
        CHECK_NEAR((double)ldr__erf(-x) / -erf((double)x), 1, 2e-7);
        CHECK(ldr__exp(x) == 1.0f || i > -24);
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
        float y = ldr__activation(nan, (int32_t)k);
        CHECK(y != y);                             /* a NaN must stay visible to the loss check */
        y = ldr__activation(inf, (int32_t)k);
        CHECK(k == LDR_TANH ? y == 1.0f : y == inf);
        for (i = 0; i < sizeof huge / sizeof *huge; i++) {
            float up = ldr__activation(huge[i], (int32_t)k), down = ldr__activation(-huge[i], (int32_t)k);
            CHECK(up - up == 0 && down - down == 0);
            CHECK_NEAR(up, want_activation((double)huge[i], (int)k), 1e-6 * (double)huge[i]);
            if (huge[i] > 80) CHECK_NEAR(down, k == LDR_TANH ? -1 : 0, 1e-6);
        }
    }
}

TEST(slopes_stay_finite_for_every_finite_argument) {
    static const float at[] = { 1e-45f, 1e-38f, 20.0f, 88.0f, 1e3f, 1e10f, 1.8e19f, 2e19f, 1e30f, FLT_MAX };
    size_t i, k;
    for (k = 0; k < 5; k++)
        for (i = 0; i < sizeof at / sizeof *at; i++) {
            float up = ldr__activation_slope(at[i], (int32_t)k), down = ldr__activation_slope(-at[i], (int32_t)k);
            CHECK(up - up == 0 && down - down == 0);
            if (i >= 2) CHECK_NEAR(up, k == LDR_TANH ? 0 : 1, 1e-6);
            if (i >= 2) CHECK_NEAR(down, 0, 1e-6);
        }
}

TEST(activations_of_every_kernel_set) {
    static const double limit[] = { 2.5e-7, 2.5e-7, 0, 2.5e-7, 2.5e-7 }, slope_limit[] = { 4e-7, 7e-7, 0, 5e-7, 6e-7 };
    enum { N = 40013 };
    const ldr__kernels *sets[3];
    int count = kernel_sets(sets), s, kind, i;
    float *x = floats(N), *y = floats(N), *d = floats(N), *y0 = floats(N), *d0 = floats(N);
    for (i = 0; i < N; i++) x[i] = (float)(i - N / 2) * (20.0f / N);
    for (kind = 0; kind < 5; kind++)
        for (s = 0; s < count; s++) {
            double e = 0, es = 0, between = 0;
            for (i = 0; i < N; i++) d[i] = 1;
            sets[s]->activate(y, x, N, kind);
            sets[s]->activate_backward(d, x, N, kind);
            if (!s) memcpy(y0, y, N * sizeof(float)), memcpy(d0, d, N * sizeof(float));
            for (i = 0; i < N; i++) {
                double v = (double)x[i];
                e = fmax(e, fabs((double)y[i] - want_activation(v, kind)) / fmax(1, fabs(v)));
                es = fmax(es, fabs((double)d[i] - want_slope(v, kind)));
                between = fmax(between, fmax(fabs((double)(y[i] - y0[i])) / fmax(1, fabs(v)), fabs((double)(d[i] - d0[i]))));
            }
            CHECK_NEAR(e, 0, limit[kind]);
            CHECK_NEAR(es, 0, slope_limit[kind]);
            CHECK_NEAR(between, 0, 1e-6);
        }
    free(x); free(y); free(d); free(y0); free(d0);
}

TEST(rows_of_exponentials_and_adam_agree_between_kernel_sets) {
    const ldr__kernels *sets[3];
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
            sum = sets[s]->exp_row(y, n, 0.37f, &peak);
            CHECK_NEAR(peak, top, 1e-6);
            CHECK_NEAR((double)sum / total, 1, 1e-6);
            for (i = 0; i < n; i++) CHECK_NEAR(y[i], exp((double)x[i] * 0.37 - top), 1e-6);
            memcpy(w, w0, sizeof w);
            sets[s]->adam(w[0], w[1], w[2], w[3], n, c);
            for (i = 0; i < n; i++) {
                double g = 0.5 * (double)w0[3][i], m = 0.9 * (double)w0[1][i] + 0.1 * g, v = 0.999 * (double)w0[2][i] + 0.001 * g * g;
                CHECK_NEAR(w[0][i], (double)w0[0][i] * (1 - 1e-4) - 1e-2 * m / (sqrt(v * 1.7) + 1e-8), 1e-6);
                CHECK_NEAR(w[1][i], m, 1e-6);
                CHECK_NEAR(w[2][i], v, 1e-6);
            }
        }
    }
}

static double half_value(uint32_t h) {
    int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
    double v = e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);
    return h & 0x8000u ? -v : v;
}

TEST(every_half_is_exact) {
    const ldr__kernels *sets[3];
    int count = kernel_sets(sets), s, type;
    unsigned char *bytes = (unsigned char *)malloc(2 * 65536 + 2);
    float *out = floats(65536);
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
    p.b_float = floats(bn);
    for (i = 0; i < bn; i++) p.b_float[i] = put_typed(p.b, type, i, ldr_test_uniform(r));
    p.bias_v = random_floats(n, r);
    p.c0 = random_floats(m * p.ldc, r);
    p.c = floats(m * p.ldc);
    return p;
}

static void product_free(product *p) { free(p->a); free(p->b); free(p->b_float); free(p->bias_v); free(p->c0); free(p->c); }

static void product_run(product *p, const ldr__exec *ex, float *c, size_t row, size_t rows) {
    ldr__mat b;
    b.data = p->b;
    b.dtype = p->type;
    b.rs = p->brs;
    b.cs = p->bcs;
    ldr__gemm(ex, c, p->ldc, p->a + row * p->rs, p->rs, p->cs, b, p->bias ? p->bias_v : NULL, rows, p->n, p->k, p->accumulate);
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
    const ldr__kernels *sets[3];
    int count = kernel_sets(sets), s, i;
    ldr_test_rng r = { 11 };
    double worst = 0, between = 0;
    rig g[3];
    for (s = 0; s < count; s++) g[s] = rig_open(sets[s], 1, 40, 0, 0);
    for (i = 0; i < 1500; i++) {
        size_t m = PICK(&r, edges), n = PICK(&r, edges), k = PICK(&r, depths), at;
        product p = product_new(m, n, k, i % 4, types[i / 4 % 3], i / 12 % 2, i / 24 % 2, &r);
        float *first = floats(m * p.ldc);
        for (s = 0; s < count; s++) {
            memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
            product_run(&p, &g[s].ex, p.c, 0, m);
            worst = fmax(worst, product_error(&p));
            if (!s) memcpy(first, p.c, m * p.ldc * sizeof(float));
            for (at = 0; at < m * p.ldc; at++) between = fmax(between, fabs((double)(p.c[at] - first[at])) / (1 + sqrt((double)k)));
        }
        free(first);
        product_free(&p);
    }
    CHECK_NEAR(worst, 0, 5e-7);
    CHECK_NEAR(between, 0, 1e-6);
    for (s = 0; s < count; s++) rig_close(&g[s]);
}

TEST(products_do_not_depend_on_threads) {
    static const int32_t threads[] = { 1, 2, 3, 7 };
    static const size_t rows[] = { 1, 5, 13, 97, 200 }, columns[] = { 3, 33, 130, LDR__NC + 5 };
    const ldr__kernels *sets[3];
    int count = kernel_sets(sets), s, t, i;
    ldr_test_rng r = { 12 };
    for (s = 0; s < count; s++)
        for (i = 0; i < 24; i++) {
            size_t m = rows[i % 5], n = columns[i % 4], k = n > 1000 ? 9 : PICK(&r, depths);
            product p = product_new(m, n, k, i % 3, i % 2 ? LDR_F32 : LDR_BF16, 1, i % 5 == 4, &r);
            float *first = floats(m * p.ldc);
            for (t = 0; t < 4; t++) {
                rig g = rig_open(sets[s], threads[t], n, 0, 0);
                memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
                product_run(&p, &g.ex, p.c, 0, m);
                if (!t) memcpy(first, p.c, m * p.ldc * sizeof(float));
                CHECK(same_bits(first, p.c, m * p.ldc));
                rig_close(&g);
            }
            CHECK_NEAR(m * n * k < 3000000 ? product_error(&p) : 0, 0, 5e-7);
            free(first);
            product_free(&p);
        }
}

TEST(a_row_of_a_product_does_not_depend_on_the_others) {
    const ldr__kernels *sets[3];
    int count = kernel_sets(sets), s, i;
    ldr_test_rng r = { 13 };
    for (s = 0; s < count; s++) {
        rig g = rig_open(sets[s], 1, 40, 0, 0);
        for (i = 0; i < 40; i++) {
            size_t m = 40, n = PICK(&r, edges), k = PICK(&r, depths), row;
            product p = product_new(m, n, k, i % 4, i % 2 ? LDR_F32 : LDR_F16, 1, i % 3 == 2, &r);
            float *one = floats(p.ldc);
            memcpy(p.c, p.c0, m * p.ldc * sizeof(float));
            product_run(&p, &g.ex, p.c, 0, m);
            for (row = 0; row < m; row++) {
                memcpy(one, p.c0 + row * p.ldc, p.ldc * sizeof(float));
                product_run(&p, &g.ex, one, row, 1);
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
    ldr__gemm(&g.ex, c, 2, c, 1, 1, ldr__mat_float(c, 1, 1), bias, 2, 2, 0, 0);
    CHECK(c[0] == 3 && c[1] == 4 && c[2] == 3 && c[3] == 4);
    ldr__gemm(&g.ex, c, 2, c, 1, 1, ldr__mat_float(c, 1, 1), bias, 0, 2, 5, 0);
    CHECK(c[0] == 3);
    rig_close(&g);
}
