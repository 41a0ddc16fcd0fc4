/* Measures of texts beside references (tools/score.h), against sacrebleu's and rouge_score's own values
   (tests/reference/make_scores.py) and, for long texts, against plain definitions. */

#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/score.h"
#include "ldr_test.h"

enum { SCORED_TEXTS = 64, SCORED_REFERENCES = 256 };

typedef struct scored {
  score_text said[SCORED_TEXTS], references[SCORED_REFERENCES];
  size_t     first[SCORED_TEXTS + 1];
  score_texts  set;
} scored;

static score_text scored_text(const ldr_json *j, int32_t node) {
  ptrdiff_t n = ldr_json_string(NULL, 0, j, node);
  score_text t;
  char *s = (char *)malloc((size_t)n + 1);
  ldr_json_string(s, (size_t)n + 1, j, node);
  t.s = s;
  t.n = (size_t)n;
  return t;
}

static void scored_read(scored *c, const ldr_json *j) {
  int32_t node = ldr_json_node_at(j, ldr_json_get(j, 0, "texts"))->first, r;
  size_t n = 0, k = 0;
  for (; node >= 0 && n < SCORED_TEXTS; node = ldr_json_node_at(j, node)->next) {
    c->said[n] = scored_text(j, ldr_json_get(j, node, "said"));
    c->first[n++] = k;
    for (r = ldr_json_node_at(j, ldr_json_get(j, node, "references"))->first; r >= 0 && k < SCORED_REFERENCES; r = ldr_json_node_at(j, r)->next)
      c->references[k++] = scored_text(j, r);
  }
  CHECK(node < 0 && k < SCORED_REFERENCES);
  c->first[n] = k;
  c->set.count = n;
  c->set.said = c->said;
  c->set.references = c->references;
  c->set.first = c->first;
}

static void scored_free(scored *c) {
  size_t i;
  for (i = 0; i < c->first[c->set.count]; i++) free((void *)(uintptr_t)c->references[i].s);
  for (i = 0; i < c->set.count; i++) free((void *)(uintptr_t)c->said[i].s);
}

TEST(scores_equal_the_originals) {
  static scored c;
  char path[1024], *file, *at, *end;
  double got[SCORE_COUNT], worst = 0;
  size_t size;
  int sets = 0, k;
  if (!ldr_test_golden_path(path, sizeof path, "scores.jsonl")) SKIP("no golden/scores.jsonl (run from the tests folder)");
  file = ldr_test_read(path, &size);
  for (at = file; at && (end = strchr(at, '\n')) != NULL; at = end + 1, sets++) {
    ldr_error err;
    ldr_json *j;
    int32_t scores;
    memset(&err, 0, sizeof err);
    j = ldr_json_parse(at, (size_t)(end - at), NULL, &err);
    CHECK_STR(err.message, "");
    if (!j) break;
    scored_read(&c, j);
    scores = ldr_json_get(j, 0, "scores");
    CHECK_INT(score_all(got, &c.set, &err), LDR_OK);
    CHECK_INT(ldr_json_node_at(j, scores)->count, SCORE_COUNT);
    for (k = 0; k < SCORE_COUNT; k++) {
      double want = ldr_json_number(j, ldr_json_get(j, scores, score_table[k].name), -1), off = fabs(got[k] - want);
      if (off > 1e-4) printf("  %s of %.40s\n", score_table[k].name, at);
      CHECK_NEAR(got[k], want, 1e-4);
      worst = LDR__MAX(worst, off);
    }
    scored_free(&c);
    ldr_json_free(j);
  }
  CHECK_INT(sets, 25);
  printf("  %d sets of texts, %d measures: off by %.1e at most\n", sets, (int)SCORE_COUNT, worst);
  free(file);
}

/* The longest common sequence by the table that everybody knows. */
static size_t plain_common(const char *a, size_t n, const char *b, size_t m) {
  uint32_t *row = (uint32_t *)calloc(m + 1, sizeof *row);
  size_t i, k, common;
  for (i = 0; i < n; i++) {
    uint32_t corner = 0, above;
    for (k = 0; k < m; k++, corner = above) {
      above = row[k + 1];
      row[k + 1] = a[i] == b[k] ? corner + 1 : LDR__MAX(row[k], above);
    }
  }
  common = row[m];
  free(row);
  return common;
}

/* Words of one letter. */
static score_text spaced(char *out, const char *letters, size_t n) {
  score_text t;
  size_t i;
  for (i = 0; i < n; i++) {
    out[2 * i] = letters[i];
    out[2 * i + 1] = ' ';
  }
  t.s = out;
  t.n = 2 * n;
  return t;
}

TEST(common_sequences_of_any_length_are_the_longest) {
  static const size_t lengths[] = { 1, 2, 63, 64, 65, 127, 128, 129, 700 };
  static char a[700], b[700], x[1400], y[1400];
  size_t i, k, p, first[2] = { 0, 1 };
  ldr_test_rng r;
  r.state = 5;
  for (i = 0; i < 9; i++)
    for (k = 0; k < 9; k++) {
      size_t n = lengths[i], m = lengths[k], common;
      score_text said, reference;
      score_work w;
      score_texts set;
      for (p = 0; p < n; p++) a[p] = (char)('a' + ldr_test_below(&r, 3 + (uint32_t)i * 2));
      for (p = 0; p < m; p++) b[p] = (char)('a' + ldr_test_below(&r, 3 + (uint32_t)k * 2));
      common = plain_common(a, n, b, m);
      said = spaced(x, a, n);
      reference = spaced(y, b, m);
      memset(&w, 0, sizeof w);
      set.count = 1;
      set.said = &said;
      set.references = &reference;
      set.first = first;
      CHECK_NEAR(score_rouge_l(&w, &set), 200.0 * (double)common / (double)(n + m), 1e-9);
      CHECK(!w.failed);
      score_close(&w);
    }
}

/* One long text among short ones: what it needs is not paid for by each of them. */
TEST(long_texts_take_no_square_of_their_length) {
  enum { N = 200000, SHORT = 2000 };
  char *text = (char *)malloc(2 * N);
  score_text *said = (score_text *)malloc((SHORT + 1) * sizeof *said);
  size_t *first = (size_t *)malloc((SHORT + 2) * sizeof *first), i;
  double got[SCORE_COUNT];
  score_texts set;
  ldr_error err;
  memset(&err, 0, sizeof err);
  for (i = 0; i < N; i++) {
    text[2 * i] = (char)('a' + i % 23 + (i / 23) % 3);
    text[2 * i + 1] = i % 7 ? text[2 * i] : ' ';
  }
  for (i = 0; i <= SHORT; i++) {
    said[i].s = i ? text + 20 * i : text;
    said[i].n = i ? 19 : 2 * N;
    first[i] = i;
  }
  first[SHORT + 1] = SHORT + 1;
  set.count = SHORT + 1;
  set.said = set.references = said;
  set.first = first;
  CHECK_INT(score_all(got, &set, &err), LDR_OK);
  for (i = 0; i < SCORE_COUNT; i++) CHECK_NEAR(got[i], 100, 1e-6);
  free(first);
  free(said);
  free(text);
}

#define TESTS(X) X(scores_equal_the_originals) X(common_sequences_of_any_length_are_the_longest) X(long_texts_take_no_square_of_their_length)
LDR_TEST_MAIN("score", TESTS)
