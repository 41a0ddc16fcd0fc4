/* words.h: what a model for a new language or domain starts with, made from plain text: a vocabulary of WordPiece or,
   for T5 and kin, of pieces with blanks, and vectors for its words. Included behind the implementation of ladder.h,
   whose characters, files, errors and random numbers it uses. C99 and C++11, nothing but libc, no global state.

       make_vocabulary     text files -> vocab.txt, or a tokenizer.json with sentinels
       word_counts_...     token ids -> how often which two stand near each other
       word_vectors        these counts -> one vector a token */

#ifndef WORDS_H
#define WORDS_H

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WORDS_LIMIT            /* distinct words held at once; some 150 bytes each with all there is */
#define WORDS_LIMIT 2000000
#endif
#ifndef WORDS_PAIR_LIMIT       /* distinct pairs of neighbours held at once; up to 43 bytes each */
#define WORDS_PAIR_LIMIT 12000000
#endif
#include "axes.h"
#include "grow.h"

enum { WORDS_MOST_PIECES = 1 << 22, WORDS_WINDOW = 5 };

/* ---- which entries are the rarest ------------------------------------------------------ */

/* A table that is full drops its rarest entries. Counts are put into bins, exact below 2048 and then
   to a part in a thousand, so one pass finds the limit without sorting. All entries of a bin
   stay or go together: the order in which they arrived decides nothing among them. */
enum { WORDS_BINS = 1 << 16 };

static uint32_t words_bin(uint64_t n) {
  uint32_t e = 0;
  for (; n >= 2048; n >>= 1) e++;
  return e * 1024 + (uint32_t)n;
}

/* The lowest bin that stays when at most `keep` entries may. */
static uint32_t words_lowest(const uint32_t *bins, size_t keep) {
  uint32_t b = WORDS_BINS;
  size_t kept = 0;
  while (b > 0 && kept + bins[b - 1] <= keep) kept += bins[--b];
  return b;
}

/* ---- the table of words ---------------------------------------------------------------- */

typedef struct words_entry {
  uint64_t count;
  size_t   at;                   /* of its characters in words_table.chars                 */
  uint32_t hash, bytes;
} words_entry;

typedef struct words_table {
  words_entry *entries;          /* in the order of their first occurrence                 */
  size_t       count, capacity, limit;
  char        *chars;
  size_t       used, room;
  uint32_t    *slots;            /* a power of two of them; the entry's place + 1, 0 is free */
  size_t       slot_count;
} words_table;

static void words_table_free(words_table *t) {
  free(t->entries);
  free(t->chars);
  free(t->slots);
  memset(t, 0, sizeof *t);
}

static size_t words_home(const words_table *t, uint32_t hash) { return (hash ^ hash >> 15) & (t->slot_count - 1); }

static void words_table_link(words_table *t) {
  size_t i, s;
  memset(t->slots, 0, t->slot_count * sizeof *t->slots);
  for (i = 0; i < t->count; i++) {
    for (s = words_home(t, t->entries[i].hash); t->slots[s]; s = (s + 1) & (t->slot_count - 1)) {}
    t->slots[s] = (uint32_t)i + 1;
  }
}

/* Half of the table stays at most, so that this happens seldom. Entries only move down. */
static void words_table_drop(words_table *t, uint32_t *bins) {
  size_t i, kept = 0, used = 0;
  uint32_t lowest;
  memset(bins, 0, WORDS_BINS * sizeof *bins);
  for (i = 0; i < t->count; i++) bins[words_bin(t->entries[i].count)]++;
  lowest = words_lowest(bins, t->limit / 2);
  for (i = 0; i < t->count; i++) {
    words_entry e = t->entries[i];
    if (words_bin(e.count) < lowest) continue;
    memmove(t->chars + used, t->chars + e.at, e.bytes);
    e.at = used;
    used += e.bytes;
    t->entries[kept++] = e;
  }
  t->count = kept;
  t->used = used;
  words_table_link(t);
}

/* Room for one more word; 0: out of memory. */
static int words_table_room(words_table *t, uint32_t bytes) {
  void *p;
  if (t->count == t->limit) {
    uint32_t *bins = (uint32_t *)malloc(WORDS_BINS * sizeof *bins);
    if (!bins) return 0;
    words_table_drop(t, bins);
    free(bins);
  }
  if ((t->count + 1) * 2 > t->slot_count) {
    size_t n = t->slot_count ? t->slot_count * 2 : 1024;
    p = malloc(n * sizeof *t->slots);
    if (!p) return 0;
    free(t->slots);
    t->slots = (uint32_t *)p;
    t->slot_count = n;
    words_table_link(t);
  }
  p = words_grow(t->entries, &t->capacity, t->count + 1, sizeof *t->entries);
  if (!p) return 0;
  t->entries = (words_entry *)p;
  p = words_grow(t->chars, &t->room, t->used + bytes, 1);
  if (!p) return 0;
  t->chars = (char *)p;
  return 1;
}

/* Counts a word once more; 0: out of memory. */
static int words_table_add(words_table *t, const char *word, uint32_t bytes) {
  uint32_t hash = ldr__vocab_hash(ldr__address_hash(t), word, bytes);
  words_entry *e;
  size_t s;
  if (t->slot_count) {
    for (s = words_home(t, hash); t->slots[s]; s = (s + 1) & (t->slot_count - 1)) {
      e = t->entries + (t->slots[s] - 1);
      if (e->hash != hash || e->bytes != bytes || memcmp(t->chars + e->at, word, bytes) != 0) continue;
      e->count++;
      return 1;
    }
  }
  if (!words_table_room(t, bytes)) return 0;
  for (s = words_home(t, hash); t->slots[s]; s = (s + 1) & (t->slot_count - 1)) {}
  e = t->entries + t->count++;
  t->slots[s] = (uint32_t)t->count;
  e->count = 1;
  e->at = t->used;
  e->hash = hash;
  e->bytes = bytes;
  memcpy(t->chars + t->used, word, bytes);
  t->used += bytes;
  return 1;
}

/* ---- text to words --------------------------------------------------------------------- */

/* The word under way; spaced: it has the blank before it, as U+2581. The steps are those of ldr__text_char and what it
   calls, without the places in the text and the look-up of pieces: words come out as the tokenizer will see them. */
typedef struct words_splitter {
  words_table *table;
  int          lower, spaced, blank, alone, too_long, failed;
  int32_t      chars;
  uint32_t     bytes;
  char         word[LADDER_MAX_WORD_CHARS * 4];
} words_splitter;

static void words_flush(words_splitter *s) {
  if (s->chars && !s->too_long && !words_table_add(s->table, s->word, s->bytes)) s->failed = 1;
  s->chars = s->alone = s->too_long = 0;
  s->bytes = 0;
}

