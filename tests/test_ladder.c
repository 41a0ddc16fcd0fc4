/* The ladder: gradients, exactness at r = 1, parameter counts, presets. */
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

static const char *const families[] = { "bert", "roberta", "albert", "distilbert", "gpt2", "llama" };

static ldr_ladder_desc plain_desc(ldr_preset preset, ldr_head head) {
    ldr_ladder_desc d;
    memset(&d, 0, sizeof d);
    d.preset = preset;
    d.head = head;
    d.classes = 3;
    d.reduction = 2;
    d.seed = 5;
    return d;
}

/* Moves every parameter a little, so that no gradient is 0 by symmetry. */
static void shake(ldr_ladder *l, double by) {
    int32_t p, i;
    for (p = 0; p < ldr_ladder_params(l); p++) {
        ldr_param q = ldr_ladder_param(l, p);
        for (i = 0; i < q.rows * q.columns; i++) q.value[i] += (float)(by * ldr__random_normal(99 + (uint64_t)p, (uint64_t)i));
    }
}

/* Largest disagreement, relative to the size of the two slopes, between the gradient and central differences
   along random directions, one a parameter. `flip` negates the gradient of one parameter first. */
static double gradient_error(ldr_trainer *t, ldr_ladder *l, int32_t flip, const char **worst) {
    static const int32_t batch[] = { 0, 1, 2, 3, 4 };
    double worst_error = 0;
    int32_t p, i;
    float *copy = (float *)malloc(sizeof(float) * 200000), *direction = (float *)malloc(sizeof(float) * 200000);
    double *slopes = (double *)malloc(sizeof(double) * (size_t)ldr_ladder_params(l));
    ldr_error err;
    memset(&err, 0, sizeof err);
    CHECK(ldr_trainer_gradients(t, NULL, batch, 5, &err) == LDR_OK);
    for (p = 0; p < ldr_ladder_params(l); p++) {
        ldr_param q = ldr_ladder_param(l, p);
        double slope = 0;
        for (i = 0; i < q.rows * q.columns; i++) slope += (double)q.grad[i] * ldr__random_normal(1234 + (uint64_t)p, (uint64_t)i);
        slopes[p] = p == flip ? -slope : slope;
    }
    for (p = 0; p < ldr_ladder_params(l); p++) {
        ldr_param q = ldr_ladder_param(l, p);
        double e, h, numeric, difference[2];
        int32_t n = q.rows * q.columns, k;
        memcpy(copy, q.value, sizeof(float) * (size_t)n);
        for (i = 0; i < n; i++) direction[i] = (float)ldr__random_normal(1234 + (uint64_t)p, (uint64_t)i);
        for (k = 0; k < 2; k++) {                      /* steps h and 2h: their h^2 errors cancel      */
            double up, down;
            h = (k + 1) * 1e-2 / sqrt((double)n);
            for (i = 0; i < n; i++) q.value[i] = (float)((double)copy[i] + h * (double)direction[i]);
            CHECK(ldr_trainer_gradients(t, &up, batch, 5, &err) == LDR_OK);
            for (i = 0; i < n; i++) q.value[i] = (float)((double)copy[i] - h * (double)direction[i]);
            CHECK(ldr_trainer_gradients(t, &down, batch, 5, &err) == LDR_OK);
            difference[k] = (up - down) / (2 * h);
        }
        memcpy(q.value, copy, sizeof(float) * (size_t)n);
        numeric = (4 * difference[0] - difference[1]) / 3;
        e = fabs(numeric - slopes[p]) / (fabs(numeric) + fabs(slopes[p]) + 4e-3);
        numeric = difference[1];                       /* less curvature removed, but less rounding, too */
        e = fmin(e, fabs(numeric - slopes[p]) / (fabs(numeric) + fabs(slopes[p]) + 4e-3));
        if (e > worst_error) {
            worst_error = e;
            if (worst) *worst = q.name;
        }
    }
    free(copy);
    free(direction);
    free(slopes);
    return worst_error;
}

