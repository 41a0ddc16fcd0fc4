/* tokenize.h: ladder tokenize, part of tools/ladder.c. Text to tokens and back, by lines or (--json) by JSON values. */
#ifndef LADDER_TOKENIZE_H
#define LADDER_TOKENIZE_H

#include "run.h"
#include "padding.h"

/* A run of the command. With --decode the ids are ours: the library frees only what it allocated. */
typedef struct tokenizing {
  chat           talk;               /* --chat                                               */
  run           *r;
  ldr_tokenizer *t;
  filling        f;
  ldr_encoding   e;
  int32_t        capacity, longest;  /* longest: the most tokens of a line; measure: nothing but that is wanted yet */
  int            measure;
  text           line, first, second, all;
  ldr_text       out;
  uint64_t       lines;
} tokenizing;

/* A token's text: the file's own where it pads. */
static const char *token_text(const tokenizing *k, int32_t i, size_t *bytes) {
  if (k->e.text[i] > -2) return ldr_encoding_piece(k->t, &k->e, i, bytes);
  *bytes = k->f.token_size;
  return k->f.token;
}

static void print_list(const char *name, const int32_t *values, int32_t count) {
  int32_t i;
  printf("%s[", name);
  for (i = 0; i < count; i++) printf(i ? ",%d" : "%d", (int)values[i]);
  putchar(']');
}

/* One line to tokens: ids or pieces, or a JSON object with the bytes of the text that each token covers. */
static void print_tokens(tokenizing *k) {
  const ldr_encoding *e = &k->e;
  int32_t i;
  size_t bytes = 0;
  for (i = 0; i < e->count && !k->r->o.json; i++) {
    const char *piece = token_text(k, i, &bytes);
    if (i) putchar(' ');
    if (k->r->o.pieces) fwrite(piece, 1, bytes, stdout);
    else printf("%d", (int)e->ids[i]);
  }
  if (k->r->o.json) {
    print_list("{\"ids\":", e->ids, e->count);
    print_list(",\"types\":", e->segments, e->count);
    fputs(",\"tokens\":[", stdout);
    for (i = 0; i < e->count; i++) {
      const char *piece = token_text(k, i, &bytes);
      if (i) putchar(',');
      put_bytes(stdout, piece, bytes);
    }
    fputs("],\"offsets\":[", stdout);
    for (i = 0; i < e->count; i++) printf(i ? ",[%d,%d]" : "[%d,%d]", (int)e->begin[i], (int)e->end[i]);
    putchar(']');
    for (i = 0; i < e->count; i++) e->text[i] = e->text[i] > -2;      /* what is no padding */
    if (k->f.on) print_list(",\"mask\":", e->text, e->count);
    putchar('}');
  }
  putchar('\n');
}

/* The string of a node, in `out`, with what it holds of NUL. */
static int json_text(run *r, text *out, const ldr_json *j, int32_t node) {
  ptrdiff_t n = ldr_json_string(NULL, 0, j, node);
  if (n < 0) return fail(r, LDR_DATA, "a line is not a text, nor an object with \"text\" and perhaps \"pair\"", "");
  out->used = 0;
  if (!text_room(out, (size_t)n + 1)) return fail(r, LDR_MEMORY, "out of memory: a line is too long", "");
  ldr_json_string(out->data, (size_t)n + 1, j, node);
  out->used = (size_t)n;
  return EXIT_DONE;
}

/* Cut and filled up as the file itself asks for, as its own library does it. */
static int encode_line(tokenizing *k, const texts *s) {
  run *r = k->r;
  ldr_encode_desc d;
  memset(&d, 0, sizeof d);
  d.max_len = r->o.max_len;
  d.truncate = r->o.truncate == 2 ? LDR_TRUNCATE_ONLY_FIRST : LDR_TRUNCATE_LONGEST_FIRST;
  d.no_special = r->o.no_special;
  if (!d.max_len && k->f.max_len) {
    if (k->f.cuts_beginning)
      return fail(r, LDR_UNSUPPORTED,
          "%s: its tokenizer cuts the beginning of long texts; say --max-len, which cuts the end",
          r->o.model ? r->o.model : r->o.tokenizer);
    d.max_len = k->f.max_len;
    d.truncate = (ldr_truncate)k->f.truncate;
  }
  if (ldr_tokenizer_encode_with(k->t, &k->e, s->first, s->size, s->second, s->size2, &d, &r->err)) return EXIT_FAILED;
  if (k->e.count > k->longest) k->longest = k->e.count;
  if (k->measure) return EXIT_DONE;
  if (fill_up(&k->f, &k->e, k->longest, &r->err)) return EXIT_FAILED;
  print_tokens(k);
  return EXIT_DONE;
}

