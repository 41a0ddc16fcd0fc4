/* Names and lines as systems have them: names of files are UTF-8 everywhere, a file is replaced in one step, lines may end in CR LF. */
#ifndef LDR_TEST_SUITE
#define LADDER_IMPLEMENTATION
#endif
#include "../ladder.h"
#include "ldr_test.h"
#include "ldr_tiny.h"

#define PATHS_DIR "paths-gr\xc3\xb6\xc3\x9f" "e.tmp"

/* A file of the folder; not a name of the system's own letters. */
static const char *in_paths(const char *name) {
  static char path[4][256];
  static int turn;
  turn = (turn + 1) % 4;
  sprintf(path[turn], "%s/%s", PATHS_DIR, name);
  return path[turn];
}

static int put_path(const char *name, const void *data, size_t size) {
  FILE *f = ldr__fopen(in_paths(name), "wb");
  int ok = f && fwrite(data, 1, size, f) == size;
  if (f && fclose(f) != 0) ok = 0;
  return ok;
}

static size_t size_of(const char *name) {
  ldr__source s;
  size_t n;
  if (ldr__source_read(&s, in_paths(name), NULL, NULL)) return 0;
  n = s.size;
  ldr__source_close(&s);
  return n;
}

static void clear_paths(void) {
  static const char *const names[] = { "config.json", "model.safetensors", "\xce\xa9\xf0\x9f\x98\x80.ladder", "\xce\xa9\xf0\x9f\x98\x80.ladder.partial", "unix.tsv", "windows.tsv" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++) ldr__remove(in_paths(names[i]));
#ifdef _WIN32
  {
    wchar_t w[LADDER_MAX_PATH];
    _wrmdir(ldr__wide(w, PATHS_DIR));
  }
#elif LDR__HAVE_MMAP
  rmdir(PATHS_DIR);
#endif
}

static ldr_model *paths_model(ldr_error *err) {
  tiny_spec s = tiny_default("bert");
  char config[1024], *weights;
  size_t size;
  memset(err, 0, sizeof *err);
  clear_paths();
  if (ldr__mkdir(PATHS_DIR) != 0) return NULL;
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  CHECK(put_path("config.json", config, strlen(config)) && put_path("model.safetensors", weights, size));
  free(weights);
  return ldr_model_load(PATHS_DIR, NULL, err);
}

static const char ladder_name[] = "\xce\xa9\xf0\x9f\x98\x80.ladder";

TEST(names_are_utf8) {
  ldr_error err;
  ldr_model *m = paths_model(&err);
  ldr_ladder_desc d;
  ldr_ladder *l, *again;
  if (!m && !err.status) SKIP("no folder can be made here");
  CHECK_STR(err.message, "");
  memset(&d, 0, sizeof d);
  d.classes = 3;
  d.reduction = 2;
  l = ldr_ladder_create(m, &d, &err);
  CHECK_INT(ldr_ladder_save(l, in_paths(ladder_name), &err), LDR_OK);
  again = ldr_ladder_load(m, in_paths(ladder_name), NULL, &err);
  CHECK_STR(err.message, "");
  CHECK(again && memcmp(again->values, l->values, l->size * sizeof(float)) == 0);
  CHECK(ldr_ladder_load(m, in_paths("nothing"), NULL, &err) == NULL && err.status == LDR_IO);
#ifdef _WIN32
  {                              /* the name that others see */
    static const wchar_t name[] = L"paths-gr\x00f6\x00df" L"e.tmp\\\x03a9\xd83d\xde00.ladder";
    FILE *f = _wfopen(name, L"rb");
    CHECK(f != NULL);
    if (f) fclose(f);
  }
  CHECK(ldr__fopen("no UTF-8: \xff", "wb") == NULL);
#endif
  ldr_ladder_free(again);
  ldr_ladder_free(l);
  ldr_model_free(m);
  clear_paths();
}

