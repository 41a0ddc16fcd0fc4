/* padding.h: how a tokenizer.json cuts and fills up, part of tools/ladder.c. Models here take no padding: only
   `ladder tokenize` answers as the file's own library does. */
#ifndef LADDER_TOOLS_PADDING_H
#define LADDER_TOOLS_PADDING_H

/* Padding: its token, and to how many: `length`, or (0) the longest of those encoded together, then to the next of
   `multiple` if that is not 0. Truncation: to max_len tokens (0: none), of the end or of the beginning. */
typedef struct filling {
  int     on, in_front, cuts_beginning;
  int32_t id, type, length, multiple, max_len, truncate;
  char    token[256];
  size_t  token_size;
} filling;

static int32_t filling_number(const ldr_json *j, int32_t object, const char *key, int32_t low, ldr_error *err) {
  int32_t node = ldr__json_there(j, object, key);
  int64_t v = 0;
  if (node >= 0 && (!ldr__json_integer(j, node, &v) || v < low || v > INT32_MAX - 1))
    ldr__fail_at(err, LDR_FORMAT, ldr__json_offset(j, node), "the tokenizer's \"%s\" is not a number from %d to %d",
        key, (int)low, (int)INT32_MAX - 1);
  return (int32_t)v;
}

/* What a tokenizer.json, read, says. */
static ldr_status filling_parse(filling *f, const ldr_json *j, ldr_error *err) {
  static const char *const strategies[] = { "LongestFirst", "OnlyFirst", "OnlySecond", NULL };
  int32_t cut = ldr__json_there(j, 0, "truncation"), pad = ldr__json_there(j, 0, "padding"), strategy, token;
  ptrdiff_t n;
  f->max_len = filling_number(j, cut, "max_length", 1, err);
  f->truncate = ldr__json_word(j, ldr__json_there(j, cut, "strategy"), strategies) % 3;
  f->cuts_beginning = ldr_json_equals(j, ldr__json_there(j, cut, "direction"), "Left");
  strategy = ldr__json_there(j, pad, "strategy");
  token = ldr__json_there(j, pad, "pad_token");
  f->on = pad >= 0;
  f->length = filling_number(j, strategy, "Fixed", 1, err);
  if (strategy >= 0 && !f->length && !ldr_json_equals(j, strategy, "BatchLongest"))
    ldr__fail_at(err, LDR_UNSUPPORTED, ldr__json_offset(j, strategy),
        "the \"strategy\" of padding is neither BatchLongest nor Fixed");
  f->multiple = filling_number(j, pad, "pad_to_multiple_of", 0, err);
  f->id = filling_number(j, pad, "pad_id", 0, err);
  f->type = filling_number(j, pad, "pad_type_id", 0, err);
  f->in_front = ldr_json_equals(j, ldr__json_there(j, pad, "direction"), "Left");
  n = ldr_json_string(f->token, sizeof f->token, j, token);
  if (token < 0) n = (ptrdiff_t)strlen(strcpy(f->token, "[PAD]"));
  if (n < 0 || n >= (ptrdiff_t)sizeof f->token)
    ldr__fail_at(err, LDR_FORMAT, ldr__json_offset(j, token), "the \"pad_token\" is no text of at most %d bytes",
        (int)sizeof f->token - 1);
  f->token_size = (size_t)n;
  return err->status;
}

/* Fills e up as its own library does: to the fixed length or to `longest`, then to a multiple; behind or in front. */
static ldr_status fill_up(const filling *f, ldr_encoding *e, int32_t longest, ldr_error *err) {
  int32_t i, n = e->count, to = f->length ? f->length : longest, rest = f->multiple && to > 0 ? to % f->multiple : 0;
  if (rest && to < INT32_MAX - f->multiple) to += f->multiple - rest;
  if (!f->on || to <= n) return LDR_OK;
  if (ldr__encoding_grow(e, to))
    return ldr__fail(err, LDR_MEMORY, "out of memory while filling up to %d tokens", (int)to);
  if (f->in_front) ldr__encoding_move(e, to - n, 0, n);
  for (i = 0; i < to - n; i++) ldr__token_set(e, f->in_front ? i : n + i, f->id, f->type, -2, 0, 0);
  e->count = to;
  return LDR_OK;
}
#endif