/* A JSON line: a text, or an object of two; *s lies in first and second. */
static int json_texts(run *r, const ldr_json *j, text *first, text *second, texts *s) {
  int object = ldr_json_node_at(j, 0)->type == LDR_JSON_OBJECT, status;
  int32_t pair = object ? ldr_json_get(j, 0, "pair") : -1;
  if (object && ldr_json_node_at(j, 0)->count > 1 + (pair >= 0))
    return fail(r, LDR_DATA, "a line has a member that is neither \"text\" nor \"pair\"", "");
  if (pair >= 0 && ldr_json_node_at(j, pair)->type == LDR_JSON_NULL) pair = -1;
  status = json_text(r, first, j, object ? ldr_json_get(j, 0, "text") : 0);
  if (!status && pair >= 0) status = json_text(r, second, j, pair);
  s->first = first->data;
  s->size = first->used;
  s->second = pair >= 0 ? second->data : NULL;
  s->size2 = pair >= 0 ? second->used : 0;
  return status;
}

static int print_decoded(tokenizing *k, int json) {
  if (ldr_tokenizer_decode(k->t, &k->out, k->e.ids, k->e.count, k->r->o.no_special, &k->r->err)) return EXIT_FAILED;
  if (json) {
    fputs("{\"text\":", stdout);
    put_bytes(stdout, k->out.data, k->out.size);
    fputs("}\n", stdout);
  } else {
    fwrite(k->out.data, 1, k->out.size, stdout);
    putchar('\n');
  }
  return EXIT_DONE;
}

/* [ids] to text. */
static int decode_json(tokenizing *k, const ldr_json *j) {
  const ldr_json_node *list = ldr_json_node_at(j, 0);
  int64_t id = -1;
  int32_t node;
  k->e.count = 0;
  if (list->type != LDR_JSON_ARRAY) return fail(k->r, LDR_DATA, "a line to decode is a list of ids: [101,102]", "");
  if (list->count > k->capacity) {
    int32_t *ids = (int32_t *)realloc(k->e.ids, (size_t)list->count * sizeof *ids);
    if (!ids) return fail(k->r, LDR_MEMORY, "out of memory", "");
    k->e.ids = ids;
    k->capacity = list->count;
  }
  for (node = list->first; node >= 0; node = ldr_json_node_at(j, node)->next) {
    if (!ldr__json_integer(j, node, &id) || id >= ldr_tokenizer_size(k->t))
      return fail(k->r, LDR_DATA, "an id to decode is none of the tokenizer's", "");
    k->e.ids[k->e.count++] = (int32_t)id;
  }
  return print_decoded(k, 1);
}

/* A conversation: its text and, with a tokenizer, the tokens and which of them the model is to say. */
static int chat_line(tokenizing *k, const ldr_json *j) {
  const char *said;
  int32_t i;
  if (chat_render(&k->talk, j, &k->r->err)) return EXIT_FAILED;
  said = k->talk.j.out ? k->talk.j.out : "";
  fputs("{\"text\":", stdout);
  put_bytes(stdout, said, k->talk.j.used);
  if (k->t) {
    ldr_encode_desc d;
    memset(&d, 0, sizeof d);
    d.no_special = 1;
    if (ldr_tokenizer_encode_with(k->t, &k->e, said, k->talk.j.used, NULL, 0, &d, &k->r->err)) return EXIT_FAILED;
    print_list(",\"ids\":", k->e.ids, k->e.count);
    for (i = 0; i < k->e.count; i++) k->e.segments[i] = chat_assistant(&k->talk, &k->e, i);
    print_list(",\"assistant_mask\":", k->e.segments, k->e.count);
  }
  fputs("}\n", stdout);
  return EXIT_DONE;
}

static int tokenize_line(tokenizing *k) {
  run *r = k->r;
  ldr_json *j;
  texts s;
  int status;
  if (!r->o.json && r->o.decode) {
    int32_t i;
    status = parse_ids(r, &k->line, &k->e, &k->capacity);
    for (i = 0; !status && i < k->e.count; i++)
      if (k->e.ids[i] >= ldr_tokenizer_size(k->t))
        status = fail(r, LDR_DATA, "an id to decode is none of the tokenizer's", "");
    return status ? status : print_decoded(k, 0);
  }
  if (!r->o.json) {
    s = split_line(&k->line, r->o.pair);
    return encode_line(k, &s);
  }
  j = ldr_json_parse(k->line.data, k->line.used, NULL, &r->err);
  if (!j) return EXIT_FAILED;
  if (r->o.chat) status = chat_line(k, j);
  else if (r->o.decode) status = decode_json(k, j);
  else {
    status = json_texts(r, j, &k->first, &k->second, &s);
    if (!status) status = encode_line(k, &s);
  }
  ldr_json_free(j);
  return status;
}

