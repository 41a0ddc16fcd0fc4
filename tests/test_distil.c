/* ladder distil: principal axes, least squares and the words of two tokenizers (tools/views.h) by themselves, then the command as a user runs it, on a
   small made-up language. The family that students with narrow embeddings belong to is compared with PyTorch's. */
#define _XOPEN_SOURCE 700
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include "../tools/views.h"
#include "ldr_test.h"

#if defined(__unix__) || defined(__APPLE__)

#include "ldr_shell.h"

/* ---- axes, least squares --------------------------------------------------------------- */

TEST(axes_of_two_channels_by_hand) {
  const double c[4] = { 2, 1, 1, 2 };            /* (1,1)/sqrt 2 has variance 3, (1,-1)/sqrt 2 has 1 */
  float axes[4];
  double values[2];
  CHECK(principal_axes(axes, values, c, 2, 2));
  CHECK_NEAR(values[0], 3, 1e-12);
  CHECK_NEAR(values[1], 1, 1e-12);
  CHECK_NEAR(axes[0], sqrt(0.5), 1e-6);
  CHECK_NEAR(axes[1], sqrt(0.5), 1e-6);
  CHECK_NEAR(fabs((double)axes[2]), sqrt(0.5), 1e-6);
  CHECK_NEAR(axes[2] + axes[3], 0, 1e-6);
}

/* c v = value v for each axis, axes are orthonormal, largest first, and all of them hold the trace. */
TEST(axes_are_eigenvectors_in_order) {
  enum { N = 21, SAMPLES = 40 };
  double c[N * N], values[N], trace = 0, sum = 0, worst = 0;
  float axes[N * N], x[N];
  int a, b, i, j, s;
  memset(c, 0, sizeof c);
  for (s = 0; s < SAMPLES; s++) {
    for (i = 0; i < N; i++) x[i] = (float)(ldr__random_normal(5, (uint64_t)(s * N + i)) * (1 + i % 5));
    for (i = 0; i < N; i++)
      for (j = 0; j < N; j++) c[i * N + j] += (double)x[i] * (double)x[j] / SAMPLES;
  }
  CHECK(principal_axes(axes, values, c, N, N));
  for (a = 0; a < N; a++) {
    trace += c[a * N + a];
    sum += values[a];
    CHECK(a == 0 || values[a] <= values[a - 1]);
    for (i = 0; i < N; i++) {
      double v = 0;
      for (j = 0; j < N; j++) v += c[i * N + j] * (double)axes[a * N + j];
      worst = LDR__MAX(worst, fabs(v - values[a] * (double)axes[a * N + i]));
    }
    for (b = 0; b <= a; b++) {
      double dot = 0;
      for (j = 0; j < N; j++) dot += (double)axes[a * N + j] * (double)axes[b * N + j];
      worst = LDR__MAX(worst, fabs(dot - (a == b)));
    }
  }
  CHECK_NEAR(sum, trace, 1e-9 * trace);
  CHECK(worst < 1e-4);
}

/* y = x W + b + noise that the columns of x cannot see: W and b come back. */
TEST(least_squares_finds_what_made_the_data) {
  enum { IN = 4, OUT = 3, ROWS = 50 };
  double a[(IN + 1) * (IN + 1)], b[(IN + 1) * OUT], w[(IN + 1) * OUT];
  int r, i, j;
  memset(a, 0, sizeof a);
  memset(b, 0, sizeof b);
  for (i = 0; i < (IN + 1) * OUT; i++) w[i] = ldr__random_normal(8, (uint64_t)i);
  for (r = 0; r < ROWS; r++) {
    double x[IN + 1];
    for (i = 0; i < IN; i++) x[i] = ldr__random_normal(9, (uint64_t)(r * IN + i));
    x[IN] = 1;
    for (j = 0; j < OUT; j++) {
      double y = 0;
      for (i = 0; i <= IN; i++) y += x[i] * w[i * OUT + j];
      for (i = 0; i <= IN; i++) b[i * OUT + j] += x[i] * y;
    }
    for (i = 0; i <= IN; i++)
      for (j = 0; j <= IN; j++) a[i * (IN + 1) + j] += x[i] * x[j];
  }
  solve_symmetric(a, b, IN + 1, OUT, 1e-9);
  for (i = 0; i < (IN + 1) * OUT; i++) CHECK_NEAR(b[i], w[i], 1e-6);
}

