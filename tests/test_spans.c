/* Heads for spans against a plain square of scores in doubles, and tools/spans.h: files of questions, windows, the
   official scores. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "../tools/spans.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

/* ---- heads ------------------------------------------------------------------------------ */

static const ldr_head span_heads[] = { LDR_HEAD_SPANS, LDR_HEAD_ANSWER, LDR_HEAD_POINTER, LDR_HEAD_CRF };
static int has_one(ldr_head head) { return head == LDR_HEAD_SPANS || head == LDR_HEAD_ANSWER; }
enum { SPAN_CLASSES = 5, SPAN_TYPES = 2, MOST = 16 };

typedef struct span_case { tiny_model m; tiny_spec s; ldr_ladder *l; ldr_dataset *set; } span_case;

/* A ladder with numbers large enough for scores of both signs. */
static span_case open_case(ldr_head head, int32_t threads, int examples) {
  span_case c;
  ldr_ladder_desc d;
  ldr_error err;
  int32_t p, i;
  memset(&c, 0, sizeof c);
  memset(&d, 0, sizeof d);
  memset(&err, 0, sizeof err);
  c.s = tiny_default("bert");
  c.s.threads = threads;
  c.m = tiny_open(c.s, &err);
  d.preset = LDR_PRESET_SLICED;
  d.reduction = 2;
  d.head = head;
  d.classes = SPAN_CLASSES;
  d.span_size = 6;
  d.seed = 5;
  c.l = ldr_ladder_create(c.m.m, &d, &err);
  c.set = tiny_dataset(&c.s, head, SPAN_CLASSES, examples, 3);
  CHECK_STR(err.message, "");
  for (p = 0; c.l && p < ldr_ladder_params(c.l); p++) {
    ldr_param q = ldr_ladder_param(c.l, p);
    for (i = 0; i < q.rows * q.columns; i++) q.value[i] += (float)(0.3 * ldr__random_normal(99 + (uint64_t)p,
        (uint64_t)i));
  }
  return c;
}

static void close_case(span_case *c) {
  ldr_dataset_free(c->set);
  ldr_ladder_free(c->l);
  tiny_close(&c->m);
}

/* Column `out` of the head at row r of what it reads, turned by its place where `turn` says the size of q and k. */
static double head_value(const ldr__pass *s, size_t r, size_t out) {
  ldr_param w = ldr_ladder_param(s->l, ldr_ladder_find(s->l, "head.out.weight")), b = ldr_ladder_param(s->l,
      ldr_ladder_find(s->l, "head.out.bias"));
  double sum = (double)b.value[out];
  int32_t c;
  const float *row = w.value + out * (size_t)w.columns, *x = s->hidden_in + r * (size_t)w.columns;
  for (c = 0; c < w.columns; c++) sum += (double)row[c] * (double)x[c];
  return sum;
}

/* The score of span i..j of a type in the sequence that begins at row `first`, by its definition: of pairs as a sum
   over complex numbers, of which only the distance of the places matters. */
static double plain_score(const ldr__pass *s, size_t first, size_t type, size_t i, size_t j) {
  size_t n = (size_t)s->l->d.span_size, k;
  double sum = 0;
  if (!n) return head_value(s, first + i, 2 * type) + head_value(s, first + j, 2 * type + 1);
  for (k = 0; k < n / 2; k++) {
    double a = head_value(s, first + i, 2 * type * n + k), b = head_value(s, first + i, 2 * type * n + n / 2 + k);
    double c = head_value(s, first + j, (2 * type + 1) * n + k), d = head_value(s, first + j,
        (2 * type + 1) * n + n / 2 + k);
    double angle = ((double)j - (double)i) * pow(10000.0, -2.0 * (double)k / (double)n);
    sum += (a * c + b * d) * cos(angle) + (b * c - a * d) * sin(angle);
  }
  return sum / sqrt((double)n);
}

/* Is i..j a pair that the head looks at? */
static int is_pair(const int32_t *labels, int one, size_t i, size_t j) {
  if (one && i == 0) return j == 0;
  return labels[i] != LDR_IGNORE && labels[j] != LDR_IGNORE;
}

/* What lies between i and j, tokens that count. */
static int32_t tokens_between(const int32_t *labels, size_t i, size_t j) {
  int32_t n = 0;
  for (; i <= j; i++) n += labels[i] != LDR_IGNORE;
  return n;
}

static int finds(const ldr_span *spans, int32_t count, int32_t sequence, size_t type, size_t i, size_t j,
    double score) {
  int32_t k;
  for (k = 0; k < count; k++)
    if (spans[k].sequence == sequence && spans[k].type == (int32_t)type && spans[k].first == (int32_t)i &&
        spans[k].last == (int32_t)j) {
      CHECK_NEAR(spans[k].score, score, 1e-4 * (1 + fabs(score)));
      return 1;
    }
  return 0;
}

/* All spans of one sequence that there should be; returns how many. */
static int32_t check_sequence(const ldr__pass *s, const ldr_span *spans, int32_t count, int32_t q, size_t n,
    const int32_t *labels, int one, int32_t longest) {
  size_t first = (size_t)s->offsets[q], type, i, j;
  int32_t want = 0;
  for (type = 0; type < SPAN_TYPES; type++) {
    double best = -1e300, none = plain_score(s, first, type, 0, 0);
    size_t from = 0, to = 0;
    for (i = one; i < n; i++)
      for (j = i; j < n; j++) {
        double score = plain_score(s, first, type, i, j);
        if (!is_pair(labels, one, i, j) || (longest && tokens_between(labels, i, j) > longest)) continue;
        if (!one && score > 0) {
          CHECK(finds(spans, count, q, type, i, j, score));
          want++;
        }
        if (score <= best) continue;
        best = score;
        from = i;
        to = j;
      }
    if (!one || best - none <= 0) continue;
    CHECK(finds(spans, count, q, type, from, to, best - none));
    want++;
  }
  return want;
}

TEST(spans_are_those_of_the_whole_square) {
  int h, longest;
  for (h = 0; h < 3; h++)
    for (longest = 0; longest < 4; longest += 3) {
      span_case c = open_case(span_heads[h], 1, 8);
      ldr_predictor *p = ldr_predictor_create(c.l, 8, 8 * MOST, NULL);
      int32_t offsets[9] = { 0 }, ids[8 * MOST], labels[8 * MOST], count = 0, want = 0, i, k;
      ldr_span spans[512];
      ldr_batch b;
      memset(&b, 0, sizeof b);
      for (i = 0; i < 8; i++) {
        ldr_example e = ldr_dataset_get(c.set, i);
        memcpy(ids + offsets[i], e.ids, (size_t)e.count * sizeof *ids);
        offsets[i + 1] = offsets[i] + e.count;
        for (k = 0; k < e.count; k++) labels[offsets[i] + k] = (i + k) % 4 == 0 ? LDR_IGNORE : 0;
      }
      b.sequences = 8;
      b.offsets = offsets;
      b.ids = ids;
      CHECK_INT(ldr_predict_spans(p, spans, 512, &count, &b, labels, longest, 0, NULL), LDR_OK);
      for (i = 0; i < 8; i++)
        want += check_sequence(&p->pass, spans, LDR__MIN(count, 512), i, (size_t)(offsets[i + 1] - offsets[i]),
            labels + offsets[i], span_heads[h] != LDR_HEAD_POINTER, longest);
      CHECK_INT(count, want);
      CHECK(want > 3);
      k = count;
      /* what has no room is counted */
      CHECK_INT(ldr_predict_spans(p, spans, 1, &count, &b, labels, longest, 0, NULL), LDR_OK);
      CHECK_INT(count, k);
      CHECK_INT(ldr_predict_spans(p, NULL, 0, &count, &b, NULL, longest, 1e30f, NULL), LDR_OK);
      CHECK_INT(count, 0);
      CHECK_INT(ldr_predict_spans(p, spans, 512, &count, &b, NULL, 0, -FLT_MAX, NULL), LDR_OK);
      if (span_heads[h] != LDR_HEAD_POINTER) CHECK_INT(count, 8 * SPAN_TYPES);
      ldr_predictor_free(p);
      close_case(&c);
    }
}

