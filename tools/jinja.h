/* jinja.h: the part of the Jinja language that chat templates are written in (Ronacher, Jinja 3), as transformers runs
   it: trim_blocks, lstrip_blocks, loop controls, namespace, raise_exception, tojson without HTML, {% generation %}.

       jinja j;
       if (!jinja_open(&j, source, bytes, &err)) jinja_render(&j, NULL, 0, json, &err);
       j.out, j.used: the text
       jinja_close(&j);

   Every member of the JSON object is a variable. What is not understood is refused by its name, never left out. A
   template cannot hang nor exhaust memory: steps, bytes and depth are counted.

   Order of the file: values, memory and errors; cutting the template into pieces; printing and comparing values;
   methods, filters and tests; expressions; statements. An expression is evaluated while it is read: there is no
   tree. Where it must be passed over (the other half of an `if`, what follows `false and`), it is read with `live` 0
   and makes nothing. */

#ifndef JINJA_H
#define JINJA_H

#include "grow.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JINJA_STEPS = 4000000, JINJA_BYTES = 64 << 20, JINJA_DEPTH = 120, JINJA_ARGUMENTS = 8 };

typedef enum jinja_kind {
  JINJA_UNDEFINED, JINJA_NONE, JINJA_BOOL, JINJA_INT, JINJA_FLOAT, JINJA_STRING, JINJA_LIST, JINJA_MAP, JINJA_MACRO
} jinja_kind;

typedef struct jinja_value jinja_value;
typedef struct jinja_list { jinja_value *items; size_t count, capacity; } jinja_list;
                         /* a map's items: key, value, key, ...          */

struct jinja_value {
  jinja_kind  kind;
  int64_t     number;                    /* BOOL, INT; MACRO: its piece, -1 strftime_now; LIST: 1 a tuple */
  double      real;
  const char *text;                      /* STRING, of `bytes`; UNDEFINED: what was looked for */
  size_t      bytes;
  jinja_list *list;                      /* LIST, MAP                                        */
};

typedef enum jinja_part { JINJA_TEXT, JINJA_PRINT, JINJA_BLOCK } jinja_part;

/* A piece of the template. next: of a block, the piece that goes on with it or ends it (elif, else, endif ...). */
typedef struct jinja_piece { jinja_part part; const char *text; size_t bytes, next; int word; } jinja_piece;

typedef struct jinja_variable { const char *name; size_t bytes; jinja_value value; } jinja_variable;
typedef struct jinja_arena { struct jinja_arena *before; } jinja_arena;
typedef struct jinja_span { size_t begin, end; } jinja_span;

typedef struct jinja {
  char           *out;                   /* the rendered text                                */
  size_t          used, room;
  jinja_span     *spans;                 /* what {% generation %} made of it, in bytes       */
  size_t          span_count, span_room;
  /* inside */
  char           *source;
  jinja_piece    *pieces;
  size_t          count, piece_room;
  jinja_variable *variables;
  size_t          variable_count, variable_room, scope, globals, floor;
  jinja_arena    *arena;
  size_t          bytes, steps;
  int             depth, flow;           /* flow: 1 break, 2 continue                        */
  size_t          most;                  /* of "messages" only the first most - 1; 0: all    */
  int             answer;                /* "add_generation_prompt", or -1: as it is given   */
  ldr_error      *err;
} jinja;

/* What is read of an expression: from `at` to `end`. */
typedef struct jinja_reader { jinja *j; const char *at, *end; int live; } jinja_reader;

/* ---- memory, errors, values -------------------------------------------------------------- */

static int jinja_failed(const jinja *j) { return j->err->status != LDR_OK; }

static jinja_value jinja_of(jinja_kind kind) {
  jinja_value v;
  memset(&v, 0, sizeof v);
  v.kind = kind;
  return v;
}

static jinja_value jinja_fail(jinja *j, const char *what, const char *s, size_t n) {
  ldr__fail(j->err, LDR_UNSUPPORTED, "chat template: %s%b", what, s, n);
  return jinja_of(JINJA_UNDEFINED);
}

static void *jinja_memory(jinja *j, size_t n) {
  jinja_arena *a;
  if (n > JINJA_BYTES - j->bytes) {
    jinja_fail(j, "it takes more than 64 MiB", NULL, 0);
    return NULL;
  }
  a = (jinja_arena *)malloc(sizeof *a + n);
  if (!a) {
    ldr__fail(j->err, LDR_MEMORY, "out of memory for a chat template");
    return NULL;
  }
  a->before = j->arena;
  j->arena = a;
  j->bytes += n + sizeof *a;
  return a + 1;
}

static int jinja_step(jinja *j) {
  if (++j->steps > JINJA_STEPS) jinja_fail(j, "it takes more than 4 million steps", NULL, 0);
  return !jinja_failed(j);
}

static jinja_value jinja_bool(int b) {
  jinja_value v = jinja_of(JINJA_BOOL);
  v.number = b != 0;
  return v;
}

/* Whole numbers stay within what a double holds, so none of their sums can overflow. */
static jinja_value jinja_int(int64_t n) {
  jinja_value v = jinja_of(JINJA_INT);
  v.number = n;
  return v;
}

static jinja_value jinja_whole_number(jinja *j, int64_t n) {
  if (n > INT64_C(9007199254740992) || n < -INT64_C(9007199254740992))
    return jinja_fail(j, "a number is too large", NULL, 0);
  return jinja_int(n);
}

static jinja_value jinja_real(double d) {
  jinja_value v = jinja_of(JINJA_FLOAT);
  v.real = d;
  return v;
}

static jinja_value jinja_view(const char *s, size_t n) {
  jinja_value v = jinja_of(JINJA_STRING);
  v.text = s;
  v.bytes = n;
  return v;
}

static jinja_value jinja_word(const char *s) { return jinja_view(s, strlen(s)); }

/* a, then b. */
static jinja_value jinja_join(jinja *j, const char *a, size_t n, const char *b, size_t k) {
  char *s = (char *)jinja_memory(j, n + k + 1);
  if (!s) return jinja_of(JINJA_UNDEFINED);
  if (n) memcpy(s, a, n);
  if (k) memcpy(s + n, b, k);
  s[n + k] = 0;
  return jinja_view(s, n + k);
}

static jinja_value jinja_collection(jinja *j, jinja_kind kind) {
  jinja_value v = jinja_of(kind);
  v.list = (jinja_list *)jinja_memory(j, sizeof *v.list);
  if (!v.list) return jinja_of(JINJA_UNDEFINED);
  memset(v.list, 0, sizeof *v.list);
  return v;
}

static void jinja_push(jinja *j, jinja_value *to, jinja_value item) {
  jinja_list *l = to->list;
  if (!l || !jinja_step(j)) return;
  if (l->count == l->capacity) {
    size_t next = l->capacity ? 2 * l->capacity : 8;
    jinja_value *items = (jinja_value *)jinja_memory(j, next * sizeof *items);
    if (!items) return;
    if (l->count) memcpy(items, l->items, l->count * sizeof *items);
    l->items = items;
    l->capacity = next;
  }
  l->items[l->count++] = item;
}

static int jinja_is(const jinja_value *v, const char *s) { return v->bytes == strlen(s) &&
    memcmp(v->text, s, v->bytes) == 0; }

/* The value of a key, or NULL. */
static jinja_value *jinja_member(const jinja_value *map, const char *key, size_t n) {
  size_t i;
  if (map->kind != JINJA_MAP) return NULL;
  for (i = 0; i + 1 < map->list->count; i += 2) {
    const jinja_value *k = &map->list->items[i];
    if (k->kind == JINJA_STRING && k->bytes == n && memcmp(k->text, key, n) == 0) return &map->list->items[i + 1];
  }
  return NULL;
}

static void jinja_set_member(jinja *j, jinja_value *map, const char *key, size_t n, jinja_value v) {
  jinja_value *old = jinja_member(map, key, n);
  if (old) {
    *old = v;
    return;
  }
  jinja_push(j, map, jinja_view(key, n));
  jinja_push(j, map, v);
}

static jinja_value jinja_from_json(jinja *j, const ldr_json *json, int32_t node) {
  const ldr_json_node *n = ldr_json_node_at(json, node);
  jinja_value v;
  int32_t k;
  int64_t whole;
  if (!n || n->type == LDR_JSON_NULL) return jinja_of(JINJA_NONE);
  switch (n->type) {
    case LDR_JSON_TRUE: return jinja_bool(1);
    case LDR_JSON_FALSE: return jinja_bool(0);
    case LDR_JSON_NUMBER:
      if (!memchr(json->text + n->begin, '.', n->end - n->begin) && ldr__json_integer(json, node, &whole))
        return jinja_whole_number(j, whole);
      return jinja_real(ldr_json_number(json, node, 0));
    case LDR_JSON_STRING: {
      ptrdiff_t size = ldr_json_string(NULL, 0, json, node);
      char *s = size < 0 ? NULL : (char *)jinja_memory(j, (size_t)size + 1);
      if (!s) return jinja_of(JINJA_UNDEFINED);
      ldr_json_string(s, (size_t)size + 1, json, node);
      return jinja_view(s, (size_t)size);
    }
    default:
      v = jinja_collection(j, n->type == LDR_JSON_ARRAY ? JINJA_LIST : JINJA_MAP);
      for (k = n->first; k >= 0 && !jinja_failed(j); k = ldr_json_node_at(json, k)->next)
        jinja_push(j, &v, jinja_from_json(j, json, k));
      return v;
  }
}

/* ---- the template, cut into pieces -------------------------------------------------------- */

typedef enum jinja_block {
  JINJA_IF, JINJA_ELIF, JINJA_ELSE, JINJA_ENDIF, JINJA_FOR, JINJA_ENDFOR, JINJA_SET, JINJA_ENDSET, JINJA_DEFINE,
  JINJA_ENDMACRO, JINJA_GENERATION, JINJA_ENDGENERATION, JINJA_BREAK, JINJA_CONTINUE, JINJA_WORDS
} jinja_block;
static const char *const jinja_words[JINJA_WORDS] = {
  "if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro", "generation", "endgeneration",
  "break", "continue" };

static int jinja_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
static int jinja_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int jinja_name_char(char c) { return jinja_letter(c) || (c >= '0' && c <= '9'); }

static void jinja_add_piece(jinja *j, jinja_part part, const char *s, size_t n) {
  jinja_piece *p = (jinja_piece *)words_grow(j->pieces, &j->piece_room, j->count + 1, sizeof *p);
  if (!p) {
    words_no_memory("a chat template", j->err);
    return;
  }
  j->pieces = p;
  p += j->count++;
  memset(p, 0, sizeof *p);
  p->part = part;
  while (part != JINJA_TEXT && n && jinja_blank(*s)) s++, n--;
  while (part != JINJA_TEXT && n && jinja_blank(s[n - 1])) n--;
  p->text = s;
  p->bytes = n;
}

/* Where the block's `}}` or `%}` begins, past strings; NULL: nowhere. */
static const char *jinja_closing(const char *s, const char *end, char kind) {
  char quote = 0;
  int depth = 0;                             /* of braces inside                             */
  for (; s + 1 < end; s++) {
    if (quote) {
      if (*s == '\\') s++;
      else if (*s == quote) quote = 0;
    } else if (kind != '#' && (*s == '"' || *s == '\'')) quote = *s;
    else if (kind == '}' && *s == '{') depth++;
    else if (kind == '}' && depth && *s == '}') depth--;
    else if (*s == kind && s[1] == '}') return s;
  }
  return NULL;
}

