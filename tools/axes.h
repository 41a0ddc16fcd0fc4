/* axes.h: eigenvectors of small symmetric matrices, for words.h and views.h. */
#ifndef LADDER_AXES_H
#define LADDER_AXES_H

#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
  #define AXES_RESTRICT __restrict
#else
  #define AXES_RESTRICT
#endif

enum { AXES_LANES = 16 };

/* Turns rows p and q, each of n numbers. */
static void axes_turn(double *AXES_RESTRICT p, double *AXES_RESTRICT q, size_t n, double c, double s) {
  size_t i, k;
  for (i = 0; i < n; i += AXES_LANES)
    for (k = 0; k < AXES_LANES; k++) {
      double x = p[i + k], y = q[i + k];
      p[i + k] = c * x - s * y;
      q[i + k] = s * x + c * y;
    }
}

/* Eigenvalues of the symmetric g on its diagonal and eigenvectors as rows of e, by Jacobi's turns: few sweeps where
   the columns come from a subspace iteration and are nearly sorted out already, about ten from anywhere. k is a
   multiple of AXES_LANES. */
static void axes_eigen(double *g, double *e, size_t k) {
  size_t i, p, q;
  int sweep, any = 1;
  for (p = 0; p < k; p++)
    for (q = 0; q < k; q++) {
      e[p * k + q] = p == q ? 1.0 : 0.0;
      if (q < p) g[p * k + q] = g[q * k + p];
    }
  for (sweep = 0; sweep < 40 && any; sweep++) {
    any = 0;
    for (p = 0; p < k; p++)
      for (q = p + 1; q < k; q++) {
        double off = g[p * k + q], d = g[q * k + q] - g[p * k + p], t, c;
        if (!(fabs(off) > 1e-13 * sqrt(fabs(g[p * k + p] * g[q * k + q])) && fabs(off) > 1e-200)) continue;
        any = 1;
        t = d / (2 * off);
        t = (t < 0 ? -1.0 : 1.0) / (fabs(t) + sqrt(t * t + 1));
        c = 1 / sqrt(t * t + 1);
        axes_turn(g + p * k, g + q * k, k, c, t * c);
        for (i = 0; i < k; i++) {
          double x = g[i * k + p], y = g[i * k + q];
          g[i * k + p] = c * x - t * c * y;
          g[i * k + q] = t * c * x + c * y;
        }
        g[p * k + q] = g[q * k + p] = 0;
        axes_turn(e + p * k, e + q * k, k, c, t * c);
      }
  }
}

/* Places of the largest eigenvalues in order, first come first at a tie. */
static void axes_rank(size_t *order, const double *g, size_t k) {
  size_t i, j;
  for (i = 0; i < k; i++) {
    for (j = i; j > 0 && g[order[j - 1] * k + order[j - 1]] < g[i * k + i]; j--) order[j] = order[j - 1];
    order[j] = i;
  }
}

#endif /* LADDER_AXES_H */