TEST(a_file_is_replaced_in_one_step) {
  ldr_error err;
  ldr_model *m = paths_model(&err);
  ldr_ladder_desc d;
  ldr_ladder *l;
  size_t first, second;
  FILE *f;
  if (!m && !err.status) SKIP("no folder can be made here");
  memset(&d, 0, sizeof d);
  d.classes = 3;
  d.reduction = 2;
  l = ldr_ladder_create(m, &d, &err);
  CHECK_INT(ldr_ladder_save(l, in_paths(ladder_name), &err), LDR_OK);
  first = size_of(ladder_name);
  CHECK_INT(ldr_ladder_note(l, "more", "than before", &err), LDR_OK);
  CHECK_INT(ldr_ladder_save(l, in_paths(ladder_name), &err), LDR_OK);
  second = size_of(ladder_name);
  CHECK(first > 0 && second > first);
  CHECK_INT(ldr_ladder_note(l, "most", "of all", &err), LDR_OK);
  f = ldr__fopen(in_paths(ladder_name), "rb");   /* somebody reads it: Windows may refuse, and then the old file stays */
  if (ldr_ladder_save(l, in_paths(ladder_name), &err)) CHECK(err.status == LDR_IO && size_of(ladder_name) == second);
  else CHECK(size_of(ladder_name) > second);
  if (f) fclose(f);
  CHECK(!ldr__file_exists(in_paths("\xce\xa9\xf0\x9f\x98\x80.ladder.partial")));
  ldr_ladder_free(l);
  ldr_model_free(m);
  clear_paths();
}

#ifndef LADDER_NO_TOKENIZER
static const char words[] = "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\ngood\r\nbad\r\n";

TEST(lines_may_end_in_cr_lf) {
  static const char unix_text[] = "a\tgood bad\nb\tbad\n\na\tgood\n", dos_text[] = "a\tgood bad\r\nb\tbad\r\n\r\na\tgood\r\n";
  ldr_error err;
  tiny_spec s = tiny_default("bert");
  char config[1024], *weights;
  size_t size;
  ldr_model *m;
  ldr_dataset *a, *b;
  int32_t i;
  memset(&err, 0, sizeof err);
  clear_paths();
  if (ldr__mkdir(PATHS_DIR) != 0) SKIP("no folder can be made here");
  tiny_config(config, &s);
  weights = tiny_weights(&s, &size);
  m = ldr_model_load_memory(config, strlen(config), weights, size, words, strlen(words), NULL, &err);
  CHECK_STR(err.message, "");
  CHECK(put_path("unix.tsv", unix_text, strlen(unix_text)) && put_path("windows.tsv", dos_text, strlen(dos_text)));
  a = ldr_dataset_load(m, in_paths("unix.tsv"), NULL, &err);
  b = ldr_dataset_load(m, in_paths("windows.tsv"), NULL, &err);
  CHECK_STR(err.message, "");
  CHECK(ldr_dataset_count(a) == 3 && ldr_dataset_count(b) == 3 && ldr_dataset_labels(b) == 2);
  for (i = 0; i < ldr_dataset_count(a) && i < ldr_dataset_count(b); i++) {
    ldr_example x = ldr_dataset_get(a, i), y = ldr_dataset_get(b, i);
    CHECK(x.count == y.count && x.labels[0] == y.labels[0] && memcmp(x.ids, y.ids, (size_t)x.count * sizeof *x.ids) == 0);
  }
  CHECK(ldr_dataset_get(b, 0).count == 4 && ldr_dataset_get(b, 0).ids[1] == 5);
  ldr_dataset_free(a);
  ldr_dataset_free(b);
  ldr_model_free(m);
  free(weights);
  clear_paths();
}
#else
TEST(lines_may_end_in_cr_lf) { SKIP("no tokenizer in this build"); }
#endif

#define TESTS(X) X(names_are_utf8) X(a_file_is_replaced_in_one_step) X(lines_may_end_in_cr_lf)
LDR_TEST_MAIN("paths", TESTS)