/* Text, {{ print }}, {% block %} and {# comment #}, with blanks taken away as the marks ask. */
static void jinja_cut(jinja *j, size_t n) {
  const char *s = j->source, *end = s + n, *from = s;
  int eat = 0, fresh = 1;                    /* blanks before the text go; it starts a line   */
  while (!jinja_failed(j)) {
    const char *open = from, *close, *inner, *last, *line;
    char kind = 0, sign = 0;
    while (open + 1 < end && !(open[0] == '{' && (open[1] == '{' || open[1] == '%' || open[1] == '#'))) open++;
    if (open + 1 >= end) open = end;
    while (eat && from < open && jinja_blank(*from)) from++;
    last = open;
    if (open < end) {
      kind = open[1] == '{' ? '}' : open[1];
      sign = open + 2 < end ? open[2] : 0;
      for (line = last; line > from && line[-1] != '\n'; line--) {}
      if (sign == '-') while (last > from && jinja_blank(last[-1])) last--;
      else if (sign != '+' && kind != '}' && (line > from || (fresh && !eat))) {
        /* only blanks on its line so far: they go */
        const char *b = line;
        while (b < last && (*b == ' ' || *b == '\t')) b++;
        if (b == last) last = line;
      }
    }
    if (last > from) jinja_add_piece(j, JINJA_TEXT, from, (size_t)(last - from));
    if (open == end) return;
    inner = open + 2 + (sign == '-' || sign == '+');
    close = jinja_closing(inner, end, kind);
    if (!close) {
      jinja_fail(j, "a block does not end: ", open, (size_t)LDR__MIN(end - open, 40));
      return;
    }
    sign = close > inner ? close[-1] : 0;
    if (sign != '-' && sign != '+') sign = 0;
    if (kind != '#')
      jinja_add_piece(j, kind == '%' ? JINJA_BLOCK : JINJA_PRINT, inner, (size_t)(close - inner) - (sign != 0));
    from = close + 2;
    eat = sign == '-';
    fresh = 0;
    if (kind != '}' && sign == 0 && from < end && *from == '\n') {
      from++;
      fresh = 1;
    }
  }
}

/* The word of a block, and how the blocks hang together. */
static void jinja_nest(jinja *j) {
  size_t open[JINJA_DEPTH], depth = 0, i, k;
  for (i = 0; i < j->count && !jinja_failed(j); i++) {
    jinja_piece *p = &j->pieces[i];
    int inside = depth ? j->pieces[open[depth - 1]].word : -1, ends;
    if (p->part != JINJA_BLOCK) continue;
    for (k = 0; k < p->bytes && jinja_name_char(p->text[k]); k++) {}
    for (p->word = 0;
        p->word < JINJA_WORDS && (strlen(jinja_words[p->word]) != k || memcmp(jinja_words[p->word], p->text, k) != 0);
        p->word++) {}
    if (p->word == JINJA_WORDS) {
      jinja_fail(j, "this block is not supported: ", p->text, k);
      return;
    }
    p->text += k;
    p->bytes -= k;
    ends = p->word == JINJA_ENDIF || p->word == JINJA_ENDFOR || p->word == JINJA_ENDSET || p->word == JINJA_ENDMACRO
        || p->word == JINJA_ENDGENERATION;
    if (ends || p->word == JINJA_ELSE || p->word == JINJA_ELIF) {
      int branch = inside == JINJA_IF || inside == JINJA_ELIF, fits = inside == p->word - 1;
      if (p->word == JINJA_ENDIF || p->word == JINJA_ELIF) fits = branch || (ends && inside == JINJA_ELSE);
      if (p->word == JINJA_ELSE) fits = branch || inside == JINJA_FOR;
      if (p->word == JINJA_ENDFOR) fits = inside == JINJA_FOR || inside == JINJA_ELSE;
      if (!fits) {
        jinja_fail(j, "nothing is open here for ", jinja_words[p->word], strlen(jinja_words[p->word]));
        return;
      }
      j->pieces[open[depth - 1]].next = i;
      if (ends) depth--;
      else open[depth - 1] = i;
    } else if (p->word == JINJA_IF || p->word == JINJA_FOR || p->word == JINJA_DEFINE || p->word == JINJA_GENERATION
        || (p->word == JINJA_SET && !memchr(p->text, '=', p->bytes))) {
      if (depth == JINJA_DEPTH) jinja_fail(j, "blocks lie too deep", NULL, 0);
      else open[depth++] = i;
    }
  }
  if (depth)
    jinja_fail(j, "a block does not end: ", jinja_words[j->pieces[open[depth - 1]].word],
        strlen(jinja_words[j->pieces[open[depth - 1]].word]));
}

/* ---- values as text, order and truth ------------------------------------------------------ */

static int jinja_true(const jinja_value *v) {
  switch (v->kind) {
    case JINJA_UNDEFINED: case JINJA_NONE: return 0;
    case JINJA_BOOL: case JINJA_INT: return v->number != 0;
    case JINJA_FLOAT: return v->real != 0;
    case JINJA_STRING: return v->bytes > 0;
    case JINJA_LIST: case JINJA_MAP: return v->list->count > 0;
    default: return 1;
  }
}

static int jinja_is_number(const jinja_value *v) { return v->kind == JINJA_BOOL || v->kind == JINJA_INT ||
    v->kind == JINJA_FLOAT; }
static double jinja_double(const jinja_value *v) { return v->kind == JINJA_FLOAT ? v->real : (double)v->number; }

static int jinja_equal(jinja *j, const jinja_value *a, const jinja_value *b) {
  size_t i;
  if (!jinja_step(j)) return 0;
  if (jinja_is_number(a) && jinja_is_number(b)) {
    int real = a->kind == JINJA_FLOAT || b->kind == JINJA_FLOAT;
    return real ? jinja_double(a) == jinja_double(b) : a->number == b->number;
  }
  if (a->kind != b->kind) return 0;
  if (a->kind == JINJA_STRING) return a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0;
  if (a->kind == JINJA_LIST || a->kind == JINJA_MAP) {
    if (a->list->count != b->list->count) return 0;
    for (i = 0; i < a->list->count; i++) {
      const jinja_value *other = &b->list->items[i];
      if (a->kind == JINJA_MAP) {
        if (i % 2 == 0) continue;
        other = jinja_member(b, a->list->items[i - 1].text, a->list->items[i - 1].bytes);
        if (!other) return 0;
      }
      if (!jinja_equal(j, &a->list->items[i], other)) return 0;
    }
    return 1;
  }
  return a->kind == JINJA_NONE || a->kind == JINJA_UNDEFINED || a->number == b->number;
}

static int jinja_order(jinja *j, const jinja_value *a, const jinja_value *b) {
  if (jinja_is_number(a) && jinja_is_number(b))
    return jinja_double(a) < jinja_double(b) ? -1 : jinja_double(a) > jinja_double(b);
  if (a->kind == JINJA_STRING && b->kind == JINJA_STRING) {
    int c = memcmp(a->text, b->text, LDR__MIN(a->bytes, b->bytes));      /* UTF-8 keeps the order of characters */
    return c ? c : a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
  }
  jinja_fail(j, "these values have no order", NULL, 0);
  return 0;
}

/* A text that grows. */
typedef struct jinja_buffer { jinja *j; char *data; size_t used, room; } jinja_buffer;

static void jinja_put(jinja_buffer *b, const char *s, size_t n) {
  char *data;
  if (jinja_failed(b->j)) return;
  if (n > JINJA_BYTES - b->used) {
    jinja_fail(b->j, "it makes more than 64 MiB of text", NULL, 0);
    return;
  }
  data = (char *)words_grow(b->data, &b->room, b->used + n + 1, 1);
  if (!data) {
    words_no_memory("a chat template", b->j->err);
    return;
  }
  b->data = data;
  if (n) memcpy(data + b->used, s, n);
  b->used += n;
  data[b->used] = 0;
}

static void jinja_put_string(jinja_buffer *b, const char *s) { jinja_put(b, s, strlen(s)); }

/* As Python writes it: the fewest digits that read back as the same number. */
static void jinja_put_real(jinja_buffer *b, double d) {
  char digits_of[40];
  int digits;
  for (digits = 1; digits < 18; digits++) {
    snprintf(digits_of, sizeof digits_of, "%.*g", digits, d);
    if (strtod(digits_of, NULL) == d) break;
  }
  if (fabs(d) >= 1e-4 && fabs(d) < 1e16 && strpbrk(digits_of, "eE")) snprintf(digits_of, sizeof digits_of, "%.0f", d);
  if (!strpbrk(digits_of, ".eEn")) strcat(digits_of, ".0");
  jinja_put_string(b, digits_of);
}

static void jinja_put_quoted(jinja_buffer *b, const jinja_value *v, int json) {
  static const char plain[] = "\n\r\t\b\f";
  size_t i;
  char escape[8], quote = json || (memchr(v->text, '\'', v->bytes) && !memchr(v->text, '"', v->bytes)) ? '"' : '\'';
  jinja_put(b, &quote, 1);
  for (i = 0; i < v->bytes; i++) {
    const char c = v->text[i], *at = c ? strchr(plain, c) : NULL;
    if (c == quote || c == '\\') {
      jinja_put_string(b, "\\");
      jinja_put(b, &c, 1);
    } else if (at && (json || at - plain < 3)) {
      escape[0] = '\\';
      escape[1] = "nrtbf"[at - plain];
      jinja_put(b, escape, 2);
    } else if ((unsigned char)c < 32 || c == 127) {
      if (json && c == 127) jinja_put(b, &c, 1);
      else {
        snprintf(escape, sizeof escape, json ? "\\u%04x" : "\\x%02x", (unsigned)(unsigned char)c);
        jinja_put_string(b, escape);
      }
    } else jinja_put(b, &c, 1);
  }
  jinja_put(b, &quote, 1);
}

static void jinja_put_line(jinja_buffer *b, int indent, int depth) {
  int i;
  if (indent < 0) return;
  jinja_put_string(b, "\n");
  for (i = 0; i < indent * depth; i++) jinja_put_string(b, " ");
}

/* Nested values: Python's repr, or JSON (indent < 0: on one line). */
static void jinja_put_nested(jinja_buffer *b, const jinja_value *v, int json, int indent, int depth) {
  size_t i;
  char number[32];
  if (depth > JINJA_DEPTH) {
    jinja_fail(b->j, "a value lies too deep", NULL, 0);
    return;
  }
  if (!jinja_step(b->j)) return;
  switch (v->kind) {
    case JINJA_NONE: jinja_put_string(b, json ? "null" : "None"); return;
    case JINJA_BOOL: jinja_put_string(b, json ? v->number ? "true" : "false" : v->number ? "True" : "False"); return;
    case JINJA_INT:
      snprintf(number, sizeof number, "%lld", (long long)v->number);
      jinja_put_string(b, number);
      return;
    case JINJA_FLOAT: jinja_put_real(b, v->real); return;
    case JINJA_STRING: jinja_put_quoted(b, v, json); return;
    case JINJA_LIST: case JINJA_MAP: break;
    default: jinja_fail(b->j, json ? "this value is no JSON" : "this value is no text", NULL, 0); return;
  }
  jinja_put_string(b, v->kind == JINJA_MAP ? "{" : v->number && !json ? "(" : "[");
  for (i = 0; i < v->list->count; i++) {
    int value = v->kind == JINJA_MAP && i % 2;
    if (i && !value) jinja_put_string(b, json && indent >= 0 ? "," : ", ");
    if (value) jinja_put_string(b, ": ");
    else if (json) jinja_put_line(b, indent, depth + 1);
    jinja_put_nested(b, &v->list->items[i], json, indent, depth + 1);
  }
  if (json && v->list->count) jinja_put_line(b, indent, depth);
  if (v->kind == JINJA_LIST && v->number && !json && v->list->count == 1) jinja_put_string(b, ",");
  jinja_put_string(b, v->kind == JINJA_MAP ? "}" : v->number && !json ? ")" : "]");
}

