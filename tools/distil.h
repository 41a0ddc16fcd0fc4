/* distil.h: the distil command of tools/ladder.c, which includes this file after pretrain.h. A small encoder, the
   student, learns from a large one, the teacher:

       targets    y_l = V^T ((h_l - mean_l) / deviation_l)      h_l: the teacher's state after layer l
                  V: principal axes, as many as the student is wide
       states     |s_l - y_l|^2 for each word, in parts of the variance of y_l; most for the last layer
       texts      the same for the mean of a text's last states
       words      cross-entropy of masked words

   Mean, deviation and V come from a sample of the texts, so nothing has to be learned between the two widths. A
   student as wide as its teacher keeps the teacher's own coordinates, y = h, and errors are counted in deviations of
   each channel. Where the two cut a word differently, the means of its pieces are compared. The student starts from
   the teacher's weights in the same coordinates. */
#ifndef LADDER_DISTIL_H
#define LADDER_DISTIL_H

#include "pretrain.h"
#include "views.h"

enum { SAMPLE_TEXTS = 1024, HELD_TEXTS = 256, FIT_TEXTS = 512, TEXT_POOL = 4096 };

/* ---- texts --------------------------------------------------------------------------------- */

/* Lines of the files wait in a pool, from which they are drawn in disorder, a few sentences at a time. What comes is
   a function of files, seed and the student's vocabulary. */
typedef struct text_source {
  stream       files;
  text        *pool;
  size_t      *taken;            /* bytes of each line that have been drawn                  */
  int32_t      pooled;
  ldr_encoding pieces;
} text_source;

static void close_texts(text_source *s) {
  int32_t i;
  for (i = 0; s->pool && i < s->pooled; i++) free(s->pool[i].data);
  free(s->pool);
  free(s->taken);
  ldr_encoding_free(&s->pieces);
  close_stream(&s->files);
  memset(s, 0, sizeof *s);
}

/* The next line with something in it, of the file that lags behind; after the last file all begin again. */
static int refill_line(run *r, text_source *s, int32_t at) {
  for (;;) {
    text_file *f = next_file(&s->files);
    size_t blank = 0;
    int got;
    if (!f) {
      if (s->files.tokens == 0) return fail(r, LDR_DATA, "the texts hold not one word", "");
      begin_again(&s->files);
      continue;
    }
    got = read_line(f->file, &s->pool[at]);
    if (got < 0) return fail(r, LDR_MEMORY, "out of memory", "");
    if (ferror(f->file)) return fail(r, LDR_IO, "%s: cannot be read", f->path);
    f->read += (double)s->pool[at].used + 1;
    while (got && blank < s->pool[at].used && strchr(" \t", s->pool[at].data[blank])) blank++;
    if (!got || blank == s->pool[at].used) continue;
    s->files.tokens++;
    s->taken[at] = 0;
    return EXIT_DONE;
  }
}

static int open_texts(run *r, text_source *s, const char *list, int32_t length, int32_t pooled) {
  int32_t i;
  memset(s, 0, sizeof *s);
  if (open_stream(r, &s->files, list, length, 1)) return EXIT_FAILED;
  s->pool = (text *)calloc((size_t)pooled, sizeof *s->pool);
  s->taken = (size_t *)calloc((size_t)pooled, sizeof *s->taken);
  if (!s->pool || !s->taken) return fail(r, LDR_MEMORY, "out of memory", "");
  s->pooled = pooled;
  for (i = 0; i < pooled; i++)
    if (refill_line(r, s, i)) return EXIT_FAILED;
  return EXIT_DONE;
}

/* 1: a sentence ends before token i. */
static int sentence_ends(const ldr_tokenizer *t, const ldr_encoding *e, int32_t i) {
  const char *piece = i > 0 ? ldr_tokenizer_piece(t, e->ids[i - 1]) : NULL;
  return piece && piece[0] && !piece[1] && strchr(".!?", piece[0]) && e->begin[i] > e->end[i - 1];
}

/* Bytes of text[n] to draw, whole sentences of at least `want` tokens where such fit into `most`. */
static size_t cut_text(const ldr_tokenizer *t, const ldr_encoding *e, size_t n, int32_t want, int32_t most) {
  int32_t i, last = 0, word = 0;
  for (i = 1; i < e->count && i <= most; i++) {
    if (e->begin[i] > e->end[i - 1]) word = i;
    if (!sentence_ends(t, e, i)) continue;
    last = i;
    if (i >= want) break;
  }
  if (e->count <= most && last < want) return n;
  if (!last) last = word ? word : LDR__MIN(most, e->count - 1);
  return last > 0 ? (size_t)e->begin[last] : n;
}

/* The next text; *data lives until the next call. s->pieces are its tokens, special ones included. */
static int draw_text(run *r, text_source *s, const char **data, size_t *size) {
  const ldr_tokenizer *t = s->files.tokenizer;
  int32_t most = s->files.length - 2, tries = 0;
  for (;;) {
    uint64_t key = ldr__mix64(s->files.seed + 77), at2 = 2 * s->files.drawn++;
    int32_t at = (int32_t)ldr__random_below(key, at2, (uint32_t)s->pooled);
    int32_t want = 1 + (int32_t)ldr__random_below(key, at2 + 1, (uint32_t)most);
    text *line = &s->pool[at];
    const char *from = line->data + s->taken[at];
    size_t rest = line->used - s->taken[at], room = LDR__MIN(rest, (size_t)16 * (size_t)s->files.length), cut;
    while (room < rest && room > 0 && ((unsigned char)from[room] & 0xc0) == 0x80) room--;
    if (ldr_tokenizer_encode(t, &s->pieces, from, room, NULL, 0, 0, 0, &r->err)) return EXIT_FAILED;
    cut = s->pieces.count ? cut_text(t, &s->pieces, room, want, most) : room;
    s->taken[at] += cut;
    /* a line that is used up is needed until the next call: it changes places with the room for the next */
    if (s->taken[at] == line->used) {
      text now = s->files.line;
      s->files.line = *line;
      *line = now;
      from = s->files.line.data + s->files.line.used - rest;
      if (refill_line(r, s, at)) return EXIT_FAILED;
    }
    if (!s->pieces.count && ++tries == 1000000) return fail(r, LDR_DATA, "the texts hold not one word", "");
    if (!s->pieces.count) continue;
    if (ldr_tokenizer_encode(t, &s->pieces, from, cut, NULL, 0, s->files.length, 1, &r->err)) return EXIT_FAILED;
    *data = from;
    *size = cut;
    return EXIT_DONE;
  }
}

/* ---- the two models --------------------------------------------------------------------------- */

/* How the states after one of the teacher's layers are seen. */
typedef struct view {
  float *mean, *deviation;       /* [from]                                                    */
  float *weight;                 /* [to] of a channel's squared error: 1, or where y = h 1 / deviation^2 */
  double variance;               /* of y, all channels together, so weighted                  */
} view;

/* Texts as both models read them, and what the student is to make of them. */
typedef struct lesson {
  int32_t  texts, *ours, *theirs, *their_ids;        /* [texts + 1] first token of each       */
  pairing *pairs;
  int32_t *pair_at;              /* [texts + 1]                                               */
  float  **targets;              /* [layers]: [pairs,to], NULL where nothing is asked         */
  float   *text_targets;         /* [texts,to]                                                */
  uint8_t *masked;               /* [texts] its words are masked                              */
  double   plain;                /* texts that are not                                        */
} lesson;

/* Sums of a lesson, in parts of the variances. */
typedef struct distil_error { double *layer, text; } distil_error;

typedef struct distil {
  run           *r;
  ldr_model     *teacher;
  const ldr_tokenizer *theirs;
  ldr__viewer    viewer;
  size_t         from, to;       /* widths of teacher and student                             */
  size_t         most_tokens;    /* tokens of the teacher a lesson has room for               */
  int32_t        layers, their_layers, length, batch;
  int32_t       *of;             /* [layers] the teacher's that each learns from, from 1      */
  view          *views;          /* [their_layers + 1]                                        */
  float         *axes;           /* V^T: [to,from]                                            */
  double         text_variance, kept;        /* kept: share of the last layer's variance that the axes hold */
  double        *counts;         /* of the student's pieces in the sample                     */
  text_source    texts;
  ldr_encoding   encoding;       /* the teacher's                                             */
  lesson         now;
  ldr_dataset   *held;
  text          *held_texts;
  int32_t        held_count;
  double        *row_error;      /* [batch]                                                   */
  double        *layer_error, text_error;    /* of the lesson                                 */
  double         since_layer, since_text, since_words;       /* sums since the last report   */
  int32_t        since;
  float         *room;           /* [most_tokens, max(from, to)]                              */
  int32_t       *our_ids, *position;      /* [tokens] of a sample; [tokens]                   */
  int32_t       *labels, *index;          /* room to mask a text; [batch]                     */
  float        **states;         /* [their_layers + 1] of a lesson, where a view looks; else NULL */
} distil;

static float *floats(size_t count, size_t columns) {
  return (float *)calloc(LDR__MAX(count * columns, (size_t)1), sizeof(float));
}

static void free_distil(distil *d) {
  int32_t i;
  for (i = 0; d->views && i <= d->their_layers; i++) {
    free(d->views[i].mean);
    free(d->views[i].deviation);
    free(d->views[i].weight);
    if (d->states) free(d->states[i]);
  }
  for (i = 0; d->now.targets && i < d->layers; i++) free(d->now.targets[i]);
  for (i = 0; i < d->held_count; i++) free(d->held_texts[i].data);
  free(d->held_texts);
  free(d->views);
  free(d->states);
  free(d->now.targets);
  free(d->now.ours);
  free(d->now.theirs);
  free(d->now.their_ids);
  free(d->now.pairs);
  free(d->now.pair_at);
  free(d->now.text_targets);
  free(d->now.masked);
  free(d->of);
  free(d->axes);
  free(d->counts);
  free(d->our_ids);
  free(d->row_error);
  free(d->layer_error);
  free(d->room);
  ldr_encoding_free(&d->encoding);
  close_texts(&d->texts);
  ldr__viewer_close(&d->viewer);
  ldr_model_free(d->teacher);
}