/* ---- words of two tokenizers ------------------------------------------------------------- */

static ldr_tokenizer *tokenizer_of(const char *pieces) {
  ldr_tokenizer_desc d;
  ldr_error err;
  ldr_tokenizer *t;
  memset(&d, 0, sizeof d);
  memset(&err, 0, sizeof err);
  t = ldr_tokenizer_load_memory(pieces, strlen(pieces), &d, &err);
  CHECK_STR(err.message, "");
  return t;
}

/* Tokens of both that each pair joins, as "ours/theirs". */
static void paired(const char *ours, const char *theirs, const char *text, const char *want) {
  ldr_tokenizer *a = tokenizer_of(ours), *b = tokenizer_of(theirs);
  ldr_encoding x, y;
  pairing pairs[64];
  char got[512] = "";
  float rows[64], mean;
  int32_t n, i, k;
  memset(&x, 0, sizeof x);
  memset(&y, 0, sizeof y);
  CHECK_INT(ldr_tokenizer_encode(a, &x, text, strlen(text), NULL, 0, 0, 1, NULL), LDR_OK);
  CHECK_INT(ldr_tokenizer_encode(b, &y, text, strlen(text), NULL, 0, 0, 1, NULL), LDR_OK);
  n = pair_tokens(pairs, &x, &y);
  for (i = 0; i < n; i++) {
    if (i) strcat(got, " ");
    for (k = pairs[i].ours; k < pairs[i].ours_end; k++) strcat(strcat(got, k > pairs[i].ours ? "+" : ""), ldr_tokenizer_piece(a, x.ids[k]));
    strcat(got, "/");
    for (k = pairs[i].theirs; k < pairs[i].theirs_end; k++) strcat(strcat(got, k > pairs[i].theirs ? "+" : ""), ldr_tokenizer_piece(b, y.ids[k]));
    for (k = 0; k < y.count; k++) rows[k] = (float)k;
    mean_rows(&mean, rows, pairs[i].theirs, pairs[i].theirs_end, 1);
    CHECK_NEAR(mean, 0.5 * (pairs[i].theirs + pairs[i].theirs_end - 1), 1e-6);
  }
  CHECK_STR(got, want);
  ldr_encoding_free(&x);
  ldr_encoding_free(&y);
  ldr_tokenizer_free(a);
  ldr_tokenizer_free(b);
}

#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

TEST(words_cut_differently_are_paired_by_their_bytes) {
  const char *large = SPECIAL "the\nunhappy\nteacher\n##s\n.\nre\n##ading\n", *small = SPECIAL "the\nun\n##happy\nteach\n##ers\n##er\n.\nread\n##ing\n";
  paired(large, large, "The unhappy teacher.", "[CLS]/[CLS] the/the unhappy/unhappy teacher/teacher ./. [SEP]/[SEP]");
  paired(small, large, "The unhappy teacher.", "[CLS]/[CLS] the/the un+##happy/unhappy teach+##er/teacher ./. [SEP]/[SEP]");
  paired(large, small, "The unhappy teacher.", "[CLS]/[CLS] the/the unhappy/un+##happy teacher/teach+##er ./. [SEP]/[SEP]");
  paired(small, large, "teachers reading", "[CLS]/[CLS] teach+##ers/teacher+##s read+##ing/re+##ading [SEP]/[SEP]");      /* no cut inside is shared */
  paired(small, large, "the zoo", "[CLS]/[CLS] the/the [UNK]/[UNK] [SEP]/[SEP]");
}

/* ---- the command -------------------------------------------------------------------------- */

static const char *const subjects[8] = { "fox", "cat", "owl", "dog", "teacher", "doctor", "sailor", "painter" }, *const objects[8] = { "mouse", "fish", "bread", "bone", "letter", "book", "paper", "map" };

