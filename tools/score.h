/* score.h: how near texts are to what they should be, with any number of references a text: BLEU and chrF as sacrebleu
   defines them, ROUGE as rouge_score does, exact match. Included behind the implementation of ladder.h, whose
   characters and errors it uses. C99 and C++11, nothing but libc.

   Order of the file: sequences of units that are counted, cutters of texts, the measures, their table.

   To add a measure: a function from a set to a number of 0 to 100, and a row of score_table. */
#ifndef LADDER_SCORE_H
#define LADDER_SCORE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

typedef struct score_text { const char *s; size_t n; } score_text;

/* The references of text i are those from first[i] up to first[i + 1], at least one. */
typedef struct score_texts {
  size_t            count;
  const score_text *said, *references;   /* [count], [first[count]]                          */
  const size_t     *first;               /* [count + 1]                                      */
} score_texts;

/* ---- sequences of units ---------------------------------------------------------------- */

/* A node of a tree of sequences: what is before the last unit, and that. Words are sequences of bytes, n-grams are
   sequences of words or of characters, and equal ones have the same number. */
typedef struct score_gram {
  uint32_t before, unit;
  uint32_t said, met, turn;      /* how often in the text; in the reference of that turn     */
  uint32_t most;                 /* the most in one reference; of a word of rougeL: its last place + 1 */
  size_t   slot;
} score_gram;

enum { SCORE_NONE, SCORE_WORDS, SCORE_GRAMS, SCORE_ROOTS };        /* what the tree begins with */
enum { SCORE_ORDERS = 6 };

typedef struct score_units { uint32_t *at; size_t count, capacity; } score_units;
typedef struct score_bytes { char *at; size_t count, capacity; } score_bytes;

typedef struct score_work {
  score_gram  *grams;
  size_t       count, capacity;
  uint32_t    *slots;            /* a power of two of them; a gram's number, 0 is free       */
  size_t       slot_count;
  uint32_t     turn;
  score_units  said, other, chain;       /* chain: of each word, its place before + 1        */
  score_bytes  text, cut;        /* of cutters                                               */
  uint64_t    *bits;
  size_t       bit_capacity;
  int          failed;           /* out of memory; the rest of the work does nothing         */
} score_work;

static void score_close(score_work *w) {
  free(w->grams);
  free(w->slots);
  free(w->said.at);
  free(w->other.at);
  free(w->chain.at);
  free(w->text.at);
  free(w->cut.at);
  free(w->bits);
  memset(w, 0, sizeof *w);
}

static void *score_grow(score_work *w, void *data, size_t *capacity, size_t need, size_t item) {
  void *p = w->failed ? NULL : words_grow(data, capacity, need, item);
  w->failed = !p;
  return p;
}

static size_t score_home(const score_work *w, uint32_t before, uint32_t unit) {
  return (size_t)ldr__mix64(((uint64_t)before << 32 | unit) ^ ldr__address_hash(w)) & (w->slot_count - 1);
}

static uint32_t score_find(const score_work *w, uint32_t before, uint32_t unit) {
  size_t s = score_home(w, before, unit);
  while (w->slots[s] && (w->grams[w->slots[s]].before != before || w->grams[w->slots[s]].unit != unit))
    s = (s + 1) & (w->slot_count - 1);
  return w->slots[s];
}

static void score_link(score_work *w, uint32_t id) {
  size_t s = score_home(w, w->grams[id].before, w->grams[id].unit);
  while (w->slots[s]) s = (s + 1) & (w->slot_count - 1);
  w->slots[s] = id;
  w->grams[id].slot = s;
}

/* At most half of the slots are taken. */
static int score_slots(score_work *w) {
  uint32_t id;
  if (w->slot_count >= 2 * (w->count + 1)) return 1;
  free(w->slots);
  w->slot_count = w->slot_count ? 2 * w->slot_count : 1024;
  w->slots = (uint32_t *)calloc(w->slot_count, sizeof *w->slots);
  if (!w->slots) {
    w->slot_count = 0;
    w->failed = 1;
    return 0;
  }
  for (id = SCORE_ROOTS; id < w->count; id++) score_link(w, id);
  return 1;
}