/* The next line: of the text that was read before, or (at NULL) of standard input. As read_line. */
static int next_text(tokenizing *k, size_t *at) {
  const char *s = k->all.data, *end;
  if (!at) return read_line(stdin, &k->line);
  if (*at >= k->all.used) return 0;
  end = (const char *)memchr(s + *at, '\n', k->all.used - *at);
  k->line.used = 0;
  if (!text_room(&k->line, (size_t)(end - s) - *at)) return -1;
  k->line.used = (size_t)(end - s) - *at;
  memcpy(k->line.data, s + *at, k->line.used);
  k->line.data[k->line.used] = 0;
  *at = (size_t)(end - s) + 1;
  return 1;
}

static int tokenize_lines(tokenizing *k, size_t *at) {
  int status = EXIT_DONE, more = 0;
  k->lines = 0;
  while (!status && (more = next_text(k, at)) > 0) {
    k->lines++;
    if (k->r->o.json && !k->line.used) continue;
    status = tokenize_line(k);
    if (!status) status = flush_answers(k->r);
  }
  return more < 0 ? fail(k->r, LDR_MEMORY, "out of memory: a line is too long", "") : status;
}

/* All lines are filled up to the longest, which is known only behind the last one: they are read first and
   encoded twice. */
static int tokenize_padded(tokenizing *k) {
  size_t at = 0, n;
  int more, status;
  while ((more = read_line(stdin, &k->line)) > 0) {
    n = k->line.used;
    if (!text_room(&k->all, n + 1)) return fail(k->r, LDR_MEMORY, "out of memory: the text is too long", "");
    memcpy(k->all.data + k->all.used, k->line.data, n);
    k->all.data[k->all.used + n] = '\n';
    k->all.used += n + 1;
  }
  if (more < 0) return fail(k->r, LDR_MEMORY, "out of memory: a line is too long", "");
  k->measure = 1;
  status = tokenize_lines(k, &at);
  k->measure = 0;
  at = 0;
  return status ? status : tokenize_lines(k, &at);
}

/* How a tokenizer's directory or file cuts and fills up; other files than a tokenizer.json say nothing of it. */
static ldr_status filling_read(filling *f, const char *path, ldr_error *err) {
  char file[LADDER_MAX_PATH];
  ldr__source source;
  ldr_json *j = NULL;
  int32_t model;
  memset(f, 0, sizeof *f);
  if (!ldr__there(file, path, ".")) ldr__format(file, sizeof file, "%s", path);
  else if (!ldr__tokenizer_main(file, path)) return LDR_OK;
  if (ldr__source_open(&source, file, NULL, err)) return err->status;
  if (!ldr__gguf_is(source.data, source.size) && ldr__looks_like_json(source.data, source.size))
    j = ldr_json_parse((const char *)source.data, source.size, NULL, err);
  model = ldr_json_get(j, 0, "model");                     /* a vocab.json may have such a piece */
  if (model >= 0 && !ldr__json_is(j, model, LDR_JSON_NUMBER)) filling_parse(f, j, err);
  if (err->status) ldr__fail_in_file(err, file);
  ldr_json_free(j);
  ldr__source_close(&source);
  return err->status;
}

static int command_tokenize(run *r) {
  const char *path;
  tokenizing k;
  int status = EXIT_FAILED;
  memset(&k, 0, sizeof k);
  k.r = r;
  path = r->o.model ? r->o.model : r->o.tokenizer;
  k.t = path ? ldr_tokenizer_load(path, NULL, &r->err) : NULL;
  if (r->o.chat && (k.t || !path)) {
    if (take_template(r) || chat_open(&k.talk, r->chat_text, path, k.t, 0, &r->err)) status = EXIT_FAILED;
    else status = tokenize_lines(&k, NULL);
  } else if (k.t && !filling_read(&k.f, path, &r->err))
    status = k.f.on && !k.f.length && !r->o.decode ? tokenize_padded(&k) : tokenize_lines(&k, NULL);
  if (status && k.lines) {
    char message[sizeof r->err.message];
    memcpy(message, r->err.message, sizeof message);
    ldr__format(r->err.message, sizeof r->err.message, "line %U: %s", k.lines, message);
  }
  if (r->o.decode) free(k.e.ids);
  else ldr_encoding_free(&k.e);
  chat_close(&k.talk);
  ldr_text_free(&k.out);
  ldr_tokenizer_free(k.t);
  free(k.line.data);
  free(k.first.data);
  free(k.second.data);
  free(k.all.data);
  return status;
}

#endif /* LADDER_TOKENIZE_H */