/* 1: the student's layer (from 0) is compared with the teacher's. */
static int compared(const distil *d, int32_t layer) { return layer == d->layers - 1 || d->r->o.layer_weight > 0; }
static double weight_of(const distil *d, int32_t layer) {
  return layer == d->layers - 1 ? 1.0 : (double)d->r->o.layer_weight / LDR__MAX(1, d->layers - 1);
}

/* Everything whose size is known once both models are open. */
static int place_distil(distil *d) {
  size_t many = (size_t)d->batch + 1, tokens = (size_t)d->batch * (size_t)d->length, layers = (size_t)d->layers;
  lesson *n = &d->now;
  int32_t i;
  int ok;
  d->most_tokens = 2 * tokens;
  n->ours = (int32_t *)calloc(many, sizeof(int32_t));
  n->theirs = (int32_t *)calloc(many, sizeof(int32_t));
  n->pair_at = (int32_t *)calloc(many, sizeof(int32_t));
  n->their_ids = (int32_t *)calloc(d->most_tokens, sizeof(int32_t));
  n->pairs = (pairing *)calloc(tokens, sizeof(pairing));
  n->masked = (uint8_t *)calloc(many, 1);
  n->targets = (float **)calloc(layers, sizeof(float *));
  n->text_targets = floats(many, d->to);
  d->of = (int32_t *)calloc(layers, sizeof(int32_t));
  d->views = (view *)calloc((size_t)d->their_layers + 1, sizeof(view));
  d->states = (float **)calloc((size_t)d->their_layers + 1, sizeof(float *));
  d->axes = floats(d->to, d->from);
  d->counts = (double *)calloc((size_t)d->r->info.vocabulary, sizeof(double));
  d->our_ids = (int32_t *)calloc(2 * tokens + 3 * (size_t)d->length + many, sizeof(int32_t));
  d->row_error = (double *)calloc(many, sizeof(double));
  d->layer_error = (double *)calloc(layers, sizeof(double));
  d->room = floats(d->most_tokens, LDR__MAX(d->from, d->to));
  ok = n->ours && n->theirs && n->pair_at && n->their_ids && n->pairs && n->masked && n->targets && n->text_targets
      && d->of && d->our_ids && d->views && d->states && d->axes && d->counts && d->row_error && d->layer_error
      && d->room;
  if (ok) {
    d->position = d->our_ids + tokens;
    d->labels = d->position + tokens;
    d->index = d->labels + 3 * (size_t)d->length;
  }
  for (i = 0; ok && i < d->layers; i++) {
    d->of[i] = LDR__MAX(1, (int32_t)((double)(i + 1) * d->their_layers / d->layers + 0.5));
    if (compared(d, i)) n->targets[i] = floats(tokens, d->to);
    ok = !compared(d, i) || n->targets[i];
  }
  for (i = 0; ok && i <= d->their_layers; i++) {
    d->views[i].mean = floats(1, d->from);
    d->views[i].deviation = floats(1, d->from);
    d->views[i].weight = floats(1, d->to);
    d->states[i] = floats(d->most_tokens, d->from);
    ok = d->views[i].mean && d->views[i].deviation && d->views[i].weight && d->states[i];
  }
  return ok ? EXIT_DONE : fail(d->r, LDR_MEMORY, "out of memory", "");
}

/* ---- a lesson ------------------------------------------------------------------------------------- */

static void keep_state(void *context, int32_t layer, const float *x) {
  distil *d = (distil *)context;
  memcpy(d->states[layer], x, (size_t)d->now.theirs[d->now.texts] * d->from * sizeof *x);
}

/* The teacher's states of the lesson, all layers. */
static int ask_teacher(distil *d) {
  ldr_batch b;
  size_t longest;
  memset(&b, 0, sizeof b);
  b.sequences = d->now.texts;
  b.offsets = d->now.theirs;
  b.ids = d->now.their_ids;
  b.segments = NULL;
  if (ldr__batch_check(d->teacher, &b, &longest, &d->r->err)) return EXIT_FAILED;
  ldr__viewer_run(&d->viewer, &b, d->their_layers, keep_state, d);
  ldr__viewer_final(&d->viewer, d->states[d->their_layers], (size_t)b.offsets[b.sequences]);
  return EXIT_DONE;
}

/* y[rows,to] of states h[rows,from] of a layer; z: room for rows of both widths, not y. */
static void look(const distil *d, float *y, float *z, const float *h, const view *v, size_t count) {
  if (d->from == d->to) {
    if (y != h) memmove(y, h, count * d->to * sizeof *y);
    return;
  }
  LDR__FOR(r, (int64_t)count, d->viewer.ex.threads) {
    size_t i, at = (size_t)r * d->from;
    for (i = 0; i < d->from; i++) z[at + i] = (h[at + i] - v->mean[i]) / v->deviation[i];
  }
  ldr__linear_forward(&d->viewer.ex, y, d->to, z, d->from, ldr__mat_float(d->axes, d->from, 1), NULL, count, d->to,
      d->from);
}

/* One more text for the lesson: s->pieces and the teacher's tokens of the same bytes, paired. */
static int add_text(distil *d, const ldr_encoding *ours, const char *data, size_t size) {
  lesson *n = &d->now;
  int32_t k = n->texts, most = LDR__MIN(2 * d->length, ldr_model_info_get(d->teacher).positions), i;
  if (ldr_tokenizer_encode(d->theirs, &d->encoding, data, size, NULL, 0, most, 1, &d->r->err)) return EXIT_FAILED;
  if (k == 0) n->ours[0] = n->theirs[0] = n->pair_at[0] = 0;
  n->ours[k + 1] = n->ours[k] + ours->count;
  n->theirs[k + 1] = n->theirs[k] + d->encoding.count;
  memcpy(n->their_ids + n->theirs[k], d->encoding.ids, (size_t)d->encoding.count * sizeof(int32_t));
  n->pair_at[k + 1] = n->pair_at[k] + pair_tokens(n->pairs + n->pair_at[k], ours, &d->encoding);
  for (i = n->pair_at[k]; i < n->pair_at[k + 1]; i++) {
    n->pairs[i].ours += n->ours[k];
    n->pairs[i].ours_end += n->ours[k];
    n->pairs[i].theirs += n->theirs[k];
    n->pairs[i].theirs_end += n->theirs[k];
  }
  n->texts++;
  return EXIT_DONE;
}

/* Targets of a whole lesson. */
static int make_targets(distil *d) {
  lesson *n = &d->now;
  int32_t l, i, count = n->pair_at[n->texts];
  if (ask_teacher(d)) return EXIT_FAILED;
  for (l = 0; l < d->layers; l++) {
    float *h = d->states[d->of[l]];
    if (!n->targets[l]) continue;
    if (l == d->layers - 1) {
      for (i = 0; i < n->texts; i++)
        mean_rows(d->room + (size_t)i * d->from, h, n->theirs[i], n->theirs[i + 1], d->from);
      look(d, n->text_targets, d->room, d->room, &d->views[d->of[l]], (size_t)n->texts);
    }
    for (i = 0; i < count; i++)
      mean_rows(d->room + (size_t)i * d->from, h, n->pairs[i].theirs, n->pairs[i].theirs_end, d->from);
    look(d, n->targets[l], d->room, d->room, &d->views[d->of[l]], (size_t)count);
  }
  return EXIT_DONE;
}

/* ---- losses --------------------------------------------------------------------------------------- */

/* Error of one text at a layer, of all its pairs, in parts of the variance; dy (may be NULL) gets its gradient
   times scale. */
static double pairs_error(const distil *d, int32_t layer, int32_t k, const float *y, float *dy, int32_t shift,
    double scale) {
  const lesson *n = &d->now;
  double sum = 0, variance = d->views[d->of[layer]].variance;
  int32_t i, t;
  size_t c, w = d->to;
  for (i = n->pair_at[k]; i < n->pair_at[k + 1]; i++) {
    const pairing *p = &n->pairs[i];
    const float *target = n->targets[layer] + (size_t)i * w, *weight = d->views[d->of[layer]].weight;
    float share = 1.0f / (float)(p->ours_end - p->ours), g = (float)(2 * scale / variance) * share;
    double one = 0;
    for (c = 0; c < w; c++) {
      float s = 0, e;
      for (t = p->ours; t < p->ours_end; t++) s += y[(size_t)(t - shift) * w + c];
      e = s * share - target[c];
      one += (double)(e * e * weight[c]);
      for (t = p->ours; dy && t < p->ours_end; t++) dy[(size_t)(t - shift) * w + c] += g * weight[c] * e;
    }
    sum += one / variance;
  }
  return sum;
}

/* The same of the mean of a text's last states. */
static double text_error(const distil *d, int32_t k, const float *y, float *dy, int32_t shift, double scale) {
  const lesson *n = &d->now;
  int32_t t, first = n->ours[k] - shift, end = n->ours[k + 1] - shift;
  float share = 1.0f / (float)(end - first), g = (float)(2 * scale / d->text_variance) * share;
  size_t c, w = d->to;
  double sum = 0;
  const float *weight = d->views[d->their_layers].weight;
  for (c = 0; c < w; c++) {
    float s = 0, e;
    for (t = first; t < end; t++) s += y[(size_t)t * w + c];
    e = s * share - n->text_targets[(size_t)k * w + c];
    sum += (double)(e * e * weight[c]);
    for (t = first; dy && t < end; t++) dy[(size_t)t * w + c] += g * weight[c] * e;
  }
  return sum / d->text_variance;
}

/* Errors of states y at a layer, of the lesson's texts index[0..count), whose rows begin at offsets[0..count); added
   to d->layer_error and d->text_error. dy (may be NULL) gets the gradient, in units of the words' loss. A text has
   one owner. */