/* Animals eat and people read, four sentences a line. */
static int put_texts(const char *name, uint64_t key, int lines) {
  size_t room = (size_t)lines * 200 + 1, used = 0;
  char *out = (char *)malloc(room);
  uint64_t at = 0;
  int i, k, ok;
  if (!out) return 0;
  for (i = 0; i < lines; i++)
    for (k = 0; k < 4; k++) {
      uint32_t s = ldr__random_below(key, at++, 8), o = ldr__random_below(key, at++, 4) + (s > 3 ? 4 : 0);
      used += (size_t)snprintf(out + used, room - used, "The %s %s the %s.%s", subjects[s], s > 3 ? "reads" : "eats", objects[o], k < 3 ? " " : "\n");
    }
  ok = put_bytes(name, out, used);
  free(out);
  return ok;
}

static int ready(void) {
  static int made;
  if (!shell_ready()) return 0;
  if (!made) {
    made = put_texts("a.txt", 1, 150) && put_texts("b.txt", 2, 60) && put_texts("held.txt", 3, 60) ? 1 : -1;
    EXPECT(0, "$L vocabulary --texts a.txt,b.txt --size 110 --out vocab.txt");
    EXPECT(0, "$L pretrain --texts a.txt,b.txt --vocab vocab.txt --layers 3 --width 32 --heads 4 --max-len 24 --batch 8 --lr 3e-3 --threads 1 --seed 3 --warm-start --steps 300 --out teacher");
  }
  CHECK_INT(made, 1);
  return 1;
}

#define NEED_TEXTS() do { if (!ready()) SKIP("no command line program (make -C tools, or set LADDER_CLI)"); } while (0)
#define SMALL "--teacher teacher --texts a.txt,b.txt --layers 2 --max-len 16 --batch 8 --lr 3e-3 --threads 1 --seed 3"
#define NARROW SMALL " --width 24 --embedding 16"

/* The first or last number after `mark` on standard output. */
static double number_after(const char *mark, int last) {
  char *out = slurp("out", NULL), *at = out, *found = NULL;
  double v = -1;
  while (at && (at = strstr(at, mark)) != NULL) {
    at += strlen(mark);
    if (!found || last) found = at;
  }
  if (found) v = strtod(found, NULL);
  free(out);
  return v;
}

static void learns(const char *options, double share) {
  EXPECT(0, "rm -rf one && $L distil " SMALL " %s --steps 200 --held-out held.txt --out one", options);
  CHECK(number_after("held-out loss ", 0) > 0);
  CHECK(number_after("held-out loss ", 1) < share * number_after("held-out loss ", 0));
  CHECK(number_after(", states ", 1) < 0.5 && number_after(", texts ", 1) < 0.5);
}

TEST(the_student_comes_near_its_teacher) {
  NEED_TEXTS();
  learns("--width 24 --embedding 16", 0.7);
  CHECK(holds("one/config.json", "\"electra\"") && holds("one/config.json", "\"embedding_size\": 16") && holds("one/config.json", "\"num_attention_heads\": 3"));
  EXPECT(0, "cmp one/vocab.txt teacher/vocab.txt");
  EXPECT(0, "$L inspect one/model.safetensors");
  CHECK(holds("out", "electra.embeddings_project.weight") && holds("out", "generator_lm_head.bias"));
  EXPECT(0, "echo 'The fox eats the mouse.' | $L features --model one --pool mean");
  CHECK(holds("out", "\"vector\":["));
  learns("--width 24", 0.7);
  CHECK(holds("one/config.json", "\"bert\""));
  learns("--width 32 --embedding 16 --ffn 64", 0.9);         /* as wide as the teacher: its own coordinates */
  learns("--width 24 --embedding 16 --init random", 0.7);
}

/* One layer fewer and narrower embeddings cost little when everything else is the teacher's; a random start knows nothing. */
TEST(a_start_from_the_teacher_is_ahead) {
  double start;
  NEED_TEXTS();
  EXPECT(0, "$L distil " SMALL " --width 32 --embedding 16 --steps 1 --lr 1e-9 --held-out held.txt --out sliced");
  start = number_after(", states ", 1);
  EXPECT(0, "$L distil " SMALL " --width 32 --embedding 16 --init random --steps 1 --lr 1e-9 --held-out held.txt --out random");
  CHECK(start > 0 && start < 0.8 * number_after(", states ", 1));
}