static int score_grams(score_work *w, size_t need) {
  void *p = score_grow(w, w->grams, &w->capacity, need, sizeof *w->grams);
  if (p) w->grams = (score_gram *)p;
  return p && score_slots(w);
}

/* The number of a sequence that is one unit longer; SCORE_NONE: out of memory. */
static uint32_t score_add(score_work *w, uint32_t before, uint32_t unit) {
  uint32_t id;
  if (w->failed) return SCORE_NONE;
  id = score_find(w, before, unit);
  if (id) return id;
  if (w->count >= UINT32_MAX || !score_grams(w, w->count + 1)) {
    w->failed = 1;
    return SCORE_NONE;
  }
  id = (uint32_t)w->count++;
  memset(&w->grams[id], 0, sizeof *w->grams);
  w->grams[id].before = before;
  w->grams[id].unit = unit;
  score_link(w, id);
  return id;
}

/* An empty tree. The slots of a long text are not paid for by the short ones behind it. */
static int score_clear(score_work *w) {
  size_t i;
  for (i = SCORE_ROOTS; i < w->count; i++) w->slots[w->grams[i].slot] = 0;
  w->turn = 0;
  w->count = 0;
  if (!score_grams(w, SCORE_ROOTS)) return 0;
  memset(w->grams, 0, SCORE_ROOTS * sizeof *w->grams);
  w->count = SCORE_ROOTS;
  return 1;
}

static void score_unit(score_work *w, score_units *u, uint32_t unit) {
  void *p = score_grow(w, u->at, &u->capacity, u->count + 1, sizeof *u->at);
  if (!p) return;
  u->at = (uint32_t *)p;
  u->at[u->count++] = unit;
}

/* A word of the text, or of a reference, where one that the text has not is SCORE_NONE. */
static void score_word(score_work *w, score_units *u, const char *s, size_t n) {
  uint32_t id = SCORE_WORDS;
  size_t i;
  for (i = 0; i < n && id; i++)
    id = u == &w->said ? score_add(w, id, (unsigned char)s[i]) : score_find(w, id, (unsigned char)s[i]);
  score_unit(w, u, id);
}

/* How many sequences of n units there are. */
static uint64_t score_total(const score_units *u, int n) {
  return u->count >= (size_t)n ? (uint64_t)(u->count - (size_t)n + 1) : 0;
}

static void score_count_said(score_work *w, int orders) {
  size_t i, k;
  for (i = 0; i < w->said.count; i++) {
    uint32_t id = SCORE_GRAMS;
    for (k = i; k < w->said.count && k < i + (size_t)orders && id; k++) {
      id = score_add(w, id, w->said.at[k]);
      if (id) w->grams[id].said++;
    }
  }
}

/* Sequences of the reference in w->other that the text has too, each as often as in both: in same[] those of each
   length, in fresh[] those that no reference before has had as often. */
static void score_meet(score_work *w, int orders, uint64_t *same, uint64_t *fresh) {
  size_t i, k;
  w->turn++;
  for (i = 0; i < w->other.count; i++) {
    uint32_t id = SCORE_GRAMS;
    for (k = i; k < w->other.count && k < i + (size_t)orders; k++) {
      score_gram *g;
      id = score_find(w, id, w->other.at[k]);
      if (!id) break;
      g = &w->grams[id];
      g->met = g->turn == w->turn ? g->met + 1 : 1;
      g->turn = w->turn;
      if (g->met > g->said) continue;
      same[k - i]++;
      if (g->met <= g->most) continue;
      g->most = g->met;
      fresh[k - i]++;
    }
  }
}

/* ---- cutters ----------------------------------------------------------------------------- */

typedef void score_cutter(score_work *w, score_units *u, const char *s, size_t n);

/* What Python calls white. */
static int score_white(uint32_t c) { return ldr__char_white(c) || (c >= 0x1c && c <= 0x1f); }

static uint32_t score_char(const char *s, size_t *bytes) {
  int32_t n = 0;
  uint32_t c = ldr__utf8_at(s, &n);
  *bytes = (size_t)n;
  return c;
}

/* Without what is white at the ends. */
static score_text score_trim(score_text t) {
  size_t i, bytes, end = 0;
  int begun = 0;
  for (i = 0; i < t.n; i += bytes) {
    int white = score_white(score_char(t.s + i, &bytes));
    if (!white) end = i + bytes;
    if (white || begun) continue;
    begun = 1;
    t.s += i;
    t.n -= i;
    end -= i;
    i = 0;
  }
  t.n = end;
  return t;
}

