/* corruption.h: what a model of two stacks learns from plain text (Raffel et al. 2020): spans of it are cut out and
   told again. Included behind the implementation of ladder.h, whose random numbers it uses. C99 and C++11, nothing
   but libc, no global state.

       text     x x x a a x x b b b x           source   x x x <0> x x <1> x </s>
       (a, b: spans that were drawn)            target   <0> a a <1> b b b <2> </s>

   with <0>, <1>, ... the sentinels. 15 tokens of 100 are cut out, in spans of 3 in the mean; a text begins with
   something that stays and ends with a span, as in T5's code. */

#ifndef CORRUPTION_H
#define CORRUPTION_H

#include <string.h>

/* What is cut out of a text of so many tokens, in how many spans; what stays has as many parts. */
static int32_t corruption_noise(int32_t tokens) {
  int32_t n = (int32_t)(0.15 * tokens + 0.5);
  return LDR__MAX(1, LDR__MIN(n, tokens - 1));
}
static int32_t corruption_spans(int32_t tokens) {
  int32_t noise = corruption_noise(tokens), n = (int32_t)(noise / 3.0 + 0.5);
  return LDR__MAX(1, LDR__MIN(n, LDR__MIN(noise, tokens - noise)));
}

/* Tokens of an example: the source with its end; the decoder's start, the spans, a sentinel for each and one more. */
static int32_t corruption_source(int32_t tokens) {
  return tokens - corruption_noise(tokens) + corruption_spans(tokens) + 1;
}
static int32_t corruption_target(int32_t tokens) { return corruption_noise(tokens) + corruption_spans(tokens) + 2; }

/* Cuts `items` into parts of one or more, all such cuts equally likely: of the items - 1 places between two of them
   parts - 1 are drawn, one after the other. *left: parts still to come, *at: items behind. Returns the length of the
   next part. */
static int32_t corruption_part(int32_t items, int32_t *left, int32_t *at, uint64_t key) {
  int32_t from = *at;
  while (++*at < items) {
    if ((int32_t)ldr__random_below(key, (uint64_t)*at, (uint32_t)(items - *at)) < *left - 1) break;
  }
  --*left;
  return *at - from;
}

/* Makes an example of whole[tokens], at least 2 of them: the source and behind it the decoder's tokens, `start`
   first, with the labels that these should give. ids, segments, labels: corruption_source + corruption_target of
   them. sentinels: corruption_spans + 1. */
static void corrupt_spans(int32_t *ids, int32_t *segments, int32_t *labels, const int32_t *whole, int32_t tokens,
    const int32_t *sentinels, int32_t end, int32_t start, uint64_t key) {
  int32_t noise = corruption_noise(tokens), spans = corruption_spans(tokens);
  int32_t source = corruption_source(tokens), target = corruption_target(tokens);
  int32_t left[2] = { spans, spans }, at[2] = { 0, 0 }, *said = labels + source, read = 0, told = 0, i, k, n, from = 0;
  for (i = 0; i < spans; i++)
    for (k = 0; k < 2; k++, from += n) {               /* what stays, what goes */
      n = corruption_part(k ? noise : tokens - noise, &left[k], &at[k], ldr__mix64(key + (uint64_t)k));
      if (k) said[told++] = ids[read++] = sentinels[i];
      memcpy(k ? said + told : ids + read, whole + from, (size_t)n * sizeof *ids);
      *(k ? &told : &read) += n;
    }
  ids[read] = end;
  said[told++] = sentinels[spans];
  said[told] = end;
  for (i = 0; i < target; i++) ids[source + i] = i ? said[i - 1] : start;
  for (i = 0; i < source + target; i++) segments[i] = i >= source;
  for (i = 0; i < source; i++) labels[i] = LDR_IGNORE;
}

#endif /* CORRUPTION_H */