static void words_letter(words_splitter *s, uint32_t c, int alone) {
  if (s->chars && (alone || s->alone)) words_flush(s);
  s->alone = alone;
  if (s->chars == LADDER_MAX_WORD_CHARS) {       /* the tokenizer calls such a word unknown    */
    s->too_long = 1;
    return;
  }
  s->bytes += (uint32_t)ldr__utf8_put(s->word + s->bytes, c);
  s->chars++;
}

enum { WORDS_BLANK = 0x2581 };

static void words_char(words_splitter *s, uint32_t c) {
  int alone = ldr__char_cjk(c), n = 1, i;
  uint32_t out[24];
  if (ldr__char_control(c)) return;
  if (ldr__char_white(c)) {
    words_flush(s);
    s->blank = s->spaced;
    return;
  }
  out[0] = c;
  if (s->lower) n = ldr__decompose(out, c, 0);
  for (i = 0; i < n; i++) {
    if (s->lower && ldr__char_nonspacing(out[i])) continue;
    if (s->blank) words_letter(s, WORDS_BLANK, 0);
    s->blank = 0;
    words_letter(s, s->lower ? ldr__char_lower(out[i]) : out[i], alone || ldr__char_punct(out[i]));
  }
}

enum { WORDS_SPECIAL = 5 };
static const char *words_special(int i) {
  static const char *const names[WORDS_SPECIAL] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
  return names[i];
}

/* Bytes of the special token s begins with, or 0: the tokenizer makes no word of it. */
static size_t words_special_at(const unsigned char *s, size_t n) {
  int i;
  for (i = 0; i < WORDS_SPECIAL; i++) {
    size_t bytes = strlen(words_special(i));
    if (bytes <= n && memcmp(words_special(i), s, bytes) == 0) return bytes;
  }
  return 0;
}

/* Takes all whole characters of s[n]; returns how many bytes were taken. Short of the end of the file
   the last few wait for more, as a character or a special token may be cut in two there. */
static size_t words_split(words_splitter *s, const unsigned char *p, size_t n, int last, int *bad) {
  size_t i = 0, step;
  int32_t bytes;
  while (!s->failed && (last ? i < n : i + 8 <= n)) {
    step = p[i] == '[' && !s->spaced ? words_special_at(p + i, n - i) : 0;
    if (step) words_flush(s);
    else {
      step = ldr__utf8_length(p + i, n - i);
      if (!step) {
        *bad = 1;
        break;
      }
      words_char(s, ldr__utf8_at((const char *)p + i, &bytes));
    }
    i += step;
  }
  return i;
}

