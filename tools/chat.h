/* chat.h: conversations, part of tools/ladder.c: tokenize --chat, generate --chat, --task chat. A model's own template
   says how messages become text; it lies in chat_template.jinja, in tokenizer_config.json, or in a GGUF file. */
#ifndef LADDER_CHAT_H
#define LADDER_CHAT_H

#include "jinja.h"

enum { CHAT_TOKENS = 4 };

/* given: the members of an object that a template may ask for beside those of the line ("bos_token": ...). */
typedef struct chat { jinja j; ldr_json *given; char *text; size_t bytes; int32_t end; } chat;

static const char *const chat_tokens[CHAT_TOKENS] = { "bos_token", "eos_token", "unk_token", "pad_token" };

static void chat_close(chat *c) {
  jinja_close(&c->j);
  ldr_json_free(c->given);
  free(c->text);
  memset(c, 0, sizeof *c);
}

/* 1: a file of that name in the directory is open. */
static int chat_file(ldr__source *s, const char *dir, const char *name) {
  char path[LADDER_MAX_PATH];
  ldr_error none;
  memset(&none, 0, sizeof none);
  memset(s, 0, sizeof *s);
  return ldr__path_join(path, sizeof path, dir, name) && ldr__file_exists(path)
      && !ldr__source_open(s, path, NULL, &none);
}

/* The string of a node, or of its member "content"; NULL: none. free() it. */
static char *chat_string(const ldr_json *j, int32_t node, size_t *n) {
  ptrdiff_t size;
  char *s;
  const ldr_json_node *k = ldr_json_node_at(j, node);
  if (k && k->type == LDR_JSON_OBJECT) node = ldr_json_get(j, node, "content");
  size = ldr_json_string(NULL, 0, j, node);
  s = size < 0 ? NULL : (char *)malloc((size_t)size + 1);
  if (!s) return NULL;
  ldr_json_string(s, (size_t)size + 1, j, node);
  *n = (size_t)size;
  return s;
}

/* Of several templates the one named "default". */
static int32_t chat_default(const ldr_json *j, int32_t node) {
  const ldr_json_node *list = ldr_json_node_at(j, node);
  int32_t k;
  if (!list || list->type != LDR_JSON_ARRAY) return node;
  for (k = list->first; k >= 0; k = ldr_json_node_at(j, k)->next)
    if (ldr_json_equals(j, ldr_json_get(j, k, "name"), "default")) return ldr_json_get(j, k, "template");
  return -1;
}

/* "name":"text" into an object that is being written. */
static void chat_give(jinja_buffer *members, const char *name, const char *value, size_t n) {
  jinja_value v = jinja_word(name);
  if (members->used > 1) jinja_put_string(members, ",");
  jinja_put_quoted(members, &v, 1);
  jinja_put_string(members, ":");
  v = jinja_view(value, n);
  jinja_put_quoted(members, &v, 1);
}

/* What tokenizer_config.json says: the template (unless one is open already), the special tokens. */
static ldr_status chat_config(chat *c, const ldr_json *j, jinja_buffer *members, ldr_error *err) {
  size_t n = 0;
  char *s;
  int i;
  for (i = 0; i < CHAT_TOKENS; i++) {
    s = chat_string(j, ldr_json_get(j, 0, chat_tokens[i]), &n);
    if (s) chat_give(members, chat_tokens[i], s, n);
    free(s);
  }
  s = c->j.count ? NULL : chat_string(j, chat_default(j, ldr_json_get(j, 0, "chat_template")), &n);
  if (s) jinja_open(&c->j, s, n, err);
  free(s);
  return err->status;
}

/* 1: a GGUF file, whatever its name. */
static int chat_is_gguf(const char *path) {
  ldr__source s;
  ldr_error none;
  int yes;
  memset(&none, 0, sizeof none);
  memset(&s, 0, sizeof s);
  if (ldr__source_open(&s, path, NULL, &none)) return 0;
  yes = s.size >= 4 && memcmp(s.data, "GGUF", 4) == 0;
  ldr__source_close(&s);
  return yes;
}

static ldr_status chat_gguf(chat *c, const char *path, const ldr_tokenizer *t, jinja_buffer *members, ldr_error *err) {
  static const char *const keys[CHAT_TOKENS] = { "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.padding_token_id" };
  ldr_weights *w = ldr_weights_open(path, NULL, err);
  const char *s = ldr_weights_meta(w, "tokenizer.chat_template");
  int i;
  if (s && !c->j.count) jinja_open(&c->j, s, strlen(s), err);
  for (i = 0; w && i < CHAT_TOKENS; i++) {
    const char *id = ldr_weights_meta(w, keys[i]),
        *piece = id ? ldr_tokenizer_piece(t, (int32_t)strtol(id, NULL, 10)) : NULL;
    if (piece) chat_give(members, chat_tokens[i], piece, strlen(piece));
  }
  ldr_weights_close(w);
  return err->status;
}