static void state_errors(distil *d, const int32_t *index, const int32_t *offsets, int32_t count, int32_t layer,
    const float *y, float *dy, int32_t threads) {
  const lesson *n = &d->now;
  const options *o = &d->r->o;
  double pairs = LDR__MAX(1, n->pair_at[n->texts]), over = 1.0 / (double)o->word_weight;
  double one = over * weight_of(d, layer) / pairs;
  double whole = n->plain > 0 ? over * (double)o->text_weight / n->plain : 0;
  int32_t k;
  if (!n->targets[layer]) return;
  LDR__FOR(q, (int64_t)count, threads) {
    d->row_error[q] = pairs_error(d, layer, index[q], y, dy, n->ours[index[q]] - offsets[q], one);
  }
  for (k = 0; k < count; k++) d->layer_error[layer] += d->row_error[k] / pairs;
  if (layer < d->layers - 1 || !(n->plain > 0)) return;
  LDR__FOR(q, (int64_t)count, threads) {
    int32_t t = index[q];
    d->row_error[q] = n->masked[t] ? 0 : text_error(d, t, y, dy, n->ours[t] - offsets[q], whole);
  }
  for (k = 0; k < count; k++) d->text_error += d->row_error[k] / n->plain;
}

/* ldr__pass.pull: sequence q of the pass is example order[ordinals[q]] of the training set, which is text number that
   of the lesson. */
static void pull_states(void *context, const ldr__pass *s, int32_t place, const float *y, float *dy) {
  distil *d = (distil *)context;
  const ldr_trainer *t = d->r->trainer;
  int32_t *index = d->index, q;
  for (q = 0; q < s->t.sequences; q++) index[q] = t->order[t->ordinals[q]];
  state_errors(d, index, s->t.offsets, s->t.sequences, s->route[place], y, dy, s->ex.threads);
}

static void begin_lesson(distil *d) {
  d->now.texts = 0;
  d->now.plain = 0;
  d->text_error = 0;
  memset(d->layer_error, 0, (size_t)d->layers * sizeof *d->layer_error);
}