/* A student can be a teacher, and its family is another. */
TEST(the_student_teaches) {
  NEED_TEXTS();
  EXPECT(0, "test -d first || $L distil " NARROW " --steps 60 --out first");
  EXPECT(0, "$L distil " SMALL " --teacher first --width 16 --steps 60 --held-out held.txt --out second");
  CHECK(number_after("held-out loss ", 1) < 0.9 * number_after("held-out loss ", 0));
}

TEST(fewer_pieces_are_cut_out_of_the_teachers_vocabulary) {
  NEED_TEXTS();
  EXPECT(0, "rm -rf few; $L distil " NARROW " --vocabulary 75 --steps 150 --held-out held.txt --out few");
  CHECK(number_after("held-out loss ", 1) < 0.8 * number_after("held-out loss ", 0));
  EXPECT(0, "test $(wc -l <few/vocab.txt) = 75 && grep -qx the few/vocab.txt && grep -qx '\\[MASK\\]' few/vocab.txt");
  EXPECT(0, "grep -vxFf teacher/vocab.txt few/vocab.txt; test $? = 1");      /* none that the teacher does not have */
  EXPECT(0, "grep -x '\\(##\\)\\{0,1\\}.' teacher/vocab.txt >letters.txt; grep -vxFf few/vocab.txt letters.txt; test $? = 1");
  EXPECT(1, "$L distil " NARROW " --vocabulary 20 --steps 1 --out fewer");
  CHECK(holds("err", "single characters") && one_error_line());
}

/* No thread count, stop or resumption can be seen in the weights. */
TEST(runs_that_stop_go_on_with_the_same_bits) {
  NEED_TEXTS();
  EXPECT(0, "$L distil " NARROW " --steps 20 --log whole.log --out whole");
  EXPECT(0, "$L distil " NARROW " --steps 20 --threads 3 --out thrice");
  CHECK(same_files("whole/model.safetensors", "thrice/model.safetensors"));
  EXPECT(1, "$L distil " NARROW " --steps 20 --checkpoint half.ckpt --stop-at 7 --out half");
  EXPECT(1, "$L distil " NARROW " --steps 20 --text-weight 3 --resume half.ckpt --out half");      /* another loss is another run */
  CHECK(one_error_line() && holds("err", "another --text-weight"));
  EXPECT(1, "$L distil " NARROW " --steps 20 --word-weight 0.3 --resume half.ckpt --out half");
  CHECK(one_error_line() && holds("err", "another --word-weight"));
  EXPECT(1, "$L distil " NARROW " --steps 20 --texts a.txt --resume half.ckpt --out half");
  CHECK(one_error_line() && holds("err", "another --texts"));
  EXPECT(1, "$L distil " NARROW " --steps 20 --ffn 40 --resume half.ckpt --out half");
  CHECK(one_error_line() && holds("err", "and not 40"));
  EXPECT(1, "$L distil " NARROW " --steps 20 --resume half.ckpt --out nowhere");
  CHECK(one_error_line() && holds("err", "nowhere: the model that the stopped run began is not there"));
  EXPECT(0, "$L distil " NARROW " --steps 20 --resume half.ckpt --out half");
  CHECK(same_files("whole/model.safetensors", "half/model.safetensors"));
  CHECK(holds("whole.log", "\"step\":20"));
  EXPECT(0, "$L distil " NARROW " --steps 20 --accumulate 2 --out parts");
  EXPECT(0, "$L distil " NARROW " --steps 20 --seed 4 --out other");
  CHECK(!same_files("whole/model.safetensors", "other/model.safetensors"));
}

/* A killed run leaves a checkpoint that goes on as if nothing had happened. */
TEST(a_killed_run_goes_on) {
  NEED_TEXTS();
  EXPECT(0, "$L distil " NARROW " --steps 4000 --checkpoint killed.ckpt --out killed >/dev/null & p=$!; while ! test -f killed.ckpt; do sleep 0.05; done; kill -9 $p; wait $p; test -f killed.ckpt");
  EXPECT(1, "$L distil " NARROW " --steps 4000 --resume killed.ckpt --checkpoint killed.ckpt --stop-at 401 --out killed");
  EXPECT(1, "$L distil " NARROW " --steps 4000 --checkpoint through.ckpt --stop-at 401 --out through");
  CHECK(same_files("killed.ckpt", "through.ckpt"));
}