/* Of spans that cross: those that begin at token 1, and those at token 2. */
static const int32_t crossing[2][3] = { { LDR_SPAN(0, 3), LDR_SPAN(1, 4), LDR_SPAN(0, 1) },
  { LDR_SPAN(0, 3), LDR_SPAN(1, 1), LDR_SPAN(1, 2) } };

/* Spans of a type that tags[n] hold, by hand: is i..j one? */
static int is_true(const int32_t *labels, size_t n, size_t type, size_t i, size_t j) {
  int32_t begin = 1 + 2 * (int32_t)type, last = 0;
  size_t k;
  if (labels[i] >= LDR_SPANS) {
    for (k = 0; k < 3; k++)
      if (crossing[labels[i] - LDR_SPANS][k] == LDR_SPAN((int32_t)type, (int32_t)(j - i) + 1)) return 1;
    return 0;
  }
  if (labels[i] == LDR_IGNORE || labels[j] == LDR_IGNORE || labels[i] <= 0 ||
      (labels[i] - 1) / 2 != (int32_t)type) return 0;
  for (k = i; k-- > 0 && !last;) last = labels[k] == LDR_IGNORE ? 0 : labels[k] ? labels[k] : -1;
  if (labels[i] == begin + 1 && (last == begin || last == begin + 1)) return 0;          /* goes on with one */
  for (k = i + 1; k <= j; k++)
    if (labels[k] != LDR_IGNORE && labels[k] != begin + 1) return 0;
  for (k = j + 1; k < n; k++)
    if (labels[k] != LDR_IGNORE) return labels[k] != begin + 1;
  return 1;
}

static double log_sum(const double *x, size_t n) {
  double sum = 0;
  size_t i;
  for (i = 0; i < n; i++) sum += exp(x[i]);
  return log(sum);
}

/* The loss of one type as the heads' comments have it, from all scores at once. */
static double plain_loss(const ldr__pass *s, const int32_t *labels, size_t n, size_t type) {
  double all[MOST * MOST + 1], right[MOST * MOST + 1], ends[4][MOST * MOST];
  size_t first = (size_t)s->offsets[0], i, j, a = 0, r = 0, f = 0, t = 0;
  int one = s->l->d.head != LDR_HEAD_POINTER, found = 0;
  if (!one) all[a++] = right[r++] = 0;
  for (i = 0; i < n; i++)
    for (j = i; j < n; j++) found += (!one || i) && is_true(labels, n, type, i, j);
  for (i = 0; i < n; i++)
    for (j = i; j < n; j++) {
      double score = plain_score(s, first, type, i, j);
      int is = one && i == 0 ? !found : is_true(labels, n, type, i, j);
      if (!is_pair(labels, one, i, j)) continue;
      if (is) right[r++] = one ? score : -score;
      if (one || !is) all[a++] = score;
      if (s->l->d.head == LDR_HEAD_SPANS && is) {
        ends[2][t] = head_value(s, first + i, 2 * type);
        ends[3][t++] = head_value(s, first + j, 2 * type + 1);
      }
    }
  if (s->l->d.head != LDR_HEAD_SPANS) return one ? log_sum(all, a) - log_sum(right, r) : log_sum(all,
      a) + log_sum(right, r);
  for (i = 0; i < n; i++)
    if (i == 0 || labels[i] != LDR_IGNORE) {
      ends[0][f] = head_value(s, first + i, 2 * type);
      ends[1][f++] = head_value(s, first + i, 2 * type + 1);
    }
  return 0.5 * (log_sum(ends[0], f) - log_sum(ends[2], t) + log_sum(ends[1], f) - log_sum(ends[3], t));
}

TEST(losses_are_those_of_the_whole_square) {
  int h;
  int32_t i, k;
  for (h = 0; h < 3; h++) {
    span_case c = open_case(span_heads[h], 1, 12);
    ldr_trainer *t = ldr_trainer_create(c.l, c.set, NULL, NULL, NULL);
    CHECK(t != NULL);
    for (i = 0; t && i < 12; i++) {
      ldr_example e = ldr_dataset_get(c.set, i);
      double loss = 0, want = 0;
      CHECK_INT(ldr_trainer_gradients(t, &loss, &i, 1, NULL), LDR_OK);
      for (k = 0; k < SPAN_TYPES; k++) want += plain_loss(&t->pass, e.labels, (size_t)e.count,
          (size_t)k) / SPAN_TYPES;
      CHECK_NEAR(loss, want, 1e-4 * (1 + want));
    }
    ldr_trainer_free(t);
    close_case(&c);
  }
}

/* The sequences of a case, each with the same spans that cross, and with so many that no token says. */
static ldr_dataset *crossing_set(const span_case *c, int missed) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  int32_t i, k;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_POINTER;
  set = ldr_dataset_create(&d, NULL);
  for (i = 0; i < 2; i++) CHECK_INT(ldr_dataset_label_set(set, crossing[i], 3, NULL), i);
  for (i = 0; i < ldr_dataset_count(c->set); i++) {
    ldr_example e = ldr_dataset_get(c->set, i);
    int32_t labels[MOST] = { 0 };
    if (e.count < 6) continue;
    for (k = 0; k < 2; k++) labels[1 + k] = LDR_SPANS + k;
    e.labels = labels;
    e.missed = missed;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  return set;
}

