/* pretrain.h: the pretrain and vocabulary commands of tools/ladder.c, which includes this file. */
#ifndef LADDER_PRETRAIN_H
#define LADDER_PRETRAIN_H

#include "run.h"
#include "words.h"
#include "corruption.h"

enum { MAX_TEXTS = 256, POOL = 4096, WARM_SEQUENCES = 100000, HELD_SEQUENCES = 256 };

/* Words to be masked as one, as token ids; sorted for bsearch. For languages written without spaces, whose tokens
   are characters. */
typedef struct listed_word { const int32_t *ids; int32_t count; } listed_word;
typedef struct word_list { listed_word *words; int32_t *ids, count, longest; } word_list;

static int compare_words(const void *a, const void *b) {
  const listed_word *x = (const listed_word *)a, *y = (const listed_word *)b;
  int32_t i, n = LDR__MIN(x->count, y->count);
  for (i = 0; i < n; i++)
    if (x->ids[i] != y->ids[i]) return x->ids[i] < y->ids[i] ? -1 : 1;
  return (x->count > y->count) - (x->count < y->count);
}

static void free_word_list(word_list *w) {
  free(w->words);
  free(w->ids);
  memset(w, 0, sizeof *w);
}

/* A word a line; words of one token are no news and are left out. */
static int read_words(run *r, word_list *w, const char *path, const ldr_tokenizer *t) {
  FILE *f = fopen(path, "rb");
  text line;
  ldr_encoding e;
  size_t used = 0, room = 0, word_room = 0, at = 0;
  int status = EXIT_DONE, got = 0;
  int32_t i;
  memset(&line, 0, sizeof line);
  memset(&e, 0, sizeof e);
  if (!f) return fail(r, LDR_IO, "%s: cannot be opened", path);
  while (!status && (got = read_line(f, &line)) > 0) {
    if (ldr_tokenizer_encode(t, &e, line.data, line.used, NULL, 0, 0, 0, &r->err)) status = EXIT_FAILED;
    if (status || e.count < 2 || e.count > 64) continue;
    if (used + (size_t)e.count > room) {
      int32_t *ids = (int32_t *)realloc(w->ids, (room = 2 * room + 4096) * sizeof *ids);
      if (ids) w->ids = ids;
      else status = fail(r, LDR_MEMORY, "out of memory", "");
    }
    if (!status && (size_t)w->count == word_room) {
      listed_word *words = (listed_word *)realloc(w->words, (word_room = 2 * word_room + 1024) * sizeof *words);
      if (words) w->words = words;
      else status = fail(r, LDR_MEMORY, "out of memory", "");
    }
    if (status) break;
    memcpy(w->ids + used, e.ids, (size_t)e.count * sizeof *e.ids);
    used += (size_t)e.count;
    w->words[w->count++].count = e.count;
    w->longest = LDR__MAX(w->longest, e.count);
  }
  if (got < 0) status = fail(r, LDR_MEMORY, "out of memory", "");
  if (!status && ferror(f)) status = fail(r, LDR_IO, "%s: cannot be read", path);
  fclose(f);
  free(line.data);
  ldr_encoding_free(&e);
  if (!status && w->count == 0) status = fail(r, LDR_DATA, "%s: holds no word of two tokens or more", path);
  /* now the ids stay where they are */
  for (i = 0; i < w->count; at += (size_t)w->words[i++].count) w->words[i].ids = w->ids + at;
  if (w->count) qsort(w->words, (size_t)w->count, sizeof *w->words, compare_words);
  return status;
}

/* Tokens of the longest listed word that begins at ids[0], 1 when there is none. */
static int32_t listed_length(const word_list *w, const int32_t *ids, int32_t n) {
  listed_word key;
  key.ids = ids;
  for (key.count = LDR__MIN(n, w->longest); key.count > 1; key.count--)
    if (bsearch(&key, w->words, (size_t)w->count, sizeof *w->words, compare_words)) return key.count;
  return 1;
}

/* One text file and how far it has been read. */
typedef struct text_file {
  const char  *path;
  FILE        *file;
  double       size, read;               /* bytes                                                    */
  ldr_encoding pieces;                   /* of the last line                                         */
  int32_t      taken;                    /* of those                                                 */
} text_file;

/* Text files as sequences of one length, [CLS] ... [SEP] or, for models of two stacks, nothing but text. The files
   are read side by side, each in proportion to its length, and a pool of sequences stands between reading and
   training, so that what a book says in one place does not come in a row. Memory does not grow with the texts. What
   comes is a function of files and seed. */
typedef struct stream {
  const ldr_tokenizer *tokenizer;
  text_file   files[MAX_TEXTS];
  char       *names;                     /* the bytes of the paths                                   */
  int32_t     count;
  text        line;
  int32_t     length, cls, sep, mask;    /* cls, sep: -1 where there are none                        */
  int32_t    *sentinels, end;            /* of two stacks: what stands for a span, what ends a text  */
  int32_t    *pool, pooled, passes;      /* passes over the texts that are behind it                 */
  uint64_t    seed, drawn;
  int64_t     tokens;                    /* read in this pass                                        */
  word_list   words;                     /* to be masked whole                                       */
} stream;

static void close_stream(stream *s) {
  int32_t i;
  for (i = 0; i < s->count; i++) {
    if (s->files[i].file) fclose(s->files[i].file);
    ldr_encoding_free(&s->files[i].pieces);
  }
  free_word_list(&s->words);
  free(s->line.data);
  free(s->pool);
  free(s->sentinels);
  free(s->names);
  memset(s, 0, sizeof *s);
}

