/* views.h: how one model's states are seen by another: principal axes, least squares, and the words of two tokenizers
   side by side. For distil.h; included behind the implementation of ladder.h. */
#ifndef LADDER_VIEWS_H
#define LADDER_VIEWS_H

#include "axes.h"

/* ---- principal axes, least squares: small matrices in double -------------------------------- */

/* The `keep` principal axes of the symmetric c[n,n], largest first, as rows of axes[keep,n]; values[keep] their
   variances (may be NULL). c is used up. An axis points so that its largest number is positive. 0: out of memory. */
static int principal_axes(float *axes, double *values, const double *c, size_t n, size_t keep) {
  size_t k = ldr__round_up(n, AXES_LANES), i, j, best;
  double *g = (double *)calloc(k * k, sizeof *g), *e = (double *)malloc(k * k * sizeof *e);
  size_t *order = (size_t *)malloc(k * sizeof *order);
  int ok = g && e && order;
  for (i = 0; ok && i < n; i++)
    for (j = 0; j < n; j++) g[i * k + j] = c[LDR__MIN(i, j) * n + LDR__MAX(i, j)];
  if (ok) {
    axes_eigen(g, e, k);
    axes_rank(order, g, k);
  }
  for (i = 0; ok && i < keep; i++) {
    const double *row = e + order[i] * k;
    for (best = 0, j = 1; j < n; j++)
      if (fabs(row[j]) > fabs(row[best])) best = j;
    for (j = 0; j < n; j++) axes[i * n + j] = (float)(row[best] < 0 ? -row[j] : row[j]);
    if (values) values[i] = g[order[i] * k + order[i]];
  }
  free(g);
  free(e);
  free(order);
  return ok;
}

/* x[n,k] of a x = b, by Cholesky: a[n,n] symmetric, used up, made positive by `ridge` of its diagonal; b[n,k]
   becomes x. */
static void solve_symmetric(double *a, double *b, size_t n, size_t k, double ridge) {
  size_t i, j, l;
  double whole = 0;
  for (i = 0; i < n; i++) whole += a[i * n + i];
  for (i = 0; i < n; i++) a[i * n + i] += ridge * a[i * n + i] + 1e-9 * whole / (double)n + 1e-30;
  for (i = 0; i < n; i++)                        /* a = L L^T, below the diagonal                    */
    for (j = 0; j <= i; j++) {
      double sum = a[i * n + j];
      for (l = 0; l < j; l++) sum -= a[i * n + l] * a[j * n + l];
      a[i * n + j] = i == j ? sqrt(LDR__MAX(sum, 1e-300)) : sum / a[j * n + j];
    }
  for (i = 0; i < n; i++) {
    for (l = 0; l < i; l++)
      for (j = 0; j < k; j++) b[i * k + j] -= a[i * n + l] * b[l * k + j];
    for (j = 0; j < k; j++) b[i * k + j] /= a[i * n + i];
  }
  for (i = n; i-- > 0;) {
    for (l = i + 1; l < n; l++)
      for (j = 0; j < k; j++) b[i * k + j] -= a[l * n + i] * b[l * k + j];
    for (j = 0; j < k; j++) b[i * k + j] /= a[i * n + i];
  }
}

/* ---- words of two tokenizers side by side ------------------------------------------------ */

/* Tokens of the student and of the teacher that stand for the same bytes of a text; ends are not included. */
typedef struct pairing { int32_t ours, ours_end, theirs, theirs_end; } pairing;

/* Cuts two encodings of one text at every byte where a token of both ends: as finely as they agree. Special tokens
   before and after the text are pairs of their own. pairs: room for one a token of the student. Returns how many. */
static int32_t pair_tokens(pairing *pairs, const ldr_encoding *ours, const ldr_encoding *theirs) {
  int32_t i = 0, j = 0, n = ours->count, m = theirs->count, count = 0, ours_last = 0, theirs_last = 0;
  pairing p;
  while (n && ours->text[n - 1] < 0) n--;
  while (m && theirs->text[m - 1] < 0) m--;
  for (; i < n && ours->text[i] < 0 && j < m && theirs->text[j] < 0; i++, j++) {
    p.ours = i, p.ours_end = i + 1, p.theirs = j, p.theirs_end = j + 1;
    pairs[count++] = p;
  }
  while (i < n && ours->text[i] < 0) i++;
  while (j < m && theirs->text[j] < 0) j++;
  for (p.ours = i, p.theirs = j; i < n && j < m;) {
    if (ours->end[i] == theirs->end[j]) {
      p.ours_end = ++i;
      p.theirs_end = ++j;
      pairs[count++] = p;
      p.ours = i;
      p.theirs = j;
    } else if (ours->end[i] < theirs->end[j]) i++;
    else j++;
  }
  ours_last = ours->count - n;
  theirs_last = theirs->count - m;
  for (i = 0; i < LDR__MIN(ours_last, theirs_last); i++) {
    p.ours = n + i, p.ours_end = n + i + 1, p.theirs = m + i, p.theirs_end = m + i + 1;
    pairs[count++] = p;
  }
  return count;
}

/* mean[n] of rows first to end - 1 of x */
static void mean_rows(float *mean, const float *x, int32_t first, int32_t end, size_t n) {
  int32_t r;
  size_t i;
  float scale = 1.0f / (float)(end - first);
  memcpy(mean, x + (size_t)first * n, n * sizeof *mean);
  for (r = first + 1; r < end; r++)
    for (i = 0; i < n; i++) mean[i] += x[(size_t)r * n + i];
  for (i = 0; end - first > 1 && i < n; i++) mean[i] *= scale;
}

#endif /* LADDER_VIEWS_H */