/* One text for both: a row of the set, with some of its words masked or as it is. */
static int add_example(distil *d, ldr_dataset *set, text_source *s, const char *data, size_t size, int masked,
    uint64_t key) {
  run *r = d->r;
  ldr_encoding *e = &s->pieces;
  int32_t *labels = d->labels, i;
  ldr_example x;
  int32_t at = d->now.texts;
  if (add_text(d, e, data, size)) return EXIT_FAILED;
  d->now.masked[at] = (uint8_t)masked;
  if (!masked) d->now.plain += 1;
  for (i = 0; i < e->count; i++) labels[i] = LDR_IGNORE;
  s->files.length = e->count;
  if (masked) mask_words(r, &s->files, e->ids, labels, labels + d->length, labels + 2 * d->length, key);
  s->files.length = d->length;
  memset(&x, 0, sizeof x);
  x.ids = e->ids;
  x.labels = labels;
  x.count = e->count;
  return ldr_dataset_add(set, &x, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

/* The batch of a step. taught: with the teacher's targets; without them only what is drawn is drawn. */
static int fill_lesson(distil *d, int64_t step, int taught) {
  run *r = d->r;
  int32_t i, masked = LDR__MAX(1, (int32_t)(r->o.masked * (float)d->batch + 0.5f));
  const char *data;
  size_t size;
  begin_lesson(d);
  if (taught) ldr_dataset_clear(r->train);
  for (i = 0; i < d->batch; i++) {
    uint64_t key = ldr__mix64(ldr__mix64(r->o.seed + 99) + (uint64_t)step * 65536u + (uint64_t)i);
    if (draw_text(r, &d->texts, &data, &size)) return EXIT_FAILED;
    if (taught && add_example(d, r->train, &d->texts, data, size, i < masked, key)) return EXIT_FAILED;
  }
  return taught ? make_targets(d) : EXIT_DONE;
}

static int fill_distil(run *r, void *context, int64_t step) {
  (void)r;
  return fill_lesson((distil *)context, step, 1);
}

/* The whole loss, in the units of the states' error: what is minimised, up to a factor. */
static double whole_loss(const distil *d, double words, const double *layer, double vector) {
  double sum = (double)d->r->o.word_weight * words + (double)d->r->o.text_weight * vector;
  int32_t l;
  for (l = 0; l < d->layers; l++) sum += weight_of(d, l) * layer[l];
  return sum;
}

static void after_distil(run *r, void *context, ldr_progress *p) {
  distil *d = (distil *)context;
  double words = p->step_loss;
  (void)r;
  d->since_layer += d->layer_error[d->layers - 1];
  d->since_text += d->text_error;
  d->since_words += words;
  d->since++;
  p->loss = p->step_loss = whole_loss(d, words, d->layer_error, d->text_error);
}

/* ---- the sample: means, deviations, axes ------------------------------------------------------------ */

/* Of h - origin: [from], [from], [from,from]; origin: the first lesson's mean. */
typedef struct moments { double *sum, *square, *cross; float *origin; } moments;

static void free_moments(moments *m, int32_t layers) {
  int32_t l;
  for (l = 0; m && l <= layers; l++) {
    free(m[l].sum);
    free(m[l].square);
    free(m[l].cross);
    free(m[l].origin);
  }
  free(m);
}

/* 1: a student's layer is compared with this layer of the teacher. */
static int looked_at(const distil *d, int32_t layer) {
  int32_t l;
  for (l = 0; l < d->layers; l++)
    if (d->of[l] == layer && compared(d, l)) return 1;
  return 0;
}

static void add_moments(const distil *d, moments *m, const float *h, float *product, int first, int cross) {
  size_t count = (size_t)d->now.theirs[d->now.texts], n = d->from, t, i;
  if (first) mean_rows(m->origin, h, 0, (int32_t)count, n);
  for (t = 0; t < count; t++)
    for (i = 0; i < n; i++) {
      float x = d->room[t * n + i] = h[t * n + i] - m->origin[i];
      m->sum[i] += (double)x;
      m->square[i] += (double)x * (double)x;
    }
  if (!cross) return;
  ldr__gemm(&d->viewer.ex, product, n, d->room, 1, n, ldr__mat_float(d->room, n, 1), ldr__finish_bias(NULL), n, n,
      count, 0);
  for (i = 0; i < n * n; i++) m->cross[i] += (double)product[i];
}

/* Covariances of standardised channels, in place of m->cross. A channel that hardly moves must not become noise:
   deviations have a floor. */
static void finish_view(view *v, moments *m, size_t n, double tokens, int cross) {
  double floor_of = 0;
  size_t i, j;
  for (i = 0; i < n; i++) {
    double mean = m->sum[i] / tokens;
    m->square[i] = LDR__MAX(m->square[i] / tokens - mean * mean, 0);
    floor_of += m->square[i] / (double)n;
  }
  floor_of = LDR__MAX(0.05 * sqrt(floor_of), 1e-12);
  for (i = 0; i < n; i++) {
    v->mean[i] = (float)((double)m->origin[i] + m->sum[i] / tokens);
    v->deviation[i] = (float)LDR__MAX(sqrt(m->square[i]), floor_of);
  }
  for (i = 0; cross && i < n; i++)
    for (j = 0; j < n; j++) {
      double *at = &m->cross[i * n + j];
      *at = (*at / tokens - m->sum[i] / tokens * (m->sum[j] / tokens))
          / ((double)v->deviation[i] * (double)v->deviation[j]);
    }
}

/* Variance of the standardised states, all of it and what the axes keep. */
static double kept_variance(const distil *d, const double *c, double *whole) {
  double kept = 0;
  size_t a, i, j, n = d->from;
  *whole = 0;
  for (i = 0; i < n; i++) *whole += c[i * n + i];
  for (a = 0; a < d->to; a++)
    for (i = 0; i < n; i++) {
      double sum = 0;
      for (j = 0; j < n; j++) sum += c[i * n + j] * (double)d->axes[a * n + j];
      kept += (double)d->axes[a * n + i] * sum;
    }
  return kept;
}

/* Variance of texts' vectors about their mean, as the axes show them; means[texts,from] are of the last layer. */
static double texts_variance(distil *d, float *means, size_t many) {
  float *y = floats(many, d->to);
  double sum = 0;
  size_t t, c;
  if (!y) return 0;
  look(d, y, means, means, &d->views[d->their_layers], many);
  for (c = 0; c < d->to; c++) {
    double one = 0, square = 0;
    for (t = 0; t < many; t++) {
      double v = (double)y[t * d->to + c];
      one += v;
      square += v * v;
    }
    one /= (double)many;
    sum += (square / (double)many - one * one) * (double)d->views[d->their_layers].weight[c];
  }
  free(y);
  return LDR__MAX(sum, 1e-9);
}

/* Texts of a lesson that is only looked at: as many as the student's pass takes at once. */
static int32_t most_at_once(const distil *d) { return d->r->trainer ? d->r->trainer->part : d->batch; }

/* Runs a sample of the texts through the teacher: lesson(d, context, first) is called for each lesson. */
static int sample_lessons(distil *d, int32_t many, int (*each)(distil *d, void *context, int32_t first),
    void *context) {
  text_source s;
  const char *data;
  size_t size;
  int32_t i, k, most = most_at_once(d);
  int status = open_texts(d->r, &s, d->r->o.texts, d->length, LDR__MIN(many, TEXT_POOL));
  for (i = 0; i < many && !status && !interrupted; i += most) {
    begin_lesson(d);
    for (k = 0; k < most && i + k < many && !status; k++) {
      status = draw_text(d->r, &s, &data, &size);
      if (!status) status = add_text(d, &s.pieces, data, size);
      memcpy(d->our_ids + d->now.ours[k], s.pieces.ids, (size_t)s.pieces.count * sizeof(int32_t));
    }
    if (!status) status = each(d, context, i);
  }
  close_texts(&s);
  return status;
}

typedef struct gathered { moments *m; float *product, *means; double tokens; } gathered;

static int sample_moments(distil *d, void *context, int32_t first) {
  gathered *s = (gathered *)context;
  const lesson *n = &d->now;
  int32_t l, i;
  if (ask_teacher(d)) return EXIT_FAILED;
  for (l = 0; l <= d->their_layers; l++)
    add_moments(d, &s->m[l], d->states[l], s->product, first == 0, looked_at(d, l));
  for (i = 0; i < n->texts; i++)
    mean_rows(s->means + (size_t)(first + i) * d->from, d->states[d->their_layers], n->theirs[i], n->theirs[i + 1],
        d->from);
  for (i = 0; i < n->ours[n->texts]; i++) d->counts[d->our_ids[i]] += 1;
  s->tokens += (double)n->theirs[n->texts];
  return EXIT_DONE;
}

/* Axes of the covariances of all layers that are compared; the last counts as much as the others together. */
static int make_axes(distil *d, const gathered *s) {
  size_t n = d->from, i;
  double *c = (double *)calloc(n * n, sizeof *c), whole;
  int32_t l, inner = 0;
  int ok = c != NULL;
  for (l = 0; l < d->their_layers; l++) inner += looked_at(d, l);
  for (l = 0; ok && l <= d->their_layers; l++)
    for (i = 0; looked_at(d, l) && i < n * n; i++)
      c[i] += s->m[l].cross[i] * (l == d->their_layers ? 1.0 : 1.0 / inner);
  if (ok && n == d->to)
    for (i = 0; i < n; i++) d->axes[i * n + i] = 1;            /* its own channels */
  else ok = ok && principal_axes(d->axes, NULL, c, n, d->to);
  free(c);
  for (l = 0; ok && l <= d->their_layers; l++)
    for (i = 0; i < d->to; i++) {
      const float *deviation = d->views[l].deviation;
      d->views[l].weight[i] = n == d->to ? 1.0f / (deviation[i] * deviation[i]) : 1.0f;
    }
  for (l = 0; ok && l <= d->their_layers; l++)
    if (looked_at(d, l)) d->views[l].variance = LDR__MAX(kept_variance(d, s->m[l].cross, &whole), 1e-9);
  if (ok) d->kept = kept_variance(d, s->m[d->their_layers].cross, &whole) / LDR__MAX(whole, 1e-9);
  return ok;
}

static int learn_views(distil *d) {
  gathered s;
  size_t n = d->from;
  int32_t l;
  int ok, status;
  memset(&s, 0, sizeof s);
  s.m = (moments *)calloc((size_t)d->their_layers + 1, sizeof *s.m);
  s.product = floats(n, n);
  s.means = floats(SAMPLE_TEXTS, n);
  ok = s.m && s.product && s.means;
  for (l = 0; ok && l <= d->their_layers; l++) {
    s.m[l].sum = (double *)calloc(n, sizeof(double));
    s.m[l].square = (double *)calloc(n, sizeof(double));
    s.m[l].cross = looked_at(d, l) ? (double *)calloc(n * n, sizeof(double)) : NULL;
    s.m[l].origin = floats(1, n);
    ok = s.m[l].sum && s.m[l].square && s.m[l].origin && (s.m[l].cross || !looked_at(d, l));
  }
  status = ok ? sample_lessons(d, SAMPLE_TEXTS, sample_moments, &s) : EXIT_FAILED;
  for (l = 0; !status && l <= d->their_layers; l++) finish_view(&d->views[l], &s.m[l], n, s.tokens, looked_at(d, l));
  if (!status) status = make_axes(d, &s) ? EXIT_DONE : EXIT_FAILED;
  if (!status) d->text_variance = texts_variance(d, s.means, SAMPLE_TEXTS);
  free_moments(s.m, d->their_layers);
  free(s.product);
  free(s.means);
  return status && !d->r->err.status ? fail(d->r, LDR_MEMORY, "out of memory", "") : status;
}

/* ---- the student's start --------------------------------------------------------------------------- */

static float *value_of(const run *r, int32_t param) {
  return param < 0 ? NULL : r->ladder->values + r->ladder->params[param].offset;
}
static float *end_of(const run *r, int end) { return value_of(r, r->ladder->end[end]); }

static void fill(float *v, size_t n, double value) {
  size_t i;
  for (i = 0; v && i < n; i++) v[i] = (float)value;
}

/* Word, position and segment tables along the principal axes of the teacher's word embeddings, without their means: a
   sum before the norm turns with them. ids: the teacher's id of each of the student's pieces. */
static int start_tables(distil *d, const int32_t *ids) {
  run *r = d->r;
  const ldr_model *m = d->teacher, *mine = r->model;
  size_t e = (size_t)m->embed_width, to = (size_t)mine->embed_width, k = LDR__MIN(e, to), i, j, a, t, n;
  double *c = (double *)calloc(e * e, sizeof *c), *mean = (double *)calloc(e, sizeof *mean);
  float *row = floats(1, e), *axes = floats(k, e);
  const int ends[3] = { LDR__WORD, LDR__POSITION, LDR__SEGMENT };
  int ok = c && mean && row && axes, which;
  for (which = 0; ok && which < 3; which++) {
    const ldr__mat *from = &m->ends.m[ends[which]];
    float *table = end_of(r, ends[which]);
    size_t first = which == 1 ? (size_t)m->position_offset : 0;
    size_t theirs = (size_t)(which == 0 ? m->vocabulary : which == 1 ? m->positions : m->segments) - first;
    if (!table || !from->data) continue;
    n = which == 0 ? (size_t)mine->vocabulary : which == 1 ? (size_t)mine->positions : (size_t)mine->segments;
    memset(mean, 0, e * sizeof *mean);
    for (t = 0; t < LDR__MIN(n, theirs); t++) {
      ldr__mat_run(m->kernels, row, from, which == 0 ? (size_t)ids[t] : t + first, 0, e);
      for (i = 0; i < e; i++) mean[i] += (double)row[i] / (double)LDR__MIN(n, theirs);
    }
    for (t = 0; which == 0 && t < n; t++) {
      ldr__mat_run(m->kernels, row, from, (size_t)ids[t], 0, e);
      for (i = 0; i < e; i++)
        for (j = i; j < e; j++)
          c[i * e + j] += (0.2 + sqrt(d->counts[t])) * ((double)row[i] - mean[i]) * ((double)row[j] - mean[j]);
    }
    if (which == 0) ok = principal_axes(axes, NULL, c, e, k);
    for (t = 0; ok && t < n; t++) {
      memset(table + t * to, 0, to * sizeof *table);
      if (t >= theirs) continue;             /* positions and segments that the teacher lacks      */
      ldr__mat_run(m->kernels, row, from, which == 0 ? (size_t)ids[t] : t + first, 0, e);
      for (a = 0; a < k; a++) {
        double sum = 0;
        for (i = 0; i < e; i++) sum += (double)axes[a * e + i] * ((double)row[i] - mean[i]);
        table[t * to + a] = (float)sum;
      }
    }
  }
  free(c);
  free(mean);
  free(row);
  free(axes);
  return ok ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
}

/* Least squares from what the student's tables give to how the teacher's embeddings are seen: a[in+1,in+1], b[in+1,to];
   the last row is of a constant 1. */
typedef struct fit { double *a, *b; float *x; size_t in; } fit;

static int fit_lesson(distil *d, void *context, int32_t first) {
  fit *f = (fit *)context;
  const run *r = d->r;
  const lesson *n = &d->now;
  ldr__ends ends = ldr__tuned_ends(r->ladder);
  ldr_batch b;
  ldr__tokens t;
  size_t k = f->in + 1, i, j;
  int32_t p, q, count = n->pair_at[n->texts];
  (void)first;
  memset(&b, 0, sizeof b);
  b.sequences = n->texts;
  b.offsets = n->theirs;
  b.ids = n->their_ids;
  b.segments = NULL;
  ldr__viewer_run(&d->viewer, &b, 0, NULL, NULL);
  look(d, d->states[0], d->room, d->viewer.b.x, &d->views[0], (size_t)n->theirs[n->texts]);
  memset(&t, 0, sizeof t);
  ldr__positions(d->position, n->ours, n->texts);
  t.position = d->position;
  for (p = 0; p < count; p++) {
    const pairing *pair = &n->pairs[p];
    float *x = f->x, *sum = f->x + k, *y = sum + k;
    memset(x, 0, k * sizeof *x);
    for (q = pair->ours; q < pair->ours_end; q++) {
      ldr__embed_sum(&d->viewer.ex, r->model, &ends, sum, d->our_ids, NULL, &t, (size_t)q);
      if (ldr__projects(r->model))
        d->viewer.ex.kernels->rows->norm(sum, NULL, sum, ends.v[LDR__EMBED_NORM], ends.v[LDR__EMBED_NORMB], f->in, 0,
            r->model->shape.eps);
      for (i = 0; i < f->in; i++) x[i] += sum[i] / (float)(pair->ours_end - pair->ours);
    }
    x[f->in] = 1;
    mean_rows(y, d->states[0], pair->theirs, pair->theirs_end, d->to);
    for (i = 0; i < k; i++) {
      for (j = 0; j < k; j++) f->a[i * k + j] += (double)x[i] * (double)x[j];
      for (j = 0; j < d->to; j++) f->b[i * d->to + j] += (double)x[i] * (double)y[j];
    }
  }
  return EXIT_DONE;
}

/* x W + b replaces each row of a table; b where `shift`. */
static void turn_table(float *table, size_t count, const double *w, size_t n, int shift, float *room) {
  size_t t, i, j;
  for (t = 0; table && t < count; t++, table += n) {
    for (j = 0; j < n; j++) {
      double sum = shift ? w[n * n + j] : 0;
      for (i = 0; i < n; i++) sum += (double)table[i] * w[i * n + j];
      room[j] = (float)sum;
    }
    memcpy(table, room, n * sizeof *table);
  }
}

/* The projection of an ELECTRA; a BERT has none, and its tables are turned themselves. */
static int start_projection(distil *d) {
  run *r = d->r;
  const ldr_model *mine = r->model;
  size_t in = (size_t)mine->embed_width, k = in + 1, i, j;
  fit f;
  int status;
  memset(&f, 0, sizeof f);
  f.in = in;
  f.a = (double *)calloc(k * k, sizeof *f.a);
  f.b = (double *)calloc(k * d->to, sizeof *f.b);
  f.x = floats(3, LDR__MAX(k, d->to));
  fill(end_of(r, LDR__EMBED_NORM), in, 1);
  fill(end_of(r, LDR__EMBED_NORMB), in, 0);
  if (f.a && f.b && f.x) status = sample_lessons(d, SAMPLE_TEXTS / 4, fit_lesson, &f);
  else status = fail(r, LDR_MEMORY, "out of memory", "");
  if (!status) {
    solve_symmetric(f.a, f.b, k, d->to, 1e-6);
    if (ldr__projects(mine)) {
      for (j = 0; j < d->to; j++) {
        for (i = 0; i < in; i++) end_of(r, LDR__PROJECT)[j * in + i] = (float)f.b[i * d->to + j];
        end_of(r, LDR__PROJECTB)[j] = (float)f.b[in * d->to + j];
      }
    } else {
      turn_table(end_of(r, LDR__WORD), (size_t)mine->vocabulary, f.b, in, 0, f.x);
      turn_table(end_of(r, LDR__POSITION), (size_t)mine->positions, f.b, in, 1, f.x);
      turn_table(end_of(r, LDR__SEGMENT), (size_t)mine->segments, f.b, in, 0, f.x);
    }
  }
  free(f.a);
  free(f.b);
  free(f.x);
  return status;
}

/* 1: the teacher's blocks can be read in the student's coordinates: the same kind, heads of one size, and no fewer
   of anything. */
static int same_kind(const distil *d) {
  const ldr__shape *a = &d->teacher->shape, *b = &d->r->model->shape;
  return a->place == LDR__POST && !ldr__norm_rms(a->norm) && !a->gated && !a->rotary && !a->causal && a->biases
      && a->kv_heads == a->heads && a->head_dim == b->head_dim && a->heads >= b->heads && a->ffn >= b->ffn
      && a->width >= b->width;
}

/* The `keep` groups of `size` rows of `in` (and columns of `out`) that weigh most, ascending. 0: out of memory. */
static int heaviest(int32_t *keep, int32_t keep_count, const ldr_model *m, const ldr__mat *in, const ldr__mat *out,
    int32_t groups, int32_t size) {
  size_t w = (size_t)m->shape.width, inner = (size_t)groups * (size_t)size, r, i;
  float *row = floats(1, LDR__MAX(w, inner));
  double *weight = (double *)calloc(2 * (size_t)groups, sizeof *weight);
  int32_t g, k, n = 0;
  int ok = row && weight;
  for (r = 0; ok && r < inner; r++) {
    ldr__mat_run(m->kernels, row, in, r, 0, w);
    for (i = 0; i < w; i++) weight[r / (size_t)size] += (double)row[i] * (double)row[i];
  }
  for (r = 0; ok && r < w; r++) {
    ldr__mat_run(m->kernels, row, out, r, 0, inner);
    for (i = 0; i < inner; i++) weight[(size_t)groups + i / (size_t)size] += (double)row[i] * (double)row[i];
  }
  for (g = 0; ok && g < groups; g++) weight[g] *= weight[groups + g];
  for (g = 0; ok && g < groups; g++) {               /* in ascending order those that fewer than keep_count outweigh */
    int32_t heavier = 0;
    for (k = 0; k < groups; k++) heavier += weight[k] > weight[g] || (weight[k] >= weight[g] && k < g);
    if (heavier < keep_count) keep[n++] = g;
  }
  free(row);
  free(weight);
  return ok;
}

/* The teacher's coordinates of states that a block reads or adds to: h = mean + deviation V y. */
typedef struct frame { const float *mean, *deviation; } frame;

/* w'[r] = V^T (deviation w[row]), b' = b + w mean: a row that reads states. */
static void start_reading(const distil *d, float *w, float *b, const ldr__mat *from, const float *bias, size_t row,
    frame s, float *room) {
  size_t i, a, n = d->from;
  double shift = (double)bias[row];
  ldr__mat_run(d->teacher->kernels, room, from, row, 0, n);
  for (i = 0; i < n; i++) {
    shift += (double)room[i] * (double)s.mean[i];
    room[i] *= s.deviation[i];
  }
  for (a = 0; a < d->to; a++) {
    double sum = 0;
    for (i = 0; i < n; i++) sum += (double)d->axes[a * n + i] * (double)room[i];
    w[a] = (float)sum;
  }
  *b = (float)shift;
}

/* w' = V^T (w / deviation), b' = V^T (b / deviation): a matrix that writes states; keep names the columns that stay.
   room[from, columns] */
static void start_writing(const distil *d, float *w, float *b, const ldr__mat *from, const float *bias,
    const int32_t *keep, int32_t size, size_t columns, size_t inner, frame s, float *room) {
  size_t i, a, c, n = d->from;
  for (i = 0; i < n; i++) ldr__mat_run(d->teacher->kernels, room + i * inner, from, i, 0, inner);
  for (a = 0; a < d->to; a++) {
    double shift = 0;
    for (c = 0; c < columns; c++) w[a * columns + c] = 0;
    for (i = 0; i < n; i++) {
      float v = d->axes[a * n + i] / s.deviation[i];
      shift += (double)v * (double)bias[i];
      for (c = 0; c < columns; c++)
        w[a * columns + c] += v * room[i * inner + (size_t)keep[c / (size_t)size] * (size_t)size + c % (size_t)size];
    }
    b[a] = (float)shift;
  }
}

/* Block `layer` from the teacher's block `from`. Between attention and FFN the teacher's states are seen as its first
   norm makes them, with the statistics of normed states after the block. */
static int start_block(distil *d, int32_t layer, int32_t from) {
  run *r = d->r;
  const ldr_model *m = d->teacher;
  const ldr__shape *s = &m->shape, *mine = &r->model->shape;
  const ldr__block *b = ldr__model_block(m, from);
  const int32_t *slot = r->ladder->tuned[layer].slot;
  const view *before = &d->views[from], *after = &d->views[from + 1];
  size_t n = d->from, h = (size_t)mine->heads * (size_t)mine->head_dim, i, k;
  int32_t *heads = (int32_t *)calloc((size_t)mine->heads, sizeof *heads);
  int32_t *units = (int32_t *)calloc((size_t)mine->ffn, sizeof *units);
  float *mean = floats(1, n), *deviation = floats(1, n), *room = floats(n, LDR__MAX((size_t)s->ffn, n));
  frame in, between;
  int ok = heads && units && mean && deviation && room, which;
  ok = ok && heaviest(heads, mine->heads, m, &b->m[LDR__V], &b->m[LDR__O], s->heads, s->head_dim)
      && heaviest(units, mine->ffn, m, &b->m[LDR__UP], &b->m[LDR__DOWN], s->ffn, 1);
  for (i = 0; ok && i < n; i++) {
    float g1 = b->v[LDR__NORM1][i], g2 = b->v[LDR__NORM2][i], safe = fabsf(g2) > 1e-6f ? g2 : 1e-6f;
    mean[i] = b->v[LDR__NORM1B][i] + g1 * (after->mean[i] - b->v[LDR__NORM2B][i]) / safe;
    deviation[i] = LDR__MAX(fabsf(g1) * after->deviation[i] / fabsf(safe), 1e-6f);
  }
  in.mean = before->mean;
  in.deviation = before->deviation;
  between.mean = mean;
  between.deviation = deviation;
  if (ok && n == d->to) {                        /* the same coordinates: nothing to turn              */
    fill(mean, n, 0);
    fill(deviation, n, 1);
    in = between;
  }
  for (which = 0; ok && which < 3; which++)
    for (k = 0; k < h; k++)
      start_reading(d, value_of(r, slot[LDR__Q + which]) + k * d->to, value_of(r, slot[LDR__QB + which]) + k,
          &b->m[LDR__Q + which], b->v[LDR__QB + which],
          (size_t)heads[k / (size_t)mine->head_dim] * (size_t)mine->head_dim + k % (size_t)mine->head_dim, in, room);
  for (k = 0; ok && k < (size_t)mine->ffn; k++)
    start_reading(d, value_of(r, slot[LDR__UP]) + k * d->to, value_of(r, slot[LDR__UPB]) + k, &b->m[LDR__UP],
        b->v[LDR__UPB], (size_t)units[k], between, room);
  if (ok) {
    start_writing(d, value_of(r, slot[LDR__O]), value_of(r, slot[LDR__OB]), &b->m[LDR__O], b->v[LDR__OB], heads,
        mine->head_dim, h, (size_t)s->heads * (size_t)s->head_dim, in, room);
    start_writing(d, value_of(r, slot[LDR__DOWN]), value_of(r, slot[LDR__DOWNB]), &b->m[LDR__DOWN], b->v[LDR__DOWNB],
        units, 1, (size_t)mine->ffn, (size_t)s->ffn, between, room);
    for (which = LDR__NORM1; n == d->to && which <= LDR__NORM2B; which++)
      memcpy(value_of(r, slot[which]), b->v[which], n * sizeof(float));
  }
  free(heads);
  free(units);
  free(mean);
  free(deviation);
  free(room);
  return ok ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
}

/* Runs the student over the lesson's texts, as examples of the set: states, and what each block keeps, are in the
   trainer's pass. */
static ldr__pass *run_student(distil *d, const ldr_dataset *set) {
  ldr__pass *s = &d->r->trainer->pass;
  int32_t i;
  for (i = 0; i < d->now.texts; i++) d->index[i] = i;
  ldr__pass_load(s, set, d->index, d->now.texts, NULL, 0, 0);
  ldr__pass_backbone(s);
  return s;
}

/* Least squares for the matrix that ends a half of a block: what its inputs x[in] must add to the state z for the
   norm that follows to make the target of it: n s = z + W x, where gain n + shift is the target and the norm takes
   the scale s away, so s is free. y = [n, z]. a, b: see fit; x[T,in], y[T,2 to]; inner[2 to]: n z, z z. */
typedef struct half {
  int32_t layer, ffn;
  size_t  in;
  double *a, *b, *inner;
  float  *x, *y, *product;
} half;

/* The lesson's texts as examples of d->held, with nothing to tell. */
static int hold_lesson(distil *d) {
  const lesson *n = &d->now;
  int32_t i;
  for (i = 0; i < d->length; i++) d->labels[i] = LDR_IGNORE;
  ldr_dataset_clear(d->held);
  for (i = 0; i < n->texts; i++) {
    ldr_example e;
    memset(&e, 0, sizeof e);
    e.ids = d->our_ids + n->ours[i];
    e.count = n->ours[i + 1] - n->ours[i];
    e.labels = d->labels;
    if (ldr_dataset_add(d->held, &e, &d->r->err)) return EXIT_FAILED;
  }
  return EXIT_DONE;
}

static int half_lesson(distil *d, void *context, int32_t first) {
  half *f = (half *)context;
  run *r = d->r;
  const lesson *n = &d->now;
  const ldr__acts *kept;
  const ldr__pass *s;
  const float *base;
  const float *gain = value_of(r, r->ladder->tuned[f->layer].slot[f->ffn ? LDR__NORM2 : LDR__NORM1]);
  const float *shift = value_of(r, r->ladder->tuned[f->layer].slot[f->ffn ? LDR__NORM2B : LDR__NORM1B]);
  size_t two = 2 * d->to, k = f->in + 1, ld = f->ffn ? ldr__ffn_ld(&r->model->shape) : f->in, i, j, silent, count = 0;
  int32_t p, q;
  float length;
  (void)first;
  if (hold_lesson(d) || make_targets(d)) return EXIT_FAILED;
  s = run_student(d, d->held);
  kept = &s->deep.acts[f->layer];
  base = f->ffn ? kept->n2 : s->deep.state[f->layer];
  for (p = 0; p < n->pair_at[n->texts]; p++)
    for (q = n->pairs[p].ours; q < n->pairs[p].ours_end; q++, count++) {
      float *x = f->x + count * f->in, *y = f->y + count * two;
      const float *from = (f->ffn ? kept->u : kept->attention) + (size_t)q * ld;
      const float *target = n->targets[f->layer] + (size_t)p * d->to;
      if (f->ffn) s->ex.kernels->rows->activate(x, from, f->in, (int32_t)r->model->shape.activation);
      else memcpy(x, from, f->in * sizeof *x);
      for (j = 0, silent = d->to, length = 0; j < d->to; j++) {
        float z = base[(size_t)q * d->to + j];
        y[j] = fabsf(gain[j]) > 1e-3f ? (target[j] - shift[j]) / gain[j] : 0;
        length += y[j] * y[j];
        if (!(fabsf(gain[j]) > 1e-3f)) silent = j;
        y[d->to + j] = z;
        f->inner[j] += (double)y[j] * (double)z;
        f->inner[d->to + j] += (double)z * (double)z;
      }
      /* a channel that the gain hides held what the others lack to the norm's length */
      if (silent < d->to) {
        y[silent] = sqrtf(LDR__MAX((float)d->to - length, 0.0f));
        f->inner[silent] += (double)y[silent] * (double)y[d->to + silent];
      }
      for (i = 0; i < f->in; i++) f->a[i * k + f->in] += (double)x[i];
      for (j = 0; j < two; j++) f->b[f->in * two + j] += (double)y[j];
      f->a[k * k - 1] += 1;
    }
  ldr__gemm(&s->ex, f->product, f->in, f->x, 1, f->in, ldr__mat_float(f->x, f->in, 1), ldr__finish_bias(NULL), f->in,
      f->in, count, 0);
  for (i = 0; i < f->in; i++)
    for (j = 0; j < f->in; j++) f->a[i * k + j] += (double)f->product[i * f->in + j];
  ldr__gemm(&s->ex, f->product, two, f->x, 1, f->in, ldr__mat_float(f->y, two, 1), ldr__finish_bias(NULL), f->in, two,
      count, 0);
  for (i = 0; i < f->in * two; i++) f->b[i] += (double)f->product[i];
  return EXIT_DONE;
}

/* The scale that leaves the least error in parts of s^2: with the residuals e_n and e_z of both parts of y, 1/s =
   <e_n, e_z> / <e_z, e_z>. */
static double best_scale(const distil *d, const half *f, const double *b, const double *x, const float *gain) {
  size_t k = f->in + 1, two = 2 * d->to, i, j;
  double across = 0, own = 0;
  for (j = 0; j < d->to; j++) {
    double w = (double)gain[j] * (double)gain[j] * (double)d->views[d->of[f->layer]].weight[j], nz = f->inner[j];
    double zz = f->inner[d->to + j];
    for (i = 0; i < k; i++) {
      nz -= b[i * two + j] * x[i * two + d->to + j];
      zz -= b[i * two + d->to + j] * x[i * two + d->to + j];
    }
    across += w * nz;
    own += w * zz;
  }
  return across > 0.02 * own ? own / across : 50.0;
}

/* One matrix of one block so that the block's output comes as near its target as that matrix can bring it. */
static int fit_half(distil *d, int32_t layer, int32_t ffn) {
  run *r = d->r;
  const int32_t *slot = r->ladder->tuned[layer].slot;
  float *w = value_of(r, slot[ffn ? LDR__DOWN : LDR__O]), *bias = value_of(r, slot[ffn ? LDR__DOWNB : LDR__OB]);
  size_t tokens = (size_t)d->batch * (size_t)d->length, two = 2 * d->to, k, i, j;
  double *b, scale;
  half f;
  int status;
  f.layer = layer;
  f.ffn = ffn;
  f.in = ffn ? (size_t)r->model->shape.ffn : (size_t)r->model->shape.heads * (size_t)r->model->shape.head_dim;
  k = f.in + 1;
  f.a = (double *)calloc(k * k, sizeof(double));
  f.b = (double *)calloc(k * two, sizeof(double));
  f.inner = (double *)calloc(two, sizeof(double));
  f.x = floats(tokens, f.in);
  f.y = floats(tokens, two);
  f.product = floats(f.in, LDR__MAX(f.in, two));
  b = (double *)malloc(k * two * sizeof *b);
  if (f.a && f.b && f.inner && f.x && f.y && f.product && b) status = sample_lessons(d, FIT_TEXTS, half_lesson, &f);
  else status = fail(r, LDR_MEMORY, "out of memory", "");
  if (!status) {
    for (i = 0; i < f.in; i++) f.a[f.in * k + i] = f.a[i * k + f.in];
    memcpy(b, f.b, k * two * sizeof *b);
    solve_symmetric(f.a, f.b, k, two, 1e-3);
    scale = best_scale(d, &f, b, f.b, value_of(r, slot[ffn ? LDR__NORM2 : LDR__NORM1]));
    for (j = 0; j < d->to; j++) {
      for (i = 0; i < f.in; i++) w[j * f.in + i] = (float)(scale * f.b[i * two + j] - f.b[i * two + d->to + j]);
      bias[j] = (float)(scale * f.b[f.in * two + j] - f.b[f.in * two + d->to + j]);
    }
  }
  free(f.a);
  free(f.b);
  free(f.inner);
  free(f.x);
  free(f.y);
  free(f.product);
  free(b);
  return status;
}

/* The student's first parameters. ids: the teacher's id of each of its pieces. */
static int start_student(distil *d, const int32_t *ids) {
  run *r = d->r;
  double gain = sqrt(d->views[d->their_layers].variance / (double)d->to), total = 0;
  float *bias = end_of(r, LDR__LM_BIAS);
  int32_t i, l;
  for (i = 0; i < r->info.vocabulary; i++) total += d->counts[i] + 0.1;
  for (i = 0; bias && i < r->info.vocabulary; i++) bias[i] = (float)log((d->counts[i] + 0.1) / total);
  if (start_tables(d, ids) || start_projection(d)) return EXIT_FAILED;
  if (!ldr__projects(r->model)) fill(end_of(r, LDR__EMBED_NORM), d->to, gain);
  for (l = 0; l < d->layers; l++) {
    fill(value_of(r, r->ladder->tuned[l].slot[LDR__NORM1]), d->to, gain);
    fill(value_of(r, r->ladder->tuned[l].slot[LDR__NORM2]), d->to, gain);
    if (r->o.init == INIT_RANDOM) continue;
    if (same_kind(d) && start_block(d, l, d->of[l] - 1)) return EXIT_FAILED;
    if (compared(d, l) && ((d->from != d->to && fit_half(d, l, 0)) || fit_half(d, l, 1))) return EXIT_FAILED;
  }
  return EXIT_DONE;
}

/* ---- the student's vocabulary ------------------------------------------------------------------------ */

/* A piece of the teacher's vocabulary and what speaks for keeping it; class 0: always, 1: by count, 2: placeholders,
   last. */
typedef struct piece_rank { double count; int32_t id, class_of; } piece_rank;

static int by_rank(const void *a, const void *b) {
  const piece_rank *x = (const piece_rank *)a, *y = (const piece_rank *)b;
  if (x->class_of != y->class_of) return x->class_of - y->class_of;
  if (x->count < y->count || x->count > y->count) return x->count > y->count ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b) {
  const piece_rank *x = (const piece_rank *)a, *y = (const piece_rank *)b;
  return (x->id > y->id) - (x->id < y->id);
}

/* Special tokens and single characters, which every word can be spelled with, are always kept. */
static int class_of_piece(const ldr_tokenizer *t, int32_t id) {
  const char *s = ldr_tokenizer_piece(t, id);
  int i;
  size_t n;
  if (!s || !*s) return 2;
  for (i = 0; i < WORDS_SPECIAL; i++)
    if (strcmp(s, words_special(i)) == 0) return 0;
  if (strncmp(s, "[unused", 7) == 0) return 2;
  if (strncmp(s, "##", 2) == 0 && s[2]) s += 2;
  n = strlen(s);
  return n && ldr__utf8_length((const unsigned char *)s, n) == n ? 0 : 1;
}

/* How often each of the teacher's pieces stands in the texts. */
static int count_pieces(distil *d, piece_rank *ranks) {
  const char *paths[MAX_TEXTS];
  char *names = NULL;
  int32_t count, i, k;
  text line;
  int got = 1, status = split_paths(d->r, d->r->o.texts, &names, paths, &count);
  memset(&line, 0, sizeof line);
  for (i = 0; !status && i < count; i++) {
    FILE *f = fopen(paths[i], "rb");
    if (!f) status = fail(d->r, LDR_IO, "%s: cannot be opened", paths[i]);
    while (!status && !interrupted && (got = read_line(f, &line)) > 0) {
      if (ldr_tokenizer_encode(d->theirs, &d->encoding, line.data, line.used, NULL, 0, 0, 0, &d->r->err))
        status = EXIT_FAILED;
      for (k = 0; !status && k < d->encoding.count; k++) ranks[d->encoding.ids[k]].count += 1;
    }
    if (!status && got < 0) status = fail(d->r, LDR_MEMORY, "out of memory", "");
    if (!status && ferror(f)) status = fail(d->r, LDR_IO, "%s: cannot be read", paths[i]);
    if (f) fclose(f);
  }
  free(line.data);
  free(names);
  return status;
}

/* Writes vocab.txt: the pieces that --vocabulary leaves, in the teacher's order. */
static int cut_pieces(distil *d, int32_t keep) {
  run *r = d->r;
  int32_t all = ldr_tokenizer_size(d->theirs), i, always = 0;
  piece_rank *ranks = (piece_rank *)calloc((size_t)all, sizeof *ranks);
  text out;
  int status = ranks ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
  memset(&out, 0, sizeof out);
  for (i = 0; !status && i < all; i++) {
    ranks[i].id = i;
    ranks[i].class_of = class_of_piece(d->theirs, i);
    always += ranks[i].class_of == 0;
  }
  if (!status && keep < always) {
    ldr__fail(&r->err, LDR_ARGUMENT,
        "--vocabulary %d: the teacher's special tokens and single characters are %d already, and all of them are kept",
        keep, always);
    status = EXIT_FAILED;
  }
  if (!status) status = count_pieces(d, ranks);
  if (!status) {
    qsort(ranks, (size_t)all, sizeof *ranks, by_rank);
    qsort(ranks, (size_t)keep, sizeof *ranks, by_id);
  }
  for (i = 0; !status && i < keep; i++) {
    const char *s = ldr_tokenizer_piece(d->theirs, ranks[i].id);
    size_t n = strlen(s);
    if (!text_room(&out, n + 1)) status = fail(r, LDR_MEMORY, "out of memory", "");
    else {
      memcpy(out.data + out.used, s, n);
      out.used += n;
      out.data[out.used++] = '\n';
    }
  }
  if (!status) status = write_file(r, "vocab.txt", out.data, out.used);
  free(out.data);
  free(ranks);
  return status;
}

/* 1: the tokenizer makes the same of both texts. */
static int reads_alike(distil *d, const char *a, const char *b) {
  ldr_encoding *e = &d->encoding;
  int32_t ids[16], n;
  if (ldr_tokenizer_encode(d->theirs, e, a, strlen(a), NULL, 0, 0, 0, &d->r->err)) return 0;
  n = LDR__MIN(e->count, 16);
  memcpy(ids, e->ids, (size_t)n * sizeof *ids);
  return !ldr_tokenizer_encode(d->theirs, e, b, strlen(b), NULL, 0, 0, 0, &d->r->err) && e->count == n
      && memcmp(ids, e->ids, (size_t)n * sizeof *ids) == 0;
}

/* The student's tokenizer: the teacher's files, or fewer pieces and settings that read texts in the same way. */
static int make_pieces(distil *d, int32_t positions, int32_t *count) {
  run *r = d->r;
  char settings[256];
  size_t i;
  int size;
  *count = d->teacher->vocabulary;
  if (!r->o.vocabulary || r->o.vocabulary >= ldr_tokenizer_size(d->theirs)) {
    int status = EXIT_DONE;
    r->o.model = r->o.teacher;         /* copy_file copies from there                      */
    for (i = 1; !status && i < sizeof companions / sizeof *companions; i++) status = copy_file(r, companions[i]);
    r->o.model = NULL;
    return status;
  }
  if (strcmp(d->theirs->cutter->name, "WordPiece") != 0)
    return fail(r, LDR_UNSUPPORTED,
        "--vocabulary: only WordPiece can do without some of its pieces, and the teacher's tokenizer is %s",
        d->theirs->cutter->name);
  *count = r->o.vocabulary;
  size = snprintf(settings, sizeof settings,
      "{\"do_lower_case\": %s, \"strip_accents\": %s, \"tokenize_chinese_chars\": %s, "
      "\"tokenizer_class\": \"BertTokenizer\", \"model_max_length\": %d}\n",
      reads_alike(d, "A", "a") ? "true" : "false", reads_alike(d, "\303\251", "e") ? "true" : "false",
      reads_alike(d, "\344\270\200\344\270\200", "\344\270\200 \344\270\200") ? "true" : "false", (int)positions);
  return cut_pieces(d, r->o.vocabulary) ? EXIT_FAILED : write_file(r, "tokenizer_config.json", settings, (size_t)size);
}

/* The directory of the student: vocabulary, settings, configuration, random weights. */
static int make_student(distil *d) {
  run *r = d->r;
  const options *o = &r->o;
  const ldr__shape *s = &d->teacher->shape;
  new_model n;
  n.width = o->width;
  n.layers = o->layers;
  n.embedding = o->embedding ? o->embedding : o->width;
  n.heads = o->heads ? o->heads : LDR__MAX(1, o->width / s->head_dim);
  n.ffn = o->ffn ? o->ffn : 4 * o->width;
  n.positions = o->positions ? o->positions : LDR__MIN(512, d->teacher->positions - d->teacher->position_offset);
  if (n.width > s->width) {
    ldr__fail(&r->err, LDR_ARGUMENT, "--width %d: the student may not be wider than the teacher, which is %d wide",
        n.width, s->width);
    return EXIT_FAILED;
  }
  if (n.embedding > n.width)
    return fail(r, LDR_ARGUMENT, "--embedding: embeddings may be narrower than the states, not wider", "");
  if (n.width % n.heads) {
    ldr__fail(&r->err, LDR_ARGUMENT, "%d heads do not divide a width of %d: give --heads", n.heads, n.width);
    return EXIT_FAILED;
  }
  if (!make_directory(o->out)) return fail(r, LDR_IO, "%s: the directory cannot be made", o->out);
  if (make_pieces(d, n.positions, &n.vocabulary)) return EXIT_FAILED;
  return make_directory_of(r, &n);
}

/* ---- the run --------------------------------------------------------------------------------------------- */

static int open_teacher(distil *d) {
  run *r = d->r;
  ldr_model_desc m;
  memset(&m, 0, sizeof m);
  m.threads = r->o.threads;
  m.simd = (ldr_simd)r->o.simd;
  m.compute = r->o.compute == 1 ? LDR_COMPUTE_F32 : r->o.compute == 2 ? LDR_COMPUTE_BF16 : LDR_COMPUTE_INT8;
  m.pack = 1;
  d->teacher = ldr_model_load(r->o.teacher, &m, &r->err);
  if (!d->teacher) return EXIT_FAILED;
  d->theirs = ldr_model_tokenizer(d->teacher);
  if (!d->theirs) return fail(r, LDR_MISSING, "%s: has no vocabulary to read text with", r->o.teacher);
  if (d->teacher->shape.causal)
    return fail(r, LDR_UNSUPPORTED, "%s: the teacher must be an encoder, which reads a text in both directions",
        r->o.teacher);
  d->from = (size_t)d->teacher->shape.width;
  d->their_layers = d->teacher->layers;
  return EXIT_DONE;
}

/* A batch as large as any: what the trainer makes room for. */
static int make_room(distil *d) {
  run *r = d->r;
  int32_t i, *ids = (int32_t *)calloc(2 * (size_t)d->length, sizeof *ids);
  ldr_example e;
  int status = ids ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
  memset(&e, 0, sizeof e);
  e.ids = ids;
  e.labels = ids ? ids + d->length : NULL;
  e.count = d->length;
  ldr_dataset_clear(r->train);
  for (i = 0; i < d->batch && !status; i++)
    if (ldr_dataset_add(r->train, &e, &r->err)) status = EXIT_FAILED;
  free(ids);
  return status;
}

/* Texts that are only looked at, as bytes; they are drawn like the others. */
static int open_held(distil *d) {
  text_source s;
  const char *data;
  size_t size;
  int status;
  if (!d->r->o.held_out) return EXIT_DONE;
  d->held_texts = (text *)calloc(HELD_TEXTS, sizeof *d->held_texts);
  if (!d->held_texts) return fail(d->r, LDR_MEMORY, "out of memory", "");
  status = open_texts(d->r, &s, d->r->o.held_out, d->length, TEXT_POOL);
  s.files.seed = 1;                      /* the same texts and masks whatever the run's seed */
  while (!status && d->held_count < HELD_TEXTS) {
    text *t = &d->held_texts[d->held_count];
    status = draw_text(d->r, &s, &data, &size);
    if (!status && !text_room(t, size)) status = fail(d->r, LDR_MEMORY, "out of memory", "");
    if (status) break;
    memcpy(t->data, data, size);
    t->used = size;
    d->held_count++;
  }
  close_texts(&s);
  return status;
}

/* What the student makes of the texts of one lesson, without learning. */
static int held_lesson(distil *d, int32_t first, double *words, double *told, double *right) {
  run *r = d->r;
  ldr__pass *s;
  ldr__targets target;
  int32_t i, place, count = LDR__MIN(most_at_once(d), d->held_count - first);
  size_t k;
  begin_lesson(d);
  ldr_dataset_clear(d->held);
  for (i = 0; i < count; i++) {
    const text *t = &d->held_texts[first + i];
    const ldr_tokenizer *ours = d->texts.files.tokenizer;
    uint64_t key = ldr__mix64((uint64_t)(first + i) + 7);
    if (ldr_tokenizer_encode(ours, &d->texts.pieces, t->data, t->used, NULL, 0, d->length, 1, &r->err))
      return EXIT_FAILED;
    if (add_example(d, d->held, &d->texts, t->data, t->used, (first + i) % 4 == 0, key)) return EXIT_FAILED;
  }
  if (make_targets(d)) return EXIT_FAILED;
  s = run_student(d, d->held);
  for (place = 0; place < s->places; place++) {
    const float *state = s->deep.state[place - s->deep.from + 1];
    state_errors(d, d->index, s->t.offsets, count, s->route[place], state, NULL, s->ex.threads);
  }
  ldr__head_forward(s);
  target = ldr__pass_targets(s, NULL, 0, 1);
  if (s->row_count) *words += ldr__pass_loss(s, &target, 0);
  for (k = 0; k < s->row_count; k++) *right += s->guess[k] == s->labels[k];
  *told += (double)s->row_count;
  return EXIT_DONE;
}

static int report_distil(run *r, void *context, const ldr_progress *p) {
  distil *d = (distil *)context;
  double n = LDR__MAX(1, d->since), *layer, states = 0, vectors = 0, words = 0, told = 0, right = 0, loss = 0;
  double lessons = 0;
  int32_t i;
  printf("step %d: states %.4f, texts %.4f, words %.4f\n", (int)p->step, d->since_layer / n, d->since_text / n,
      d->since_words / n);
  d->since_layer = d->since_text = d->since_words = 0;
  d->since = 0;
  if (!d->held_count) {
    fflush(stdout);
    return EXIT_DONE;
  }
  layer = (double *)calloc((size_t)d->layers, sizeof *layer);
  if (!layer) return fail(r, LDR_MEMORY, "out of memory", "");
  for (i = 0; i < d->held_count; i += most_at_once(d), lessons++) {
    int32_t l;
    if (held_lesson(d, i, &words, &told, &right)) break;
    for (l = 0; l < d->layers; l++) layer[l] += d->layer_error[l];
    vectors += d->text_error;
  }
  for (i = 0; i < d->layers; i++) layer[i] /= LDR__MAX(lessons, 1);
  states = layer[d->layers - 1];
  vectors /= LDR__MAX(lessons, 1);
  words /= LDR__MAX(told, 1);
  loss = whole_loss(d, words, layer, vectors);
  free(layer);
  if (r->err.status) return EXIT_FAILED;
  printf("step %d: held-out loss %.4f, states %.4f, texts %.4f, words %.4f, told right %.4f\n", (int)p->step, loss,
      states, vectors, words, right / LDR__MAX(told, 1));
  fflush(stdout);
  if (r->log) {
    fprintf(r->log, "{\"step\":%d", (int)p->step);
    log_member(r->log, "held_out_loss", loss);
    log_member(r->log, "held_out_states", states);
    log_member(r->log, "held_out_texts", vectors);
    log_member(r->log, "held_out_words", words);
    log_member(r->log, "held_out_accuracy", right / LDR__MAX(told, 1));
    fputs("}\n", r->log);
  }
  return EXIT_DONE;
}

/* The teacher's ids of the student's pieces, for free(); NULL: a piece is not the teacher's, or out of memory. A
   whole vocabulary is the same one, with ids that no piece has. */
static int32_t *their_pieces(distil *d) {
  const ldr_tokenizer *ours = ldr_model_tokenizer(d->r->model);
  int32_t n = d->r->info.vocabulary, i, *ids = (int32_t *)calloc((size_t)n, sizeof *ids);
  if (!ids) fail(d->r, LDR_MEMORY, "out of memory", "");
  for (i = 0; ids && i < n; i++) {
    const char *s = ldr_tokenizer_piece(ours, i);
    ids[i] = n == d->teacher->vocabulary ? i : s ? ldr_tokenizer_find(d->theirs, s) : -1;
    if (ids[i] >= 0) continue;
    fail(d->r, LDR_VOCAB, "%s: its vocabulary is not a part of the teacher's", d->r->o.out);
    free(ids);
    ids = NULL;
  }
  return ids;
}

/* Another run: other views or other losses must not be gone on with. */
static uint64_t distil_digest(const distil *d) {
  const options *o = &d->r->o;
  float f[5];
  f[0] = o->word_weight;
  f[1] = o->text_weight;
  f[2] = o->layer_weight;
  f[3] = o->masked;
  f[4] = (float)d->text_variance;
  return ldr__floats_digest(ldr__floats_digest(o->seed, f, 5), d->axes, d->to * d->from);
}

static int keep_distil(run *r) {
  const options *o = &r->o;
  return keep_files(r, "texts", o->texts) || keep_number(r, "max-len", r->max_len)
      || keep_number(r, "word-weight", o->word_weight) || keep_number(r, "text-weight", o->text_weight)
      || keep_number(r, "layer-weight", o->layer_weight) || keep_number(r, "masked", o->masked)
      ? EXIT_FAILED : same_options(r);
}

static int open_distil(distil *d) {
  run *r = d->r;
  options *o = &r->o;
  ldr_ladder_desc l = words_ladder(r, LDR_METHOD_FULL);
  uint64_t seed = o->seed;
  int fresh = !o->resume && o->model == o->out;
  int32_t *ids, i, longest = LDR__MIN(2 * r->max_len, ldr_model_info_get(d->teacher).positions);
  ldr_progress p;
  d->to = (size_t)r->info.width;
  d->layers = r->info.layers;
  d->length = r->max_len;
  d->batch = o->batch;
  if (d->layers > d->their_layers)
    return fail(r, LDR_ARGUMENT, "--layers: the student may not have more than the teacher", "");
  r->ladder = ldr_ladder_create(r->model, &l, &r->err);
  if (!r->ladder || place_distil(d)) return EXIT_FAILED;
  if (ldr__viewer_open(&d->viewer, d->teacher, d->most_tokens, (size_t)d->batch, (size_t)longest, 0, &r->err)
      || learn_views(d))
    return EXIT_FAILED;
  printf("the states keep %.1f %% of the variance of the teacher's last layer\n", 100 * d->kept);
  fflush(stdout);
  o->seed = distil_digest(d);
  r->train_desc = make_train_desc(r);
  o->seed = seed;
  r->train = word_set(r);
  r->dev = d->held = word_set(r);
  if (!r->train || !d->held || make_room(d) || open_held(d)
      || open_texts(r, &d->texts, o->texts, d->length, TEXT_POOL))
    return EXIT_FAILED;
  r->trainer = ldr_trainer_create(r->ladder, r->train, NULL, &r->train_desc, &r->err);
  if (!r->trainer) return EXIT_FAILED;
  r->trainer->pass.pull = pull_states;
  r->trainer->pass.pull_context = d;
  if (fresh) {
    ids = their_pieces(d);
    if (!ids || start_student(d, ids)) {
      free(ids);
      return EXIT_FAILED;
    }
    free(ids);
    if (o->init != INIT_RANDOM && !same_kind(d))
      fputs("ladder: note: the teacher's blocks are of another kind or smaller than the student's: "
          "its blocks start at random\n", stderr);
  }
  if (keep_distil(r)) return EXIT_FAILED;
  if (o->resume && ldr_trainer_resume(r->trainer, o->resume, &r->err)) return EXIT_FAILED;
  p = ldr_trainer_progress(r->trainer);
  for (i = 0; i < p.step; i++)
    if (fill_lesson(d, i, 0)) return EXIT_FAILED;
  return EXIT_DONE;
}

static int command_distil(run *r) {
  options *o = &r->o;
  char path[LADDER_MAX_PATH];
  static distil d;
  feed f = { &d, fill_distil, after_distil, report_distil };
  watch w;
  int status;
  memset(&w, 0, sizeof w);
  w.opened = seconds_now();
  w.terminal = on_terminal();
  d.r = r;
  if (out_path(r, path, "model.safetensors")) return EXIT_FAILED;
  if (!o->resume && ldr__file_exists(path))
    return fail(r, LDR_ARGUMENT, "%s: is there already and is not replaced", path);
  if (!o->steps) o->steps = 10000;
  o->epochs = o->steps;                  /* a batch is a data set of its own, an epoch one step */
  if (!o->batch) o->batch = 64;
  if (!(o->lr > 0)) o->lr = 1e-3f;
  if (o->weight_decay == 0) o->weight_decay = 0.01f;
  if (!(o->word_weight > 0)) o->word_weight = 0.1f;
  o->text_weight = o->text_weight < 0 ? 0 : o->text_weight > 0 ? o->text_weight : 1.0f;
  o->layer_weight = o->layer_weight < 0 ? 0 : o->layer_weight > 0 ? o->layer_weight : 0.5f;
  if (!(o->masked > 0)) o->masked = 0.2f;
  if (o->clip == 0) o->clip = 1.0f / o->word_weight;     /* the gradient is in units of the words' loss */
  r->head = LDR_HEAD_WORDS;
  status = open_teacher(&d);
  o->compute = 0;                        /* the student's weights change                     */
  if (!status && o->model) status = copy_companions(r, path);      /* opens the model, too */
  else if (!status) {
    if (!o->resume) status = make_student(&d);
    if (!o->model) o->model = o->out;
    if (!status) status = has_begun(r);
    if (!status) status = open_model(r);
    if (!status) status = same_shape(r);
  }
  if (!status) status = choose_max_len(r, 64);
  if (!status && r->max_len < 8) status = fail(r, LDR_ARGUMENT, "--max-len must leave room for a few words", "");
  if (!status) status = open_log(r);
  if (!status) status = open_distil(&d);
  r->incomplete = r->incomplete && status;
  if (!status) status = stream_steps(r, &f, &w);
  if (!status && ldr_ladder_export(r->ladder, path, written_type(r), &r->err)) status = EXIT_FAILED;
  if (!status) r->unfinished = 0;
  if (!status)
    printf("%s written: %" PRIu64 " parameters trained, %.0f s\n", path, ldr_ladder_trainable(r->ladder),
        seconds_now() - w.opened);
  free_distil(&d);
  return status;
}

#endif /* LADDER_DISTIL_H */