static jinja_value jinja_kept(jinja_buffer *b) {
  jinja_value v = jinja_join(b->j, b->data, b->used, NULL, 0);
  free(b->data);
  return v;
}

/* str(v) */
static jinja_value jinja_text(jinja *j, const jinja_value *v) {
  jinja_buffer b = { NULL, NULL, 0, 0 };
  if (v->kind == JINJA_STRING) return *v;
  if (v->kind == JINJA_UNDEFINED) return jinja_word("");
  b.j = j;
  jinja_put_nested(&b, v, 0, -1, 0);
  return jinja_kept(&b);
}

static jinja_value jinja_json(jinja *j, const jinja_value *v, int indent) {
  jinja_buffer b = { NULL, NULL, 0, 0 };
  b.j = j;
  jinja_put_nested(&b, v, 1, indent, 0);
  return jinja_kept(&b);
}

static size_t jinja_char_bytes(const char *s) {
  unsigned char c = (unsigned char)*s;
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static size_t jinja_length(const jinja_value *v) {
  size_t n = 0, at;
  if (v->kind == JINJA_LIST) return v->list->count;
  if (v->kind == JINJA_MAP) return v->list->count / 2;
  for (at = 0; at < v->bytes; at += jinja_char_bytes(v->text + at)) n++;
  return n;
}

/* Item i of a list, key i of a map, character i of a string. */
static jinja_value jinja_item(const jinja_value *v, size_t i) {
  size_t at = 0;
  if (v->kind == JINJA_LIST) return v->list->items[i];
  if (v->kind == JINJA_MAP) return v->list->items[2 * i];
  while (i--) at += jinja_char_bytes(v->text + at);
  return jinja_view(v->text + at, jinja_char_bytes(v->text + at));
}

static int jinja_has_items(jinja *j, const jinja_value *v) {
  if (v->kind == JINJA_LIST || v->kind == JINJA_MAP || v->kind == JINJA_STRING) return 1;
  if (v->kind == JINJA_UNDEFINED) jinja_fail(j, "this is undefined and cannot be gone through: ", v->text, v->bytes);
  else jinja_fail(j, "this value cannot be gone through", NULL, 0);
  return 0;
}

/* All items as a list. */
static jinja_value jinja_list_of(jinja *j, const jinja_value *v) {
  jinja_value out = jinja_collection(j, JINJA_LIST);
  size_t i, n, at = 0;
  if (jinja_failed(j) || !jinja_has_items(j, v)) return out;
  n = jinja_length(v);
  for (i = 0; i < n && !jinja_failed(j); i++) {
    if (v->kind != JINJA_STRING) jinja_push(j, &out, jinja_item(v, i));
    else {
      jinja_push(j, &out, jinja_view(v->text + at, jinja_char_bytes(v->text + at)));
      at += jinja_char_bytes(v->text + at);
    }
  }
  return out;
}

static int jinja_contains(jinja *j, const jinja_value *in, const jinja_value *v) {
  size_t i;
  if (in->kind == JINJA_STRING) {
    if (v->kind != JINJA_STRING) jinja_fail(j, "only a text can be in a text", NULL, 0);
    for (i = 0; v->kind == JINJA_STRING && i + v->bytes <= in->bytes; i++)
      if (memcmp(in->text + i, v->text, v->bytes) == 0) return 1;
    return 0;
  }
  if (!jinja_has_items(j, in)) return 0;
  for (i = 0; i < in->list->count; i += in->kind == JINJA_MAP ? 2 : 1)
    if (jinja_equal(j, &in->list->items[i], v)) return 1;
  return 0;
}

/* ---- methods, filters, tests -------------------------------------------------------------- */

/* What a call was given: by place, or by name. */
typedef struct jinja_call {
  jinja_value values[JINJA_ARGUMENTS];
  const char *names[JINJA_ARGUMENTS];
  size_t      bytes[JINJA_ARGUMENTS];
  int         count;
} jinja_call;

/* Argument i, or the one of that name, or NULL. */
static const jinja_value *jinja_argument(const jinja_call *c, int i, const char *name) {
  int k;
  for (k = 0; k < c->count; k++)
    if (c->names[k] ? name && strlen(name) == c->bytes[k] && memcmp(c->names[k], name, c->bytes[k]) == 0 : k == i)
      return &c->values[k];
  return NULL;
}

static int64_t jinja_whole(const jinja_call *c, int i, const char *name, int64_t otherwise) {
  const jinja_value *v = jinja_argument(c, i, name);
  return v && (v->kind == JINJA_INT || v->kind == JINJA_BOOL) ? v->number : otherwise;
}

/* Without the characters of `set` (NULL: blanks) at its sides: 1 left, 2 right. */
static jinja_value jinja_strip(jinja_value s, const jinja_value *set, int sides) {
#define JINJA_GOES(c) (set && set->kind == JINJA_STRING ? memchr(set->text, c, set->bytes) != NULL : jinja_blank(c))
  while ((sides & 1) && s.bytes && JINJA_GOES(*s.text)) s.text++, s.bytes--;
  while ((sides & 2) && s.bytes && JINJA_GOES(s.text[s.bytes - 1])) s.bytes--;
#undef JINJA_GOES
  return s;
}

typedef enum jinja_case { JINJA_LOWER, JINJA_UPPER, JINJA_TITLE, JINJA_CAPITAL } jinja_case;

/* Letters of ASCII; others that have a case are refused. */
static jinja_value jinja_recase(jinja *j, jinja_value s, jinja_case how) {
  jinja_value out = jinja_join(j, s.text, s.bytes, NULL, 0);
  char *p = (char *)(uintptr_t)out.text;
  size_t i;
  int inside = 0;
  for (i = 0; !jinja_failed(j) && i < out.bytes; i++) {
    char c = p[i];
    int upper = how == JINJA_UPPER || (how != JINJA_LOWER && !inside);
    int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if ((unsigned char)c >= 0xc3 && (unsigned char)c < 0xe2)
      jinja_fail(j, "upper and lower case of such letters is not supported: ", p + i, 2);
    if (upper && c >= 'a' && c <= 'z') p[i] = (char)(c - 32);
    if (!upper && c >= 'A' && c <= 'Z') p[i] = (char)(c + 32);
    inside = how == JINJA_CAPITAL ? 1 : letter || (unsigned char)c >= 0x80;
  }
  return out;
}

static jinja_value jinja_replace(jinja *j, jinja_value s, const jinja_value *from, const jinja_value *to,
    int64_t most) {
  jinja_buffer b = { NULL, NULL, 0, 0 };
  size_t i = 0;
  b.j = j;
  if (!from || !to || from->kind != JINJA_STRING || to->kind != JINJA_STRING || !from->bytes)
    return jinja_fail(j, "replace needs two texts", NULL, 0);
  while (i < s.bytes) {
    if (most != 0 && i + from->bytes <= s.bytes && memcmp(s.text + i, from->text, from->bytes) == 0) {
      jinja_put(&b, to->text, to->bytes);
      i += from->bytes;
      most--;
    } else jinja_put(&b, s.text + i++, 1);
  }
  return jinja_kept(&b);
}

static jinja_value jinja_split(jinja *j, jinja_value s, const jinja_value *by, int64_t most) {
  jinja_value out = jinja_collection(j, JINJA_LIST);
  size_t i = 0, from = 0;
  int blanks = !by || by->kind == JINJA_NONE;
  if (!blanks && (by->kind != JINJA_STRING || !by->bytes)) return jinja_fail(j, "split needs a text", NULL, 0);
  if (blanks) while (i < s.bytes && jinja_blank(s.text[i])) i++;
  for (from = i; i < s.bytes && most != 0 && !jinja_failed(j);) {
    if (blanks ? !jinja_blank(s.text[i]) : i + by->bytes > s.bytes || memcmp(s.text + i, by->text, by->bytes) != 0) {
      i++;
      continue;
    }
    jinja_push(j, &out, jinja_view(s.text + from, i - from));
    most--;
    i += blanks ? 1 : by->bytes;
    while (blanks && i < s.bytes && jinja_blank(s.text[i])) i++;
    from = i;
  }
  if (!blanks || from < s.bytes) {
    jinja_value rest = jinja_view(s.text + from, s.bytes - from);
    jinja_push(j, &out, blanks ? jinja_strip(rest, NULL, 2) : rest);
  }
  return out;
}

/* Pairs of a map as lists of two, its keys (which 0), or its values (1). */
static jinja_value jinja_pairs(jinja *j, const jinja_value *map, int which) {
  jinja_value out = jinja_collection(j, JINJA_LIST);
  size_t i;
  for (i = 0; i + 1 < map->list->count && !jinja_failed(j); i += 2) {
    jinja_value pair;
    if (which < 2) {
      jinja_push(j, &out, map->list->items[i + (size_t)which]);
      continue;
    }
    pair = jinja_collection(j, JINJA_LIST);
    pair.number = 1;
    jinja_push(j, &pair, map->list->items[i]);
    jinja_push(j, &pair, map->list->items[i + 1]);
    jinja_push(j, &out, pair);
  }
  return out;
}

static int jinja_edge(jinja_value s, const jinja_value *part, int end) {
  return part && part->kind == JINJA_STRING && part->bytes <= s.bytes
      && memcmp(end ? s.text + s.bytes - part->bytes : s.text, part->text, part->bytes) == 0;
}

static jinja_value jinja_method(jinja *j, jinja_value v, const jinja_value *name, const jinja_call *c) {
  const jinja_value *a = jinja_argument(c, 0, NULL), *b = jinja_argument(c, 1, NULL);
  if (v.kind == JINJA_STRING) {
    if (jinja_is(name, "strip")) return jinja_strip(v, a, 3);
    if (jinja_is(name, "lstrip")) return jinja_strip(v, a, 1);
    if (jinja_is(name, "rstrip")) return jinja_strip(v, a, 2);
    if (jinja_is(name, "split")) return jinja_split(j, v, a, jinja_whole(c, 1, "maxsplit", -1));
    if (jinja_is(name, "startswith")) return jinja_bool(jinja_edge(v, a, 0));
    if (jinja_is(name, "endswith")) return jinja_bool(jinja_edge(v, a, 1));
    if (jinja_is(name, "removeprefix"))
      return jinja_edge(v, a, 0) ? jinja_view(v.text + a->bytes, v.bytes - a->bytes) : v;
    if (jinja_is(name, "removesuffix")) return jinja_edge(v, a, 1) ? jinja_view(v.text, v.bytes - a->bytes) : v;
    if (jinja_is(name, "replace")) return jinja_replace(j, v, a, b, jinja_whole(c, 2, "count", -1));
    if (jinja_is(name, "upper")) return jinja_recase(j, v, JINJA_UPPER);
    if (jinja_is(name, "lower")) return jinja_recase(j, v, JINJA_LOWER);
    if (jinja_is(name, "title")) return jinja_recase(j, v, JINJA_TITLE);
    if (jinja_is(name, "capitalize")) return jinja_recase(j, v, JINJA_CAPITAL);
  }
  if (v.kind == JINJA_MAP) {
    const jinja_value *member;
    if (jinja_is(name, "items")) return jinja_pairs(j, &v, 2);
    if (jinja_is(name, "keys")) return jinja_pairs(j, &v, 0);
    if (jinja_is(name, "values")) return jinja_pairs(j, &v, 1);
    if (jinja_is(name, "get") && a && a->kind == JINJA_STRING) {
      member = jinja_member(&v, a->text, a->bytes);
      return member ? *member : b ? *b : jinja_of(JINJA_NONE);
    }
  }
  return jinja_fail(j, "this method is not supported: ", name->text, name->bytes);
}

static jinja_value jinja_get(jinja *j, jinja_value v, jinja_value key);
static int jinja_test(jinja *j, const jinja_value *v, const jinja_value *name, const jinja_call *c);
static jinja_value jinja_filter(jinja *j, jinja_value v, const jinja_value *name, const jinja_call *c);

/* select, reject, selectattr, rejectattr. */
static jinja_value jinja_select(jinja *j, jinja_value v, const jinja_value *name, const jinja_call *c) {
  jinja_value all = jinja_list_of(j, &v), out = jinja_collection(j, JINJA_LIST);
  int keep = name->text[0] == 's', of = name->bytes > 6, i;
  const jinja_value *attribute = jinja_argument(c, 0, NULL), *test = jinja_argument(c, of, NULL);
  jinja_call rest;
  size_t k;
  memset(&rest, 0, sizeof rest);
  for (i = of + 1; i < c->count; i++) rest.values[rest.count++] = c->values[i];
  if (of && (!attribute || attribute->kind != JINJA_STRING))
    return jinja_fail(j, "an attribute is needed by ", name->text, name->bytes);
  for (k = 0; !jinja_failed(j) && k < all.list->count; k++) {
    jinja_value item = all.list->items[k], seen = of ? jinja_get(j, item, *attribute) : item;
    int yes = test ? jinja_test(j, &seen, test, &rest) : jinja_true(&seen);
    if (yes == keep) jinja_push(j, &out, item);
  }
  return out;
}

static jinja_value jinja_map(jinja *j, jinja_value v, const jinja_call *c) {
  jinja_value all = jinja_list_of(j, &v), out = jinja_collection(j, JINJA_LIST);
  const jinja_value *attribute = jinja_argument(c, -1, "attribute"), *filter = jinja_argument(c, 0, NULL);
  const jinja_value *otherwise = jinja_argument(c, -1, "default");
  jinja_call rest;
  int i;
  size_t k;
  memset(&rest, 0, sizeof rest);
  for (i = 1; i < c->count; i++) if (!c->names[i]) rest.values[rest.count++] = c->values[i];
  for (k = 0; !jinja_failed(j) && k < all.list->count; k++) {
    jinja_value got = attribute ? jinja_get(j, all.list->items[k], *attribute)
        : filter ? jinja_filter(j, all.list->items[k], filter, &rest)
        : jinja_fail(j, "map needs an attribute or a filter", NULL, 0);
    if (attribute && got.kind == JINJA_UNDEFINED && otherwise) got = *otherwise;
    jinja_push(j, &out, got);
  }
  return out;
}

static jinja_value jinja_join_all(jinja *j, jinja_value v, const jinja_value *by, const jinja_value *attribute) {
  jinja_value all = jinja_list_of(j, &v), sep = by ? jinja_text(j, by) : jinja_word("");
  jinja_buffer b = { NULL, NULL, 0, 0 };
  size_t i;
  b.j = j;
  for (i = 0; !jinja_failed(j) && i < all.list->count; i++) {
    jinja_value item = attribute ? jinja_get(j, all.list->items[i], *attribute) : all.list->items[i];
    item = jinja_text(j, &item);
    if (i) jinja_put(&b, sep.text, sep.bytes);
    jinja_put(&b, item.text, item.bytes);
  }
  return jinja_kept(&b);
}

/* In order, equal ones as they came; by: an attribute, or NULL. */
static jinja_value jinja_sorted(jinja *j, jinja_value v, const jinja_value *by, int down) {
  jinja_value out = jinja_list_of(j, &v);
  size_t i, k;
  for (i = 1; !jinja_failed(j) && i < out.list->count; i++)
    for (k = i; k > 0 && jinja_step(j); k--) {
      jinja_value a = out.list->items[k - 1], b = out.list->items[k];
      jinja_value x = by ? jinja_get(j, a, *by) : a, y = by ? jinja_get(j, b, *by) : b;
      int c = jinja_order(j, &x, &y);
      if (down ? c >= 0 : c <= 0) break;
      out.list->items[k - 1] = b;
      out.list->items[k] = a;
    }
  return out;
}

static jinja_value jinja_unique(jinja *j, jinja_value v, int backwards) {
  jinja_value all = jinja_list_of(j, &v), out = jinja_collection(j, JINJA_LIST);
  size_t i;
  for (i = 0; !jinja_failed(j) && i < all.list->count; i++) {
    const jinja_value *item = &all.list->items[backwards ? all.list->count - 1 - i : i];
    if (backwards || !jinja_contains(j, &out, item)) jinja_push(j, &out, *item);
  }
  return out;
}

/* Each line but the first goes in by so many blanks. */
static jinja_value jinja_indent(jinja *j, jinja_value s, const jinja_call *c) {
  int64_t width = jinja_whole(c, 0, "width", 4), i;
  const jinja_value *first = jinja_argument(c, 1, "first"), *empty = jinja_argument(c, 2, "blank");
  jinja_buffer b = { NULL, NULL, 0, 0 };
  size_t k;
  b.j = j;
  for (k = 0; k < s.bytes && !jinja_failed(j); k++) {
    int begins = k == 0 ? first && jinja_true(first) : s.text[k - 1] == '\n';
    for (i = 0; begins && (s.text[k] != '\n' || (empty && jinja_true(empty))) && i < width && !jinja_failed(j); i++)
      jinja_put_string(&b, " ");
    jinja_put(&b, s.text + k, 1);
  }
  return jinja_kept(&b);
}

static jinja_value jinja_to_number(jinja_value v, int real, const jinja_value *otherwise) {
  char digits[64];
  char *end;
  double d;
  if (jinja_is_number(&v))
    return real ? jinja_real(jinja_double(&v)) : jinja_int(v.kind == JINJA_FLOAT ? (int64_t)v.real : v.number);
  v = jinja_strip(v.kind == JINJA_STRING ? v : jinja_word(""), NULL, 3);
  if (v.bytes && v.bytes < sizeof digits) {
    memcpy(digits, v.text, v.bytes);
    digits[v.bytes] = 0;
    d = strtod(digits, &end);
    if (!*end && fabs(d) < 9e15) return real ? jinja_real(d) : jinja_int((int64_t)d);
  }
  return otherwise ? *otherwise : real ? jinja_real(0) : jinja_int(0);
}

/* Filters whose answer is a text made of a text. */
static int jinja_text_filter(jinja *j, jinja_value *v, const jinja_value *name, const jinja_call *c) {
  static const struct { const char *name; int how; } filters[] = {
    { "trim", 0 }, { "upper", 1 }, { "lower", 2 }, { "title", 3 }, { "capitalize", 4 }, { "string", 5 },
    { "safe", 5 }, { "replace", 6 }, { "indent", 7 } };
  size_t i;
  for (i = 0; i < sizeof filters / sizeof *filters && !jinja_is(name, filters[i].name); i++) {}
  if (i == sizeof filters / sizeof *filters) return 0;
  *v = jinja_text(j, v);
  if (jinja_failed(j)) return 1;
  switch (filters[i].how) {
    case 0: *v = jinja_strip(*v, jinja_argument(c, 0, "chars"), 3); break;
    case 1: *v = jinja_recase(j, *v, JINJA_UPPER); break;
    case 2: *v = jinja_recase(j, *v, JINJA_LOWER); break;
    case 3: *v = jinja_recase(j, *v, JINJA_TITLE); break;
    case 4: *v = jinja_recase(j, *v, JINJA_CAPITAL); break;
    case 6:
      *v = jinja_replace(j, *v, jinja_argument(c, 0, "old"), jinja_argument(c, 1, "new"),
          jinja_whole(c, 2, "count", -1));
      break;
    case 7: *v = jinja_indent(j, *v, c); break;
    default: break;
  }
  return 1;
}

static jinja_value jinja_filter(jinja *j, jinja_value v, const jinja_value *name, const jinja_call *c) {
  const jinja_value *a = jinja_argument(c, 0, NULL);
  jinja_value all;
  size_t i;
  if (!jinja_step(j) || name->kind != JINJA_STRING) return jinja_of(JINJA_UNDEFINED);
  if (jinja_is(name, "default") || jinja_is(name, "d")) {
    const jinja_value *falsy = jinja_argument(c, 1, "boolean"), *value = jinja_argument(c, 0, "default_value");
    if (v.kind != JINJA_UNDEFINED && !(falsy && jinja_true(falsy) && !jinja_true(&v))) return v;
    return value ? *value : jinja_word("");
  }
  if (jinja_text_filter(j, &v, name, c)) return v;
  if (jinja_is(name, "tojson")) return jinja_json(j, &v, (int)LDR__MIN(jinja_whole(c, 0, "indent", -1), 32));
  if (jinja_is(name, "length") || jinja_is(name, "count"))
    return jinja_has_items(j, &v) ? jinja_int((int64_t)jinja_length(&v)) : v;
  if (jinja_is(name, "join"))
    return jinja_join_all(j, v, jinja_argument(c, 0, "d"), jinja_argument(c, 1, "attribute"));
  if (jinja_is(name, "list")) return jinja_list_of(j, &v);
  if (jinja_is(name, "first") || jinja_is(name, "last")) {
    size_t n = jinja_has_items(j, &v) ? jinja_length(&v) : 0;
    return n ? jinja_item(&v, jinja_is(name, "first") ? 0 : n - 1) : jinja_of(JINJA_UNDEFINED);
  }
  if (jinja_is(name, "map")) return jinja_map(j, v, c);
  if (jinja_is(name, "select") || jinja_is(name, "reject") || jinja_is(name, "selectattr")
      || jinja_is(name, "rejectattr"))
    return jinja_select(j, v, name, c);
  if (jinja_is(name, "items") && v.kind == JINJA_UNDEFINED) return jinja_collection(j, JINJA_LIST);
  if (jinja_is(name, "items") && v.kind == JINJA_MAP) return jinja_pairs(j, &v, 2);
  if (jinja_is(name, "dictsort") && v.kind == JINJA_MAP) {
    jinja_value zero = jinja_int(0);
    all = jinja_pairs(j, &v, 2);
    return jinja_sorted(j, all, &zero, 0);
  }
  if (jinja_is(name, "sort"))
    return jinja_sorted(j, v, jinja_argument(c, 2, "attribute"),
        a ? jinja_true(a) : jinja_argument(c, -1, "reverse") && jinja_true(jinja_argument(c, -1, "reverse")));
  if (jinja_is(name, "reverse") || jinja_is(name, "unique")) {
    all = jinja_unique(j, v, jinja_is(name, "reverse"));
    return v.kind == JINJA_STRING && jinja_is(name, "reverse") ? jinja_join_all(j, all, NULL, NULL) : all;
  }
  if (jinja_is(name, "int") || jinja_is(name, "float"))
    return jinja_to_number(v, jinja_is(name, "float"), jinja_argument(c, 0, "default"));
  if (jinja_is(name, "abs") && jinja_is_number(&v))
    return v.kind == JINJA_FLOAT ? jinja_real(fabs(v.real)) : jinja_int(v.number < 0 ? -v.number : v.number);
  if (jinja_is(name, "sum") || jinja_is(name, "min") || jinja_is(name, "max")) {
    jinja_value best = jinja_is(name, "sum") ? jinja_int(0) : jinja_of(JINJA_UNDEFINED);
    all = jinja_list_of(j, &v);
    for (i = 0; !jinja_failed(j) && i < all.list->count; i++) {
      jinja_value x = all.list->items[i];
      if (!jinja_is(name, "sum")) {
        int order = i ? jinja_order(j, &x, &best) : 0;
        if (i == 0 || (jinja_is(name, "min") ? order < 0 : order > 0)) best = x;
      } else if (!jinja_is_number(&x)) return jinja_fail(j, "sum needs numbers", NULL, 0);
      else if (best.kind == JINJA_FLOAT || x.kind == JINJA_FLOAT)
        best = jinja_real(jinja_double(&best) + jinja_double(&x));
      else best = jinja_whole_number(j, best.number + x.number);
    }
    return best;
  }
  return jinja_fail(j, "this filter is not supported: ", name->text, name->bytes);
}

static int jinja_test(jinja *j, const jinja_value *v, const jinja_value *name, const jinja_call *c) {
  static const struct { const char *name; unsigned kinds; } kinds[] = {
    { "undefined", 1u << JINJA_UNDEFINED },
    { "none", 1u << JINJA_NONE },
    { "string", 1u << JINJA_STRING },
    { "boolean", 1u << JINJA_BOOL },
    { "integer", 1u << JINJA_INT },
    { "float", 1u << JINJA_FLOAT },
    { "mapping", 1u << JINJA_MAP },
    { "callable", 1u << JINJA_MACRO },
    { "number", 1u << JINJA_BOOL | 1u << JINJA_INT | 1u << JINJA_FLOAT },
    { "sequence", 1u << JINJA_STRING | 1u << JINJA_LIST | 1u << JINJA_MAP },
    { "iterable", 1u << JINJA_STRING | 1u << JINJA_LIST | 1u << JINJA_MAP },
    { "defined", ~(1u << JINJA_UNDEFINED) } };
  const jinja_value *a = jinja_argument(c, 0, NULL);
  size_t i;
  if (!jinja_step(j) || name->kind != JINJA_STRING) return 0;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (jinja_is(name, kinds[i].name))
      return kinds[i].kinds >> v->kind & 1;
  if (jinja_is(name, "true") || jinja_is(name, "false"))
    return v->kind == JINJA_BOOL && v->number == jinja_is(name, "true");
  if (jinja_is(name, "odd") && v->kind == JINJA_INT) return v->number % 2 != 0;
  if (jinja_is(name, "even") && v->kind == JINJA_INT) return v->number % 2 == 0;
  if (a && jinja_is(name, "divisibleby") && v->kind == JINJA_INT && a->kind == JINJA_INT && a->number)
    return v->number % a->number == 0;
  if (a && (jinja_is(name, "equalto") || jinja_is(name, "eq") || jinja_is(name, "==") || jinja_is(name, "sameas")))
    return jinja_equal(j, v, a);
  if (a && (jinja_is(name, "ne") || jinja_is(name, "!="))) return !jinja_equal(j, v, a);
  if (a && jinja_is(name, "in")) return jinja_contains(j, a, v);
  if (a && (jinja_is(name, "lt") || jinja_is(name, "lessthan"))) return jinja_order(j, v, a) < 0;
  if (a && (jinja_is(name, "gt") || jinja_is(name, "greaterthan"))) return jinja_order(j, v, a) > 0;
  if (a && jinja_is(name, "le")) return jinja_order(j, v, a) <= 0;
  if (a && jinja_is(name, "ge")) return jinja_order(j, v, a) >= 0;
  jinja_fail(j, "this test is not supported: ", name->text, name->bytes);
  return 0;
}

/* ---- variables --------------------------------------------------------------------------- */

static jinja_variable *jinja_find(jinja *j, const char *name, size_t n, size_t least) {
  size_t i;
  for (i = j->variable_count; i-- > 0;) {
    jinja_variable *v = &j->variables[i];
    if (i < least || (i < j->floor && i >= j->globals)) continue;       /* a macro does not see its caller's */
    if (v->bytes == n && memcmp(v->name, name, n) == 0) return v;
  }
  return NULL;
}

static void jinja_declare(jinja *j, const char *name, size_t n, jinja_value value) {
  jinja_variable *v = (jinja_variable *)words_grow(j->variables, &j->variable_room, j->variable_count + 1, sizeof *v);
  if (!v) {
    words_no_memory("a chat template", j->err);
    return;
  }
  j->variables = v;
  v += j->variable_count++;
  v->name = name;
  v->bytes = n;
  v->value = value;
  if (j->scope == 0) j->globals = j->variable_count;
}

/* In the scope where it stands: a loop's body forgets it after each turn. */
static void jinja_assign(jinja *j, const char *name, size_t n, jinja_value value) {
  jinja_variable *v = jinja_find(j, name, n, j->scope);
  if (v) v->value = value;
  else jinja_declare(j, name, n, value);
}

/* v[key], v.key; what is not there is undefined, of what is undefined there is nothing. */
static jinja_value jinja_get(jinja *j, jinja_value v, jinja_value key) {
  jinja_value out = jinja_of(JINJA_UNDEFINED);
  const jinja_value *member;
  if (jinja_failed(j)) return out;
  if (v.kind == JINJA_UNDEFINED) return jinja_fail(j, "this is undefined and has no members: ", v.text, v.bytes);
  out.text = key.kind == JINJA_STRING ? key.text : "an item of a list";
  out.bytes = key.kind == JINJA_STRING ? key.bytes : strlen(out.text);
  if (key.kind == JINJA_STRING) {
    member = jinja_member(&v, key.text, key.bytes);
    return member ? *member : out;
  }
  if (key.kind == JINJA_INT && (v.kind == JINJA_LIST || v.kind == JINJA_STRING)) {
    int64_t n = (int64_t)jinja_length(&v), i = key.number < 0 ? key.number + n : key.number;
    return i >= 0 && i < n ? jinja_item(&v, (size_t)i) : out;
  }
  return out;
}

/* ---- expressions ------------------------------------------------------------------------- */

static jinja_value jinja_expression(jinja_reader *r);
static jinja_value jinja_run_macro(jinja *j, const jinja_value *macro, const jinja_call *c);

static void jinja_skip(jinja_reader *r) { while (r->at < r->end && jinja_blank(*r->at)) r->at++; }

/* 1, and past it: the next is this mark, and no longer one. */
static int jinja_mark(jinja_reader *r, const char *mark) {
  size_t n = strlen(mark);
  jinja_skip(r);
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, mark, n) != 0) return 0;
  if (jinja_letter(*mark) && r->at + n < r->end && jinja_name_char(r->at[n])) return 0;
  if (n == 1 && r->at + 1 < r->end
      && ((strchr("<>=!", *mark) && r->at[1] == '=') || (strchr("*/", *mark) && r->at[1] == *mark)))
    return 0;
  r->at += n;
  return 1;
}