enum { CHAT_NOTE = 4000, CHAT_NOTES = 256 };      /* bytes of a ladder's note, and notes of a template */

/* A template's text: a copy, free() it. What a ladder could not keep is refused. */
static char *chat_read(const char *file, ldr_error *err) {
  ldr__source s;
  char *copy = NULL;
  memset(&s, 0, sizeof s);
  if (ldr__source_open(&s, file, NULL, err)) return NULL;
  if (memchr(s.data, 0, s.size) || ldr__utf8_bad(s.data, s.size, 0) < s.size)
    ldr__fail(err, LDR_DATA, "%s: a template is text in UTF-8", file);
  else if (s.size > (size_t)(CHAT_NOTE - 4) * CHAT_NOTES)
    ldr__fail(err, LDR_LIMIT, "%s: a template has at most a million bytes", file);
  else if ((copy = (char *)malloc(s.size + 1)) == NULL) words_no_memory("a chat template", err);
  else {
    memcpy(copy, s.data, s.size);
    copy[s.size] = 0;
  }
  ldr__source_close(&s);
  return copy;
}

/* From the template `own` or, NULL, from what lies beside the tokenizer (path NULL: nothing does). answer: the text
   ends where the model's answer begins, unless a line says otherwise. */
static ldr_status chat_open(chat *c, const char *own, const char *path, const ldr_tokenizer *t, int answer,
    ldr_error *err) {
  jinja_buffer members = { NULL, NULL, 0, 0 };
  ldr__source s;
  memset(c, 0, sizeof *c);
  c->end = -1;
  c->j.err = err;
  members.j = &c->j;
  memset(&s, 0, sizeof s);
  if (own) jinja_open(&c->j, own, strlen(own), err);
  else if (path && chat_file(&s, path, "chat_template.jinja")) {
    jinja_open(&c->j, (const char *)s.data, s.size, err);
    ldr__source_close(&s);
  }
  jinja_put_string(&members, "{");
  if (!err->status && path && chat_file(&s, path, "tokenizer_config.json")) {
    ldr_json *j = ldr_json_parse((const char *)s.data, s.size, NULL, err);
    if (j) chat_config(c, j, &members, err);
    ldr_json_free(j);
    ldr__source_close(&s);
  } else if (!err->status && path && t && chat_is_gguf(path)) chat_gguf(c, path, t, &members, err);
  if (answer)
    jinja_put_string(&members,
        members.used > 1 ? ",\"add_generation_prompt\":true" : "\"add_generation_prompt\":true");
  jinja_put_string(&members, "}");
  if (!err->status && !c->j.count)
    ldr__fail(err, LDR_MISSING, "%s has no chat template: --template FILE gives one", path ? path : "the tokenizer");
  c->text = members.data;
  if (!err->status) c->given = ldr_json_parse(members.data, members.used, NULL, err);
  if (c->given && t) {
    size_t n = 0;
    char *end = chat_string(c->given, ldr_json_get(c->given, 0, "eos_token"), &n);
    if (end) c->end = ldr_tokenizer_find(t, end);
    free(end);
  }
  return err->status;
}

/* A conversation's text into c->j.out: the line's members, over what the tokenizer's files give. */
static ldr_status chat_render(chat *c, const ldr_json *j, ldr_error *err) {
  if (ldr_json_node_at(j, 0)->type != LDR_JSON_OBJECT || ldr_json_get(j, 0, "messages") < 0)
    return ldr__fail(err, LDR_DATA, "a line is {\"messages\":[{\"role\":..,\"content\":..}, ..]}");
  return jinja_render(&c->j, c->given, 0, j, err);
}

#define CHAT_ALL SIZE_MAX

/* The first `count` messages, with the beginning of an answer behind them or without it: a copy; free() it. */
static char *chat_part(chat *c, const ldr_json *j, size_t count, int answer, size_t *n, ldr_error *err) {
  char *s = NULL;
  c->j.most = count == CHAT_ALL ? 0 : count + 1;
  c->j.answer = answer;
  if (!chat_render(c, j, err)) {
    s = (char *)malloc(c->j.used + 1);
    if (s) memcpy(s, c->j.out ? c->j.out : "", c->j.used);
    else words_no_memory("a conversation", err);
  }
  *n = c->j.used;
  c->j.most = 0;
  c->j.answer = -1;
  return s;
}

/* What the model is to say of a conversation, as spans of its text. Where the template does not mark it, an answer is
   what comes between the text before it, as far as an answer is asked for there, and the text with it. */