TEST(spans_that_cross_are_learned) {
  span_case c = open_case(LDR_HEAD_POINTER, 1, 16);
  ldr_dataset *set = crossing_set(&c, 0), *more = crossing_set(&c, 2);
  ldr_trainer *t = ldr_trainer_create(c.l, set, NULL, NULL, NULL);
  ldr_train_desc d;
  ldr_fit_result r;
  ldr_score score;
  ldr_example e;
  ldr_error err;
  double loss = 0, want = 0;
  int32_t i = 0, k;
  CHECK(ldr_dataset_count(set) > 4);
  e = ldr_dataset_get(set, 0);
  CHECK_INT(ldr_trainer_gradients(t, &loss, &i, 1, NULL), LDR_OK);
  for (k = 0; k < SPAN_TYPES; k++) want += plain_loss(&t->pass, e.labels, (size_t)e.count, (size_t)k) / SPAN_TYPES;
  CHECK_NEAR(loss, want, 1e-4 * (1 + want));
  for (k = 0; k < ldr_ladder_params(c.l); k++) {               /* gradients by finite differences */
    ldr_param p = ldr_ladder_param(c.l, k);
    double up = 0, down = 0, by = 1e-2, grad;
    CHECK_INT(ldr_trainer_gradients(t, &loss, &i, 1, NULL), LDR_OK);
    grad = (double)p.grad[0];
    p.value[0] += (float)by;
    CHECK_INT(ldr_trainer_gradients(t, &up, &i, 1, NULL), LDR_OK);
    p.value[0] -= 2 * (float)by;
    CHECK_INT(ldr_trainer_gradients(t, &down, &i, 1, NULL), LDR_OK);
    p.value[0] += (float)by;
    CHECK_NEAR(grad, (up - down) / (2 * by), 2e-2 * (0.1 + fabs(grad)));
  }
  ldr_trainer_free(t);
  memset(&d, 0, sizeof d);
  memset(&r, 0, sizeof r);
  d.epochs = 60;
  d.head_epochs = -1;
  d.batch = 8;
  d.rate = 1e-2f;
  CHECK_INT(ldr_fit(c.l, set, set, &d, &r, NULL), LDR_OK);
  CHECK(r.metric > 0.9);
  CHECK_INT(ldr_evaluate(c.l, more, LDR_METRIC_ENTITY_F1, &score, NULL), LDR_OK);     /* 2 of 8 are always missed */
  if (r.metric == 1) CHECK_NEAR(score.value, 12.0 / 14.0, 1e-9);
  CHECK(score.value < r.metric && score.accuracy == 0);
  memset(&err, 0, sizeof err);
  e = ldr_dataset_get(set, 0);
  e.missed = -1;
  CHECK_INT(ldr_dataset_add(more, &e, &err), LDR_DATA);
  CHECK(strstr(err.message, "misses -1 spans"));
  e.missed = 0;
  k = LDR_SPANS + 2;
  e.labels = &k;
  e.count = 1;
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_dataset_add(more, &e, &err), LDR_DATA);
  CHECK(strstr(err.message, "no label set 2"));
  k = LDR_SPAN(SPAN_TYPES, 1);
  CHECK_INT(ldr_dataset_label_set(more, &k, 1, NULL), 2);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_evaluate(c.l, more, LDR_METRIC_AUTO, &score, &err), LDR_DATA);
  CHECK(strstr(err.message, "span of type"));
  ldr_dataset_free(set);
  ldr_dataset_free(more);
  close_case(&c);
}

/* The head that is fitted first reads the sets of the texts it learns from, not those of the other set. */
TEST(a_head_is_fitted_to_spans_that_cross) {
  span_case c = open_case(LDR_HEAD_POINTER, 1, 16);
  ldr_dataset *set = crossing_set(&c, 0), *dev = tiny_dataset(&c.s, LDR_HEAD_POINTER, SPAN_CLASSES, 8, 4);
  ldr_ladder_desc d;
  ldr_train_desc t;
  ldr_fit_result r;
  ldr_score before, score;
  ldr_ladder *l;
  int i;
  memset(&d, 0, sizeof d);
  memset(&t, 0, sizeof t);
  d.method = LDR_METHOD_HEAD;
  d.head = LDR_HEAD_POINTER;
  d.classes = SPAN_CLASSES;
  d.span_size = 6;
  t.epochs = 1;
  t.head_epochs = 1000;
  for (i = 0; i < 2; i++) {
    l = ldr_ladder_create(c.m.m, &d, NULL);
    CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_AUTO, &before, NULL), LDR_OK);
    CHECK_INT(ldr_fit(l, set, i ? dev : set, &t, &r, NULL), LDR_OK);
    CHECK_INT(ldr_evaluate(l, set, LDR_METRIC_AUTO, &score, NULL), LDR_OK);
    CHECK(i || (score.loss < 0.1 * before.loss && score.value > 0.9));
    ldr_ladder_free(l);
  }
  ldr_dataset_free(set);
  ldr_dataset_free(dev);
  close_case(&c);
}

/* Entities that no tag says are misses, whatever the head. */
TEST(what_no_token_says_is_missed) {
  static const ldr_head heads[] = { LDR_HEAD_TOKENS, LDR_HEAD_CRF, LDR_HEAD_POINTER };
  int h;
  for (h = 0; h < 3; h++) {
    span_case c = open_case(heads[h], 1, 12);
    ldr_dataset_desc d;
    ldr_dataset *set;
    ldr_score plain, more;
    int32_t i, k, wanted = 0;
    memset(&d, 0, sizeof d);
    d.head = heads[h];
    set = ldr_dataset_create(&d, NULL);
    for (i = 0; i < 12; i++) {
      ldr_example e = ldr_dataset_get(c.set, i);
      size_t type, a, b;
      for (type = 0; type < SPAN_TYPES; type++)
        for (a = 0; a < (size_t)e.count; a++)
          for (b = a; b < (size_t)e.count; b++) wanted += is_true(e.labels, (size_t)e.count, type, a, b);
      e.missed = i % 3;
      CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
    }
    CHECK_INT(ldr_evaluate(c.l, c.set, LDR_METRIC_ENTITY_F1, &plain, NULL), LDR_OK);
    CHECK_INT(ldr_evaluate(c.l, set, LDR_METRIC_ENTITY_F1, &more, NULL), LDR_OK);
    CHECK_NEAR(plain.loss, more.loss, 0);
    /* 2 m / (f + w) and 2 m / (f + w + 12): what was found and matched is the same */
    for (k = 0; k < 2000 && plain.value > 0; k++)
      if (fabs(plain.value * (k + wanted) - more.value * (k + wanted + 12)) < 1e-6) break;
    CHECK(plain.value > 0 && k < 2000);
    ldr_dataset_free(set);
    close_case(&c);
  }
}

/* ---- chains of tags, by all the ways to tag a sequence ---- */

enum { CHAIN = 5, CHAIN_WAYS = 3125 };

/* Tokens with tags are at[n], their tags right[n]; all their ways to be tagged with the score of each. */
typedef struct all_ways {
  int32_t n, at[CHAIN], right[CHAIN];
  double score[CHAIN_WAYS], total;
  int32_t count, best;
} all_ways;

static int32_t tag_of(int32_t way, int32_t t) {
  for (; t > 0; t--) way /= SPAN_CLASSES;
  return way % SPAN_CLASSES;
}

/* The score of two tags in a row; `from` SPAN_CLASSES: of the first tag, one more: of the last. */
static double chain_value(const ldr_ladder *l, int32_t from, int32_t to) {
  return (double)ldr_ladder_param(l, ldr_ladder_find(l, "head.chain.weight")).value[from * SPAN_CLASSES + to];
}

/* Of sequence q of a pass that has run. */
static void count_ways(all_ways *y, const ldr__pass *s, int32_t q, const int32_t *labels) {
  int32_t i, t, first = s->offsets[q], way;
  double sum = 0;
  for (y->n = 0, i = 0; i < s->offsets[q + 1] - first; i++)
    if (labels[i] != LDR_IGNORE) {
      y->at[y->n] = i;
      y->right[y->n++] = labels[i];
    }
  for (y->count = 1, t = 0; t < y->n; t++) y->count *= SPAN_CLASSES;
  for (way = 0, y->best = 0; way < y->count; way++) {
    double *score = &y->score[way];
    for (t = 0, *score = 0; t < y->n; t++) *score += head_value(s, (size_t)(first + y->at[t]), (size_t)tag_of(way, t)) +
        chain_value(s->l, t ? tag_of(way, t - 1) : SPAN_CLASSES, tag_of(way, t));
    *score += chain_value(s->l, SPAN_CLASSES + 1, tag_of(way, y->n - 1));
    sum += exp(*score);
    if (*score > y->score[y->best]) y->best = way;
  }
  y->total = log(sum);
}

