/* The AVX-512 kernels on a machine without AVX-512, through SIMDe (Debian: libsimde-dev). Not part of
   `make -C tests`, which needs nothing but a compiler; .ci/run builds and runs it.
       cc -O1 -o emulate emulate_avx512.c -lm && ./emulate */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#include <simde/x86/f16c.h>
#undef _mm512_madd_epi16                 /* SIMDe 0.7.4 gives this name the masked form's arguments */
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
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
    static const ldr__kernels *const sets[] = { &ldr__kernels_avx2, &ldr__kernels_avx512, &ldr__kernels_vnni };
    static float y[20000];
    int i, v;
    for (i = 0; i < 30; i++)
        for (v = 0; v < 3; v++) CHECK_NEAR(int8_error(sets[v], 1 + (size_t)i, 1 + (size_t)i * 5, 1 + (size_t)i * 41, i % 2, i % 3 == 0, 1, (uint64_t)i, y), 0, 4e-7);
}

#define TESTS(X) X(tile_agrees_with_portable) X(int8_tiles_are_exact_sums)
LDR_TEST_MAIN("emulated avx512", TESTS)