static ldr_status chat_answers(chat *c, const ldr_json *j, ldr_error *err) {
  const ldr_json_node *list = ldr_json_node_at(j, ldr_json_get(j, 0, "messages"));
  size_t n = 0, whole = 0, i, spans = 0;
  jinja_span *found = NULL;
  int32_t k;
  char *all = chat_part(c, j, CHAT_ALL, 0, &whole, err);
  if (err->status || c->j.span_count || !list || list->type != LDR_JSON_ARRAY) {
    free(all);
    return err->status;
  }
  found = (jinja_span *)malloc(((size_t)list->count + 1) * sizeof *found);
  if (!found) words_no_memory("a conversation", err);
  for (i = 0, k = list->first; k >= 0 && !err->status; i++, k = ldr_json_node_at(j, k)->next) {
    size_t m = 0, same;
    char *before, *with;
    if (!ldr_json_equals(j, ldr_json_get(j, k, "role"), "assistant")) continue;
    before = chat_part(c, j, i, 1, &n, err);
    with = err->status ? NULL : chat_part(c, j, i + 1, 0, &m, err);
    for (same = 0; with && same < m && same < whole && with[same] == all[same]; same++) {}
    if (before && with && (n > same || memcmp(before, all, n) != 0))
      ldr__fail(err, LDR_UNSUPPORTED, "chat template: it writes earlier messages otherwise when more "
          "follow, so what is learned cannot be told: mark it with {%% generation %%}");
    while (same > n && jinja_blank(all[same - 1])) same--;
    found[spans].begin = n;
    found[spans++].end = same;
    free(before);
    free(with);
  }
  if (!err->status) {
    free(all);
    all = chat_part(c, j, CHAT_ALL, 0, &n, err);      /* the text stays in c->j.out         */
  }
  if (!err->status) {
    free(c->j.spans);
    c->j.spans = found;
    c->j.span_count = spans;
    c->j.span_room = (size_t)list->count + 1;
  } else free(found);
  free(all);
  return err->status;
}

/* 1: the token lies in what the model itself is to say. */
static int chat_assistant(const chat *c, const ldr_encoding *e, int32_t i) {
  size_t k;
  for (k = 0; k < c->j.span_count; k++)
    if (e->begin[i] < e->end[i] && (size_t)e->begin[i] < c->j.spans[k].end && (size_t)e->end[i] > c->j.spans[k].begin)
      return 1;
  return 0;
}

/* ShareGPT's {"conversations":[{"from":"human","value":..}]} as messages, into b. 0: it is nothing like that. */
static int chat_sharegpt(jinja_buffer *b, const ldr_json *j, int32_t node) {
  static const char *const names[][2] = {
    { "human", "user" }, { "user", "user" }, { "gpt", "assistant" }, { "assistant", "assistant" },
    { "system", "system" }, { "tool", "tool" } };
  const ldr_json_node *list = ldr_json_node_at(j, ldr_json_get(j, node, "conversations"));
  size_t said = 0;
  char *system = chat_string(j, ldr_json_get(j, node, "system"), &said);
  jinja_value own = jinja_view(system, said);
  int32_t k;
  if (list && list->type == LDR_JSON_ARRAY && ldr_json_equals(j, ldr_json_get(j, list->first, "from"), "system"))
    said = 0;      /* it says so itself */
  b->used = 0;
  jinja_put_string(b, "{\"messages\":[");
  if (said) {
    jinja_put_string(b, "{\"role\":\"system\",\"content\":");
    jinja_put_quoted(b, &own, 1);
    jinja_put_string(b, "}");
  }
  free(system);
  for (k = list && list->type == LDR_JSON_ARRAY ? list->first : -1; k >= 0; k = ldr_json_node_at(j, k)->next) {
    size_t n = 0, i = 0;
    int32_t from = ldr_json_get(j, k, "from");
    char *value = chat_string(j, ldr_json_get(j, k, "value"), &n);
    jinja_value v = jinja_view(value, n);
    while (i < sizeof names / sizeof *names && !ldr_json_equals(j, from, names[i][0])) i++;
    if (!value || i == sizeof names / sizeof *names) {
      free(value);
      return 0;
    }
    jinja_put_string(b, k == list->first && !said ? "{\"role\":\"" : ",{\"role\":\"");
    jinja_put_string(b, names[i][1]);
    jinja_put_string(b, "\",\"content\":");
    jinja_put_quoted(b, &v, 1);
    jinja_put_string(b, "}");
    free(value);
  }
  jinja_put_string(b, "]}");
  return list && list->type == LDR_JSON_ARRAY;
}

#endif