/* What a stopped run had learned is a student, too, and another run goes on from it. */
TEST(a_stopped_run_is_a_student_to_go_on_from) {
  double before, start;
  NEED_TEXTS();
  EXPECT(1, "$L distil " NARROW " --steps 200 --checkpoint part.ckpt --stop-at 80 --held-out held.txt --out part");
  before = number_after("held-out loss ", 1);
  start = number_after("held-out loss ", 0);
  EXPECT(0, "$L export --model part --ladder part.ckpt --out student");
  EXPECT(0, "cmp part/vocab.txt student/vocab.txt && cmp part/config.json student/config.json");
  EXPECT(0, "$L distil --teacher teacher --model student --texts a.txt,b.txt --max-len 16 --batch 8 --lr 1e-9 --steps 1 --threads 1 --held-out held.txt --out same");
  CHECK(number_after("held-out loss ", 1) < before + 0.25 * (start - before));      /* another seed, another sample */
  EXPECT(0, "$L distil --teacher teacher --model student --texts a.txt,b.txt --max-len 16 --batch 8 --lr 2e-3 --steps 80 --threads 1 --held-out held.txt --out on");
  CHECK(number_after("held-out loss ", 1) < 0.95 * before);
  EXPECT(1, "$L distil --teacher teacher --model student --texts a.txt,b.txt --max-len 16 --batch 8 --steps 9 --threads 1 --checkpoint on.ckpt --stop-at 4 --out twice");
  EXPECT(0, "$L distil --teacher teacher --model student --texts a.txt,b.txt --max-len 16 --batch 8 --steps 9 --threads 1 --resume on.ckpt --out twice");
  EXPECT(0, "$L distil --teacher teacher --model student --texts a.txt,b.txt --max-len 16 --batch 8 --steps 9 --threads 1 --out once");
  CHECK(same_files("once/model.safetensors", "twice/model.safetensors"));
  EXPECT(1, "$L export --model teacher --ladder part.ckpt --out other-export");
  CHECK(holds("err", "another model") && one_error_line());
  EXPECT(1, "head -c 200000 part.ckpt >cut.ckpt; printf x >>cut.ckpt; tail -c +200002 part.ckpt >>cut.ckpt; $L export --model part --ladder cut.ckpt --out damaged");
  CHECK(holds("err", "damaged") && one_error_line());
}

TEST(what_cannot_be_is_refused) {
  static const struct { int status; const char *line, *says; } rows[] = {
    { 2, "$L distil --texts a.txt --layers 1 --width 8 --out x", "--teacher" },
    { 2, "$L distil --teacher teacher --layers 1 --width 8 --out x", "--texts" },
    { 2, "$L distil --teacher teacher --texts a.txt --width 8 --out x", "--layers" },
    { 2, "$L distil " SMALL " --width 24 --model teacher --out x", "--model" },
    { 2, "$L distil " SMALL " --width 24 --out x --masked 2", "--masked" },
    { 2, "$L distil " SMALL " --width 24 --out x --init slice", "--init" },
    { 1, "$L distil " SMALL " --width 64 --out x", "wider than the teacher" },
    { 1, "$L distil " SMALL " --width 24 --embedding 32 --out x", "--embedding" },
    { 1, "$L distil " SMALL " --width 24 --heads 5 --out x", "--heads" },
    { 1, "$L distil " SMALL " --layers 9 --width 24 --out x", "--layers" },
    { 1, "$L distil " SMALL " --width 24 --max-len 4000 --out x", "--max-len" },
    { 1, "$L distil " SMALL " --width 24 --texts nothing.txt --out x", "nothing.txt" },
    { 1, "echo >empty.txt; $L distil " SMALL " --width 24 --texts empty.txt --out x", "not one word" },
    { 1, "mkdir -p bare && cp teacher/config.json teacher/model.safetensors bare && $L distil " SMALL " --teacher bare --width 24 --out x", "vocabulary" },
    { 1, "$L distil " SMALL " --width 24 --out teacher", "is not replaced" },
    { 1, "$L distil " SMALL " --teacher missing --width 24 --out x", "missing" } };
  size_t i;
  NEED_TEXTS();
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    EXPECT(rows[i].status, "rm -rf x; %s", rows[i].line);
    CHECK(holds("err", rows[i].says));
    if (!holds("err", rows[i].says)) printf("  row %d\n", (int)i);
    CHECK(one_error_line());
  }
}