/* Splits LIST at its commas. */
static int split_paths(run *r, const char *list, char **names, const char **paths, int32_t *count) {
  size_t n = strlen(list) + 1, i, start = 0;
  *count = 0;
  *names = (char *)malloc(n);
  if (!*names) return fail(r, LDR_MEMORY, "out of memory", "");
  memcpy(*names, list, n);
  for (i = 0; i < n; i++) {
    if (list[i] != ',' && list[i]) continue;
    (*names)[i] = 0;
    if (i > start) {
      if (*count == MAX_TEXTS)
        return fail(r, LDR_LIMIT, "more text files than this program takes: join some of them", "");
      paths[(*count)++] = *names + start;
    }
    start = i + 1;
  }
  return *count ? EXIT_DONE : fail(r, LDR_ARGUMENT, "%s: names no text file", list);
}

static int32_t find_piece(const ldr_tokenizer *t, const char *name, const char *other) {
  int32_t id = ldr_tokenizer_find(t, name);
  return id >= 0 ? id : ldr_tokenizer_find(t, other);
}

/* A model that says the next word reads text as it stands. */
static int find_frame(run *r, stream *s) {
  s->cls = s->sep = s->mask = -1;
  if (r->info.causal) return EXIT_DONE;
  s->cls = find_piece(s->tokenizer, "[CLS]", "<s>");
  s->sep = find_piece(s->tokenizer, "[SEP]", "</s>");
  s->mask = find_piece(s->tokenizer, "[MASK]", "<mask>");
  if (s->cls >= 0 && s->sep >= 0 && s->mask >= 0) return EXIT_DONE;
  return fail(r, LDR_MISSING, "the vocabulary lacks [CLS], [SEP] or [MASK] (or <s>, </s>, <mask>)", "");
}

/* Sentinel k is the vocabulary's <extra_id_k>; where it has none the k-th id from behind that no piece of the
   tokenizer has. */
static int find_sentinels(run *r, stream *s) {
  int32_t i, n = corruption_spans(s->length) + 1;
  int named = find_piece(s->tokenizer, "<extra_id_0>", "\xe2\x96\x81<extra_id_0>") >= 0;
  s->cls = s->sep = -1;
  s->end = r->model->end_count ? r->model->ends_text[0] : -1;
  if (s->end < 0) return fail(r, LDR_MISSING, "%s: config.json has no \"eos_token_id\", which ends a text", r->o.model);
  s->sentinels = (int32_t *)malloc((size_t)n * sizeof *s->sentinels);
  if (!s->sentinels) return fail(r, LDR_MEMORY, "out of memory", "");
  for (i = 0; i < n; i++) {
    char name[32], other[32];
    int32_t id = r->info.vocabulary - 1 - i;
    snprintf(name, sizeof name, "<extra_id_%d>", (int)i);
    snprintf(other, sizeof other, "\xe2\x96\x81<extra_id_%d>", (int)i);
    s->sentinels[i] = named ? find_piece(s->tokenizer, name, other) : id < ldr_tokenizer_size(s->tokenizer) ? -1 : id;
    if (s->sentinels[i] >= 0) continue;
    ldr__fail(&r->err, LDR_MISSING,
        "%s: has %d sentinels to stand for spans (<extra_id_0> and so on, or ids without a piece), texts of %d "
        "tokens need %d: a shorter --max-len needs fewer, ladder vocabulary --sentinels makes more",
        r->o.model, i, s->length, n);
    return EXIT_FAILED;
  }
  return EXIT_DONE;
}

static int open_stream(run *r, stream *s, const char *list, int32_t length, int32_t pool) {
  const char *paths[MAX_TEXTS];
  int32_t i, count;
  memset(s, 0, sizeof *s);
  s->length = length;
  s->seed = r->o.seed;
  s->tokenizer = ldr_model_tokenizer(r->model);
  if (!s->tokenizer) return fail(r, LDR_MISSING, "%s: has no vocabulary to read text with", r->o.model);
  if (ldr_model_encoder(r->model) ? find_sentinels(r, s) : find_frame(r, s)) return EXIT_FAILED;
  if (split_paths(r, list, &s->names, paths, &count)) return EXIT_FAILED;
  for (i = 0; i < count; i++) {
    text_file *f = &s->files[s->count++];
    f->path = paths[i];
    f->file = fopen(f->path, "rb");
    if (!f->file) return fail(r, LDR_IO, "%s: cannot be opened", f->path);
    if (fseek(f->file, 0, SEEK_END) == 0) f->size = (double)ftell(f->file);
    rewind(f->file);
    if (!(f->size >= 1)) f->size = 1;
  }
  if (r->o.word_list && read_words(r, &s->words, r->o.word_list, s->tokenizer)) return EXIT_FAILED;
  s->pooled = pool;
  s->pool = (int32_t *)calloc((size_t)pool * (size_t)length, sizeof *s->pool);
  return s->pool ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
}

/* The file that lags behind, NULL when all are read. */
static text_file *next_file(stream *s) {
  text_file *best = NULL;
  int32_t i;
  for (i = 0; i < s->count; i++) {
    text_file *f = &s->files[i];
    if (!f->file || (feof(f->file) && f->taken == f->pieces.count)) continue;
    if (!best || f->read / f->size < best->read / best->size) best = f;
  }
  return best;
}

/* All files from their beginnings. */
static void begin_again(stream *s) {
  int32_t i;
  for (i = 0; i < s->count; i++) {
    rewind(s->files[i].file);
    s->files[i].read = 0;
  }
  s->tokens = 0;
  s->passes++;
}

/* The next line's pieces. 0: read, 1: the file has ended, else failed. */
static int next_line(run *r, stream *s, text_file *f) {
  for (;;) {
    int got = read_line(f->file, &s->line);
    f->taken = f->pieces.count = 0;
    if (got < 0) return fail(r, LDR_MEMORY, "out of memory", ""), 2;
    if (ferror(f->file)) return fail(r, LDR_IO, "%s: cannot be read", f->path), 2;
    if (got == 0) return 1;
    f->read += (double)s->line.used + 1;
    /* next words; in the place of the line's last 0 */
    if (s->cls < 0 && !s->sentinels && s->line.used) s->line.data[s->line.used++] = '\n';
    if (ldr_tokenizer_encode(s->tokenizer, &f->pieces, s->line.data, s->line.used, NULL, 0, 0, 0, &r->err)) return 2;
    s->tokens += f->pieces.count;
    if (f->pieces.count) return 0;
  }
}

