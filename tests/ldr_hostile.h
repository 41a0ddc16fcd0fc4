/* ldr_hostile.h: what the tests of bad files and failing calls share. Include after ldr_tiny.h. */
#ifndef LDR_HOSTILE_H
#define LDR_HOSTILE_H

#if defined(__unix__) || defined(__APPLE__)
#define HAVE_POSIX 1
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#else
#define HAVE_POSIX 0
#endif

static inline ldr_error no_error(void) {
  ldr_error e;
  memset(&e, 0, sizeof e);
  return e;
}

/* A copy in a block of exactly its size, so that a sanitizer sees one byte too many. */
static inline char *exact_copy(const void *data, size_t n) {
  char *p = (char *)malloc(n ? n : 1);
  if (!p) abort();
  memcpy(p, data, n);
  return p;
}

/* The text with its first `from` replaced by `to`; free() it. A text without `from` fails the test. */
static inline char *replaced(const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  char *p = (char *)malloc(strlen(text) + strlen(to) + 1);
  if (!p) abort();
  CHECK(at != NULL);
  if (!at) at = text + strlen(text), from = "";
  memcpy(p, text, (size_t)(at - text));
  strcpy(p + (at - text), to);
  strcat(p, at + strlen(from));
  return p;
}

/* The same over a weight file, its header length set anew. */
static inline char *replaced_header(const char *file, size_t size, const char *from, const char *to, size_t *new_size) {
  size_t n = (size_t)ldr__load_u64((const unsigned char *)file), m;
  char *header = (char *)malloc(n + 1), *changed, *p;
  if (!header) abort();
  memcpy(header, file + 8, n);
  header[n] = 0;
  changed = replaced(header, from, to);
  m = strlen(changed);
  *new_size = size - n + m;
  p = (char *)malloc(*new_size);
  if (!p) abort();
  ldr__store_u64((unsigned char *)p, m);
  memcpy(p + 8, changed, m);
  memcpy(p + 8 + m, file + 8 + n, size - 8 - n);
  free(header);
  free(changed);
  return p;
}

static const int32_t some_ids[] = { 1, 5, 30, 2, 7, 7, 0, 11, 19 }, some_offsets[] = { 0, 4, 9 };

static inline ldr_batch some_batch(void) {
  ldr_batch b;
  memset(&b, 0, sizeof b);
  b.sequences = 2;
  b.ids = some_ids;
  b.offsets = some_offsets;
  return b;
}

/* Writes the tensors with an even or odd index of a weight file as a shard. `also` joins both shards. */
static inline void write_shard(const char *path, const char *data, size_t size, int odd, const char *also, char *map) {
  ldr_weights *w = ldr_weights_open_memory(data, size, NULL, NULL);
  static tiny_file f;
  unsigned char length[8];
  FILE *out = fopen(path, "wb");
  const char *shard = strrchr(path, '/') + 1;
  int32_t i, d;
  memset(&f, 0, sizeof f);
  for (i = 0; i < ldr_weights_count(w); i++) {
    const ldr_tensor *t = ldr_weights_at(w, i);
    if (i % 2 != odd && !(also && strcmp(t->name, also) == 0)) continue;
    f.used += (size_t)sprintf(f.header + f.used, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", f.used ? ',' : '{', t->name, ldr_dtype_name(t->dtype));
    for (d = 0; d < t->dims; d++) f.used += (size_t)sprintf(f.header + f.used, "%s%d", d ? "," : "", (int)t->shape[d]);
    f.used += (size_t)sprintf(f.header + f.used, "],\"data_offsets\":[%d,%d]}", (int)f.size, (int)(f.size + (size_t)t->bytes));
    tiny_bytes(&f, t->data, (size_t)t->bytes);
    sprintf(map + strlen(map), "%s\"%s\":\"%s\"", map[0] ? "," : "", t->name, shard);
  }
  strcat(f.header, "}");
  ldr__store_u64(length, strlen(f.header));
  CHECK(out && fwrite(length, 1, 8, out) == 8 && fwrite(f.header, 1, strlen(f.header), out) == strlen(f.header) && fwrite(f.data, 1, f.size, out) == f.size);
  if (out) fclose(out);
  free(f.data);
  ldr_weights_close(w);
}

static inline int write_text(const char *path, const char *text) { return ldr_test_write(path, text, strlen(text)); }

#if HAVE_POSIX
/* A fresh folder in $TMPDIR; path joins a name to it. */
static char folder[512];

static inline int folder_make(void) {
  const char *tmp = getenv("TMPDIR");
  sprintf(folder, "%.300s/ladder-test-%ld", tmp ? tmp : "/tmp", (long)getpid());
  return mkdir(folder, 0700) == 0;
}

static const char *in_folder(const char *name) {
  static char path[4][1024];
  static int turn;
  sprintf(path[turn = (turn + 1) % 4], "%s/%s", folder, name);
  return path[turn];
}

static inline void folder_remove(void) {
  static const char *const names[] = { "config.json", "model.safetensors", "model.safetensors.index.json", "one.safetensors", "two.safetensors", "vocab.txt", "pytorch_model.bin", "x.ladder", "y.ladder", "x.ladder.partial", "run", "run.partial" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++) remove(in_folder(names[i]));
  rmdir(folder);
}
#endif
#endif /* LDR_HOSTILE_H */