static int jinja_ahead(jinja_reader *r, const char *mark) {
  const char *at = r->at;
  int yes = jinja_mark(r, mark);
  r->at = at;
  return yes;
}

static void jinja_expect(jinja_reader *r, const char *mark) {
  if (!jinja_mark(r, mark))
    jinja_fail(r->j, "it cannot be read here: ", r->at, (size_t)LDR__MIN(r->end - r->at, 40) + (r->at == r->end));
}

static jinja_value jinja_name(jinja_reader *r) {
  const char *from;
  jinja_skip(r);
  from = r->at;
  if (r->at < r->end && jinja_letter(*r->at)) while (r->at < r->end && jinja_name_char(*r->at)) r->at++;
  if (from == r->at) return jinja_fail(r->j, "a name is needed here: ", r->at, (size_t)LDR__MIN(r->end - r->at, 40));
  return jinja_view(from, (size_t)(r->at - from));
}

static jinja_value jinja_string(jinja_reader *r) {
  static const char letters[] = "ntrbfva", means[] = "\n\t\r\b\f\v\a";
  jinja_buffer b = { NULL, NULL, 0, 0 };
  char quote = *r->at++, hex[8];
  b.j = r->j;
  for (; r->at < r->end && *r->at != quote; r->at++) {
    char c = *r->at;
    const char *which;
    if (c != '\\' || r->at + 1 == r->end) {
      jinja_put(&b, &c, 1);
      continue;
    }
    c = *++r->at;
    which = strchr(letters, c);
    if (c == 'u' || c == 'x') {
      int digits = c == 'u' ? 4 : 2;
      uint32_t code;
      char utf8[4];
      memset(hex, 0, sizeof hex);
      if (r->end - r->at <= digits) break;
      memcpy(hex, r->at + 1, (size_t)digits);
      code = (uint32_t)strtoul(hex, NULL, 16);
      r->at += digits;
      jinja_put(&b, utf8, (size_t)ldr__utf8_put(utf8, code));
    } else if (c != '\n') jinja_put(&b, which && c ? &means[which - letters] : &c, 1);
  }
  if (r->at == r->end) jinja_fail(r->j, "a text does not end", NULL, 0);
  else r->at++;
  return jinja_kept(&b);
}