/* One sequence of one file, or what is left of one and the beginning of the next; after the last file all begin
   again. */
static int read_sequence(run *r, stream *s, int32_t *ids) {
  text_file *f = next_file(s);
  int32_t n = s->cls >= 0, most = s->length - (s->sep >= 0);
  if (n) ids[0] = s->cls;
  if (most < s->length) ids[most] = s->sep;
  while (n < most) {
    int32_t take = f ? LDR__MIN(f->pieces.count - f->taken, most - n) : 0;
    int status;
    if (take > 0) {
      memcpy(ids + n, f->pieces.ids + f->taken, (size_t)take * sizeof *ids);
      n += take;
      f->taken += take;
      continue;
    }
    status = f ? next_line(r, s, f) : 1;
    if (status > 1) return EXIT_FAILED;
    if (status == 0) continue;
    f = next_file(s);
    if (f) continue;
    if (s->tokens == 0) return fail(r, LDR_DATA, "the texts hold not one word", "");
    begin_again(s);
    f = next_file(s);
  }
  return EXIT_DONE;
}

static int draw_sequence(run *r, stream *s, int32_t *ids) {
  int32_t i, at;
  if (s->drawn == 0)
    for (i = 0; i < s->pooled; i++)
      if (read_sequence(r, s, s->pool + (size_t)i * (size_t)s->length)) return EXIT_FAILED;
  at = (int32_t)ldr__random_below(ldr__mix64(s->seed + 77), s->drawn++, (uint32_t)s->pooled);
  memcpy(ids, s->pool + (size_t)at * (size_t)s->length, (size_t)s->length * sizeof *ids);
  return read_sequence(r, s, s->pool + (size_t)at * (size_t)s->length);
}

/* inside[i] = 1 where token i goes on with the word that token i - 1 is of: pieces ##... with whole words, and
   listed words. */
static void mark_words(const run *r, const stream *s, int32_t *inside, const int32_t *ids) {
  int32_t n = s->length - 1, i, k, length;
  for (i = 0; i < s->length; i++) {
    const char *piece = r->o.whole_words && i > 1 && i < n ? ldr_tokenizer_piece(s->tokenizer, ids[i]) : NULL;
    inside[i] = piece && piece[0] == '#' && piece[1] == '#' && piece[2];
  }
  for (i = 1; i < n && s->words.count; i += length) {
    length = listed_length(&s->words, ids + i, n - i);
    for (k = 1; k < length; k++) inside[i + k] = 1;
  }
}

/* Devlin et al. 2019: 15 % of the tokens are to be told; of those 80 % become [MASK], 10 % any piece, 10 % stay. What
   is inside a word is chosen with its first token. order, inside: room for the sequence. */
static void mask_words(const run *r, const stream *s, int32_t *ids, int32_t *labels, int32_t *order, int32_t *inside,
    uint64_t key) {
  int32_t n = s->length - 2, want = LDR__MAX(1, (int32_t)(0.15 * n + 0.5)), i, k, units = 0, chosen = 0;
  mark_words(r, s, inside, ids);
  for (i = 0; i < s->length; i++) labels[i] = LDR_IGNORE;
  for (i = 1; i <= n; i++)
    if (!inside[i]) order[units++] = i;
  for (i = 0; i < units && chosen < want; i++) {
    int32_t other = i + (int32_t)ldr__random_below(key, (uint64_t)i, (uint32_t)(units - i)), at = order[other];
    order[other] = order[i];
    for (k = at; k <= n && chosen < want && (k == at || inside[k]); k++, chosen++) labels[k] = ids[k];
  }
  for (i = 1; i <= n; i++) {
    double u = ldr__random_unit(ldr__mix64(key + 1), (uint64_t)i);
    if (labels[i] == LDR_IGNORE) continue;
    if (u < 0.8) ids[i] = s->mask;
    else if (u < 0.9)
      ids[i] = (int32_t)ldr__random_below(ldr__mix64(key + 2), (uint64_t)i, (uint32_t)r->info.vocabulary);
  }
}

/* Room for an example: the text as it was drawn, and what is made of it. */
typedef struct example_room { int32_t *text, *ids, *segments, *labels, *order, *inside; } example_room;

static void make_masked(const run *r, const stream *s, const example_room *room, ldr_example *e, uint64_t key) {
  memcpy(room->ids, room->text, (size_t)s->length * sizeof *room->ids);
  mask_words(r, s, room->ids, room->labels, room->order, room->inside, key);
  e->count = s->length;
}

static void make_foreseen(const run *r, const stream *s, const example_room *room, ldr_example *e, uint64_t key) {
  int32_t k;
  (void)r;
  (void)key;
  memcpy(room->ids, room->text, (size_t)s->length * sizeof *room->ids);
  for (k = 0; k < s->length; k++) room->labels[k] = k + 1 < s->length ? room->ids[k + 1] : LDR_IGNORE;
  e->count = s->length;
}

static void make_corrupted(const run *r, const stream *s, const example_room *room, ldr_example *e, uint64_t key) {
  corrupt_spans(room->ids, room->segments, room->labels, room->text, s->length, s->sentinels, s->end, r->info.start,
      key);
  e->count = corruption_source(s->length) + corruption_target(s->length);
  e->segments = room->segments;
}