/* ---- the family --------------------------------------------------------------------------- */

/* The largest error of got[n] in parts of the largest value, against rows of a golden tensor that start at `first`. */
static double against(const ldr_weights *w, const char *key, size_t first, const float *got, size_t n) {
  const ldr_tensor *t = ldr_weights_find(w, key);
  float *want = (float *)malloc(n * sizeof *want);
  double worst = want && t ? 0 : 1, peak = 1e-30;
  size_t i;
  if (want && t) ldr_tensor_read(want, t, first, n);
  for (i = 0; want && t && i < n; i++) {
    peak = LDR__MAX(peak, fabs((double)want[i]));
    worst = LDR__MAX(worst, fabs((double)want[i] - (double)got[i]));
  }
  free(want);
  return worst / peak;
}

/* Case 2 has no padding and no types: three sequences of seven tokens. */
TEST(electra_as_transformers_computes_it) {
  static const char *const names[] = { "electra-mlm", "electra-disc", "electra-cls" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512], relative[96], *slash;
    int32_t ids[21], offsets[4] = { 0, 7, 14, 21 }, layer;
    size_t k, width;
    ldr_error err;
    ldr_weights *w;
    ldr_model *m;
    ldr_batch b;
    float *h;
    snprintf(relative, sizeof relative, "models/hf/%s/golden.safetensors", names[i]);
    if (!ldr_test_data_path(path, sizeof path, relative)) SKIP("no models/hf/electra-* (set LADDER_DATA to the data folder)");
    memset(&err, 0, sizeof err);
    w = ldr_weights_open(path, NULL, &err);
    slash = strrchr(path, '/');
    if (slash) *slash = 0;
    m = ldr_model_load(path, NULL, &err);
    CHECK_STR(err.message, "");
    if (!w || !m) break;
    for (k = 0; k < 21; k++) ids[k] = (int32_t)ldr__load_u64((const unsigned char *)ldr_weights_find(w, "case2.input_ids")->data + 8 * k);
    memset(&b, 0, sizeof b);
    b.sequences = 3;
    b.offsets = offsets;
    b.ids = ids;
    width = (size_t)ldr_model_info_get(m).width;
    h = (float *)malloc(21 * LDR__MAX(width, (size_t)ldr_model_info_get(m).vocabulary) * 2 * sizeof *h);
    for (layer = 0; layer <= ldr_model_info_get(m).layers; layer++) {
      char key[32];
      snprintf(key, sizeof key, "case2.hidden.%d", (int)layer);
      CHECK_INT(ldr_model_hidden(m, h, &b, layer, &err), LDR_OK);
      CHECK(against(w, key, 0, h, 21 * width) < 1e-4);
    }
    if (i == 0) {
      CHECK_INT(ldr_model_logits(m, h + 21 * width, h, 21, &err), LDR_OK);
      CHECK(against(w, "case2.logits", 0, h + 21 * width, 21 * (size_t)ldr_model_info_get(m).vocabulary) < 1e-4);
    }
    free(h);
    ldr_model_free(m);
    ldr_weights_close(w);
  }
}

#define TESTS(X) X(axes_of_two_channels_by_hand) X(axes_are_eigenvectors_in_order) X(least_squares_finds_what_made_the_data) X(words_cut_differently_are_paired_by_their_bytes) \
  X(the_student_comes_near_its_teacher) X(a_start_from_the_teacher_is_ahead) X(the_student_teaches) X(fewer_pieces_are_cut_out_of_the_teachers_vocabulary) \
  X(runs_that_stop_go_on_with_the_same_bits) X(a_killed_run_goes_on) X(a_stopped_run_is_a_student_to_go_on_from) X(what_cannot_be_is_refused) X(electra_as_transformers_computes_it)
#else
TEST(needs_a_shell) { SKIP("these tests run a POSIX shell"); }
#define TESTS(X) X(needs_a_shell)
#endif
LDR_TEST_MAIN("distil", TESTS)
