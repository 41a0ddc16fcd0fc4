/* Chat templates: any bytes render or are refused, in bounded time and memory. */
#define LADDER_IMPLEMENTATION
#include "fuzz.h"
#include "../tools/jinja.h"

static const unsigned char *fuzz_seed(int i, size_t *n) {
  static char *seeds[128];
  static size_t sizes[128];
  static int count = -1;
  if (count < 0) {
    FILE *f = fopen("golden/chat.jsonl", "rb");
    static char line[1 << 15];
    count = 0;
    while (f && fgets(line, sizeof line, f) && count < 128) {
      ldr_json *j = ldr_json_parse(line, strlen(line), NULL, NULL);
      ptrdiff_t k = ldr_json_string(NULL, 0, j, ldr_json_get(j, 0, "template"));
      if (k >= 0) {
        seeds[count] = (char *)malloc((size_t)k + 1);
        ldr_json_string(seeds[count], (size_t)k + 1, j, ldr_json_get(j, 0, "template"));
        sizes[count++] = (size_t)k;
      }
      ldr_json_free(j);
    }
    if (f) fclose(f);
  }
  if (i >= count) return NULL;
  *n = sizes[i];
  return (const unsigned char *)seeds[i];
}

static void fuzz_one(const unsigned char *data, size_t n) {
  static const char variables[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"yes\"}],"
    "\"l\":[3,1,2],\"d\":{\"b\":1,\"a\":2},\"n\":3,\"f\":2.5,\"s\":\" Ab c \",\"zh\":\"\xe4\xbd\xa0\xe5\xa5\xbd\",\"t\":true,\"nul\":null}";
  static ldr_json *json;
  ldr_error err;
  jinja j;
  if (!json) json = ldr_json_parse(variables, strlen(variables), NULL, NULL);
  memset(&err, 0, sizeof err);
  memset(&j, 0, sizeof j);
  if (!jinja_open(&j, (const char *)data, n, &err)) jinja_render(&j, NULL, 0, json, &err);
  jinja_close(&j);
}