/* What is learned from a text, by the kind of model: two stacks, a decoder, an encoder. */
enum { OBJECTIVE_SPANS, OBJECTIVE_NEXT, OBJECTIVE_MASKED };
static const struct objective {
  const char *name;
  void      (*make)(const run *r, const stream *s, const example_room *room, ldr_example *e, uint64_t key);
  int32_t     least;                       /* tokens of a text                                       */
} objectives[] = {
  { "spans", make_corrupted, 2 }, { "next words", make_foreseen, 3 }, { "masked words", make_masked, 3 } };

static const struct objective *objective_of(const run *r) {
  if (ldr_model_encoder(r->model)) return &objectives[OBJECTIVE_SPANS];
  return &objectives[r->info.causal ? OBJECTIVE_NEXT : OBJECTIVE_MASKED];
}

/* Fills the set with `count` sequences; step numbers the masks. */
static int fill_batch(run *r, stream *s, ldr_dataset *set, int32_t count, int64_t step) {
  const struct objective *o = objective_of(r);
  size_t most = (size_t)s->length * 2 + 3;         /* of spans: twice as many, with ends, start and the last sentinel */
  int32_t *room = (int32_t *)malloc(6 * most * sizeof *room), i;
  int status = room ? EXIT_DONE : fail(r, LDR_MEMORY, "out of memory", "");
  example_room of = { room, room + most, room + 2 * most, room + 3 * most, room + 4 * most, room + 5 * most };
  ldr_example e;
  memset(&e, 0, sizeof e);
  e.ids = of.ids;
  e.labels = of.labels;
  ldr_dataset_clear(set);
  for (i = 0; i < count && !status; i++) {
    status = draw_sequence(r, s, of.text);
    if (status) break;
    o->make(r, s, &of, &e, ldr__mix64(ldr__mix64(s->seed + 99) + (uint64_t)step * 65536u + (uint64_t)i));
    if (ldr_dataset_add(set, &e, &r->err)) status = EXIT_FAILED;
  }
  free(room);
  return status;
}

static ldr_dataset *word_set(run *r) {
  ldr_dataset_desc d;
  memset(&d, 0, sizeof d);
  d.head = LDR_HEAD_WORDS;
  d.max_len = r->max_len;
  return ldr_dataset_create(&d, &r->err);
}

/* Writes one small file of a model's directory. */
static int write_file(run *r, const char *name, const void *data, size_t size) {
  char path[LADDER_MAX_PATH];
  ldr__writer w;
  if (out_path(r, path, name)) return EXIT_FAILED;
  if (!ldr__writer_open(&w, path, &r->err)) {
    ldr__writer_put(&w, data, size, &r->err);
    ldr__writer_close(&w, &r->err);
  }
  return w.status ? EXIT_FAILED : EXIT_DONE;
}

/* What config.json of a new encoder says. embedding: narrower than width (ELECTRA), or the same (BERT). */
typedef struct new_model { int32_t vocabulary, width, embedding, layers, heads, ffn, positions; } new_model;

static int write_new_model(run *r, const char *config, size_t size) {
  char path[LADDER_MAX_PATH];
  if (write_file(r, "config.json", config, size) || out_path(r, path, "model.safetensors")) return EXIT_FAILED;
  r->unfinished = !ldr_model_init(config, size, path, r->o.seed, &r->err);
  return r->unfinished ? EXIT_DONE : EXIT_FAILED;
}

/* The directory of a model that does not exist yet, with random weights; its vocabulary is there already. */
static int make_directory_of(run *r, const new_model *n) {
  char config[1024], embedding[64] = "";
  const char *family = n->embedding == n->width ? "bert" : "electra";
  const char *of = n->embedding == n->width ? "Bert" : "Electra";
  int size;
  if (n->embedding != n->width) snprintf(embedding, sizeof embedding, "  \"embedding_size\": %d,\n", (int)n->embedding);
  size = snprintf(config, sizeof config,
      "{\n  \"architectures\": [\"%sForMaskedLM\"],\n  \"model_type\": \"%s\",\n  \"vocab_size\": %d,\n"
      "%s  \"hidden_size\": %d,\n  \"num_hidden_layers\": %d,\n"
      "  \"num_attention_heads\": %d,\n  \"intermediate_size\": %d,\n  \"max_position_embeddings\": %d,\n"
      "  \"type_vocab_size\": 2,\n  \"hidden_act\": \"gelu\",\n  \"layer_norm_eps\": 1e-12,\n"
      "  \"initializer_range\": 0.02,\n  \"hidden_dropout_prob\": 0.1,\n  \"attention_probs_dropout_prob\": 0.1,\n"
      "  \"pad_token_id\": 0\n}\n",
      of, family, (int)n->vocabulary, embedding, (int)n->width, (int)n->layers, (int)n->heads, (int)n->ffn,
      (int)n->positions);
  return write_new_model(r, config, (size_t)size);
}

/* The directory of a T5 that does not exist yet. Its vocabulary is a tokenizer.json; where that has no sentinels, the
   model has 100 ids behind its pieces for them. */
