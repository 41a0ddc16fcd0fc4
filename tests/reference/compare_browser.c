/* The forward pass alone, for compare_browser.mjs. */
#define LADDER_STATIC
#define LADDER_IMPLEMENTATION
#include "../../ladder.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

enum { TEXTS = 64, LONGEST = 128 };
static struct {
  ldr_error    err;
  ldr_model   *model;
  ldr_encoding tokens;
  char         text[16384];
  int32_t      ids[TEXTS * LONGEST], offsets[TEXTS + 1], count;
  float       *hidden;
} it;

char *EXPORT(text)(void) { return it.text; }
int32_t *EXPORT(ids)(void) { return it.ids; }
float *EXPORT(hidden)(void) { return it.hidden; }
void EXPORT(none)(void) { it.count = 0; }

static int32_t result(int32_t good) {
  if (it.err.status) memcpy(it.text, it.err.message, sizeof it.err.message);
  return it.err.status ? -1 : good;
}

int32_t EXPORT(begin)(int32_t threads) {
  ldr_model_desc d = {0};
  d.pack = 1;
  d.threads = threads;
  it.model = ldr_model_load("/model", &d, &it.err);
  return result(it.model ? ldr_model_info_get(it.model).width : 0);
}

/* text to the batch; its tokens */
int32_t EXPORT(add)(void) {
  int32_t at = it.offsets[it.count];
  if (ldr_tokenizer_encode(ldr_model_tokenizer(it.model), &it.tokens, it.text, strlen(it.text), NULL, 0, LONGEST, 1,
      &it.err)) return result(0);
  memcpy(it.ids + at, it.tokens.ids, (size_t)it.tokens.count * sizeof *it.ids);
  it.offsets[++it.count] = at + it.tokens.count;
  return it.tokens.count;
}

int32_t EXPORT(forward)(void) {
  ldr_batch b = {0};
  b.sequences = it.count;
  b.offsets = it.offsets;
  b.ids = it.ids;
  it.hidden = (float *)realloc(it.hidden, (size_t)it.offsets[it.count] *
      (size_t)ldr_model_info_get(it.model).width * sizeof(float));
  ldr_model_hidden(it.model, it.hidden, &b, -1, &it.err);
  return result(0);
}
