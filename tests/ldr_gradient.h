/* ldr_gradient.h: gradients of whole networks against central differences of their loss.
   Include after the implementation of ladder.h and after ldr_test.h. */
#ifndef LDR_GRADIENT_H
#define LDR_GRADIENT_H

/* Moves every parameter a little, so that no gradient is 0 by symmetry. */
static inline void shake(ldr_ladder *l, double by) {
  int32_t p, i;
  for (p = 0; p < ldr_ladder_params(l); p++) {
    ldr_param q = ldr_ladder_param(l, p);
    for (i = 0; i < q.rows * q.columns; i++) q.value[i] += (float)(by * ldr__random_normal(99 + (uint64_t)p, (uint64_t)i));
  }
}

/* The loss of ldr_trainer_gradients without the way back, which is most of the work and would be thrown away. */
static inline double loss_only(ldr_trainer *t, const int32_t *batch, int32_t count) {
  ldr_error err;
  ldr__targets target;
  double weight = ldr__examples_weight(t, t->train, batch, count);
  int32_t q, n = count * (t->train->head == LDR_HEAD_CHOICE ? t->train->choices : 1);
  for (q = 0; q < n; q++) t->ordinals[q] = (uint64_t)q;
  ldr__pass_load(&t->pass, t->train, batch, count, t->ordinals, t->l->d.dropout, ldr__stream(t->d.seed, LDR__STREAM_DROPOUT, (uint64_t)t->step));
  ldr__trainer_route(t);
  target = ldr__pass_targets(&t->pass, t->class_weights, t->d.label_smoothing, t->train->choices);
  memset(&err, 0, sizeof err);
  CHECK_INT(ldr__trainer_forward(t, t->train, batch, count, &err), LDR_OK);
  return ldr__pass_loss(&t->pass, &target, 0) / weight;
}

/* Largest disagreement, relative to the size of the two slopes, between the gradient and central differences
   along random directions, one a parameter. `flip` negates the gradient of one parameter first. */
static inline double gradient_error(ldr_trainer *t, ldr_ladder *l, int32_t flip, const char **worst) {
  static const int32_t batch[] = { 0, 1, 2, 3, 4 };
  double worst_error = 0, loss;
  int32_t p, i;
  float *copy = (float *)malloc(sizeof(float) * 200000), *direction = (float *)malloc(sizeof(float) * 200000);
  double *slopes = (double *)malloc(sizeof(double) * (size_t)ldr_ladder_params(l));
  ldr_error err;
  memset(&err, 0, sizeof err);
  CHECK(ldr_trainer_gradients(t, &loss, batch, 5, &err) == LDR_OK);
  CHECK_NEAR(loss_only(t, batch, 5), loss, 1e-12);   /* x87 may round a double twice */
  for (p = 0; p < ldr_ladder_params(l); p++) {
    ldr_param q = ldr_ladder_param(l, p);
    double slope = 0;
    for (i = 0; i < q.rows * q.columns; i++) slope += (double)q.grad[i] * ldr__random_normal(1234 + (uint64_t)p, (uint64_t)i);
    slopes[p] = p == flip ? -slope : slope;
  }
  for (p = 0; p < ldr_ladder_params(l); p++) {
    ldr_param q = ldr_ladder_param(l, p);
    double e = 1, h, numeric, difference[3];
    int32_t n = q.rows * q.columns, k;
    memcpy(copy, q.value, sizeof(float) * (size_t)n);
    for (i = 0; i < n; i++) direction[i] = (float)ldr__random_normal(1234 + (uint64_t)p, (uint64_t)i);
    for (k = 0; k < 3 && (k < 2 || e > 5e-3); k++) {       /* steps h, 2h and, where those are lost in rounding, 4h: of two their h^2 errors cancel */
      double up, down;
      h = (1 << k) * (n == 1 ? 2e-3 : 1e-2) / sqrt((double)n);
      for (i = 0; i < n; i++) q.value[i] = (float)((double)copy[i] + h * (double)direction[i]);
      up = loss_only(t, batch, 5);
      for (i = 0; i < n; i++) q.value[i] = (float)((double)copy[i] - h * (double)direction[i]);
      down = loss_only(t, batch, 5);
      difference[k] = (up - down) / (2 * h);
      if (k == 0) continue;
      numeric = (4 * difference[k - 1] - difference[k]) / 3;
      e = fmin(e, fabs(numeric - slopes[p]) / (fabs(numeric) + fabs(slopes[p]) + 4e-3));
      numeric = difference[k];                   /* less curvature removed, but less rounding, too */
      e = fmin(e, fabs(numeric - slopes[p]) / (fabs(numeric) + fabs(slopes[p]) + 4e-3));
    }
    memcpy(q.value, copy, sizeof(float) * (size_t)n);
    if (e > worst_error) {
      worst_error = e;
      if (worst) *worst = q.name;
    }
  }
  free(copy);
  free(direction);
  free(slopes);
  return worst_error;
}
#endif