static int make_stacks(run *r, const new_model *n, const ldr_tokenizer *t) {
  static const char *const named[] = { "<pad>", "</s>" };
  char config[1024];
  int32_t ids[2], i;
  int size;
  for (i = 0; i < 2; i++) {
    ids[i] = ldr_tokenizer_find(t, named[i]);
    if (ids[i] < 0)
      return fail(r, LDR_MISSING,
          "the vocabulary of a new model of two stacks lacks %s: ladder vocabulary --sentinels makes one", named[i]);
  }
  size = snprintf(config, sizeof config,
      "{\n  \"architectures\": [\"T5ForConditionalGeneration\"],\n  \"model_type\": \"t5\",\n"
      "  \"is_encoder_decoder\": true,\n  \"vocab_size\": %d,\n"
      "  \"d_model\": %d,\n  \"num_layers\": %d,\n  \"num_decoder_layers\": %d,\n  \"num_heads\": %d,\n"
      "  \"d_kv\": %d,\n  \"d_ff\": %d,\n  \"feed_forward_proj\": \"relu\",\n"
      "  \"relative_attention_num_buckets\": 32,\n  \"relative_attention_max_distance\": 128,\n"
      "  \"layer_norm_epsilon\": 1e-06,\n  \"dropout_rate\": 0.1,\n"
      "  \"tie_word_embeddings\": true,\n  \"pad_token_id\": %d,\n  \"eos_token_id\": %d,\n"
      "  \"decoder_start_token_id\": %d\n}\n",
      (int)n->vocabulary + (ldr_tokenizer_find(t, "<extra_id_0>") < 0 ? 100 : 0), (int)n->width, (int)n->layers,
      (int)n->layers, (int)n->heads, (int)LDR__MAX(1, n->width / n->heads), (int)n->ffn, (int)ids[0], (int)ids[1],
      (int)ids[0]);
  return write_new_model(r, config, (size_t)size);
}

/* A vocab.txt makes a BERT, a tokenizer.json a T5; `s` holds its bytes. */
static int make_model_of(run *r, const new_model *n, const ldr_tokenizer *t, const ldr__source *s) {
  static const char fast[] = "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"pad_token\": \"<pad>\", "
      "\"eos_token\": \"</s>\", \"unk_token\": \"<unk>\"}\n";
  static const char lower[] = "{\"do_lower_case\": true, \"tokenizer_class\": \"BertTokenizer\"}\n";
  static const char cased[] = "{\"do_lower_case\": false, \"tokenizer_class\": \"BertTokenizer\"}\n";
  const options *o = &r->o;
  int json = s->size && s->data[0] == '{';
  const char *told = json ? fast : o->cased ? cased : lower;
  if (json && (o->warm_start || o->cased))
    return fail(r, LDR_ARGUMENT, "--warm-start and --cased are for a new BERT, and %s makes a T5", o->vocab);
  if (!make_directory(o->out)) return fail(r, LDR_IO, "%s: the directory cannot be made", o->out);
  if (write_file(r, json ? "tokenizer.json" : "vocab.txt", s->data, s->size)
      || write_file(r, "tokenizer_config.json", told, strlen(told)))
    return EXIT_FAILED;
  return json ? make_stacks(r, n, t) : make_directory_of(r, n);
}

static int make_model(run *r) {
  const options *o = &r->o;
  ldr_tokenizer *t;
  ldr_tokenizer_desc td;
  new_model n;
  ldr__source s;
  int status;
  n.width = n.embedding = o->width ? o->width : 128;
  n.layers = o->layers ? o->layers : 4;
  n.heads = o->heads ? o->heads : LDR__MAX(1, n.width / 32);
  n.ffn = o->ffn ? o->ffn : 4 * n.width;
  n.positions = o->max_len ? o->max_len : 128;
  if (!o->vocab)
    return fail(r, LDR_ARGUMENT,
        "a new model needs --vocab FILE (ladder vocabulary makes one), or go on from one with --model DIR", "");
  memset(&td, 0, sizeof td);
  t = ldr_tokenizer_load(o->vocab, &td, &r->err);
  if (!t) return EXIT_FAILED;
  n.vocabulary = ldr_tokenizer_size(t);
  status = ldr__source_open(&s, o->vocab, NULL, &r->err) ? EXIT_FAILED : EXIT_DONE;
  if (!status) {
    status = make_model_of(r, &n, t, &s);
    ldr__source_close(&s);
  }
  ldr_tokenizer_free(t);
  return status;
}

/* Word embeddings from a truncated factorisation of the texts' positive pointwise mutual information, and sines in
   the position table: what the first thousands of steps would otherwise be spent on. */
static int warm_start(run *r) {
  ldr_param word = ldr_ladder_param(r->ladder, ldr_ladder_find(r->ladder, "embeddings.word.weight"));
  ldr_param position = ldr_ladder_param(r->ladder, ldr_ladder_find(r->ladder, "embeddings.position.weight"));
  stream s;
  word_counts *counts = NULL;
  int32_t i, k, *ids = (int32_t *)malloc((size_t)r->max_len * sizeof *ids);
  int status = open_stream(r, &s, r->o.texts, r->max_len, 1);
  if (!status && !ids) status = fail(r, LDR_MEMORY, "out of memory", "");
  if (!status) {
    counts = word_counts_create(r->info.vocabulary, 5, &r->err);
    status = counts ? EXIT_DONE : EXIT_FAILED;
  }
  for (i = 0; i < WARM_SEQUENCES && !status && !interrupted; i++) {
    status = read_sequence(r, &s, ids);
    if (!status && word_counts_add(counts, ids, r->max_len, &r->err)) status = EXIT_FAILED;
    if (s.passes) break;                   /* once through all of it is enough */
  }
  if (!status && word_vectors(word.value, counts, word.columns, 0.04, r->o.seed, &r->err)) status = EXIT_FAILED;
  for (i = 0; i < position.rows && !status; i++)
    for (k = 0; k < position.columns; k++) {
      double angle = i / pow(10000.0, (double)(k / 2 * 2) / position.columns);
      double wave = k % 2 ? cos(angle) : sin(angle);
      position.value[(size_t)i * (size_t)position.columns + (size_t)k] = (float)(0.02 * wave);
    }
  word_counts_free(counts);
  free(ids);
  close_stream(&s);
  return status;
}

static ldr_ladder_desc words_ladder(const run *r, ldr_method method) {
  ldr_ladder_desc d;
  memset(&d, 0, sizeof d);
  d.method = method;
  d.preset = r->o.preset ? (ldr_preset)(r->o.preset - 1) : LDR_PRESET_DEFAULT;
  d.reduction = r->o.reduction;
  d.rungs = r->o.rungs.count ? r->o.rungs.at : NULL;
  d.rung_count = r->o.rungs.count;
  d.dropout = r->o.dropout;
  d.head = LDR_HEAD_WORDS;
  d.seed = r->o.seed;
  return d;
}