static void score_put(score_work *w, score_bytes *b, const char *s, size_t n) {
  void *p = n ? score_grow(w, b->at, &b->capacity, b->count + n, 1) : NULL;
  if (!p) return;
  b->at = (char *)p;
  memcpy(b->at + b->count, s, n);
  b->count += n;
}

/* All words between what is white. */
static void score_split(score_work *w, score_units *u, const score_bytes *b) {
  size_t i, bytes, from = 0;
  for (i = 0; i < b->count; i += bytes) {
    if (!score_white(score_char(b->at + i, &bytes))) continue;
    if (i > from) score_word(w, u, b->at + from, i - from);
    from = i + bytes;
  }
  if (b->count > from) score_word(w, u, b->at + from, b->count - from);
}

static int score_point(char c) { return c == '.' || c == ','; }

/* The pairs of characters that mteval's rules part, and what they put around them. */
static int score_parts_end(char a, char b) { return !ldr__digit(a) && score_point(b); }
static int score_parts_begin(char a, char b) { return score_point(a) && !ldr__digit(b); }
static int score_parts_dash(char a, char b) { return ldr__digit(a) && b == '-'; }

static const struct score_rule { int (*parts)(char a, char b); int before, behind; } score_rules[] = {
  { score_parts_end, 0, 1 }, { score_parts_begin, 1, 0 }, { score_parts_dash, 0, 1 } };

/* w->text by the rules that sacrebleu's 13a and zh share: marks apart, but . and , not inside numbers, and - only
   behind digits. The rules look at bytes: those of a character that has several are neither digit nor mark. */
static void score_marks(score_work *w, score_units *u) {
  score_bytes *a = &w->text, *b = &w->cut;
  size_t i, r;
  b->count = 0;
  for (i = 0; i < a->count; i++) {
    char c = a->at[i];
    int mark = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+')
        || (c >= ':' && c <= '@') || c == '/';
    if (mark) score_put(w, b, " ", 1);
    score_put(w, b, &c, 1);
    if (mark) score_put(w, b, " ", 1);
  }
  for (r = 0; r < sizeof score_rules / sizeof *score_rules && !w->failed; r++) {
    const struct score_rule *rule = &score_rules[r];
    score_bytes *t = a;
    a = b;
    b = t;
    b->count = 0;
    for (i = 0; i < a->count; i++) {
      int parted = i + 1 < a->count && rule->parts(a->at[i], a->at[i + 1]);
      if (parted && rule->before) score_put(w, b, " ", 1);
      score_put(w, b, a->at + i, 1);
      if (!parted) continue;
      score_put(w, b, " ", 1);
      score_put(w, b, a->at + ++i, 1);
      if (rule->behind) score_put(w, b, " ", 1);
    }
  }
  if (!w->failed) score_split(w, u, b);
}

/* sacrebleu's default: the cutter of WMT's mteval-v13a. */
static void score_cut_13a(score_work *w, score_units *u, const char *s, size_t n) {
  static const char *const pairs[][2] = {
    { "<skipped>", "" }, { "-\n", "" }, { "\n", " " }, { "&quot;", "\"" }, { "&amp;", "&" }, { "&lt;", "<" },
    { "&gt;", ">" } };
  score_bytes *b = &w->text;
  score_text t;
  size_t p, i, k;
  t.s = s;
  t.n = n;
  t = score_trim(t);
  b->count = 0;
  score_put(w, b, " ", 1);
  score_put(w, b, s, (size_t)(t.s - s) + t.n);           /* without the end: "-\n" there is no line's */
  score_put(w, b, " ", 1);
  for (p = 0; p < sizeof pairs / sizeof *pairs && !w->failed; p++) {
    size_t what = strlen(pairs[p][0]), with = strlen(pairs[p][1]);
    for (i = k = 0; i < b->count;) {
      if (what > b->count - i || memcmp(b->at + i, pairs[p][0], what) != 0) {
        b->at[k++] = b->at[i++];
        continue;
      }
      memcpy(b->at + k, pairs[p][1], with);
      k += with;
      i += what;
    }
    b->count = k;
  }
  if (!w->failed) score_marks(w, u);
}