/* Adds the words of one file to the table. Read in blocks, so a line may be as long as it likes. */
static ldr_status words_read(words_table *t, const char *path, int lower, int spaced, ldr_error *err) {
  enum { BLOCK = 1 << 16 };
  words_splitter s;
  uint64_t offset = 0;
  size_t have = 0, taken, got;
  int bad = 0;
  unsigned char *block;
  ldr_status status = LDR_OK;
  FILE *f = fopen(path, "rb");
  if (!f) return ldr__fail(err, LDR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  block = (unsigned char *)malloc(BLOCK);
  memset(&s, 0, sizeof s);
  s.table = t;
  s.lower = lower;
  s.spaced = s.blank = spaced;
  do {
    if (!block) break;
    got = fread(block + have, 1, BLOCK - have, f);
    have += got;
    taken = words_split(&s, block, have, got == 0, &bad);
    offset += taken;
    have -= taken;
    memmove(block, block + taken, have);
  } while (got && !bad && !s.failed);
  if (block && ferror(f)) status = ldr__fail(err, LDR_IO, "%s: cannot be read: %s", path, strerror(errno));
  else if (bad) status = ldr__fail_at(err, LDR_DATA, offset, "%s: the text is not UTF-8: convert the file", path);
  else {
    words_flush(&s);
    if (s.failed || !block) status = words_no_memory("the table of words", err);
  }
  free(block);
  fclose(f);
  return status;
}

/* ---- pieces and pairs ------------------------------------------------------------------ */

/* A piece; `inner` ones are written with ## before them. */
typedef struct words_piece { size_t at; uint32_t bytes, hash; int inner; } words_piece;

/* Two pieces side by side, and a list of the words that hold them. The list may name a word twice, or
   one that holds the pair no more: who follows it looks. */
typedef struct words_pair { uint64_t count; int32_t left, right, list, stamp; } words_pair;
typedef struct words_node { uint32_t word; int32_t next; } words_node;
typedef struct words_best { uint64_t count; int32_t pair; } words_best;

/* spaced: a piece is the same at the beginning of a word and inside, as blanks are letters.
   Word w is pieces[start[w]] to pieces[start[w] + length[w] - 1] and occurs weight[w] times. */
typedef struct words_maker {
  const words_table *table;
  int32_t      size, special;        /* pieces wanted, without the special tokens; those       */
  int          spaced;
  words_piece *pieces;
  int32_t      count;
  int32_t     *slots;                /* pieces by their text; id + 1                           */
  size_t       slot_count;
  char        *chars;
  size_t       used, room;
  int32_t     *outer, *inner;        /* [0x110000]: the piece of a character + 1               */
  size_t       word_count;
  size_t      *start;
  uint64_t    *weight;
  unsigned char *length;
  int32_t     *text;                 /* the words as pieces                                    */
  words_pair  *pairs;
  size_t       pair_count, pair_room;
  uint32_t    *pair_slots;           /* pairs by their two ids; place + 1                      */
  size_t       pair_slot_count;
  words_node  *nodes;
  size_t       node_count, node_room;
  int32_t      free_node;
  words_best  *heap;
  size_t       heap_count, heap_room;
  int32_t     *touched;              /* pairs that the merge under way made more frequent      */
  size_t       touched_count, touched_room;
  int32_t      stamp;
} words_maker;

LDR__STATIC_ASSERT(words_fit_their_length, LADDER_MAX_WORD_CHARS < 256);

static void words_maker_free(words_maker *m) {
  free(m->pieces);
  free(m->slots);
  free(m->chars);
  free(m->outer);
  free(m->inner);
  free(m->start);
  free(m->weight);
  free(m->length);
  free(m->text);
  free(m->pairs);
  free(m->pair_slots);
  free(m->nodes);
  free(m->heap);
  free(m->touched);
}

/* The piece of this text, made if there is none; -1: out of memory. Two pairs may make the same
   text: ab + c and a + bc are one piece. */
static int32_t words_piece_get(words_maker *m, const char *s, uint32_t bytes, int inner) {
  uint32_t hash = ldr__vocab_hash(ldr__address_hash(m) ^ (uint32_t)inner, s, bytes);
  size_t i = (hash ^ hash >> 15) & (m->slot_count - 1);
  words_piece *p;
  char *chars;
  for (; m->slots[i]; i = (i + 1) & (m->slot_count - 1)) {
    p = m->pieces + (m->slots[i] - 1);
    if (p->hash == hash && p->bytes == bytes && p->inner == inner && memcmp(m->chars + p->at, s, bytes) == 0)
      return m->slots[i] - 1;
  }
  chars = (char *)words_grow(m->chars, &m->room, m->used + bytes, 1);
  if (!chars) return -1;
  m->chars = chars;
  memcpy(chars + m->used, s, bytes);
  p = m->pieces + m->count;
  p->at = m->used;
  p->bytes = bytes;
  p->hash = hash;
  p->inner = inner;
  m->used += bytes;
  m->slots[i] = ++m->count;
  return m->count - 1;
}

static size_t words_pair_slot(const words_maker *m, int32_t left, int32_t right) {
  size_t i = (size_t)ldr__mix64((uint64_t)(uint32_t)left << 32 | (uint32_t)right) & (m->pair_slot_count - 1);
  for (; m->pair_slots[i]; i = (i + 1) & (m->pair_slot_count - 1)) {
    const words_pair *p = m->pairs + (m->pair_slots[i] - 1);
    if (p->left == left && p->right == right) break;
  }
  return i;
}

static int words_pair_widen(words_maker *m) {
  size_t n = m->pair_slot_count ? m->pair_slot_count * 2 : 4096, i;
  uint32_t *slots = (uint32_t *)calloc(n, sizeof *slots);
  if (!slots) return 0;
  free(m->pair_slots);
  m->pair_slots = slots;
  m->pair_slot_count = n;
  for (i = 0; i < m->pair_count; i++) slots[words_pair_slot(m, m->pairs[i].left, m->pairs[i].right)] = (uint32_t)i + 1;
  return 1;
}

/* The place of a pair, made if there is none; -1: out of memory. */
static int32_t words_pair_get(words_maker *m, int32_t left, int32_t right) {
  words_pair *p;
  size_t slot;
  if (m->pair_count >= (size_t)INT32_MAX || ((m->pair_count + 1) * 2 > m->pair_slot_count && !words_pair_widen(m)))
    return -1;
  slot = words_pair_slot(m, left, right);
  if (m->pair_slots[slot]) return (int32_t)(m->pair_slots[slot] - 1);
  p = (words_pair *)words_grow(m->pairs, &m->pair_room, m->pair_count + 1, sizeof *p);
  if (!p) return -1;
  m->pairs = p;
  p += m->pair_count++;
  p->count = 0;
  p->left = left;
  p->right = right;
  p->list = p->stamp = -1;
  m->pair_slots[slot] = (uint32_t)m->pair_count;
  return (int32_t)m->pair_count - 1;
}

static int words_list_add(words_maker *m, int32_t pair, uint32_t word) {
  int32_t at = m->free_node;
  if (at >= 0) m->free_node = m->nodes[at].next;
  else {
    words_node *n = m->node_count < (size_t)INT32_MAX
        ? (words_node *)words_grow(m->nodes, &m->node_room, m->node_count + 1, sizeof *n)
        : NULL;
    if (!n) return 0;
    m->nodes = n;
    at = (int32_t)m->node_count++;
  }
  m->nodes[at].word = word;
  m->nodes[at].next = m->pairs[pair].list;
  m->pairs[pair].list = at;
  return 1;
}

/* One more pair side by side in a word. The first time in a merge it is noted as touched. */
static int words_pair_add(words_maker *m, int32_t left, int32_t right, uint32_t word) {
  int32_t pair = words_pair_get(m, left, right);
  if (pair < 0 || !words_list_add(m, pair, word)) return 0;
  m->pairs[pair].count += m->weight[word];
  if (m->pairs[pair].stamp != m->stamp) {
    int32_t *t = (int32_t *)words_grow(m->touched, &m->touched_room, m->touched_count + 1, sizeof *t);
    if (!t) return 0;
    m->touched = t;
    t[m->touched_count++] = pair;
    m->pairs[pair].stamp = m->stamp;
  }
  return 1;
}

/* ---- the most frequent pair ------------------------------------------------------------ */

/* The text two pieces make, letter by letter, without building it. */
static unsigned char words_joined(const words_maker *m, const words_pair *p, uint32_t i) {
  const words_piece *a = m->pieces + p->left, *b = m->pieces + p->right;
  return (unsigned char)(i < a->bytes ? m->chars[a->at + i] : m->chars[b->at + (i - a->bytes)]);
}

/* Whether x is merged before y: the more frequent; then the text that sorts first, as written (# sorts
   before letters); then the shorter left part. No two pairs are equal in all of this. */
static int words_before(const words_maker *m, words_best x, words_best y) {
  const words_pair *p = m->pairs + x.pair, *q = m->pairs + y.pair;
  uint32_t i, n, k;
  if (x.count != y.count) return x.count > y.count;
  if (m->pieces[p->left].inner != m->pieces[q->left].inner) return m->pieces[p->left].inner;
  n = m->pieces[p->left].bytes + m->pieces[p->right].bytes;
  k = m->pieces[q->left].bytes + m->pieces[q->right].bytes;
  for (i = 0; i < n && i < k; i++)
    if (words_joined(m, p, i) != words_joined(m, q, i)) return words_joined(m, p, i) < words_joined(m, q, i);
  if (n != k) return n < k;
  return m->pieces[p->left].bytes < m->pieces[q->left].bytes;
}

static void words_sink(words_maker *m, size_t i) {
  words_best moved = m->heap[i];
  size_t child;
  while ((child = 2 * i + 1) < m->heap_count) {
    if (child + 1 < m->heap_count && words_before(m, m->heap[child + 1], m->heap[child])) child++;
    if (!words_before(m, m->heap[child], moved)) break;
    m->heap[i] = m->heap[child];
    i = child;
  }
  m->heap[i] = moved;
}

static int words_push(words_maker *m, int32_t pair) {
  words_best b, *heap = (words_best *)words_grow(m->heap, &m->heap_room, m->heap_count + 1, sizeof *heap);
  size_t i = m->heap_count, parent;
  if (!heap) return 0;
  m->heap = heap;
  m->heap_count++;
  b.count = m->pairs[pair].count;
  b.pair = pair;
  for (; i > 0; i = parent) {
    parent = (i - 1) / 2;
    if (!words_before(m, b, heap[parent])) break;
    heap[i] = heap[parent];
  }
  heap[i] = b;
  return 1;
}

/* All pairs that became more frequent get a new entry; those that became rarer are found out when they
   come up. A pair seen once is not worth a piece. */
static int words_push_touched(words_maker *m) {
  size_t i;
  for (i = 0; i < m->touched_count; i++)
    if (m->pairs[m->touched[i]].count >= 2 && !words_push(m, m->touched[i])) return 0;
  m->touched_count = 0;
  return 1;
}

/* The pair to merge next, or -1 when no pair is left. */
static int32_t words_pop(words_maker *m) {
  while (m->heap_count) {
    words_best top = m->heap[0];
    uint64_t now = m->pairs[top.pair].count;
    if (now >= 2 && now < top.count) m->heap[0].count = now;
    else m->heap[0] = m->heap[--m->heap_count];
    if (m->heap_count) words_sink(m, 0);
    if (now == top.count) return top.pair;
  }
  return -1;
}

/* ---- letters --------------------------------------------------------------------------- */

typedef struct words_char_count { uint64_t count; uint32_t c; } words_char_count;

static int words_by_count(const void *a, const void *b) {
  const words_char_count *x = (const words_char_count *)a, *y = (const words_char_count *)b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return x->c < y->c ? -1 : x->c > y->c;
}

/* Punctuation and Han are words of their own and need no piece inside words. */
static int words_stands_alone(uint32_t c) { return ldr__char_cjk(c) || ldr__char_punct(c); }

/* How many of the n letters, the most frequent first, get pieces: those that make up 999 of 1000 characters must, and
   every other that is at least one in a million as long as there is room. *needed: the pieces of those that must. */
static size_t words_letters(const words_char_count *letters, size_t n, int32_t size, int spaced, uint64_t *needed) {
  uint64_t total = 0, covered = 0, pieces = 0;
  size_t i;
  for (i = 0; i < n; i++) total += letters[i].count;
  for (i = 0; i < n; i++) {
    int must = covered < total - total / 1000;
    pieces += spaced || words_stands_alone(letters[i].c) ? 1u : 2u;
    if (must) *needed = pieces;
    else if (pieces > (uint64_t)size || letters[i].count < total / 1000000) break;
    covered += letters[i].count;
  }
  return i;
}

/* Pieces for letters: those that begin a word, then those inside. */
static ldr_status words_alphabet(words_maker *m, ldr_error *err) {
  words_char_count *letters = (words_char_count *)calloc(0x110000, sizeof *letters);
  uint64_t needed = 0;
  size_t i, k, n = 0, taken;
  int32_t bytes;
  ldr_status status = LDR_OK;
  char utf8[4];
  m->outer = (int32_t *)calloc(0x110000, sizeof *m->outer);
  m->inner = (int32_t *)calloc(0x110000, sizeof *m->inner);
  if (!letters || !m->outer || !m->inner) {
    free(letters);
    return words_no_memory("the letters", err);
  }
  for (i = 0; i < m->table->count; i++) {
    const words_entry *e = m->table->entries + i;
    const char *s = m->table->chars + e->at;
    for (k = 0; k < e->bytes; k += (size_t)bytes) {
      letters[ldr__utf8_at(s + k, &bytes)].count += e->count;
    }
  }
  for (i = 0; i < 0x110000; i++) {
    uint64_t count = letters[i].count;
    if (!count) continue;
    letters[n].count = count;
    letters[n++].c = (uint32_t)i;
  }
  qsort(letters, n, sizeof *letters, words_by_count);
  taken = words_letters(letters, n, m->size, m->spaced, &needed);
  if (n == 0) status = ldr__fail(err, LDR_DATA, "the texts hold no words");
  else if (needed > (uint64_t)m->size)
    status = ldr__fail(err, LDR_ARGUMENT,
        "%I pieces do not hold the %d special tokens and the letters of the texts; ask for %U or more",
        (int64_t)m->size + m->special, m->special, needed + (uint64_t)m->special);
  for (k = 0; k < 2 && !status; k++)
    for (i = 0; i < taken && !status; i++) {
      int32_t id;
      if (k && (m->spaced || words_stands_alone(letters[i].c))) continue;
      id = words_piece_get(m, utf8, (uint32_t)ldr__utf8_put(utf8, letters[i].c), k == 1);
      if (id < 0) status = words_no_memory("the pieces", err);
      else (k ? m->inner : m->outer)[letters[i].c] = id + 1;
    }
  free(letters);
  return status;
}

/* ---- words as pieces, and merges ------------------------------------------------------- */

/* The letters of a word as pieces; 0 when it has none for one, the tokenizer does not know such a word. */
static size_t words_spell(const words_maker *m, const words_entry *e, int32_t *out) {
  const char *s = m->table->chars + e->at;
  size_t n = 0, k;
  int32_t id, bytes;
  for (k = 0; k < e->bytes; k += (size_t)bytes) {
    id = (n && !m->spaced ? m->inner : m->outer)[ldr__utf8_at(s + k, &bytes)] - 1;
    if (id < 0) return 0;
    out[n++] = id;
  }
  return n;
}

static int words_spell_all(words_maker *m) {
  const words_table *t = m->table;
  size_t i, k, used = 0;
  if (t->used > SIZE_MAX / 8) return 0;
  m->start = (size_t *)malloc((t->count + 1) * sizeof *m->start);
  m->weight = (uint64_t *)malloc((t->count + 1) * sizeof *m->weight);
  m->length = (unsigned char *)malloc(t->count + 1);
  /* no more letters than bytes */
  m->text = (int32_t *)malloc((t->used + LADDER_MAX_WORD_CHARS) * sizeof *m->text);
  if (!m->start || !m->weight || !m->length || !m->text) return 0;
  for (i = 0; i < t->count; i++) {
    size_t n = words_spell(m, t->entries + i, m->text + used);
    uint32_t w = (uint32_t)m->word_count;
    if (n < 2 && !(n && m->spaced)) continue;
    m->start[w] = used;
    m->weight[w] = t->entries[i].count;
    m->length[w] = (unsigned char)n;
    m->word_count++;
    for (k = 0; k + 1 < n; k++)
      if (!words_pair_add(m, m->text[used + k], m->text[used + k + 1], w)) return 0;
    used += n;
  }
  return words_push_touched(m);
}

/* Joins every left right of a word, from its beginning on. Only pairs that a join takes part in are
   counted anew; all others are the same before and after. */
static int words_join(words_maker *m, uint32_t word, int32_t left, int32_t right, int32_t joined) {
  int32_t *s = m->text + m->start[word];
  size_t n = m->length[word], i, k = 0;
  unsigned char part[LADDER_MAX_WORD_CHARS + 1], fresh[LADDER_MAX_WORD_CHARS + 1];
  int any = 0;
  memset(part, 0, n + 1);
  for (i = 0; i + 1 < n; i++)
    if (s[i] == left && s[i + 1] == right) {
      part[i] = part[i + 1] = 1;
      any = 1;
      i++;
    }
  if (!any) return 1;
  for (i = 0; i + 1 < n; i++)
    if (part[i] || part[i + 1])
      m->pairs[m->pair_slots[words_pair_slot(m, s[i], s[i + 1])] - 1].count -= m->weight[word];
  for (i = 0; i < n; i++, k++) {
    fresh[k] = part[i];
    if (part[i]) {
      s[k] = joined;
      i++;
    } else s[k] = s[i];
  }
  m->length[word] = (unsigned char)k;
  for (i = 0; i + 1 < k; i++)
    if ((fresh[i] || fresh[i + 1]) && !words_pair_add(m, s[i], s[i + 1], word)) return 0;
  return 1;
}

static int words_merge(words_maker *m, int32_t pair) {
  int32_t left = m->pairs[pair].left, right = m->pairs[pair].right, joined, at, next;
  words_piece a = m->pieces[left], b = m->pieces[right];
  char both[LADDER_MAX_WORD_CHARS * 4];
  memcpy(both, m->chars + a.at, a.bytes);
  memcpy(both + a.bytes, m->chars + b.at, b.bytes);
  joined = words_piece_get(m, both, a.bytes + b.bytes, a.inner);
  if (joined < 0) return 0;
  at = m->pairs[pair].list;
  m->pairs[pair].list = -1;
  m->stamp++;
  for (; at >= 0; at = next) {
    uint32_t word = m->nodes[at].word;
    next = m->nodes[at].next;
    m->nodes[at].next = m->free_node;
    m->free_node = at;
    if (!words_join(m, word, left, right, joined)) return 0;
  }
  return words_push_touched(m);
}

/* Byte-pair merges by plain counts, not WordPiece's count(ab) / (count(a) count(b)): the ratio is highest for letters
   that are rare and always together, so it takes up foreign names and typing errors first; counts give short texts in
   few pieces, which is what a model of limited length wants, and the tokenizer finds these pieces in the same way,
   longest first. */
static ldr_status words_make(words_maker *m, ldr_error *err) {
  size_t most = (size_t)m->size + 1;
  int32_t pair;
  ldr_status status;
  for (m->slot_count = 1024; m->slot_count < 2 * most; m->slot_count *= 2) {}
  m->pieces = (words_piece *)malloc(most * sizeof *m->pieces);
  m->slots = (int32_t *)calloc(m->slot_count, sizeof *m->slots);
  if (!m->pieces || !m->slots) return words_no_memory("the pieces", err);
  m->free_node = -1;
  status = words_alphabet(m, err);
  if (status) return status;
  if (!words_spell_all(m)) return words_no_memory("the pairs of pieces", err);
  while (m->count < m->size && (pair = words_pop(m)) >= 0)
    if (!words_merge(m, pair)) return words_no_memory("the pairs of pieces", err);
  return LDR_OK;
}

static ldr_status words_write(const words_maker *m, const char *out, ldr_error *err) {
  ldr__writer w;
  int32_t i;
  if (ldr__writer_open(&w, out, err)) return w.status;
  for (i = 0; i < WORDS_SPECIAL; i++) {
    ldr__writer_put(&w, words_special(i), strlen(words_special(i)), err);
    ldr__writer_put(&w, "\n", 1, err);
  }
  for (i = 0; i < m->count; i++) {
    const words_piece *p = m->pieces + i;
    ldr__writer_put(&w, "##", p->inner ? 2 : 0, err);
    ldr__writer_put(&w, m->chars + p->at, p->bytes, err);
    ldr__writer_put(&w, "\n", 1, err);
  }
  return ldr__writer_close(&w, err);
}

enum { WORDS_ENDS = 3 };
static const char *words_end(int i) {
  static const char *const names[WORDS_ENDS] = { "<pad>", "</s>", "<unk>" };
  return names[i];
}

static void words_put(ldr__writer *w, ldr_error *err, const char *format, ...) {
  char line[1024];
  va_list list;
  int n;
  va_start(list, format);
  n = vsnprintf(line, sizeof line, format, list);
  va_end(list);
  ldr__writer_put(w, line, n > 0 ? (size_t)LDR__MIN(n, (int)sizeof line - 1) : 0, err);
}

/* Logarithms of how often each piece stands in the texts as merging left them; of none: as if once in two such
   texts. */
static double *words_scores(const words_maker *m) {
  double *score = (double *)calloc((size_t)m->count + 1, sizeof *score), total = 0;
  size_t w, k;
  int32_t i;
  if (!score) return NULL;
  for (w = 0; w < m->word_count; w++)
    for (k = 0; k < m->length[w]; k++) {
      score[m->text[m->start[w] + k]] += (double)m->weight[w];
      total += (double)m->weight[w];
    }
  for (i = 0; i < m->count; i++) score[i] = log(LDR__MAX(score[i], 0.5) / LDR__MAX(total, 1.0));
  return score;
}

/* A tokenizer.json as T5 has it: words with the blank before them, cut into the likeliest pieces. The sentinels come
   last, as there, the highest id is <extra_id_0>. */
static ldr_status words_write_spaced(const words_maker *m, int lower, const char *out, ldr_error *err) {
  static const char *const space = "\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"always\",\"split\":true}";
  char piece[LADDER_MAX_WORD_CHARS * 4 + 1], quoted[LADDER_MAX_WORD_CHARS * 24 + 3];
  int32_t i, sentinels = m->special - WORDS_ENDS;
  double *score = words_scores(m);
  ldr__text json;
  ldr__writer w;
  if (!score) return words_no_memory("the pieces", err);
  if (ldr__writer_open(&w, out, err)) {
    free(score);
    return w.status;
  }
  words_put(&w, err, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[\n");
  for (i = 0; i < m->special; i++) {
    if (i < WORDS_ENDS) snprintf(piece, sizeof piece, "%s", words_end(i));
    else snprintf(piece, sizeof piece, "<extra_id_%d>", (int)(m->special - 1 - i));
    words_put(&w, err,
        "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
        "\"normalized\":false,\"special\":true}", i ? ",\n" : "", (int)(i < WORDS_ENDS ? i : i + m->count), piece);
  }
  words_put(&w, err,
      "],\n\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":false,"
      "\"strip_accents\":%s,\"lowercase\":%s},\n", lower ? "true" : "false", lower ? "true" : "false");
  words_put(&w, err,
      "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},"
      "{\"type\":\"Metaspace\",%s]},\n", space);
  words_put(&w, err,
      "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
      "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],"
      "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}},"
      "{\"Sequence\":{\"id\":\"B\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],"
      "\"special_tokens\":{\"</s>\":{\"id\":\"</s>\",\"ids\":[1],\"tokens\":[\"</s>\"]}}},\n");
  words_put(&w, err,
      "\"decoder\":{\"type\":\"Metaspace\",%s,\n"
      "\"model\":{\"type\":\"Unigram\",\"unk_id\":2,\"byte_fallback\":false,\"vocab\":[\n", space);
  for (i = 0; i < WORDS_ENDS; i++) words_put(&w, err, "%s[\"%s\",0.0]", i ? ",\n" : "", words_end(i));
  for (i = 0; i < m->count; i++) {
    memcpy(piece, m->chars + m->pieces[i].at, m->pieces[i].bytes);
    piece[m->pieces[i].bytes] = 0;
    ldr__text_init(&json, quoted, sizeof quoted);
    ldr__text_json(&json, piece);
    words_put(&w, err, ",\n[");
    ldr__writer_put(&w, quoted, json.used, err);
    words_put(&w, err, ",%.6f]", score[i]);
  }
  for (i = 0; i < sentinels; i++) words_put(&w, err, ",\n[\"<extra_id_%d>\",0.0]", (int)(sentinels - 1 - i));
  words_put(&w, err, "]}}\n");
  free(score);
  return ldr__writer_close(&w, err);
}

/* Writes a vocab.txt of `size` pieces at most to `out`, whole or not at all, from `count` files of UTF-8 text: the
   special tokens, the letters, then what merging made, the most frequent first. Fewer when no pair occurs twice any
   more. With sentinels a tokenizer.json instead, whose pieces hold the blanks: for languages written with some;
   <pad>, </s>, <unk> and the sentinels are of the `size` pieces. lower_case: as the tokenizer then must be told too,
   which is its default; a tokenizer.json says it. Files are streamed; words beyond WORDS_LIMIT push the rarest out.
   The same files in the same order give the same bytes. */
static ldr_status make_vocabulary(const char *const *paths, int count, int32_t size, int lower_case,
    int32_t sentinels, const char *out, ldr_error *err) {
  words_table table;
  words_maker maker;
  ldr_status status = LDR_OK;
  int i;
  memset(&table, 0, sizeof table);
  memset(&maker, 0, sizeof maker);
  maker.spaced = sentinels > 0;
  maker.special = sentinels > 0 ? WORDS_ENDS + sentinels : WORDS_SPECIAL;
  if (!paths || count < 1 || !out)
    return ldr__fail(err, LDR_ARGUMENT, "no text or no name for the vocabulary was given");
  if (size <= maker.special || size > WORDS_MOST_PIECES)
    return ldr__fail(err, LDR_ARGUMENT,
        "a vocabulary of %I pieces was asked for; there must be more than the %d special tokens, and %d at most",
        (int64_t)size, maker.special, (int)WORDS_MOST_PIECES);
  table.limit = WORDS_LIMIT;
  maker.table = &table;
  maker.size = size - maker.special;
  for (i = 0; i < count && !status; i++) status = words_read(&table, paths[i], lower_case, maker.spaced, err);
  if (!status) status = words_make(&maker, err);
  if (!status) status = maker.spaced ? words_write_spaced(&maker, lower_case, out, err) : words_write(&maker, out, err);
  words_maker_free(&maker);
  words_table_free(&table);
  return status;
}

/* ---- who stands near whom -------------------------------------------------------------- */

/* Two tokens d places apart count 1/d, in units of 1/60 so that sums are exact and their order decides nothing. The
   lower id comes first: the window looks both ways, so one number serves for both. */
typedef struct words_near { uint64_t key, weight; } words_near;         /* weight 0: free */

typedef struct word_counts {
  int32_t     vocabulary, first;
  uint64_t   *sums;              /* [vocabulary]: over all its neighbours, dropped ones too    */
  words_near *slots;
  size_t      slot_count, used, limit;
} word_counts;

static void word_counts_free(word_counts *c) {
  if (!c) return;
  free(c->sums);
  free(c->slots);
  free(c);
}

/* For token ids below `vocabulary`; those below `first` are not counted. NULL on failure. Holds WORDS_PAIR_LIMIT
   pairs at most, in 256 MiB (384 while the table is widened for the last time); when there are more the rarest
   are dropped. */
static word_counts *word_counts_create(int32_t vocabulary, int32_t first, ldr_error *err) {
  word_counts *c = NULL;
  if (vocabulary < 1 || first < 0 || first >= vocabulary) {
    ldr__fail(err, LDR_ARGUMENT, "a vocabulary of %I tokens that starts at %I has nothing to count",
        (int64_t)vocabulary, (int64_t)first);
    return NULL;
  }
  c = (word_counts *)calloc(1, sizeof *c);
  if (c) {
    c->vocabulary = vocabulary;
    c->first = first;
    c->limit = WORDS_PAIR_LIMIT;
    c->slot_count = 1024;
    c->sums = (uint64_t *)calloc((size_t)vocabulary, sizeof *c->sums);
    c->slots = (words_near *)calloc(c->slot_count, sizeof *c->slots);
    if (c->sums && c->slots) return c;
  }
  word_counts_free(c);
  words_no_memory("the counts of neighbours", err);
  return NULL;
}

static size_t words_near_home(const word_counts *c, uint64_t key) {
  return (size_t)ldr__mix64(key) & (c->slot_count - 1);
}

static words_near *words_near_find(const word_counts *c, uint64_t key) {
  size_t i = words_near_home(c, key);
  while (c->slots[i].weight && c->slots[i].key != key) i = (i + 1) & (c->slot_count - 1);
  return c->slots + i;
}

/* Frees slot i and closes the gap, as linear probing wants it. Needs no memory. */
static void words_near_remove(word_counts *c, size_t i) {
  const size_t mask = c->slot_count - 1;
  size_t j = i;
  for (;;) {
    j = (j + 1) & mask;
    if (!c->slots[j].weight) break;
    if (((j - words_near_home(c, c->slots[j].key)) & mask) >= ((j - i) & mask)) {
      c->slots[i] = c->slots[j];
      i = j;
    }
  }
  c->slots[i].weight = 0;
  c->used--;
}

/* Half of the pairs stay at most; 0: no memory for the bins. */
static int words_near_drop(word_counts *c) {
  uint32_t *bins = (uint32_t *)calloc(WORDS_BINS, sizeof *bins), lowest;
  size_t i;
  if (!bins) return 0;
  for (i = 0; i < c->slot_count; i++)
    if (c->slots[i].weight) bins[words_bin(c->slots[i].weight)]++;
  lowest = words_lowest(bins, c->used / 2);
  for (i = 0; i < c->slot_count; i++)
    while (c->slots[i].weight && words_bin(c->slots[i].weight) < lowest) words_near_remove(c, i);
  free(bins);
  return 1;
}

/* Room for one more pair: a wider table, or the rarest pairs go. Where there is no memory for a wider table the
   one there is serves as the limit. */
static int words_near_room(word_counts *c) {
  words_near *old = c->slots, *wide;
  size_t i, n = c->slot_count;
  if (c->used < c->limit && (c->used + 1) * 4 <= n * 3) return 1;
  wide = c->used < c->limit ? (words_near *)calloc(n * 2, sizeof *wide) : NULL;
  if (!wide) return words_near_drop(c);
  c->slots = wide;
  c->slot_count = n * 2;
  for (i = 0; i < n; i++)
    if (old[i].weight) *words_near_find(c, old[i].key) = old[i];
  free(old);
  return 1;
}

/* Counts the neighbours in one sequence: up to WORDS_WINDOW places apart. What is skipped (negative, below `first`,
   not in the vocabulary) still takes its place. LDR_MEMORY: the sequence is counted in part; the counts can still
   be used. */
static ldr_status word_counts_add(word_counts *c, const int32_t *ids, int32_t n, ldr_error *err) {
  int32_t i, d;
  for (i = 0; i < n; i++) {
    if (ids[i] < c->first || ids[i] >= c->vocabulary) continue;
    for (d = 1; d <= WORDS_WINDOW && d <= i; d++) {
      uint32_t a = (uint32_t)ids[i], b = (uint32_t)ids[i - d];
      uint64_t weight = 60 / (uint64_t)d, key = (uint64_t)LDR__MIN(a, b) << 32 | LDR__MAX(a, b);
      words_near *s;
      if (ids[i - d] < c->first || ids[i - d] >= c->vocabulary) continue;
      s = words_near_find(c, key);
      if (!s->weight) {
        if (!words_near_room(c)) return words_no_memory("the counts of neighbours", err);
        s = words_near_find(c, key);
        s->key = key;
        c->used++;
      }
      s->weight += weight;
      c->sums[a] += weight;
      c->sums[b] += weight;
    }
  }
  return LDR_OK;
}

/* ---- positive pointwise mutual information --------------------------------------------- */

/* A sparse square matrix: row r is cells[starts[r]] to cells[starts[r + 1] - 1]. */
typedef struct words_cell { int32_t column; float value; } words_cell;
typedef struct words_sparse {
  size_t      rows;
  size_t     *starts;
  words_cell *cells;
} words_sparse;

static void words_sparse_free(words_sparse *m) {
  free(m->starts);
  free(m->cells);
}

static int words_by_column(const void *a, const void *b) {
  int32_t x = ((const words_cell *)a)->column, y = ((const words_cell *)b)->column;
  return x < y ? -1 : x > y;
}

/* log(P(a,b) / (P(a) P'(b))), where P' is the distribution of contexts to the power of 0.75: else the rarest words, for
   which the ratio is largest and least certain, would decide everything (Levy, Goldberg, Dagan 2015). */
static float words_information(const double *logs, double context, double log_weight, uint32_t a, uint32_t b) {
  return (float)(log_weight + context - logs[a] - 0.75 * logs[b]);
}

/* Counts per row, or with cells in place the cells themselves, each row's place moving on from its start. */
static void words_sparse_walk(words_sparse *m, const word_counts *c, const double *logs, double context) {
  size_t i;
  int side;
  for (i = 0; i < c->slot_count; i++) {
    uint32_t a = (uint32_t)(c->slots[i].key >> 32), b = (uint32_t)c->slots[i].key;
    double weight = (double)c->slots[i].weight;
    if (!c->slots[i].weight) continue;
    weight = log(a == b ? 2 * weight : weight);        /* the two places of a word beside itself see each other */
    for (side = 0; side < (a == b ? 1 : 2); side++) {
      uint32_t row = side ? b : a, column = side ? a : b;
      float value = words_information(logs, context, weight, row, column);
      if (!(value > 0)) continue;
      if (m->cells) {
        m->cells[m->starts[row]].column = (int32_t)column;
        m->cells[m->starts[row]].value = value;
      }
      m->starts[row]++;
    }
  }
}

/* Rows are sorted, so that sums have one order whatever the table of counts went through. */
static int words_sparse_make(words_sparse *m, const word_counts *c) {
  size_t i, n = (size_t)c->vocabulary, total = 0;
  double *logs = (double *)malloc(n * sizeof *logs), context = 0;
  m->rows = n;
  m->starts = (size_t *)calloc(n + 1, sizeof *m->starts);
  if (logs && m->starts) {
    for (i = 0; i < n; i++) {
      logs[i] = c->sums[i] ? log((double)c->sums[i]) : 0.0;
      if (c->sums[i]) context += exp(0.75 * logs[i]);
    }
    context = context > 0 ? log(context) : 0.0;
    words_sparse_walk(m, c, logs, context);
    for (i = 0; i <= n; i++) {
      size_t row = i < n ? m->starts[i] : 0;
      m->starts[i] = total;
      total += row;
    }
    if (total < SIZE_MAX / sizeof *m->cells) m->cells = (words_cell *)malloc((total + 1) * sizeof *m->cells);
    if (m->cells) {
      words_sparse_walk(m, c, logs, context);
      for (i = n; i > 0; i--) m->starts[i] = m->starts[i - 1];
      m->starts[0] = 0;
      for (i = 0; i < n; i++)
        qsort(m->cells + m->starts[i], m->starts[i + 1] - m->starts[i], sizeof *m->cells, words_by_column);
    }
  }
  free(logs);
  return m->cells != NULL;
}

/* ---- truncated factorisation ----------------------------------------------------------- */

/* y += a x; n is a multiple of AXES_LANES. A loop of fixed length becomes vector code in every compiler. */
LDR__INLINE void words_axpy_floats(float *AXES_RESTRICT y, float a, const float *AXES_RESTRICT x, size_t n) {
  size_t i, k;
  for (i = 0; i < n; i += AXES_LANES)
    for (k = 0; k < AXES_LANES; k++) y[i + k] += a * x[i + k];
}

LDR__INLINE void words_axpy(double *AXES_RESTRICT y, double a, const double *AXES_RESTRICT x, size_t n) {
  size_t i, k;
  for (i = 0; i < n; i += AXES_LANES)
    for (k = 0; k < AXES_LANES; k++) y[i + k] += a * x[i + k];
}

/* y[rows,k] = m x, or with `turned` m' x. */
static void words_multiply(float *y, const words_sparse *m, const float *x, size_t k, int turned) {
  size_t r, i;
  memset(y, 0, m->rows * k * sizeof *y);
  for (r = 0; r < m->rows; r++)
    for (i = m->starts[r]; i < m->starts[r + 1]; i++) {
      size_t column = (size_t)m->cells[i].column, to = turned ? column : r, from = turned ? r : column;
      words_axpy_floats(y + to * k, m->cells[i].value, x + from * k, k);
    }
}

/* g[k,k] = x' x; the upper triangle only, as far as whole lanes go. */
static void words_gram(double *g, const float *x, size_t height, size_t k, double *row) {
  size_t r, i;
  memset(g, 0, k * k * sizeof *g);
  for (r = 0; r < height; r++, x += k) {
    for (i = 0; i < k; i++) row[i] = (double)x[i];
    for (i = 0; i < k; i++) {
      size_t from = i / AXES_LANES * AXES_LANES;
      if (row[i] != 0.0) words_axpy(g + i * k + from, row[i], row + from, k - from);
    }
  }
}

/* g = r' r in place, r upper triangular. A column that the ones before it explain to a part in 10^5, which is all that
   floats can tell, gets a row of zeros: its direction is noise. */
static void words_cholesky(double *g, size_t k, double *diagonal) {
  size_t i, j, from;
  for (i = 0; i < k; i++) diagonal[i] = g[i * k + i];
  for (i = 0; i < k; i++) {
    double *r = g + i * k, d = r[i];
    if (!(d > 1e-10 * diagonal[i])) {
      memset(r, 0, k * sizeof *r);
      continue;
    }
    d = 1 / sqrt(d);
    for (j = 0; j < i; j++) r[j] = 0;
    for (j = i; j < k; j++) r[j] *= d;
    for (j = i + 1; j < k; j++) {
      from = j / AXES_LANES * AXES_LANES;
      words_axpy(g + j * k + from, -r[j], r + from, k - from);
    }
  }
}

/* Makes the columns of x orthonormal, or zero where they say nothing new: Gram-Schmidt by way of the Cholesky factor of
   x'x, in double, and a second time because the first leaves what the condition of x lets through. */
static void words_orthonormalise(float *x, size_t height, size_t k, double *g, double *row) {
  size_t r, i;
  int pass;
  for (pass = 0; pass < 2; pass++) {
    words_gram(g, x, height, k, row);
    words_cholesky(g, k, row);
    for (r = 0; r < height; r++) {
      float *v = x + r * k;
      for (i = 0; i < k; i++) row[i] = (double)v[i];
      for (i = 0; i < k; i++) {
        const double *f = g + i * k;
        size_t from = (i + 1) / AXES_LANES * AXES_LANES;
        double y = f[i] > 0 ? row[i] / f[i] : 0.0;
        v[i] = (float)y;
        if (y != 0.0 && from < k) words_axpy(row + from, -y, f + from, k - from);
      }
    }
  }
}

/* q[rows,k]: an orthonormal basis, g: its eigenvalues s^2, e: eigenvectors as rows. out = q e' sqrt(s). */
static void words_project(float *out, const words_sparse *m, const float *q, size_t k, size_t width, const double *g,
    const double *e, const size_t *order) {
  size_t r, i, j;
  for (j = 0; j < width; j++) {
    size_t from = j < k ? order[j] : 0;
    const double *v = e + from * k;
    double value = j < k ? g[from * k + from] : 0.0, factor = value > 0 ? sqrt(sqrt(value)) : 0.0;
    for (r = 0; r < m->rows; r++) {
      double sum = 0;
      for (i = 0; i < k; i++) sum += (double)q[r * k + i] * v[i];
      out[r * width + j] = (float)(factor * sum);
    }
  }
}

/* The root mean square of all rows that say something becomes `scale`; the others, of words never seen or near no word
   in particular, are drawn from N(0, scale^2). */
static void words_finish(float *out, const words_sparse *m, size_t width, double scale, uint64_t seed) {
  uint64_t key = ldr__stream(seed, LDR__STREAM_INIT, 1);
  double squares = 0, factor;
  size_t r, i, seen = 0;
  for (r = 0; r < m->rows; r++) {
    if (m->starts[r] == m->starts[r + 1]) continue;
    seen++;
    for (i = 0; i < width; i++) squares += (double)out[r * width + i] * (double)out[r * width + i];
  }
  factor = squares > 0 ? scale / sqrt(squares / ((double)seen * (double)width)) : 0.0;
  for (r = 0; r < m->rows; r++) {
    int known = m->starts[r] != m->starts[r + 1];
    for (i = 0; i < width; i++) {
      float *v = out + r * width + i;
      *v = (float)(known ? *v * factor : scale * ldr__random_normal(key, r * width + i));
    }
  }
}

/* Fills out[vocabulary,width] with U sqrt(S) of the counts' matrix of positive pointwise mutual information, its
   `width` largest singular values, so that the root mean square of all entries is `scale`; directions beyond the rank
   are zero. Randomised subspace iteration (Halko, Martinsson, Tropp 2011): some columns more than asked for and three
   rounds are enough for a spectrum that falls as slowly as this. One thread, the same bits each time. Takes up to 16
   bytes a pair and 8 (width + 23) bytes a token while it works. */
static ldr_status word_vectors(float *out, const word_counts *c, int32_t width, double scale, uint64_t seed,
    ldr_error *err) {
  enum { MORE = 8, ROUNDS = 3, WIDEST = 1 << 13 };
  words_sparse m;
  size_t k, height, i;
  float *x, *y;
  double *g, *e, *row;
  size_t *order;
  uint64_t key = ldr__stream(seed, LDR__STREAM_INIT, 0);
  ldr_status status = LDR_OK;
  int round;
  if (!out || !c || width < 1 || width > WIDEST || !(scale > 0) || scale > 1e30)
    return ldr__fail(err, LDR_ARGUMENT, "word vectors need counts, a width of 1 to %d and a scale above 0",
        (int)WIDEST);
  memset(&m, 0, sizeof m);
  height = (size_t)c->vocabulary;
  k = ((size_t)width + MORE + AXES_LANES - 1) / AXES_LANES * AXES_LANES;
  if (height > SIZE_MAX / (k * 2 * sizeof *x)) return words_no_memory("the word vectors", err);
  x = (float *)malloc(height * k * sizeof *x);
  y = (float *)malloc(height * k * sizeof *y);
  g = (double *)malloc(k * k * sizeof *g);
  e = (double *)malloc(k * k * sizeof *e);
  row = (double *)malloc(k * sizeof *row);
  order = (size_t *)malloc(k * sizeof *order);
  if (!x || !y || !g || !e || !row || !order || !words_sparse_make(&m, c))
    status = words_no_memory("the word vectors", err);
  else {
    for (i = 0; i < height * k; i++) x[i] = (float)ldr__random_normal(key, i);
    words_multiply(y, &m, x, k, 0);
    words_orthonormalise(y, height, k, g, row);
    for (round = 0; round < ROUNDS; round++) {
      words_multiply(x, &m, y, k, 1);
      words_orthonormalise(x, height, k, g, row);
      words_multiply(y, &m, x, k, 0);
      words_orthonormalise(y, height, k, g, row);
    }
    words_multiply(x, &m, y, k, 1);
    words_gram(g, x, height, k, row);
    axes_eigen(g, e, k);
    axes_rank(order, g, k);
    words_project(out, &m, y, k, (size_t)width, g, e, order);
    words_finish(out, &m, (size_t)width, scale, seed);
  }
  words_sparse_free(&m);
  free(x);
  free(y);
  free(g);
  free(e);
  free(row);
  free(order);
  return status;
}
#endif /* WORDS_H */