static int pretrain_ladder(run *r) {
  ldr_ladder_desc d = words_ladder(r, r->o.method == METHOD_LADDER ? LDR_METHOD_LADDER : LDR_METHOD_FULL);
  r->ladder = ldr_ladder_create(r->model, &d, &r->err);
  return r->ladder ? EXIT_DONE : EXIT_FAILED;
}

/* The ladder that learns while its backbone does. */
static int open_beside(run *r) {
  ldr_ladder_desc d = words_ladder(r, LDR_METHOD_LADDER);
  ldr_train_desc td = r->train_desc;
  d.beside = r->ladder;
  td.rate = 1e-3f;
  r->beside = ldr_ladder_create(r->model, &d, &r->err);
  r->beside_trainer = r->beside ? ldr_trainer_create(r->beside, r->train, NULL, &td, &r->err) : NULL;
  return r->beside_trainer ? EXIT_DONE : EXIT_FAILED;
}

/* The same ladder, as one of the model in the directory that has been written. */
static int save_beside(run *r) {
  ldr_ladder_desc d = words_ladder(r, LDR_METHOD_LADDER);
  ldr_model *m = ldr_model_load(r->o.out, NULL, &r->err);
  ldr_ladder *l = m ? ldr_ladder_create(m, &d, &r->err) : NULL;
  int32_t i;
  int status = l ? EXIT_DONE : EXIT_FAILED;
  for (i = 0; l && i < ldr_ladder_params(l); i++) {
    ldr_param to = ldr_ladder_param(l, i), from = ldr_ladder_param(r->beside, i);
    memcpy(to.value, from.value, (size_t)to.rows * (size_t)to.columns * sizeof *to.value);
  }
  if (l && ldr_ladder_save(l, r->o.with_ladder, &r->err)) status = EXIT_FAILED;
  ldr_ladder_free(l);
  ldr_model_free(m);
  if (!status)
    printf("%s written: %" PRIu64 " parameters trained\n", r->o.with_ladder, ldr_ladder_trainable(r->beside));
  return status;
}

/* Where the batches of a run on plain text come from, and what is said of it on the way. */
typedef struct feed {
  void  *context;
  int  (*fill)(run *r, void *context, int64_t step);              /* makes r->train the batch of a step          */
  void (*after)(run *r, void *context, ldr_progress *p);          /* NULL, or puts a loss of its own into p      */
  int  (*report)(run *r, void *context, const ldr_progress *p);   /* twenty times a run: what held-out texts say */
} feed;

/* A member of the line that a log has for each report. */
static void log_member(FILE *log, const char *name, double value) {
  fprintf(log, ",\"%s\":", name);
  put_number(log, value);
}

/* What pretrain draws its batches from. */
typedef struct masked_feed { stream s; ldr_dataset *held; } masked_feed;

static int fill_masked(run *r, void *context, int64_t step) {
  return fill_batch(r, &((masked_feed *)context)->s, r->train, r->train_desc.batch, step);
}

static int report_held_out(run *r, void *context, const ldr_progress *p) {
  ldr_dataset *held = ((masked_feed *)context)->held;
  ldr_score score, beside;
  if (!ldr_dataset_count(held)) return EXIT_DONE;
  if (ldr_evaluate(r->ladder, held, LDR_METRIC_ACCURACY, &score, &r->err)) return EXIT_FAILED;
  if (r->beside && ldr_evaluate(r->beside, held, LDR_METRIC_ACCURACY, &beside, &r->err)) return EXIT_FAILED;
  if (r->beside)
    printf("step %d: held-out loss of the ladder %.4f, accuracy %.4f\n", (int)p->step, beside.loss, beside.accuracy);
  printf("step %d: held-out loss %.4f, accuracy %.4f\n", (int)p->step, score.loss, score.accuracy);
  fflush(stdout);
  if (r->log) {
    fprintf(r->log, "{\"step\":%d", (int)p->step);
    log_member(r->log, "held_out_loss", score.loss);
    log_member(r->log, "held_out_accuracy", score.accuracy);
    fputs("}\n", r->log);
  }
  return EXIT_DONE;
}

static int stream_steps(run *r, const feed *f, watch *w) {
  ldr_progress p = ldr_trainer_progress(r->trainer);
  int32_t every = LDR__MAX(1, r->train_desc.epochs / 20);
  double loss = 0;
  int32_t since = 0;
  w->start = w->shown = seconds_now();
  w->first_step = p.step;
  w->first_tokens = p.tokens;
  while (!ldr_trainer_done(r->trainer)) {
    if (f->fill(r, f->context, p.step) || ldr_trainer_step(r->trainer, &p, &r->err)) return EXIT_FAILED;
    if (r->beside && ldr_trainer_step(r->beside_trainer, NULL, &r->err)) return EXIT_FAILED;
    if (f->after) f->after(r, f->context, &p);
    loss += p.step_loss;
    since++;
    if (r->log) log_step(r->log, &p);
    if (w->terminal) show_bar(w, &p);
    if (p.step % every == 0 || p.step == p.steps) {
      double now = seconds_now();
      if (w->terminal) clear_bar(w);
      printf("step %d of %d: loss %.4f, %.0f tokens/s, %.0f s\n", (int)p.step, (int)p.steps, loss / since,
          (double)(p.tokens - w->first_tokens) / LDR__MAX(now - w->start, 1e-9), now - w->opened);
      fflush(stdout);
      loss = since = 0;
      if (f->report(r, f->context, &p)) return EXIT_FAILED;
      if (r->o.checkpoint && ldr_trainer_save(r->trainer, r->o.checkpoint, &r->err)) return EXIT_FAILED;
    }
    if ((interrupted || p.step == r->o.stop_at) && !ldr_trainer_done(r->trainer)) return stop_early(r, w, &p);
  }
  return EXIT_DONE;
}