/* Sequences of which no more than CHAIN tokens have tags, with others before, between and behind them. */
static ldr_dataset *chain_set(const span_case *c, int32_t count) {
  ldr_dataset_desc d;
  ldr_dataset *set;
  int32_t i, k, n;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_CRF;
  set = ldr_dataset_create(&d, NULL);
  for (i = 0; i < count; i++) {
    ldr_example e = ldr_dataset_get(c->set, i);
    int32_t labels[MOST];
    for (k = n = 0; k < e.count; k++) {
      int on = k > 0 && k % 4 != 3 && n < 1 + i % CHAIN && !(i == 7);
      labels[k] = on ? e.labels[k] : LDR_IGNORE;
      n += on;
    }
    e.labels = labels;
    CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  }
  return set;
}

/* The gradients of the scores between tags: what is expected less what is there, the mean of all sequences. */
static void check_chain_gradients(const span_case *c, const all_ways *ways, int32_t count) {
  double want[SPAN_CLASSES + 2][SPAN_CLASSES];
  ldr_param p = ldr_ladder_param(c->l, ldr_ladder_find(c->l, "head.chain.weight"));
  int32_t i, t, way;
  memset(want, 0, sizeof want);
  for (i = 0; i < count; i++)
    for (way = -1; ways[i].n && way < ways[i].count; way++) {
      double share = (way < 0 ? -1 : exp(ways[i].score[way] - ways[i].total)) / count;
      int32_t tags[CHAIN];
      for (t = 0; t < ways[i].n; t++) {
        tags[t] = way < 0 ? ways[i].right[t] : tag_of(way, t);
        want[t ? tags[t - 1] : SPAN_CLASSES][tags[t]] += share;
      }
      want[SPAN_CLASSES + 1][tags[t - 1]] += share;
    }
  CHECK(p.rows == SPAN_CLASSES + 2 && p.columns == SPAN_CLASSES);
  for (i = 0; i < p.rows * p.columns; i++) CHECK_NEAR(p.grad[i], want[i / SPAN_CLASSES][i % SPAN_CLASSES], 1e-5);
}

TEST(a_chain_is_that_of_all_ways) {
  enum { COUNT = 12 };
  span_case c = open_case(LDR_HEAD_CRF, 1, COUNT);
  ldr_dataset *set = chain_set(&c, COUNT);
  ldr_trainer *t = ldr_trainer_create(c.l, set, NULL, NULL, NULL);
  all_ways *ways = (all_ways *)calloc(COUNT, sizeof *ways);
  int32_t i, all[COUNT];
  double loss = 0, sum = 0;
  CHECK(t && ways);
  for (i = 0; i < COUNT; i++) {
    double want = 0;
    int32_t way = 0, k;
    CHECK_INT(ldr_trainer_gradients(t, &loss, &i, 1, NULL), LDR_OK);
    count_ways(&ways[i], &t->pass, 0, ldr_dataset_get(set, i).labels);
    for (k = ways[i].n; k-- > 0;) way = way * SPAN_CLASSES + ways[i].right[k];
    if (ways[i].n) want = ways[i].total - ways[i].score[way];
    CHECK_NEAR(loss, want, 1e-5 * (1 + want));
    sum += want / COUNT;
    all[i] = i;
  }
  CHECK_INT(ways[7].n, 0);                         /* nothing to be learned there */
  CHECK_INT(ldr_trainer_gradients(t, &loss, all, COUNT, NULL), LDR_OK);
  CHECK_NEAR(loss, sum, 1e-5 * (1 + sum));
  check_chain_gradients(&c, ways, COUNT);
  ldr_trainer_free(t);
  ldr_dataset_free(set);
  free(ways);
  close_case(&c);
}

/* The spans of the best way, each with what all ways that have its tags add up to. */
TEST(the_best_chain_is_found) {
  enum { COUNT = 12 };
  span_case c = open_case(LDR_HEAD_CRF, 1, COUNT);
  ldr_dataset *set = chain_set(&c, COUNT);
  ldr_predictor *p = ldr_predictor_create(c.l, 1, MOST, NULL);
  all_ways *y = (all_ways *)calloc(1, sizeof *y);
  int32_t i, k, t, way, spans = 0, right = 0, tags = 0;
  ldr_score score;
  for (i = 0; y && i < COUNT; i++) {
    ldr_example e = ldr_dataset_get(set, i);
    int32_t offsets[2] = { 0, 0 }, count = 0, fewer = 0, best[CHAIN + 1], want = 0;
    ldr_span found[MOST], less[MOST];
    ldr_batch b;
    memset(&b, 0, sizeof b);
    offsets[1] = e.count;
    b.sequences = 1;
    b.offsets = offsets;
    b.ids = e.ids;
    b.segments = e.segments;
    CHECK_INT(ldr_predict_spans(p, found, MOST, &count, &b, e.labels, 0, 0, NULL), LDR_OK);
    count_ways(y, &p->pass, 0, e.labels);
    for (t = 0; t < y->n; t++) {
      best[t] = tag_of(y->best, t);
      right += best[t] == y->right[t];
      tags++;
    }
    for (t = 0; t < y->n; t++) want += ldr__entity_end(best, (size_t)t, (size_t)y->n) > (size_t)t;
    CHECK_INT(count, want);
    for (k = 0; k < count; k++) {
      int32_t a = 0, z = 0;
      double sum = 0;
      while (y->at[a] != found[k].first) a++;
      while (y->at[z] != found[k].last) z++;
      CHECK_INT((best[a] - 1) / 2, found[k].type);
      CHECK_INT(ldr__entity_end(best, (size_t)a, (size_t)y->n), z + 1);
      for (way = 0; way < y->count; way++) {
        for (t = a; t <= z && tag_of(way, t) == best[t];) t++;
        if (t > z) sum += exp(y->score[way] - y->total);
      }
      CHECK_NEAR(found[k].score, sum, 1e-5);
      CHECK_INT(ldr_predict_spans(p, less, MOST, &fewer, &b, e.labels, 0, found[k].score * 1.0001f, NULL), LDR_OK);
      CHECK(fewer < count);                        /* not above itself */
      CHECK_INT(ldr_predict_spans(p, less, MOST, &fewer, &b, e.labels, 1, 0, NULL), LDR_OK);
      for (t = 0; t < fewer; t++) CHECK_INT(less[t].first, less[t].last);
    }
    spans += count;
  }
  CHECK(spans > 8);
  CHECK_INT(ldr_evaluate(c.l, set, LDR_METRIC_ACCURACY, &score, NULL), LDR_OK);
  CHECK_NEAR(score.value, (double)right / tags, 1e-9);
  free(y);
  ldr_predictor_free(p);
  ldr_dataset_free(set);
  close_case(&c);
}

TEST(a_chain_has_so_many_classes) {
  tiny_spec s = tiny_default("bert");
  tiny_model m = tiny_open(s, NULL);
  ldr_ladder_desc d;
  ldr_error err;
  ldr_ladder *l;
  int32_t k;
  static const int32_t bad[] = { 1, 4, 4097, 1 << 24 };
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_CRF;
  for (k = 0; k < 4; k++) {
    memset(&err, 0, sizeof err);
    d.classes = bad[k];
    CHECK(!ldr_ladder_create(m.m, &d, &err) && err.status == LDR_ARGUMENT && strstr(err.message, "O, B-x, I-x"));
  }
  d.classes = 3;
  l = ldr_ladder_create(m.m, &d, NULL);
  CHECK(l != NULL);
  ldr_ladder_free(l);
  tiny_close(&m);
}