static jinja_value jinja_number(jinja_reader *r) {
  char digits[64];
  size_t n = 0;
  int real = 0;
  while (r->at < r->end && n < sizeof digits - 1
      && ((*r->at >= '0' && *r->at <= '9') || *r->at == '_' || *r->at == '.'
          || ((*r->at == 'e' || *r->at == 'E') && n)
          || ((*r->at == '-' || *r->at == '+') && n && (digits[n - 1] == 'e' || digits[n - 1] == 'E')))) {
    if (*r->at == '.' && (r->at + 1 == r->end || r->at[1] < '0' || r->at[1] > '9')) break;
    real |= *r->at == '.' || *r->at == 'e' || *r->at == 'E';
    if (*r->at != '_') digits[n++] = *r->at;
    r->at++;
  }
  digits[n] = 0;
  return real ? jinja_real(strtod(digits, NULL)) : jinja_whole_number(r->j, (int64_t)strtoll(digits, NULL, 10));
}

/* ( a, b=c ) behind its opening. */
static void jinja_arguments(jinja_reader *r, jinja_call *c) {
  memset(c, 0, sizeof *c);
  while (!jinja_failed(r->j) && !jinja_mark(r, ")")) {
    const char *at = r->at;
    if (c->count == JINJA_ARGUMENTS) {
      jinja_fail(r->j, "a call has more than 8 arguments", NULL, 0);
      return;
    }
    jinja_skip(r);
    if (r->at < r->end && jinja_letter(*r->at)) {
      jinja_value name = jinja_name(r);
      if (jinja_mark(r, "=")) {
        c->names[c->count] = name.text;
        c->bytes[c->count] = name.bytes;
      } else r->at = at;
    }
    c->values[c->count++] = jinja_expression(r);
    if (!jinja_ahead(r, ")")) jinja_expect(r, ",");
  }
}