/* ---- what a run that goes on must be given again ----
   The trainer knows its own settings; where batches come from is the program's. It travels as notes of the ladder,
   which lie in the checkpoint: "run.OPTION". */

static int keep_option(run *r, const char *name, const char *value) {
  char key[64];
  snprintf(key, sizeof key, "run.%s", name);
  return ldr_ladder_note(r->ladder, key, value, &r->err) ? EXIT_FAILED : EXIT_DONE;
}

static int keep_number(run *r, const char *name, double value) {
  char number[32];
  snprintf(number, sizeof number, "%.9g", value);
  return keep_option(r, name, number);
}

/* Of files, by what is in them: they may lie elsewhere by now. list: paths with commas between, or NULL. */
static int keep_files(run *r, const char *name, const char *list) {
  static char block[1 << 16];
  const char *paths[MAX_TEXTS];
  char *names = NULL, digest[20];
  uint64_t h = 0;
  int32_t i, count = 0;
  int status = list ? split_paths(r, list, &names, paths, &count) : EXIT_DONE;
  for (i = 0; !status && i < count; i++) {
    FILE *f = fopen(paths[i], "rb");
    size_t n;
    if (!f) status = fail(r, LDR_IO, "%s: cannot be opened", paths[i]);
    while (f && (n = fread(block, 1, sizeof block, f)) > 0) h = ldr__digest(h, block, n);
    if (f) fclose(f);
    h = ldr__mix64(h + 1);
  }
  free(names);
  if (status) return status;
  snprintf(digest, sizeof digest, "%" PRIx64, h);
  return keep_option(r, name, digest);
}

/* Fails where the checkpoint has another value of an option than this run. */
static int same_options(run *r) {
  ldr_weights *w = r->o.resume ? ldr__weights_open_one(r->o.resume, NULL, &r->err) : NULL;
  size_t i;
  int status = r->o.resume && !w ? EXIT_FAILED : EXIT_DONE;
  for (i = 0; w && !status && i < r->ladder->note_count; i++) {
    const ldr__note *now = &r->ladder->notes[i];
    char key[128];
    const char *was;
    snprintf(key, sizeof key, "note.%s", now->key);
    was = ldr_weights_meta(w, key);
    if (strncmp(now->key, "run.", 4) != 0 || !was || strcmp(was, now->value) == 0) continue;
    ldr__fail(&r->err, LDR_MISMATCH, "%s: the saved run had another --%s: a run goes on with what it began with",
        r->o.resume, now->key + 4);
    status = EXIT_FAILED;
  }
  ldr_weights_close(w);
  return status;
}

/* The shape is that of the model which the stopped run wrote: options that say otherwise would do nothing. */
static int same_shape(run *r) {
  const options *o = &r->o;
  const ldr_model_info *m = &r->info;
  const struct { const char *name; int32_t given, is; } all[] = {
    { "--layers", o->layers, m->layers }, { "--width", o->width, m->width }, { "--heads", o->heads, m->heads },
    { "--ffn", o->ffn, m->ffn } };
  size_t i;
  for (i = 0; o->resume && i < sizeof all / sizeof *all; i++)
    if (all[i].given && all[i].given != all[i].is) {
      ldr__fail(&r->err, LDR_MISMATCH, "%s: %s is %d in the saved run's model, and not %d", o->model, all[i].name,
          (int)all[i].is, (int)all[i].given);
      return EXIT_FAILED;
    }
  return EXIT_DONE;
}

/* A new model that a stopped run began lies in the folder it wrote to. */
static int has_begun(run *r) {
  char path[LADDER_MAX_PATH];
  if (out_path(r, path, "config.json")) return EXIT_FAILED;
  if (!r->o.resume || ldr__file_exists(path)) return EXIT_DONE;
  return fail(r, LDR_ARGUMENT, "%s: the model that the stopped run began is not there: --out is the folder that run "
      "was given", r->o.out);
}

static int keep_pretrain(run *r) {
  const options *o = &r->o;
  return keep_files(r, "texts", o->texts) || keep_number(r, "max-len", r->max_len)
      || keep_number(r, "whole-words", o->whole_words) || keep_files(r, "word-list", o->word_list)
      ? EXIT_FAILED : same_options(r);
}

/* A resumed run reads the texts again up to where it stood, so that the rest comes as it would have. */
static int pretrain_open(run *r, stream *s, ldr_dataset *held) {
  ldr_progress p;
  int32_t i, batch = r->train_desc.batch;
  stream h;
  int status;
  if (open_stream(r, s, r->o.texts, r->max_len, POOL) || fill_batch(r, s, r->train, batch, 0)) return EXIT_FAILED;
  if (r->o.held_out) {
    status = open_stream(r, &h, r->o.held_out, r->max_len, HELD_SEQUENCES);
    h.seed = 1;                        /* the same masks whatever the run's seed */
    if (!status) status = fill_batch(r, &h, held, HELD_SEQUENCES, 0);
    close_stream(&h);
    if (status) return status;
  }
  r->trainer = ldr_trainer_create(r->ladder, r->train, NULL, &r->train_desc, &r->err);
  if (!r->trainer || keep_pretrain(r)) return EXIT_FAILED;
  if (r->o.resume && ldr_trainer_resume(r->trainer, r->o.resume, &r->err)) return EXIT_FAILED;
  p = ldr_trainer_progress(r->trainer);
  s->drawn = 0;
  close_stream(s);
  if (open_stream(r, s, r->o.texts, r->max_len, POOL)) return EXIT_FAILED;
  for (i = 0; i < p.step; i++)
    if (fill_batch(r, s, r->train, batch, i)) return EXIT_FAILED;
  return EXIT_DONE;
}

