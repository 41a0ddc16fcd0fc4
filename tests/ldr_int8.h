/* Products of packed weights: an 8-bit one against a count in whole numbers, for every set of kernels and for the emulated ones. */

/* Rounds a row as the header says it does; the scale is the one the kernel must report. */
static void int8_round(int32_t *q, float *scale, const float *x, size_t n) {
  float peak = 0;
  size_t i;
  for (i = 0; i < n; i++) peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
  *scale = peak / 127.0f;
  for (i = 0; i < n; i++) {
    float exact = peak > 0 ? x[i] * (127.0f / peak) : 0.0f;
    q[i] = (int32_t)rint((double)exact);
  }
}

/* Largest error of y[rows,out] relative to the sum of absolute products. Weights are made to hit their
   grid exactly, so only the activations are rounded. */
static double int8_error(const ldr__kernels *ker, size_t rows, size_t out, size_t in, int with_bias, int activate, int threads, uint64_t seed, float *y) {
  size_t whole = ldr__round_up(out, (size_t)ker->nr), blocks = ldr__packed_blocks(in), o, i, t, ld = out + 3;
  float *w = (float *)calloc(out * in, sizeof(float)), *x = (float *)calloc(rows * in, sizeof(float)), *row = (float *)calloc(in, sizeof(float)), *bias = (float *)calloc(out, sizeof(float));
  int32_t *qw = (int32_t *)calloc(out * in, sizeof(int32_t)), *qx = (int32_t *)calloc(in, sizeof(int32_t));
  float *f = (float *)calloc(rows * ld, sizeof(float));
  ldr__packed m;
  ldr__exec ex;
  double worst = 0;
  memset(&m, 0, sizeof m);
  memset(&ex, 0, sizeof ex);
  m.out = out;
  m.in = in;
  m.type = LDR__PACK_INT8;
  m.data = calloc(ldr__packed_bytes(ker, out, in, m.type), 1);
  m.scale = (float *)calloc(whole, sizeof(float));
  m.bias = with_bias ? (float *)calloc(whole, sizeof(float)) : NULL;
  m.sums = (int32_t *)calloc(whole * blocks, sizeof(int32_t));
  ex.kernels = ker;
  ex.threads = threads;
  ex.scratch_size = ldr__gemm_scratch(out, in);
  ex.scratch = (float *)calloc(ex.scratch_size * (size_t)threads, sizeof(float));
  ex.narrowed = (float *)calloc(rows, ldr__narrow_stride(in));
  ex.row_scales = (float *)calloc(rows, sizeof(float));
  for (o = 0; o < out; o++) {
    bias[o] = (float)ldr__random_unit(seed + 1, o);
    for (i = 0; i < in; i++) {
      qw[o * in + i] = i == o % in ? 127 : (int32_t)ldr__random_below(seed + 2, o * in + i, 255) - 127;
      w[o * in + i] = (float)qw[o * in + i] / 64.0f;
    }
  }
  for (i = 0; i < rows * in; i++) x[i] = (float)(ldr__random_unit(seed + 3, i) - 0.5) * (i % 7 == 0 ? 4.0f : 1.0f);
  ldr__packed_fill(ker, &m, 0, ldr__mat_float(w, in, 1), with_bias ? bias : NULL, out, row);
  ldr__packed_forward(&ex, y, ld, activate ? f : NULL, x, in, &m, rows, LDR_GELU);
  for (t = 0; t < rows; t++) {
    float scale;
    int8_round(qx, &scale, x + t * in, in);
    for (o = 0; o < out; o++) {
      double sum = with_bias ? (double)bias[o] : 0, size = 1e-6 + fabs(sum);
      for (i = 0; i < in; i++) {
        double v = (double)qx[i] * (double)scale * (double)w[o * in + i];
        sum += v;
        size += fabs(v);
      }
      worst = fmax(worst, fabs((double)y[t * ld + o] - sum) / size);
      if (activate) worst = fmax(worst, fabs((double)f[t * ld + o] - (double)ldr__gelu(y[t * ld + o])) * 0.1);
    }
  }
  free(w); free(x); free(row); free(bias); free(qw); free(qx); free(f);
  free(m.data); free(m.scale); free(m.bias); free(m.sums); free(ex.scratch); free(ex.narrowed); free(ex.row_scales);
  return worst;
}

/* Largest error of a bf16 product y[rows,out] relative to the sum of absolute products, of weights and activations that are bf16 already. */
static double bf16_error(const ldr__kernels *ker, size_t rows, size_t out, size_t in, int with_bias, int threads, uint64_t seed, float *y) {
  size_t whole = ldr__round_up(out, (size_t)ker->nr), o, i, t, ld = out + 3, ldx = in + 5;
  float *w = (float *)calloc(out * in, sizeof(float)), *x = (float *)calloc(rows * ldx, sizeof(float)), *row = (float *)calloc(in, sizeof(float)), *bias = (float *)calloc(out, sizeof(float));
  ldr__packed m;
  ldr__exec ex;
  double worst = 0;
  memset(&m, 0, sizeof m);
  memset(&ex, 0, sizeof ex);
  m.type = LDR__PACK_BF16;
  m.out = out;
  m.in = in;
  m.data = calloc(ldr__packed_bytes(ker, out, in, m.type), 1);
  m.bias = with_bias ? (float *)calloc(whole, sizeof(float)) : NULL;
  ex.kernels = ker;
  ex.threads = threads;
  ex.scratch_size = ldr__gemm_scratch(out, in);
  ex.scratch = (float *)calloc(ex.scratch_size * (size_t)threads, sizeof(float));
  ex.narrowed = (float *)calloc(rows, ldr__narrow_stride(in));
  for (o = 0; o < out; o++) bias[o] = (float)ldr__random_unit(seed + 1, o);
  for (i = 0; i < out * in; i++) w[i] = ldr__float_from_bits(ldr__float_to_bf16((float)(ldr__random_unit(seed + 2, i) - 0.5)) << 16);
  for (i = 0; i < rows * ldx; i++) x[i] = ldr__float_from_bits(ldr__float_to_bf16((float)(ldr__random_unit(seed + 3, i) - 0.5)) << 16);
  ldr__packed_fill(ker, &m, 0, ldr__mat_float(w, in, 1), with_bias ? bias : NULL, out, row);
  ldr__packed_forward(&ex, y, ld, NULL, x, ldx, &m, rows, 0);
  for (t = 0; t < rows; t++)
    for (o = 0; o < out; o++) {
      double sum = with_bias ? (double)bias[o] : 0, size = 1e-6 + fabs(sum);
      for (i = 0; i < in; i++) {
        double v = (double)x[t * ldx + i] * (double)w[o * in + i];
        sum += v;
        size += fabs(v);
      }
      worst = fmax(worst, fabs((double)y[t * ld + o] - sum) / size);
    }
  free(w); free(x); free(row); free(bias); free(m.data); free(m.bias); free(ex.scratch); free(ex.narrowed);
  return worst;
}