static void check_gradients(const char *family, ldr_ladder_desc d, int expect_small) {
    tiny_spec s = tiny_default(family);
    ldr_error err;
    tiny_model m;
    ldr_dataset *set;
    ldr_ladder *l;
    ldr_train_desc td;
    ldr_trainer *t;
    const char *worst = "";
    double e;
    memset(&err, 0, sizeof err);
    memset(&td, 0, sizeof td);
    m = tiny_open(s, &err);
    CHECK_STR(err.message, "");
    set = tiny_dataset(&s, d.head, d.classes, 6, 3);
    l = ldr_ladder_create(m.m, &d, &err);
    CHECK_STR(err.message, "");
    if (l) {
        shake(l, 0.1);
        td.label_smoothing = d.head == LDR_HEAD_REGRESS ? 0 : 0.1f;
        t = ldr_trainer_create(l, set, NULL, &td, &err);
        CHECK_STR(err.message, "");
        if (t) {
            e = gradient_error(t, l, -1, &worst);
            if (e > 1e-2) printf("  %s preset %d head %d: %s is off by %g\n", family, (int)d.preset, (int)d.head, worst, e);
            CHECK(e <= 1e-2);
            if (!expect_small) CHECK(gradient_error(t, l, ldr_ladder_params(l) / 2, NULL) > 0.5);
        }
        ldr_trainer_free(t);
    }
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&m);
}

TEST(gradients_of_every_family_and_preset) {
    int f, p;
    for (f = 0; f < 6; f++)
        for (p = 0; p <= LDR_PRESET_HEAD; p++) {
            ldr_ladder_desc d = plain_desc((ldr_preset)p, LDR_HEAD_CLASSIFY);
            d.width = p == LDR_PRESET_CLUE ? 16 : 0;
            d.dropout = 0.2f;
            if (strcmp(families[f], "llama") == 0 && p == LDR_PRESET_PAPER) d.reduction = 1;
            check_gradients(families[f], d, 1);
        }
}

TEST(gradients_of_every_head) {
    int h;
    for (h = 0; h <= LDR_HEAD_CHOICE; h++) {
        ldr_ladder_desc d = plain_desc(LDR_PRESET_DEFAULT, (ldr_head)h);
        d.head_hidden = h % 2 ? 8 : 0;
        check_gradients(h % 2 ? "gpt2" : "bert", d, 1);
    }
}

TEST(gradients_of_every_gate_mix_and_output) {
    int g, x, o, tap;
    for (g = LDR_GATE_SCALAR; g <= LDR_GATE_FIXED; g++)
        for (x = LDR_MIX_BEFORE; x <= LDR_MIX_AFTER; x++)
            for (o = LDR_OUTPUT_MIXED; o <= LDR_OUTPUT_SIDE; o++)
                for (tap = LDR_TAP_INPUT; tap <= LDR_TAP_OUTPUT; tap++) {
                    ldr_ladder_desc d = plain_desc(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY);
                    d.gate = (ldr_gate)g;
                    d.mix = (ldr_mix)x;
                    d.output = (ldr_output)o;
                    d.tap = (ldr_tap)tap;
                    d.gate_fixed = 0.3f;
                    d.gate_temperature = 0.5f;
                    check_gradients(o == LDR_OUTPUT_UP ? "llama" : "bert", d, 1);
                }
}

TEST(a_wrong_sign_is_caught) { check_gradients("bert", plain_desc(LDR_PRESET_DEFAULT, LDR_HEAD_CLASSIFY), 0); }

#define TESTS(X) X(gradients_of_every_family_and_preset) X(gradients_of_every_head) X(gradients_of_every_gate_mix_and_output) X(a_wrong_sign_is_caught)
LDR_TEST_MAIN("ladder", TESTS)