/* The log of a long run; from here on signals stop it at the end of a step. */
static int open_log(run *r) {
  if (r->o.log) {
    r->log = fopen(r->o.log, r->o.resume ? "a" : "w");
    if (!r->log) return fail(r, LDR_IO, "%s: the log cannot be created", r->o.log);
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  return EXIT_DONE;
}

static int check_pretrain(run *r) {
  const options *o = &r->o;
  int fresh = !o->model, ladder = o->method == METHOD_LADDER;
  if (ladder && fresh) return fail(r, LDR_ARGUMENT, "a ladder is trained beside a model: give --model DIR", "");
  if (o->with_ladder && (ladder || o->resume || o->checkpoint || o->stop_at))
    return fail(r, LDR_ARGUMENT,
        "--with-ladder trains model and ladder in one go: without --method ladder, --checkpoint, "
        "--resume and --stop-at", "");
  if (o->method && !ladder && o->method != 1 + (int32_t)LDR_METHOD_FULL)
    return fail(r, LDR_ARGUMENT, "--method: plain text is learned by the model (full) or a ladder", "");
  if (o->distil && !ladder) return fail(r, LDR_ARGUMENT, "--distil goes with --method ladder", "");
  if (!fresh && (o->layers || o->width || o->heads || o->ffn || o->vocab || o->warm_start))
    return fail(r, LDR_ARGUMENT,
        "--layers, --width, --heads, --ffn, --vocab and --warm-start are for a new model, without --model", "");
  return EXIT_DONE;
}

/* What does not go with the model, which is open. */
static int check_objective(run *r) {
  const options *o = &r->o;
  if (r->max_len < objective_of(r)->least)
    return fail(r, LDR_ARGUMENT, "--max-len must leave room for %s", objective_of(r)->name);
  if (objective_of(r) != &objectives[OBJECTIVE_MASKED] && (o->whole_words || o->word_list))
    return fail(r, LDR_ARGUMENT, "--whole-words and --word-list are for masked words, and this model learns %s",
        objective_of(r)->name);
  if (ldr_model_encoder(r->model) && (o->distil || o->with_ladder))
    return fail(r, LDR_ARGUMENT, "--distil and --with-ladder are for models of one stack, and %s has two", o->model);
  return EXIT_DONE;
}

static int command_pretrain(run *r) {
  options *o = &r->o;
  int fresh = !o->model, ladder = o->method == METHOD_LADDER, status;
  char path[LADDER_MAX_PATH];
  static masked_feed from;
  feed f = { &from, fill_masked, NULL, report_held_out };
  watch w;
  memset(&w, 0, sizeof w);
  w.opened = seconds_now();
  w.terminal = on_terminal();
  if (check_pretrain(r)) return EXIT_FAILED;
  if (!ladder && out_path(r, path, "model.safetensors")) return EXIT_FAILED;
  if (!ladder && !o->resume && ldr__file_exists(path))
    return fail(r, LDR_ARGUMENT, "%s: is there already and is not replaced", path);
  if (ladder ? check_writable(r, o->out) : fresh && !o->resume && make_model(r)) return EXIT_FAILED;
  if (fresh) o->model = o->out;
  if (fresh && has_begun(r)) return EXIT_FAILED;
  /* both open the model; weights that are there stay */
  if (!fresh && !ladder ? copy_companions(r, path) : open_model(r)) return EXIT_FAILED;
  if ((fresh && same_shape(r)) || (o->with_ladder && check_writable(r, o->with_ladder))) return EXIT_FAILED;
  status = choose_max_len(r, 128);
  if (status) return status;
  if (check_objective(r)) return EXIT_FAILED;
  if (!o->steps) o->steps = 10000;
  o->epochs = o->steps;                  /* a batch is a data set of its own, an epoch one step */
  if (!(o->lr > 0)) o->lr = ladder ? 1e-3f : 5e-4f;
  if (o->weight_decay == 0) o->weight_decay = 0.01f;
  r->head = LDR_HEAD_WORDS;
  status = pretrain_ladder(r);
  if (!status && fresh && !o->resume && o->warm_start) status = warm_start(r);
  if (status) return status;
  r->train_desc = make_train_desc(r);
  r->train_desc.distil = o->distil;
  r->train = word_set(r);
  r->dev = from.held = word_set(r);
  if (!r->train || !from.held || open_log(r)) return EXIT_FAILED;
  status = pretrain_open(r, &from.s, from.held);
  r->incomplete = r->incomplete && status;           /* from here on there is something to go on with */
  if (!status && o->with_ladder) status = open_beside(r);
  if (!status) status = stream_steps(r, &f, &w);
  close_stream(&from.s);
  if (status) return status;
  if (ladder ? ldr_ladder_save(r->ladder, o->out, &r->err)
             : ldr_ladder_export(r->ladder, path, written_type(r), &r->err)) return EXIT_FAILED;
  r->unfinished = 0;
  printf("%s written: %" PRIu64 " parameters trained, %.0f s\n", ladder ? o->out : path,
      ldr_ladder_trainable(r->ladder), seconds_now() - w.opened);
  return r->beside ? save_beside(r) : EXIT_DONE;
}

static int command_vocabulary(run *r) {
  const char *paths[MAX_TEXTS];
  char *names = NULL;
  int32_t count;
  int status = split_paths(r, r->o.texts, &names, paths, &count);
  int32_t size = r->o.size ? r->o.size : 8192;
  if (!status && make_vocabulary(paths, count, size, !r->o.cased, r->o.sentinels, r->o.out, &r->err))
    status = EXIT_FAILED;
  free(names);
  if (!status) printf("%s written\n", r->o.out);
  return status;
}

#endif /* LADDER_PRETRAIN_H */