static jinja_value jinja_function(jinja *j, jinja_value f, const jinja_call *c) {
  const jinja_value *a = jinja_argument(c, 0, NULL);
  jinja_value out;
  int i;
  if (f.kind == JINJA_MACRO && f.number < 0) {
    char when[128], format[64];
    time_t now = time(NULL);
    const struct tm *local = localtime(&now);
    if (!a || a->kind != JINJA_STRING || a->bytes >= sizeof format || !local)
      return jinja_fail(j, "strftime_now needs a short format", NULL, 0);
    memcpy(format, a->text, a->bytes);
    format[a->bytes] = 0;
    return jinja_join(j, when, strftime(when, sizeof when, format, local), NULL, 0);
  }
  if (f.kind == JINJA_MACRO) return jinja_run_macro(j, &f, c);
  if (f.kind != JINJA_UNDEFINED) return jinja_fail(j, "this value cannot be called", NULL, 0);
  if (jinja_is(&f, "raise_exception")) {
    out = a ? jinja_text(j, a) : jinja_word("");
    return jinja_fail(j, "it refuses: ", out.text, out.bytes);
  }
  if (jinja_is(&f, "namespace") || jinja_is(&f, "dict")) {
    out = jinja_collection(j, JINJA_MAP);
    for (i = 0; i < c->count; i++) {
      if (!c->names[i]) return jinja_fail(j, "named arguments are needed by ", f.text, f.bytes);
      jinja_set_member(j, &out, c->names[i], c->bytes[i], c->values[i]);
    }
    return out;
  }
  if (jinja_is(&f, "range") && c->count >= 1) {
    int64_t from = c->count > 1 ? jinja_whole(c, 0, NULL, 0) : 0, to = jinja_whole(c, c->count > 1, NULL, 0);
    int64_t step = jinja_whole(c, 2, NULL, 1);
    if (!step) return jinja_fail(j, "range needs a step", NULL, 0);
    out = jinja_collection(j, JINJA_LIST);
    for (; !jinja_failed(j) && (step > 0 ? from < to : from > to); from += step) jinja_push(j, &out, jinja_int(from));
    return out;
  }
  return jinja_fail(j, "this is undefined and cannot be called: ", f.text, f.bytes);
}

/* Literals in a row are one text. */
static jinja_value jinja_read_strings(jinja_reader *r) {
  jinja_value v = jinja_string(r);
  for (jinja_skip(r); !jinja_failed(r->j) && r->at < r->end && (*r->at == '"' || *r->at == '\''); jinja_skip(r)) {
    jinja_value next = jinja_string(r);
    v = jinja_join(r->j, v.text, v.bytes, next.text, next.bytes);
  }
  return v;
}

/* Behind ( or [: a list, a tuple, or an expression in parentheses. */
static jinja_value jinja_read_list(jinja_reader *r) {
  int round = r->at[-1] == '(', list = !round;
  jinja_value v = jinja_collection(r->j, JINJA_LIST);
  while (!jinja_failed(r->j) && !jinja_mark(r, round ? ")" : "]")) {
    jinja_value item = jinja_expression(r);
    jinja_push(r->j, &v, item);
    if (jinja_mark(r, ",")) list = 1;
    else if (!jinja_ahead(r, round ? ")" : "]")) jinja_expect(r, ",");
  }
  v.number = round;
  return list || jinja_failed(r->j) || !v.list->count ? v : v.list->items[0];
}

/* Behind {. */
static jinja_value jinja_read_map(jinja_reader *r) {
  jinja_value v = jinja_collection(r->j, JINJA_MAP), key, item;
  while (!jinja_failed(r->j) && !jinja_mark(r, "}")) {
    key = jinja_expression(r);
    jinja_expect(r, ":");
    if (r->live && !jinja_failed(r->j) && key.kind != JINJA_STRING)
      return jinja_fail(r->j, "keys are texts", NULL, 0);
    item = jinja_failed(r->j) ? key : jinja_expression(r);
    if (r->live && !jinja_failed(r->j)) jinja_set_member(r->j, &v, key.text, key.bytes, item);
    if (!jinja_ahead(r, "}")) jinja_expect(r, ",");
  }
  return v;
}

/* What a name stands for. */
static jinja_value jinja_read_name(jinja_reader *r) {
  static const struct { const char *word; jinja_kind kind; int number; } constants[] = {
    { "true", JINJA_BOOL, 1 }, { "True", JINJA_BOOL, 1 }, { "false", JINJA_BOOL, 0 }, { "False", JINJA_BOOL, 0 },
    { "none", JINJA_NONE, 0 }, { "None", JINJA_NONE, 0 } };
  jinja_value v = jinja_name(r), known;
  jinja_variable *found;
  size_t i;
  if (jinja_failed(r->j)) return v;
  for (i = 0; i < sizeof constants / sizeof *constants; i++)
    if (jinja_is(&v, constants[i].word)) {
      known = jinja_of(constants[i].kind);
      known.number = constants[i].number;
      return known;
    }
  found = jinja_find(r->j, v.text, v.bytes, 0);
  if (found) return found->value;
  if (jinja_is(&v, "strftime_now")) {
    known = jinja_of(JINJA_MACRO);
    known.number = -1;
    return known;
  }
  v.kind = JINJA_UNDEFINED;                  /* its name stays, for messages and functions    */
  return v;
}

static jinja_value jinja_primary(jinja_reader *r) {
  jinja_skip(r);
  if (r->at == r->end) return jinja_fail(r->j, "an expression ends too early", NULL, 0);
  if (*r->at == '"' || *r->at == '\'') return jinja_read_strings(r);
  if (*r->at >= '0' && *r->at <= '9') return jinja_number(r);
  if (jinja_mark(r, "(") || jinja_mark(r, "[")) return jinja_read_list(r);
  return jinja_mark(r, "{") ? jinja_read_map(r) : jinja_read_name(r);
}

/* [a], [a:b:c] behind the opening bracket. */
static jinja_value jinja_subscript(jinja_reader *r, jinja_value v) {
  jinja_value part[3], out, all;
  int have[3] = { 0, 0, 0 }, k = 0;
  int64_t n, from, to, step;
  for (;;) {
    if (!jinja_ahead(r, ":") && !jinja_ahead(r, "]")) {
      part[k] = jinja_expression(r);
      have[k] = part[k].kind != JINJA_NONE;
    }
    if (k == 2 || !jinja_mark(r, ":")) break;
    k++;
  }
  jinja_expect(r, "]");
  if (!r->live || jinja_failed(r->j)) return jinja_of(JINJA_UNDEFINED);
  if (k == 0) return jinja_get(r->j, v, part[0]);
  if (v.kind != JINJA_LIST && v.kind != JINJA_STRING)
    return jinja_fail(r->j, "a part can be taken of lists and texts", NULL, 0);
  for (k = 0; k < 3; k++)
    if (have[k] && part[k].kind != JINJA_INT) return jinja_fail(r->j, "a part is taken by whole numbers", NULL, 0);
  n = (int64_t)jinja_length(&v);
  step = have[2] ? part[2].number : 1;
  if (!step) return jinja_fail(r->j, "a part has no step of 0", NULL, 0);
  from = !have[0] ? step > 0 ? 0 : n - 1 : part[0].number < 0 ? part[0].number + n : part[0].number;
  to = !have[1] ? step > 0 ? n : -1 : part[1].number < 0 ? part[1].number + n : part[1].number;
  from = LDR__MAX(from, step > 0 ? 0 : -1);
  from = LDR__MIN(from, step > 0 ? n : n - 1);
  to = LDR__MAX(to, -1);
  to = LDR__MIN(to, n);
  if (v.kind == JINJA_STRING && step == 1) {
    size_t begin = 0, end, i;
    for (i = 0; (int64_t)i < from; i++) begin += jinja_char_bytes(v.text + begin);
    for (end = begin; (int64_t)i < to; i++) end += jinja_char_bytes(v.text + end);
    return jinja_view(v.text + begin, end - begin);
  }
  all = jinja_list_of(r->j, &v);
  out = jinja_collection(r->j, JINJA_LIST);
  for (; !jinja_failed(r->j) && (step > 0 ? from < to : from > to); from += step)
    jinja_push(r->j, &out, all.list->items[from]);
  return v.kind == JINJA_STRING ? jinja_join_all(r->j, out, NULL, NULL) : out;
}

/* .name, [key], (arguments) */
static jinja_value jinja_postfix(jinja_reader *r, jinja_value v) {
  jinja_call c;
  while (!jinja_failed(r->j)) {
    if (jinja_mark(r, ".")) {
      jinja_value name = jinja_name(r);
      const jinja_value *member = jinja_member(&v, name.text, name.bytes);
      if (!jinja_failed(r->j) && jinja_ahead(r, "(") && !(member && member->kind == JINJA_MACRO)) {
        jinja_mark(r, "(");
        jinja_arguments(r, &c);
        if (!r->live || jinja_failed(r->j)) continue;
        if (v.kind != JINJA_UNDEFINED) v = jinja_method(r->j, v, &name, &c);
        else v = jinja_fail(r->j, "this is undefined and has no methods: ", v.text, v.bytes);
      } else if (r->live) v = jinja_get(r->j, v, name);
    } else if (jinja_mark(r, "[")) v = jinja_subscript(r, v);
    else if (jinja_mark(r, "(")) {
      jinja_arguments(r, &c);
      if (r->live && !jinja_failed(r->j)) v = jinja_function(r->j, v, &c);
    } else break;
  }
  return v;
}

/* `is [not] test` with its argument in brackets, or without. */
static jinja_value jinja_is_test(jinja_reader *r, jinja_value v) {
  int not_so = jinja_mark(r, "not");
  jinja_value name = jinja_name(r);
  jinja_call c;
  memset(&c, 0, sizeof c);
  if (jinja_mark(r, "(")) jinja_arguments(r, &c);
  else if (!jinja_failed(r->j)) {
    jinja_skip(r);
    if (r->at < r->end && (jinja_name_char(*r->at) || strchr("\"'[{", *r->at)) && !jinja_ahead(r, "else")
        && !jinja_ahead(r, "or") && !jinja_ahead(r, "and") && !jinja_ahead(r, "if") && !jinja_ahead(r, "is")
        && !jinja_ahead(r, "not") && !jinja_ahead(r, "in"))
      c.values[c.count++] = jinja_postfix(r, jinja_primary(r));
  }
  if (!r->live || jinja_failed(r->j)) return jinja_bool(0);
  return jinja_bool(jinja_test(r->j, &v, &name, &c) != not_so);
}

static jinja_value jinja_negative(jinja *j, jinja_value v) {
  if (!jinja_is_number(&v)) return jinja_fail(j, "only a number can be negative", NULL, 0);
  return v.kind == JINJA_FLOAT ? jinja_real(-v.real) : jinja_int(-v.number);
}

static jinja_value jinja_unary(jinja_reader *r, int filters) {
  jinja_value v, name;
  jinja_call c;
  if (++r->j->depth > JINJA_DEPTH) jinja_fail(r->j, "an expression lies too deep", NULL, 0);
  if (!jinja_step(r->j)) {
    r->j->depth--;
    return jinja_of(JINJA_UNDEFINED);
  }
  if (jinja_mark(r, "-")) {
    v = jinja_unary(r, 0);
    if (r->live && !jinja_failed(r->j)) v = jinja_negative(r->j, v);
  } else if (jinja_mark(r, "+")) v = jinja_unary(r, 0);
  else v = jinja_postfix(r, jinja_primary(r));
  while (filters && !jinja_failed(r->j)) {
    if (jinja_mark(r, "|")) {
      name = jinja_name(r);
      memset(&c, 0, sizeof c);
      if (jinja_mark(r, "(")) jinja_arguments(r, &c);
      if (r->live && !jinja_failed(r->j)) v = jinja_filter(r->j, v, &name, &c);
      v = jinja_ahead(r, ".") || jinja_ahead(r, "[") ? jinja_postfix(r, v) : v;
    } else if (jinja_mark(r, "is")) v = jinja_is_test(r, v);
    else break;
  }
  r->j->depth--;
  return v;
}