/* What a chain needs is in the plan; steps, scores and predictions allocate nothing. */
TEST(a_chain_is_planned) {
  tiny_spec s = tiny_default("bert");
  ldr_test_heap heap;
  ldr_allocator a;
  ldr_ladder_desc d;
  ldr_train_desc td;
  ldr_memory plan;
  ldr_score score;
  tiny_model m;
  ldr_dataset *set;
  ldr_ladder *l;
  ldr_trainer *t;
  ldr_predictor *p;
  ldr_batch b;
  ldr_span spans[MOST];
  int32_t offsets[2] = { 0, 4 }, ids[4] = { 3, 4, 5, 6 }, count;
  size_t before;
  long calls;
  memset(&heap, 0, sizeof heap);
  memset(&d, 0, sizeof d);
  memset(&td, 0, sizeof td);
  memset(&b, 0, sizeof b);
  a.alloc_fn = ldr_test_heap_alloc;
  a.free_fn = ldr_test_heap_free;
  a.user = &heap;
  s.alloc = &a;
  m = tiny_open(s, NULL);
  d.preset = LDR_PRESET_SLICED;
  d.reduction = 2;
  d.head = LDR_HEAD_CRF;
  d.classes = SPAN_CLASSES;
  set = tiny_dataset(&s, d.head, SPAN_CLASSES, 16, 3);
  l = ldr_ladder_create(m.m, &d, NULL);
  td.epochs = 2;
  plan = ldr_trainer_plan(l, set, NULL, &td);
  before = heap.bytes;
  t = ldr_trainer_create(l, set, NULL, &td, NULL);
  CHECK_NEAR((double)(heap.bytes - before), (double)plan.total, 0.02 * (double)plan.total + 2048);
  calls = heap.calls;
  while (!ldr_trainer_done(t)) CHECK_INT(ldr_trainer_step(t, NULL, NULL), LDR_OK);
  CHECK_INT(ldr_trainer_evaluate(t, set, &score, NULL), LDR_OK);
  CHECK_INT(heap.calls - calls, 0);
  ldr_trainer_free(t);
  plan = ldr_predictor_plan(l, 1, 4);
  before = heap.bytes;
  p = ldr_predictor_create(l, 1, 4, NULL);
  CHECK(p && heap.bytes - before == plan.total);
  calls = heap.calls;
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = ids;
  CHECK_INT(ldr_predict_spans(p, spans, MOST, &count, &b, NULL, 0, 0, NULL), LDR_OK);
  CHECK_INT(heap.calls - calls, 0);
  ldr_predictor_free(p);
  ldr_ladder_free(l);
  ldr_dataset_free(set);
  tiny_close(&m);
}

/* Counts of the metric against those of ldr_predict_spans. */
TEST(metrics_count_what_is_predicted) {
  int h;
  for (h = 0; h < 4; h++) {
    span_case c = open_case(span_heads[h], 1, 12);
    ldr_predictor *p = ldr_predictor_create(c.l, 1, MOST, NULL);
    int one = has_one(span_heads[h]), found = 0, wanted = 0, matched = 0, right = 0;
    int32_t i, k;
    ldr_score score;
    for (i = 0; i < 12; i++) {
      ldr_example e = ldr_dataset_get(c.set, i);
      int32_t offsets[2] = { 0, 0 }, count = 0;
      int want = 0, match = 0;
      size_t type, a, b;
      ldr_span spans[256];
      ldr_batch batch;
      memset(&batch, 0, sizeof batch);
      offsets[1] = e.count;
      batch.sequences = 1;
      batch.offsets = offsets;
      batch.ids = e.ids;
      batch.segments = e.segments;
      CHECK_INT(ldr_predict_spans(p, spans, 256, &count, &batch, e.labels, 0, 0, NULL), LDR_OK);
      for (type = 0; type < SPAN_TYPES; type++) {
        int of = 0;
        for (a = 0; a < (size_t)e.count; a++)
          for (b = a; b < (size_t)e.count; b++) of += is_true(e.labels, (size_t)e.count, type, a, b);
        want += one ? of > 0 : of;
      }
      for (k = 0; k < count; k++) match += is_true(e.labels, (size_t)e.count, (size_t)spans[k].type,
          (size_t)spans[k].first, (size_t)spans[k].last);
      found += count;
      wanted += want;
      matched += match;
      right += match == count && match == want;
    }
    CHECK_INT(ldr_evaluate(c.l, c.set, LDR_METRIC_ENTITY_F1, &score, NULL), LDR_OK);
    CHECK_NEAR(score.value, 2.0 * matched / (found + wanted), 1e-9);
    if (span_heads[h] != LDR_HEAD_CRF) CHECK_NEAR(score.accuracy, right / 12.0, 1e-9);
    CHECK(found && wanted);
    CHECK_INT(ldr_evaluate(c.l, c.set, LDR_METRIC_ACCURACY, &score, NULL),
        span_heads[h] != LDR_HEAD_POINTER ? LDR_OK : LDR_ARGUMENT);
    ldr_predictor_free(p);
    close_case(&c);
  }
}

/* Trains, and returns the ladder file's bytes for free(). */
static char *trained_spans(ldr_head head, int32_t threads, int32_t epochs, size_t *size, double *metric) {
  span_case c = open_case(head, threads, 24);
  ldr_train_desc d;
  ldr_fit_result r;
  char *bytes;
  memset(&d, 0, sizeof d);
  memset(&r, 0, sizeof r);
  d.epochs = epochs;
  d.head_epochs = -1;
  d.batch = 8;
  d.rate = 1e-2f;
  CHECK_INT(ldr_fit(c.l, c.set, c.set, &d, &r, NULL), LDR_OK);
  *metric = r.metric;
  CHECK_INT(ldr_ladder_save_memory(c.l, NULL, 0, size, NULL), LDR_OK);
  bytes = (char *)malloc(*size);
  CHECK_INT(ldr_ladder_save_memory(c.l, bytes, *size, size, NULL), LDR_OK);
  close_case(&c);
  return bytes;
}

TEST(threads_change_no_bit) {
  int h;
  for (h = 0; h < 4; h++) {
    size_t n = 0, m = 0;
    double one = 0, two = 0;
    char *a = trained_spans(span_heads[h], 1, 1, &n, &one), *b = trained_spans(span_heads[h], 2, 1, &m, &two);
    CHECK(n == m && memcmp(a, b, n) == 0);
    CHECK(one == two);
    free(a);
    free(b);
  }
}

TEST(spans_are_learned) {
  int h;
  for (h = 0; h < 4; h++) {
    size_t n = 0;
    double metric = 0;
    free(trained_spans(span_heads[h], 1, 25, &n, &metric));
    CHECK(metric > 0.5);
  }
}

TEST(a_ladder_file_keeps_its_spans) {
  int h;
  for (h = 0; h < 4; h++) {
    span_case c = open_case(span_heads[h], 1, 2);
    size_t n = 0;
    char *bytes;
    ldr_ladder *again;
    ldr_example e = ldr_dataset_get(c.set, 0);
    int32_t offsets[2] = { 0, 0 }, count[2] = { 0, 0 };
    ldr_span spans[2][64];
    ldr_batch b;
    memset(&b, 0, sizeof b);
    memset(spans, 0, sizeof spans);
    offsets[1] = e.count;
    b.sequences = 1;
    b.offsets = offsets;
    b.ids = e.ids;
    ldr_ladder_save_memory(c.l, NULL, 0, &n, NULL);
    bytes = (char *)malloc(n);
    CHECK_INT(ldr_ladder_save_memory(c.l, bytes, n, &n, NULL), LDR_OK);
    again = ldr_ladder_load_memory(c.m.m, bytes, n, NULL, NULL);
    CHECK(again != NULL);
    CHECK_INT(ldr_ladder_desc_get(again).span_size, span_heads[h] == LDR_HEAD_ANSWER || span_heads[h] ==
        LDR_HEAD_POINTER ? 6 : 0);
    for (n = 0; n < 2; n++) {
      ldr_predictor *p = ldr_predictor_create(n ? again : c.l, 1, MOST, NULL);
      CHECK_INT(ldr_predict_spans(p, spans[n], 64, &count[n], &b, NULL, 0, 0, NULL), LDR_OK);
      ldr_predictor_free(p);
    }
    CHECK_INT(count[0], count[1]);
    CHECK(memcmp(spans[0], spans[1], sizeof spans[0]) == 0);
    ldr_ladder_free(again);
    free(bytes);
    close_case(&c);
  }
}