/* What sacrebleu's zh takes for Chinese. Two of its ranges are written with five digits where Python reads four, so
   that they are other characters: dashes and quotes among them. */
static int score_chinese(uint32_t c) {
  static const uint32_t ranges[][2] = {
    { 0x2001, 0x2a6d }, { 0x2e80, 0x2eff }, { 0x2f00, 0x2fdf }, { 0x2ff0, 0x2fff }, { 0x3000, 0x303f },
    { 0x3100, 0x312f }, { 0x31a0, 0x31bf }, { 0x31c0, 0x31ef }, { 0x3200, 0x33ff }, { 0x3400, 0x4db5 },
    { 0x4e00, 0x9fbb }, { 0xf900, 0xfa2d }, { 0xfa30, 0xfa6a }, { 0xfa70, 0xfad9 }, { 0xfe10, 0xfe1f },
    { 0xfe30, 0xfe4f }, { 0xff00, 0xffef } };
  size_t i;
  for (i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (c >= ranges[i][0] && c <= ranges[i][1]) return 1;
  return 0;
}

/* Chinese characters one by one, the rest as above, but for the marks at the end and what stands for others in HTML. */
static void score_cut_zh(score_work *w, score_units *u, const char *s, size_t n) {
  score_bytes *b = &w->text;
  score_text t;
  size_t i, bytes;
  t.s = s;
  t.n = n;
  t = score_trim(t);
  b->count = 0;
  for (i = 0; i < t.n; i += bytes) {
    int own = score_chinese(score_char(t.s + i, &bytes));
    if (own) score_put(w, b, " ", 1);
    score_put(w, b, t.s + i, bytes);
    if (own) score_put(w, b, " ", 1);
  }
  if (!w->failed) score_marks(w, u);
}

/* Characters, but what is white. */
static void score_cut_chars(score_work *w, score_units *u, const char *s, size_t n) {
  size_t i, bytes;
  for (i = 0; i < n; i += bytes) {
    uint32_t c = score_char(s + i, &bytes);
    if (!score_white(c)) score_unit(w, u, c);
  }
}

/* rouge_score's words: letters and digits of ASCII, in lower case. Two other letters have one of ASCII there. */
static void score_cut_rouge(score_work *w, score_units *u, const char *s, size_t n) {
  score_bytes *b = &w->text;
  size_t i, bytes;
  b->count = 0;
  for (i = 0; i < n; i += bytes) {
    uint32_t c = score_char(s + i, &bytes);
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if ((c >= 'a' && c <= 'z') || (c < 128 && ldr__digit((char)c))) {
      char byte = (char)c;
      score_put(w, b, &byte, 1);
    } else if (c == 0x212a) score_put(w, b, "k", 1);     /* Kelvin                           */
    else if (c == 0x130) score_put(w, b, "i ", 2);       /* I with a dot, which becomes a mark of its own */
    else score_put(w, b, " ", 1);
  }
  if (!w->failed) score_split(w, u, b);
}

static void score_cut_said(score_work *w, score_cutter *cut, int orders, const score_text *t) {
  w->said.count = 0;
  if (!score_clear(w)) return;
  cut(w, &w->said, t->s, t->n);
  score_count_said(w, orders);
}

static void score_cut_other(score_work *w, score_cutter *cut, const score_text *t) {
  w->other.count = 0;
  if (!w->failed) cut(w, &w->other, t->s, t->n);
}

/* ---- the measures ------------------------------------------------------------------------ */

/* Precisions of all texts together, where one without a match counts as half, a quarter, .. of a match, and a penalty
   for too few words; of several references the nearest in length, and the shorter of two as near. */
static double score_bleu(score_work *w, const score_texts *set, score_cutter *cut) {
  enum { ORDERS = 4 };
  uint64_t right[SCORE_ORDERS] = { 0 }, same[SCORE_ORDERS] = { 0 }, total[SCORE_ORDERS] = { 0 }, said = 0, wanted = 0;
  double sum = 0, part = 1;
  size_t i, r;
  int k;
  for (i = 0; i < set->count && !w->failed; i++) {
    size_t near = 0, off = SIZE_MAX;
    score_cut_said(w, cut, ORDERS, &set->said[i]);
    for (r = set->first[i]; r < set->first[i + 1] && !w->failed; r++) {
      size_t n, gap;
      score_cut_other(w, cut, &set->references[r]);
      n = w->other.count;
      gap = n > w->said.count ? n - w->said.count : w->said.count - n;
      if (gap < off || (gap == off && n < near)) near = n;
      off = LDR__MIN(off, gap);
      if (!w->failed) score_meet(w, ORDERS, same, right);
    }
    for (k = 0; k < ORDERS; k++) total[k] += score_total(&w->said, k + 1);
    said += w->said.count;
    wanted += near;
  }
  if (w->failed || !right[0] || !total[ORDERS - 1]) return 0;
  for (k = 0; k < ORDERS; k++) {
    if (!right[k]) part /= 2;
    sum += log((right[k] ? (double)right[k] : part) / (double)total[k]);
  }
  if (said < wanted) sum += (int)ORDERS * (1 - (double)wanted / (double)said);
  return 100 * exp(sum / (int)ORDERS);
}

static double score_bleu_13a(score_work *w, const score_texts *set) { return score_bleu(w, set, score_cut_13a); }
static double score_bleu_zh(score_work *w, const score_texts *set) { return score_bleu(w, set, score_cut_zh); }

typedef struct score_chars { uint64_t said[SCORE_ORDERS], wanted[SCORE_ORDERS], same[SCORE_ORDERS]; } score_chars;

/* Precision and recall, each the mean of the lengths of which both sides have any; recall counts twice. */
static double score_chars_f(const score_chars *c) {
  double precision = 0, recall = 0;
  int k, n = 0;
  for (k = 0; k < SCORE_ORDERS; k++) {
    if (!c->said[k] || !c->wanted[k]) continue;
    precision += (double)c->same[k] / (double)c->said[k];
    recall += (double)c->same[k] / (double)c->wanted[k];
    n++;
  }
  return n && precision + recall > 0 ? 100 * 5 * precision * recall / (4 * precision + recall) / n : 0;
}

/* Of all texts together, each beside the reference that it is nearest to. */
static double score_chrf(score_work *w, const score_texts *set) {
  score_chars all, best, c;
  uint64_t fresh[SCORE_ORDERS] = { 0 };
  size_t i, r;
  int k;
  memset(&all, 0, sizeof all);
  memset(&best, 0, sizeof best);
  for (i = 0; i < set->count && !w->failed; i++) {
    double f, highest = -1;
    score_cut_said(w, score_cut_chars, SCORE_ORDERS, &set->said[i]);
    for (r = set->first[i]; r < set->first[i + 1] && !w->failed; r++) {
      memset(&c, 0, sizeof c);
      score_cut_other(w, score_cut_chars, &set->references[r]);
      if (w->failed) return 0;
      score_meet(w, SCORE_ORDERS, c.same, fresh);
      for (k = 0; k < SCORE_ORDERS; k++) {
        c.wanted[k] = score_total(&w->other, k + 1);
        c.said[k] = c.wanted[k] ? score_total(&w->said, k + 1) : 0;
      }
      f = score_chars_f(&c);
      if (f > highest) best = c;
      highest = LDR__MAX(f, highest);
    }
    for (k = 0; k < SCORE_ORDERS; k++) {
      all.said[k] += best.said[k];
      all.wanted[k] += best.wanted[k];
      all.same[k] += best.same[k];
    }
  }
  return score_chars_f(&all);
}

/* The longest sequence of words that is in the text and in the reference w->other, perhaps with others between: 64
   places of the text at a time (Crochemore and others, 2001). */
static size_t score_common(score_work *w) {
  size_t n = w->said.count, words = n / 64 + 1, i, j, common = 0;
  uint64_t *row, *hit;
  void *grown;
  w->chain.count = 0;
  for (i = 0; i < n; i++) w->grams[w->said.at[i]].most = 0;
  for (i = 0; i < n && !w->failed; i++) {
    score_gram *g = &w->grams[w->said.at[i]];
    score_unit(w, &w->chain, g->most);
    g->most = (uint32_t)i + 1;
  }
  grown = score_grow(w, w->bits, &w->bit_capacity, 2 * words, sizeof *w->bits);
  if (!grown) return 0;
  row = w->bits = (uint64_t *)grown;
  hit = row + words;
  memset(row, 0xff, words * sizeof *row);
  memset(hit, 0, words * sizeof *hit);
  for (j = 0; j < w->other.count; j++) {
    uint32_t at = w->other.at[j] ? w->grams[w->other.at[j]].most : 0, place;
    uint64_t carry = 0;
    if (!at) continue;
    for (place = at; place; place = w->chain.at[place - 1]) hit[(place - 1) / 64] |= (uint64_t)1 << (place - 1) % 64;
    for (i = 0; i < words; i++) {
      uint64_t v = row[i], u = v & hit[i], sum = v + u, more = sum < v;
      sum += carry;
      carry = more | (sum < carry);
      row[i] = sum | (v & ~hit[i]);
    }
    for (place = at; place; place = w->chain.at[place - 1]) hit[(place - 1) / 64] = 0;
  }
  for (i = 0; i < n; i++) common += !(row[i / 64] >> i % 64 & 1);
  return common;
}

/* The mean over texts of F with the nearest reference; order 0: of the longest common sequence. */
static double score_rouge(score_work *w, const score_texts *set, int order) {
  double sum = 0;
  size_t i, r;
  for (i = 0; i < set->count && !w->failed; i++) {
    double best = 0;
    score_cut_said(w, score_cut_rouge, order, &set->said[i]);
    for (r = set->first[i]; r < set->first[i + 1] && !w->failed; r++) {
      uint64_t same[SCORE_ORDERS] = { 0 }, fresh[SCORE_ORDERS] = { 0 }, all;
      int n = LDR__MAX(order, 1);
      score_cut_other(w, score_cut_rouge, &set->references[r]);
      if (w->failed) return 0;
      if (order) score_meet(w, order, same, fresh);
      else same[0] = score_common(w);
      all = score_total(&w->said, n) + score_total(&w->other, n);
      if (all) best = LDR__MAX(best, 2 * (double)same[n - 1] / (double)all);
    }
    sum += best;
  }
  return set->count ? 100 * sum / (double)set->count : 0;
}

static double score_rouge1(score_work *w, const score_texts *set) { return score_rouge(w, set, 1); }
static double score_rouge2(score_work *w, const score_texts *set) { return score_rouge(w, set, 2); }
static double score_rouge_l(score_work *w, const score_texts *set) { return score_rouge(w, set, 0); }

/* Texts that are one of their references, but for what is white at the ends. */
static double score_exact(score_work *w, const score_texts *set) {
  size_t i, r, right = 0;
  (void)w;
  for (i = 0; i < set->count; i++) {
    score_text said = score_trim(set->said[i]);
    for (r = set->first[i]; r < set->first[i + 1]; r++) {
      score_text t = score_trim(set->references[r]);
      if (t.n != said.n || (t.n && memcmp(t.s, said.s, t.n) != 0)) continue;
      right++;
      break;
    }
  }
  return set->count ? 100 * (double)right / (double)set->count : 0;
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct score_row {
  const char *name, *shown;      /* in JSON, and for people                                  */
  double    (*of)(score_work *w, const score_texts *set);
} score_table[] = {
  { "bleu", "BLEU", score_bleu_13a },
  { "bleu_zh", "BLEU-zh", score_bleu_zh },
  { "chrf", "chrF", score_chrf },
  { "rouge1", "ROUGE-1", score_rouge1 },
  { "rouge2", "ROUGE-2", score_rouge2 },
  { "rougeL", "ROUGE-L", score_rouge_l },
  { "exact", "exact match", score_exact },
};

enum { SCORE_COUNT = (int)(sizeof score_table / sizeof *score_table) };

/* Every row of a set. The texts are UTF-8. */
static ldr_status score_all(double out[SCORE_COUNT], const score_texts *set, ldr_error *err) {
  score_work w;
  int i, failed = 0;
  memset(&w, 0, sizeof w);
  for (i = 0; i < SCORE_COUNT && !failed; i++) {
    out[i] = score_table[i].of(&w, set);
    failed = w.failed;
  }
  score_close(&w);
  return failed ? words_no_memory("scores", err) : LDR_OK;
}

#endif