static double jinja_floor_mod(double a, double b) { return a - b * floor(a / b); }

/* One operation of numbers, or of texts and lists where it means something for them. */
static jinja_value jinja_operate(jinja *j, jinja_value a, const char *op, jinja_value b) {
  int whole = a.kind != JINJA_FLOAT && b.kind != JINJA_FLOAT;
  double x, y;
  int64_t i;
  jinja_value out;
  if (*op == '+' && a.kind == JINJA_STRING && b.kind == JINJA_STRING)
    return jinja_join(j, a.text, a.bytes, b.text, b.bytes);
  if (*op == '+' && a.kind == JINJA_LIST && b.kind == JINJA_LIST) {
    size_t k;
    out = jinja_list_of(j, &a);
    for (k = 0; !jinja_failed(j) && k < b.list->count; k++) jinja_push(j, &out, b.list->items[k]);
    return out;
  }
  if (strcmp(op, "*") == 0 && a.kind == JINJA_STRING && b.kind == JINJA_INT) {
    jinja_buffer copies = { NULL, NULL, 0, 0 };
    copies.j = j;
    for (i = 0; i < b.number && jinja_step(j); i++) jinja_put(&copies, a.text, a.bytes);
    return jinja_kept(&copies);
  }
  if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED) {
    const jinja_value *u = a.kind == JINJA_UNDEFINED ? &a : &b;
    return jinja_fail(j, "this is undefined: ", u->text, u->bytes);
  }
  if (!jinja_is_number(&a) || !jinja_is_number(&b))
    return jinja_fail(j, "these values cannot be combined by ", op, strlen(op));
  x = jinja_double(&a);
  y = jinja_double(&b);
  if ((*op == '/' || *op == '%') && y == 0) return jinja_fail(j, "a division by 0", NULL, 0);
  if (strcmp(op, "+") == 0) return whole ? jinja_whole_number(j, a.number + b.number) : jinja_real(x + y);
  if (strcmp(op, "-") == 0) return whole ? jinja_whole_number(j, a.number - b.number) : jinja_real(x - y);
  if (strcmp(op, "/") == 0) return jinja_real(x / y);
  if (strcmp(op, "*") == 0) x *= y;
  else if (strcmp(op, "//") == 0) x = floor(x / y);
  else if (strcmp(op, "%") == 0) x = jinja_floor_mod(x, y);
  else {
    x = pow(x, y);
    whole = whole && b.number >= 0;
  }
  if (!whole) return jinja_real(x);
  return fabs(x) <= 9007199254740992.0 ? jinja_int((int64_t)x) : jinja_fail(j, "a number is too large", NULL, 0);
}

/* Left to right, by level: + -, then ~, then * / // %, then **. */
static jinja_value jinja_binary(jinja_reader *r, int level) {
  static const char *const marks[4][5] = {
    { "+", "-", NULL, NULL, NULL }, { "~", NULL, NULL, NULL, NULL },
    { "*", "//", "/", "%", NULL }, { "**", NULL, NULL, NULL, NULL } };
  jinja_value v = level == 3 ? jinja_unary(r, 1) : jinja_binary(r, level + 1), w;
  int k;
  while (!jinja_failed(r->j)) {
    for (k = 0; marks[level][k] && !jinja_mark(r, marks[level][k]); k++) {}
    if (!marks[level][k]) break;
    w = level == 3 ? jinja_unary(r, 1) : jinja_binary(r, level + 1);
    if (!r->live || jinja_failed(r->j)) continue;
    if (level == 1) {
      v = jinja_text(r->j, &v);
      w = jinja_text(r->j, &w);
      v = jinja_join(r->j, v.text, v.bytes, w.text, w.bytes);
    } else v = jinja_operate(r->j, v, marks[level][k], w);
  }
  return v;
}

static const char *const jinja_comparisons[] = { "==", "!=", "<=", ">=", "<", ">", "not in", "in" };

/* k: of these. */
static int jinja_holds(jinja *j, int k, const jinja_value *a, const jinja_value *b) {
  switch (k) {
    case 0: return jinja_equal(j, a, b);
    case 1: return !jinja_equal(j, a, b);
    case 2: return jinja_order(j, a, b) <= 0;
    case 3: return jinja_order(j, a, b) >= 0;
    case 4: return jinja_order(j, a, b) < 0;
    case 5: return jinja_order(j, a, b) > 0;
    default: return jinja_contains(j, b, a) == (k == 7);
  }
}

/* a < b < c is a < b and b < c. */
static jinja_value jinja_compare(jinja_reader *r) {
  jinja_value v = jinja_binary(r, 0), w;
  int k, chained = 0, holds = 1;
  while (!jinja_failed(r->j)) {
    const char *at = r->at;
    for (k = 0; k < 8; k++) {
      if (k != 6 ? jinja_mark(r, jinja_comparisons[k]) : jinja_mark(r, "not") && jinja_mark(r, "in")) break;
      r->at = at;
    }
    if (k == 8) break;
    w = jinja_binary(r, 0);
    chained = 1;
    if (!r->live || jinja_failed(r->j)) continue;
    holds = holds && jinja_holds(r->j, k, &v, &w);
    v = w;
  }
  return chained ? jinja_bool(holds) : v;
}

static jinja_value jinja_not(jinja_reader *r) {
  jinja_value v;
  int no = 0;
  while (jinja_mark(r, "not")) no++;
  v = jinja_compare(r);
  return no ? jinja_bool(jinja_true(&v) != (no & 1)) : v;
}

/* `or` (level 0) of `and`s: what decides is the value, and the rest is only read. */
static jinja_value jinja_logic(jinja_reader *r, int level) {
  jinja_value v = level ? jinja_not(r) : jinja_logic(r, 1), w;
  while (!jinja_failed(r->j) && jinja_mark(r, level ? "and" : "or")) {
    int live = r->live, goes_on = jinja_true(&v) == level;
    r->live = live && goes_on;
    w = level ? jinja_not(r) : jinja_logic(r, 1);
    r->live = live;
    if (goes_on) v = w;
  }
  return v;
}

/* Where the `if` of a if b else c stands, before anything that ends the expression; NULL: there is none. */
static const char *jinja_choice(const jinja_reader *r) {
  const char *s = r->at;
  char quote = 0;
  int depth = 0;
  for (; s < r->end; s++) {
    if (quote) {
      if (*s == '\\') s++;
      else if (*s == quote) quote = 0;
    } else if (*s == '"' || *s == '\'') quote = *s;
    else if (strchr("([{", *s)) depth++;
    else if (strchr(")]}", *s) && depth-- == 0) return NULL;
    else if (depth == 0 && strchr(",:", *s)) return NULL;
    else if (jinja_name_char(*s)) {
      const char *word = s;
      while (s + 1 < r->end && jinja_name_char(s[1])) s++;
      if (depth == 0 && s - word == 1 && word[0] == 'i' && word[1] == 'f') return word;
    }
  }
  return NULL;
}

/* a if b else c: b is looked at first, and one of the others is only read. */
static jinja_value jinja_expression(jinja_reader *r) {
  const char *from = r->at, *choice = jinja_choice(r), *after;
  int live = r->live, yes;
  jinja_value v;
  if (++r->j->depth > JINJA_DEPTH) jinja_fail(r->j, "an expression lies too deep", NULL, 0);
  if (jinja_failed(r->j)) return jinja_of(JINJA_UNDEFINED);
  if (!choice) {
    v = jinja_logic(r, 0);
    r->j->depth--;
    return v;
  }
  r->at = choice + 2;
  v = jinja_logic(r, 0);
  yes = jinja_true(&v);
  after = r->at;
  r->at = from;
  r->live = live && yes;
  v = jinja_failed(r->j) ? v : jinja_logic(r, 0);
  jinja_skip(r);
  if (r->at != choice) jinja_fail(r->j, "it cannot be read here: ", r->at, (size_t)LDR__MIN(r->end - r->at, 40));
  r->at = after;
  if (!yes) v = jinja_of(JINJA_UNDEFINED);
  if (!jinja_failed(r->j) && jinja_mark(r, "else")) {
    jinja_value other;
    r->live = live && !yes;
    other = jinja_expression(r);
    if (!yes) v = other;
  }
  r->live = live;
  r->j->depth--;
  return v;
}

static jinja_reader jinja_reader_of(jinja *j, const jinja_piece *p) {
  jinja_reader r;
  r.j = j;
  r.at = p->text;
  r.end = p->text + p->bytes;
  r.live = 1;
  return r;
}

static void jinja_ended(jinja_reader *r) {
  jinja_skip(r);
  if (r->at < r->end) jinja_fail(r->j, "it cannot be read here: ", r->at, (size_t)LDR__MIN(r->end - r->at, 40));
}

/* ---- statements -------------------------------------------------------------------------- */

static void jinja_run(jinja *j, size_t from, size_t to);

static void jinja_emit(jinja *j, const char *s, size_t n) {
  jinja_buffer b;
  b.j = j;
  b.data = j->out;
  b.used = j->used;
  b.room = j->room;
  jinja_put(&b, s, n);
  j->out = b.data;
  j->used = b.used;
  j->room = b.room;
}

/* What the pieces print, as a value instead. */
static jinja_value jinja_captured(jinja *j, size_t from, size_t to) {
  size_t at = j->used;
  jinja_value v;
  jinja_run(j, from, to);
  v = jinja_join(j, j->out ? j->out + at : NULL, j->used - at, NULL, 0);
  j->used = at;
  return v;
}

static size_t jinja_run_if(jinja *j, size_t i) {
  for (;;) {
    jinja_piece *p = &j->pieces[i];
    if (p->word == JINJA_ENDIF) return i;
    if (p->word != JINJA_ELSE) {
      jinja_reader r = jinja_reader_of(j, p);
      jinja_value v = jinja_expression(&r);
      jinja_ended(&r);
      if (jinja_failed(j)) return i;
      if (!jinja_true(&v)) {
        i = p->next;
        continue;
      }
    }
    jinja_run(j, i + 1, p->next);
    while (j->pieces[i].word != JINJA_ENDIF) i = j->pieces[i].next;
    return i;
  }
}

/* The names before `in`, or before `=`: one, or several with commas. */
static int jinja_targets(jinja_reader *r, jinja_value names[JINJA_ARGUMENTS]) {
  int n = 0, round = jinja_mark(r, "(");
  do {
    if (n == JINJA_ARGUMENTS) {
      jinja_fail(r->j, "too many names", NULL, 0);
      return 0;
    }
    names[n++] = jinja_name(r);
  } while (!jinja_failed(r->j) && jinja_mark(r, ","));
  if (round) jinja_expect(r, ")");
  return jinja_failed(r->j) ? 0 : n;
}

static void jinja_bind(jinja *j, const jinja_value *names, int n, jinja_value v) {
  int k;
  if (n == 1) {
    jinja_assign(j, names[0].text, names[0].bytes, v);
    return;
  }
  if (v.kind != JINJA_LIST || v.list->count != (size_t)n) {
    jinja_fail(j, "a value does not fall into so many names", NULL, 0);
    return;
  }
  for (k = 0; k < n; k++) jinja_assign(j, names[k].text, names[k].bytes, v.list->items[k]);
}