TEST(what_cannot_be_is_refused) {
  span_case c = open_case(LDR_HEAD_ANSWER, 1, 2);
  ldr_ladder_desc d = ldr_ladder_desc_get(c.l);
  ldr_predictor *p = ldr_predictor_create(c.l, 1, MOST, NULL);
  ldr_dataset_desc dd;
  ldr_dataset *set;
  ldr_example e;
  ldr_error err;
  ldr_batch b;
  ldr_score score;
  int32_t ids[3] = { 1, 2, 3 }, labels[3] = { 1, 2, 0 }, offsets[2] = { 0, 3 }, count;
  float scores[64];
  memset(&b, 0, sizeof b);
  memset(&e, 0, sizeof e);
  memset(&err, 0, sizeof err);
  memset(&dd, 0, sizeof dd);
  b.sequences = 1;
  b.offsets = offsets;
  b.ids = ids;
  CHECK_INT(ldr_predict(p, scores, &b, &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "ldr_predict_spans"));
  CHECK_INT(ldr_predict_spans(p, NULL, 1, &count, &b, NULL, 0, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_predict_spans(p, NULL, 0, NULL, &b, NULL, 0, 0, NULL), LDR_ARGUMENT);
  CHECK_INT(ldr_predict_spans(p, NULL, 0, &count, &b, NULL, -1, 0, NULL), LDR_ARGUMENT);
  d.rungs = NULL;
  d.rung_count = 0;
  d.label_names = NULL;
  d.classes = 4;
  CHECK(ldr_ladder_create(c.m.m, &d, NULL) == NULL);
  d.classes = 5;
  d.span_size = 7;
  memset(&err, 0, sizeof err);
  CHECK(ldr_ladder_create(c.m.m, &d, &err) == NULL);
  CHECK(strstr(err.message, "span_size"));
  /* the token that stands for no span cannot begin one */
  dd.head = LDR_HEAD_ANSWER;
  set = ldr_dataset_create(&dd, NULL);
  e.count = 3;
  e.ids = ids;
  e.labels = labels;
  CHECK_INT(ldr_dataset_add(set, &e, NULL), LDR_OK);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr_evaluate(c.l, set, LDR_METRIC_AUTO, &score, &err), LDR_DATA);
  CHECK(strstr(err.message, "first token"));
  ldr_dataset_free(set);
  ldr_predictor_free(p);
  ldr_ladder_free(c.l);
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_TOKENS;
  d.classes = 3;
  c.l = ldr_ladder_create(c.m.m, &d, NULL);
  p = ldr_predictor_create(c.l, 1, MOST, NULL);
  CHECK_INT(ldr_predict_spans(p, NULL, 0, &count, &b, NULL, 0, 0, NULL), LDR_ARGUMENT);
  ldr_predictor_free(p);
  close_case(&c);
}

/* ---- official scores --------------------------------------------------------------------- */

static void check_score(const char *right, const char *given, int chinese, double exact, double f1) {
  answer_score y;
  CHECK(compare_answers(&y, right, given, chinese));
  CHECK_NEAR(y.exact, exact, 1e-9);
  CHECK_NEAR(y.f1, f1, 1e-9);
  if (fabs(y.f1 - f1) > 1e-9) printf("  \"%s\" and \"%s\"\n", right, given);
}

TEST(english_answers_are_scored_as_squad_does) {
  check_score("The Eiffel Tower.", "eiffel  tower", 0, 1, 1);
  check_score("in the year 1999", "1999, in Paris", 0, 0, 2.0 * 2 / 6);       /* in year 1999 | 1999 in paris */
  /* each word counts as often as both have it */
  check_score("to be or to be", "to be", 0, 0, 2.0 * 2 / 7);
  check_score("Denver Broncos", "Carolina Panthers", 0, 0, 0);
  check_score("the a an", "A", 0, 1, 1);                                      /* both are empty then */
  check_score("another theme", "other theme", 0, 0, 0.5);                     /* whole words only */
  check_score("U.S.", "US", 0, 1, 1);
  check_score("\xc3\x89mile", "\xc3\xa9mile", 0, 1, 1);
}

TEST(chinese_answers_are_scored_as_cmrc_does) {
  /* 光 荣 和 ωforce */
  check_score("\xe5\x85\x89\xe8\x8d\xa3\xe5\x92\x8c\xcf\x89-force", "\xe5\x85\x89\xe8\x8d\xa3", 1, 0, 2.0 * 2 / 6);
  check_score("\xe3\x80\x8a\xe6\x88\x98\xe5\x9b\xbd\xe3\x80\x8b\xef\xbc\x8c""1600\xe5\xb9\xb4",
      "\xe6\x88\x98\xe5\x9b\xbd""1600\xe5\xb9\xb4", 1, 1, 1);
  /* 一二三四 and 一三四五: the longest run is 三四, which the script calls a common subsequence */
  check_score("\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b", "\xe4\xb8\x80\xe4\xb8\x89\xe5\x9b\x9b\xe4\xba\x94",
      1, 0, 0.5);
  check_score("3.5 GB", "3.5GB", 1, 0, 0);                                     /* 3.5 | gb and 3.5gb */
  check_score(" ABC\xe3\x80\x82", "abc", 1, 1, 1);
  check_score("\xe5\xa4\xa9", "\xe5\x9c\xb0", 1, 0, 0);
}

TEST(the_best_of_the_right_answers_counts) {
  question e;
  answer_score y;
  char one[] = "in 1999", two[] = "1999", *answers[2];
  answers[0] = one;
  answers[1] = two;
  memset(&e, 0, sizeof e);
  e.answers = answers;
  e.answer_count = 2;
  CHECK(score_answer(&y, &e, "1999", 0));
  CHECK(y.exact == 1 && y.f1 == 1);
  CHECK(score_answer(&y, &e, "", 0));
  CHECK(y.exact == 0 && y.f1 == 0);
  e.answer_count = 0;                                /* a question without an answer wants none */
  CHECK(score_answer(&y, &e, "", 0));
  CHECK(y.exact == 1 && y.f1 == 1);
  CHECK(score_answer(&y, &e, "1999", 0));
  CHECK(y.exact == 0 && y.f1 == 0);
}

/* ---- files ------------------------------------------------------------------------------- */

static const char QUESTION_FILE[] = "spans-test.json";

static ldr_status read_text(questions *q, const char *data, int answered, ldr_error *err) {
  ldr_status status;
  memset(q, 0, sizeof *q);
  memset(err, 0, sizeof *err);
  CHECK(ldr_test_write(QUESTION_FILE, data, strlen(data)));
  status = read_questions(q, QUESTION_FILE, answered, err);
  remove(QUESTION_FILE);
  return status;
}

static void check_answer(const questions *q, int32_t i, const char *id, const char *answer, int32_t answers) {
  const question *e = &q->items[i];
  char *got = copy_bytes(q->contexts[e->context] + e->begin, e->end - e->begin);
  CHECK_STR(e->id, id);
  CHECK_STR(got, answer);
  CHECK_INT(e->answer_count, answers);
  free(got);
}

