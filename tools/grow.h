/* grow.h: arrays that grow, and what is said when they cannot, for the other parts. */

#ifndef GROW_H
#define GROW_H

#include <stdlib.h>

/* A growing array: the address of at least `need` items, or NULL with the old one still valid. */
static void *words_grow(void *data, size_t *capacity, size_t need, size_t item) {
  size_t next = *capacity ? *capacity : 64;
  void *p;
  if (need <= *capacity) return data;
  while (next < need) {
    if (next > SIZE_MAX / 2 / item) return NULL;
    next *= 2;
  }
  p = realloc(data, next * item);
  if (p) *capacity = next;
  return p;
}

static ldr_status words_no_memory(const char *what, ldr_error *err) {
  return ldr__fail(err, LDR_MEMORY, "out of memory for %s", what);
}

#endif