/* `loop` of turn i of n. */
static jinja_value jinja_loop(jinja *j, const jinja_value *items, size_t i, size_t n) {
  jinja_value loop = jinja_collection(j, JINJA_MAP);
  const struct { const char *name; int64_t value; } numbers[] = {
    { "index", (int64_t)i + 1 }, { "index0", (int64_t)i }, { "revindex", (int64_t)(n - i) },
    { "revindex0", (int64_t)(n - i) - 1 }, { "length", (int64_t)n } };
  size_t k;
  if (jinja_failed(j)) return loop;
  for (k = 0; k < 5; k++)
    jinja_set_member(j, &loop, numbers[k].name, strlen(numbers[k].name), jinja_int(numbers[k].value));
  jinja_set_member(j, &loop, "first", 5, jinja_bool(i == 0));
  jinja_set_member(j, &loop, "last", 4, jinja_bool(i + 1 == n));
  if (i) jinja_set_member(j, &loop, "previtem", 8, items[i - 1]);
  if (i + 1 < n) jinja_set_member(j, &loop, "nextitem", 8, items[i + 1]);
  return loop;
}

/* for names in expression [if condition]: those that pass are counted first. */
static size_t jinja_run_for(jinja *j, size_t i) {
  jinja_piece *p = &j->pieces[i];
  jinja_reader r = jinja_reader_of(j, p), condition;
  jinja_value names[JINJA_ARGUMENTS], all, kept;
  size_t scope = j->scope, before = j->variable_count, k, end = i;
  int n = jinja_targets(&r, names), filtered;
  while (j->pieces[end].word != JINJA_ENDFOR) end = j->pieces[end].next;
  jinja_expect(&r, "in");
  if (jinja_failed(j)) return end;
  all = jinja_logic(&r, 0);                  /* an `if` behind it is the loop's               */
  filtered = jinja_mark(&r, "if");
  condition = r;
  if (filtered) {
    r.live = 0;
    jinja_expression(&r);
  }
  jinja_ended(&r);
  all = jinja_failed(j) ? all : jinja_list_of(j, &all);
  if (jinja_failed(j)) return end;
  j->scope = j->variable_count;
  kept = filtered ? jinja_collection(j, JINJA_LIST) : all;
  for (k = 0; filtered && !jinja_failed(j) && k < all.list->count; k++) {
    jinja_value yes;
    jinja_bind(j, names, n, all.list->items[k]);
    r = condition;
    yes = jinja_expression(&r);
    if (jinja_true(&yes)) jinja_push(j, &kept, all.list->items[k]);
    j->variable_count = before;
  }
  for (k = 0; !jinja_failed(j) && k < kept.list->count && j->flow != 1; k++) {
    j->variable_count = before;
    jinja_bind(j, names, n, kept.list->items[k]);
    jinja_declare(j, "loop", 4, jinja_loop(j, kept.list->items, k, kept.list->count));
    j->flow = 0;
    jinja_run(j, i + 1, p->next);
  }
  j->flow = 0;
  j->variable_count = before;
  j->scope = scope;
  if (!jinja_failed(j) && !kept.list->count && j->pieces[p->next].word == JINJA_ELSE) jinja_run(j, p->next + 1, end);
  return end;
}

static size_t jinja_run_set(jinja *j, size_t i) {
  const jinja_piece *p = &j->pieces[i];
  jinja_reader r = jinja_reader_of(j, p);
  jinja_value names[JINJA_ARGUMENTS], v;
  int n = jinja_targets(&r, names);
  if (jinja_failed(j)) return i;
  if (n == 1 && jinja_mark(&r, ".")) {
    jinja_value member = jinja_name(&r);
    jinja_variable *space = jinja_find(j, names[0].text, names[0].bytes, 0);
    jinja_expect(&r, "=");
    v = jinja_expression(&r);
    jinja_ended(&r);
    if (!jinja_failed(j) && (!space || space->value.kind != JINJA_MAP))
      jinja_fail(j, "this is no namespace: ", names[0].text, names[0].bytes);
    if (!jinja_failed(j)) jinja_set_member(j, &space->value, member.text, member.bytes, v);
    return i;
  }
  if (p->next) {                             /* {% set a %} ... {% endset %}                  */
    jinja_ended(&r);
    v = jinja_captured(j, i + 1, p->next);
  } else {
    jinja_expect(&r, "=");
    v = jinja_expression(&r);
    if (jinja_mark(&r, ",")) {             /* a tuple without brackets                      */
      jinja_value list = jinja_collection(j, JINJA_LIST);
      list.number = 1;
      jinja_push(j, &list, v);
      do {
        v = jinja_expression(&r);
        jinja_push(j, &list, v);
      } while (!jinja_failed(j) && jinja_mark(&r, ","));
      v = list;
    }
    jinja_ended(&r);
  }
  if (!jinja_failed(j)) jinja_bind(j, names, n, v);
  return p->next ? p->next : i;
}

/* The parameters are read again at each call: their defaults are expressions. */
static jinja_value jinja_run_macro(jinja *j, const jinja_value *macro, const jinja_call *c) {
  const jinja_piece *p = &j->pieces[macro->number];
  size_t scope = j->scope, before = j->variable_count, floor_before = j->floor;
  jinja_reader r = jinja_reader_of(j, p);
  jinja_value v;
  int k = 0;
  if (++j->depth > JINJA_DEPTH) return jinja_fail(j, "macros call each other too deep", NULL, 0);
  jinja_name(&r);
  jinja_expect(&r, "(");
  j->scope = j->floor = before;
  for (; !jinja_failed(j) && !jinja_mark(&r, ")"); k++) {
    jinja_value name = jinja_name(&r);
    const jinja_value *given = NULL;
    char named[64];
    if (jinja_failed(j)) break;
    memcpy(named, name.text, LDR__MIN(name.bytes, sizeof named - 1));
    named[LDR__MIN(name.bytes, sizeof named - 1)] = 0;
    given = jinja_argument(c, k, named);
    v = given ? *given : name;
    if (!given) v.kind = JINJA_UNDEFINED;
    if (jinja_mark(&r, "=")) {
      int live = r.live;
      r.live = !given;
      if (given) jinja_expression(&r);
      else v = jinja_expression(&r);
      r.live = live;
    }
    jinja_declare(j, name.text, name.bytes, v);
    if (!jinja_ahead(&r, ")")) jinja_expect(&r, ",");
  }
  if (!jinja_failed(j) && c->count > k) jinja_fail(j, "a macro has fewer parameters than it is given", NULL, 0);
  v = jinja_failed(j) ? jinja_of(JINJA_UNDEFINED) : jinja_captured(j, (size_t)macro->number + 1, p->next);
  j->variable_count = before;
  j->scope = scope;
  j->floor = floor_before;
  j->depth--;
  return v;
}

static void jinja_run_generation(jinja *j, size_t i) {
  jinja_span *s = (jinja_span *)words_grow(j->spans, &j->span_room, j->span_count + 1, sizeof *s);
  size_t begin = j->used;
  if (!s) {
    words_no_memory("a chat template", j->err);
    return;
  }
  j->spans = s;
  jinja_run(j, i + 1, j->pieces[i].next);
  j->spans[j->span_count].begin = begin;
  j->spans[j->span_count++].end = j->used;
}

/* Pieces [from, to). */
static void jinja_run(jinja *j, size_t from, size_t to) {
  size_t i;
  if (++j->depth > JINJA_DEPTH) jinja_fail(j, "blocks lie too deep", NULL, 0);
  for (i = from; i < to && !j->flow && jinja_step(j); i++) {
    jinja_piece *p = &j->pieces[i];
    jinja_reader r = jinja_reader_of(j, p);
    jinja_value v;
    if (p->part == JINJA_TEXT) {
      jinja_emit(j, p->text, p->bytes);
      continue;
    }
    if (p->part == JINJA_PRINT) {
      v = jinja_expression(&r);
      jinja_ended(&r);
      if (!jinja_failed(j)) v = jinja_text(j, &v);
      if (!jinja_failed(j)) jinja_emit(j, v.text, v.bytes);
      continue;
    }
    switch (p->word) {
      case JINJA_IF: i = jinja_run_if(j, i); break;
      case JINJA_FOR: i = jinja_run_for(j, i); break;
      case JINJA_SET: i = jinja_run_set(j, i); break;
      case JINJA_DEFINE:
        v = jinja_name(&r);
        if (!jinja_failed(j)) {
          jinja_value macro = jinja_of(JINJA_MACRO);
          macro.number = (int64_t)i;
          jinja_assign(j, v.text, v.bytes, macro);
        }
        i = p->next;
        break;
      case JINJA_GENERATION:
        jinja_run_generation(j, i);
        i = p->next;
        break;
      case JINJA_BREAK: case JINJA_CONTINUE: j->flow = p->word == JINJA_BREAK ? 1 : 2; break;
      default: break;
    }
  }
  j->depth--;
}

/* ---- what a program calls ---------------------------------------------------------------- */

static void jinja_close(jinja *j) {
  while (j->arena) {
    jinja_arena *a = j->arena;
    j->arena = a->before;
    free(a);
  }
  free(j->variables);
  free(j->pieces);
  free(j->source);
  free(j->spans);
  free(j->out);
  memset(j, 0, sizeof *j);
}

/* Reads the template, UTF-8. The source is copied, \r\n as \n, without its last line's end. */
static ldr_status jinja_open(jinja *j, const char *source, size_t n, ldr_error *err) {
  size_t i, k = 0;
  memset(j, 0, sizeof *j);
  j->answer = -1;
  j->err = err;
  j->source = (char *)malloc(n + 1);
  if (!j->source) return words_no_memory("a chat template", err);
  for (i = 0; i < n; i++) {
    if (source[i] == '\r' && i + 1 < n && source[i + 1] == '\n') continue;
    j->source[k++] = source[i] == '\r' ? '\n' : source[i];
  }
  if (k && j->source[k - 1] == '\n') k--;
  j->source[k] = 0;
  jinja_cut(j, k);
  if (!jinja_failed(j)) jinja_nest(j);
  return err->status;
}

/* Renders with the members of two JSON objects as variables (given: NULL, or what the other's come before); may be
   called again. */
static ldr_status jinja_render(jinja *j, const ldr_json *given, int32_t object, const ldr_json *json, ldr_error *err) {
  jinja_value all;
  int both;
  size_t i;
  while (j->arena) {
    jinja_arena *a = j->arena;
    j->arena = a->before;
    free(a);
  }
  j->err = err;
  j->used = j->span_count = j->variable_count = j->scope = j->globals = j->floor = j->bytes = j->steps = 0;
  j->depth = j->flow = 0;
  all = jinja_of(JINJA_NONE);
  for (both = given == NULL; both < 2; both++) {
    all = jinja_from_json(j, both ? json : given, object);
    if (!jinja_failed(j) && all.kind != JINJA_MAP)
      jinja_fail(j, "its variables are the members of an object", NULL, 0);
    for (i = 0; !jinja_failed(j) && i + 1 < all.list->count; i += 2) {
      jinja_value *v = &all.list->items[i + 1];
      if (j->most && v->kind == JINJA_LIST && jinja_is(&all.list->items[i], "messages"))
        v->list->count = LDR__MIN(v->list->count, j->most - 1);
      jinja_declare(j, all.list->items[i].text, all.list->items[i].bytes, *v);
    }
  }
  if (j->answer >= 0)
    jinja_declare(j, "add_generation_prompt", strlen("add_generation_prompt"), jinja_bool(j->answer));
  jinja_declare(j, "", 0, all);              /* a scope of 0 is that of the template itself  */
  if (!jinja_failed(j)) jinja_run(j, 0, j->count);
  if (j->flow) jinja_fail(j, "break and continue stand outside of a loop", NULL, 0);
  return err->status;
}

#endif