TEST(every_public_form_of_questions_is_read) {
  questions q;
  ldr_error err;
  CHECK_INT(read_text(&q, "{\"version\": \"2.0\", \"data\": [{\"title\": \"t\", \"paragraphs\": [{\"context\": "
      "\"Z\xc3\xbcrich lies on a lake.\", \"qas\": ["
      "{\"id\": \"a\", \"question\": \"Where?\", \"is_impossible\": false, \"answers\": [{\"text\": \"a lake\", "
                  "\"answer_start\": 15}, {\"text\": \"lake\", \"answer_start\": 17}]},"
      "{\"id\": \"b\", \"question\": \"Who?\", \"is_impossible\": true, \"plausible_answers\": [{\"text\": "
                  "\"Z\xc3\xbcrich\", \"answer_start\": 0}], \"answers\": []}]}]},"
      "{\"title\": \"u\", \"paragraphs\": [{\"context\": \"Two.\", \"qas\": [{\"id\": 7, \"question\": \"How "
                  "many?\", \"answers\": [{\"text\": \"Two\", \"answer_start\": 0}]}]}]}]}", 1, &err), LDR_OK);
  CHECK_STR(err.message, "");
  CHECK_INT(q.count, 3);
  CHECK_INT(q.context_count, 2);
  CHECK_INT(q.unanswered, 1);
  check_answer(&q, 0, "a", "a lake", 2);
  check_answer(&q, 1, "b", "", 0);
  check_answer(&q, 2, "7", "Two", 1);
  free_questions(&q);
  CHECK_INT(read_text(&q, "{\"question\": \"Where?\", \"context\": \"On a lake.\", \"answers\": [{\"text\": \"a "
      "lake\", \"start\": 3}]}\n"
      "{\"id\": \"x\", \"question\": \"Who?\", \"context\": \"Nobody came.\", \"answers\": {\"text\": "
                  "[\"Nobody\"], \"answer_start\": [0]}}\n"
      "{\"question\": \"Why?\", \"context\": \"It rained.\", \"answers\": [\"rained\"]}\n{\"question\": "
                  "\"When?\", \"context\": \"It rained.\", \"answers\": []}\n", 1, &err), LDR_OK);
  CHECK_STR(err.message, "");
  CHECK_INT(q.count, 4);
  check_answer(&q, 0, "1", "a lake", 1);
  check_answer(&q, 1, "x", "Nobody", 1);
  check_answer(&q, 2, "3", "rained", 1);
  check_answer(&q, 3, "4", "", 0);
  free_questions(&q);
}

TEST(damaged_answers_are_counted) {
  questions q;
  ldr_error err;
  /* at one other place */
  CHECK_INT(read_text(&q, "[{\"question\": \"1\", \"context\": \"ab cd ab ef\", \"answers\": [{\"text\": \"cd\", "
      "\"start\": 4}]},"
      /* at two */
      "{\"question\": \"2\", \"context\": \"ab cd ab ef\", \"answers\": [{\"text\": \"ab\", \"start\": 1}]},"
      "{\"question\": \"3\", \"context\": \"ab cd ab ef\", \"answers\": [{\"text\": \"ef\", \"start\": 99}]},"
      "{\"question\": \"4\", \"context\": \"ab cd ab ef\", \"answers\": [{\"text\": \"xy\", \"start\": 0}]},"
      "{\"question\": \"5\", \"context\": \"ab cd ab ef\", \"answers\": [{\"text\": \"xy\", \"start\": -1}, "
                  "{\"text\": \"ef\", \"start\": 9}]}]", 1, &err), LDR_OK);
  CHECK_STR(err.message, "");
  CHECK_INT(q.moved, 2);
  CHECK_INT(q.misplaced, 3);
  CHECK_INT(q.damaged, 2);
  CHECK(strstr(q.first_bad, "\"ab\" is said to begin at character 1"));
  CHECK(q.items[1].damaged && q.items[3].damaged);
  CHECK_INT(q.items[0].begin, 3);
  CHECK_INT(q.items[2].begin, 9);
  CHECK_INT(q.items[4].begin, 9);
  free_questions(&q);
}

TEST(what_is_no_question_is_refused) {
  static const struct { const char *data, *says; } bad[] = {
    { "", "no questions" }, { "[]", "no questions" }, { "{\"data\": 3}", "lists" }, { "{\"question\": \"a\"}",
        "\"context\"" },
    { "{\"context\": \"a\"}", "\"question\"" }, { "{\"context\": \"a\", \"question\": \"b\"}", "\"answers\"" },
        { "{\"context\": 3", "JSON" },
    { "{\"context\": [], \"question\": \"b\", \"answers\": []}", "a text is expected" },
        { "{\"context\": \"a\", \"qas\": 1}", "\"qas\"" },
    { "{\"context\": \"a\", \"question\": \"b\", \"answers\": 3}", "a list" },
        { "{\"context\": \"a\", \"question\": \"b\", \"answers\": [{}]}", "\"text\"" },
    { "{\"context\": \"a\", \"question\": \"b\", \"answers\": [{\"text\": \"a\", \"start\": 0.5}]}",
        "whole number" },
    { "{\"context\": \"a\", \"question\": \"b\", \"answers\": [{\"text\": \"a\", \"start\": \"0\"}]}",
        "whole number" },
    { "{\"context\": \"a\", \"question\": \"b\", \"answers\": {\"text\": [\"a\"], \"start\": []}}", "same length" },
    { "{\"context\": \"a\\u0000\", \"question\": \"b\", \"answers\": []}", "NUL" } };
  questions q;
  ldr_error err;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(read_text(&q, bad[i].data, 1, &err) != LDR_OK);
    CHECK(strstr(err.message, bad[i].says) && strstr(err.message, QUESTION_FILE));
    if (!strstr(err.message, bad[i].says)) printf("  %s: %s\n", bad[i].data, err.message);
    free_questions(&q);
  }
  CHECK_INT(read_text(&q, "{\"context\": \"a\", \"question\": \"b\"}", 0, &err), LDR_OK);         /* to be answered */
  free_questions(&q);
}

/* ---- windows ----------------------------------------------------------------------------- */

static ldr_tokenizer *letters(void) {
  static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\nwho\n?\n##x\n";
  return ldr_tokenizer_load_memory(vocab, sizeof vocab - 1, NULL, NULL);
}

/* The answer's bytes, all over the text, in windows of all sizes: where a window holds the whole answer its tags say
   its bytes, else there are none; each token of the text is in a window, and neighbours share what the stride says. */
TEST(windows_hold_every_token_and_whole_answers) {
  static const char context[] = "a b c d e f g h a b c d efx g h a b c";
  ldr_tokenizer *t = letters();
  int32_t max_len, stride;
  size_t begin, end;
  CHECK(t != NULL);
  for (max_len = 8; t && max_len <= 26; max_len += 3)
    for (stride = 1; stride < 8; stride += 3) {
      cutter a;
      CHECK_INT(open_cutter(&a, max_len, stride, NULL), LDR_OK);
      CHECK_INT(ask(&a, t, "who ?", context, NULL), LDR_OK);
      for (begin = 0; begin + 1 < sizeof context; begin += 4)
        for (end = begin + 1; end < sizeof context; end += 6) {
          int32_t w, i, next = a.from, tagged = 0;
          for (w = 0; w < a.windows; w++) {
            int32_t n = make_window(&a, w, begin, end), start = window_start(&a, w), first = -1, last = -1;
            CHECK(n <= max_len && start <= next);
            CHECK(w == 0 || w == a.windows - 1 || next - start == LDR__MIN(stride, a.room / 2));
            for (i = 0; i < n; i++) {
              if (a.labels[i] <= 0) continue;
              CHECK_INT(a.labels[i], first < 0 ? 1 : 2);
              if (first < 0) first = i;
              last = i;
            }
            CHECK(a.labels[0] == LDR_IGNORE && a.labels[a.before - 1] == LDR_IGNORE && a.labels[n - 1] ==
                LDR_IGNORE);
            next = LDR__MIN(start + a.room, a.to);
            if (first < 0) continue;
            tagged++;
            CHECK(a.c.begin[start + first - a.before] <= (int32_t)begin || context[begin] == ' ');
            CHECK(a.c.end[start + last - a.before] >= (int32_t)end || context[end - 1] == ' ');
          }
          CHECK_INT(next, a.to);
          if (end - begin == 1 && context[begin] != ' ') CHECK(tagged > 0);
        }
      free_cutter(&a);
    }
  ldr_tokenizer_free(t);
}

TEST(a_question_too_long_is_cut_and_no_room_is_said) {
  static const char longest[] = "who who who who who who who who who who who who who who who who ?";
  ldr_tokenizer *t = letters();
  ldr_error err;
  cutter a;
  memset(&err, 0, sizeof err);
  CHECK_INT(open_cutter(&a, 16, 4, NULL), LDR_OK);
  CHECK_INT(ask(&a, t, longest, "a b c", &err), LDR_OK);
  CHECK_INT(a.cut, 9);
  CHECK_INT(a.before, 10);
  CHECK_INT(make_window(&a, 0, 2, 3), 14);
  CHECK_INT(a.labels[11], 1);
  CHECK_INT(ask(&a, t, "who ?", " ", &err), LDR_OK);      /* no text, no windows */
  CHECK_INT(a.windows, 0);
  free_cutter(&a);
  memset(&err, 0, sizeof err);
  CHECK_INT(open_cutter(&a, 4, 4, NULL), LDR_OK);
  CHECK_INT(ask(&a, t, "who ?", "a b c", &err), LDR_ARGUMENT);
  CHECK(strstr(err.message, "--max-len"));
  free_cutter(&a);
  ldr_tokenizer_free(t);
}

/* Texts of random letters, of which three in four hold the answer somewhere. */
static void make_questions(questions *q, int count, uint64_t seed) {
  ldr_error err;
  int i, k;
  memset(q, 0, sizeof *q);
  memset(&err, 0, sizeof err);
  for (i = 0; i < count; i++) {
    char said[] = "who ?", context[64], answer[] = "f g";
    int32_t none = i % 4 == 3, at = (int32_t)ldr__random_below(seed, (uint64_t)i, 8);
    for (k = 0; k < 12; k++) {
      context[2 * k] = (char)('a' + (int)ldr__random_below(seed, (uint64_t)(1000 + 32 * i + k), 5));
      context[2 * k + 1] = ' ';
    }
    context[23] = 0;
    if (!none) memcpy(context + 2 * at, answer, 3);
    CHECK_INT(add_question(q, said, strlen(said), context, strlen(context), &err), LDR_OK);
    if (none) continue;
    q->items[i].begin = 2 * (size_t)at;
    q->items[i].end = 2 * (size_t)at + 3;
    q->items[i].answers = (char **)malloc(sizeof(char *));
    q->items[i].answers[q->items[i].answer_count++] = copy_bytes(answer, 3);
  }
}

static ldr_status count_answers(void *user, const question *e, const char *context, const found_answer *f,
    ldr_error *err) {
  (void)err;
  *(int *)user += e->answer_count ? chars_before(context, strlen(context), f->begin) == (int64_t)e->begin &&
      f->end == e->end : f->end == f->begin;
  return LDR_OK;
}

/* From questions to windows, a trained ladder and scored answers; both heads for one answer; windows shorter than the
   texts. */
TEST(questions_are_learned_and_answered) {
  int h, seen;
  for (h = 0; h < 2; h++) {
    tiny_spec s = tiny_default("bert");
    ldr_tokenizer *t = letters();
    ldr_error err;
    tiny_model m;
    ldr_ladder_desc d;
    ldr_dataset_desc dd;
    ldr_train_desc td;
    ldr_dataset *set;
    ldr_ladder *l;
    questions q;
    answerer w;
    answer_score y;
    int32_t cut;
    memset(&err, 0, sizeof err);
    memset(&d, 0, sizeof d);
    memset(&dd, 0, sizeof dd);
    memset(&td, 0, sizeof td);
    m = tiny_open(s, &err);
    d.preset = LDR_PRESET_TOP;
    d.rank = -1;
    d.top = s.layers;
    d.head = dd.head = span_heads[h];
    d.classes = 3;
    td.epochs = 25;
    td.head_epochs = -1;
    td.rate = 3e-3f;
    td.batch = 8;
    make_questions(&q, 60, 3);
    set = ldr_dataset_create(&dd, &err);
    CHECK_INT(add_windows(set, &q, t, 12, 4, &cut, &err), LDR_OK);
    CHECK(ldr_dataset_count(set) > 60);
    l = ldr_ladder_create(m.m, &d, &err);
    CHECK_INT(ldr_fit(l, set, NULL, &td, NULL, &err), LDR_OK);
    CHECK_INT(open_answerer(&w, l, t, 12, 4, 3, 0, &err), LDR_OK);
    seen = 0;
    CHECK_INT(score_questions(&y, &w, &q, count_answers, &seen, &err), LDR_OK);
    CHECK_STR(err.message, "");
    CHECK_INT(w.windows, ldr_dataset_count(set));
    CHECK(y.exact > 0.8 && y.f1 >= y.exact);
    CHECK_NEAR(y.exact, seen / 60.0, 0.05);                /* the same words may stand elsewhere */
    if (y.exact <= 0.8) printf("  head %d: %g, %d of 60\n", h, y.exact, seen);
    w.sure = 1;                                    /* then nothing is left without an answer */
    seen = 0;
    CHECK_INT(score_questions(&y, &w, &q, count_answers, &seen, &err), LDR_OK);
    CHECK(seen <= 45);
    free_answerer(&w);
    free_questions(&q);
    ldr_ladder_free(l);
    ldr_dataset_free(set);
    tiny_close(&m);
    ldr_tokenizer_free(t);
  }
}

#define TESTS(X)                                                                                                       \
  X(spans_are_those_of_the_whole_square) X(losses_are_those_of_the_whole_square) \
  X(spans_that_cross_are_learned) X(a_head_is_fitted_to_spans_that_cross) X(what_no_token_says_is_missed) \
  X(a_chain_is_that_of_all_ways) X(the_best_chain_is_found) X(a_chain_is_planned) X(a_chain_has_so_many_classes) \
  X(metrics_count_what_is_predicted)  \
  X(threads_change_no_bit) X(spans_are_learned) X(a_ladder_file_keeps_its_spans) X(what_cannot_be_is_refused)        \
  X(english_answers_are_scored_as_squad_does) X(chinese_answers_are_scored_as_cmrc_does)                             \
  X(the_best_of_the_right_answers_counts) X(every_public_form_of_questions_is_read) X(damaged_answers_are_counted)   \
  X(what_is_no_question_is_refused) X(windows_hold_every_token_and_whole_answers)                                    \
  X(a_question_too_long_is_cut_and_no_room_is_said) X(questions_are_learned_and_answered)
LDR_TEST_MAIN("spans", TESTS)
