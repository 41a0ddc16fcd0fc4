#ifndef STUB_MATH_H
#define STUB_MATH_H
double sqrt(double), exp(double), log(double), pow(double, double), fabs(double), floor(double), ceil(double), cos(double), sin(double), tanh(double), erf(double), ldexp(double, int), frexp(double, int *), fmod(double, double), log2(double), exp2(double), round(double), rint(double), fmax(double, double), fmin(double, double), atan2(double, double), acos(double), tan(double), nearbyint(double), trunc(double), cbrt(double), log1p(double), expm1(double), lgamma(double), hypot(double, double), atan(double), log10(double);
float sqrtf(float), expf(float), logf(float), powf(float, float), fabsf(float), floorf(float), ceilf(float), tanhf(float), erff(float), rintf(float), roundf(float), fmaxf(float, float), fminf(float, float), cosf(float), sinf(float), ldexpf(float, int), nearbyintf(float), log1pf(float), expm1f(float), fmodf(float, float);
#define HUGE_VAL __builtin_huge_val()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("0")
#define isnan(x) __builtin_isnan(x)
#define isfinite(x) __builtin_isfinite(x)
#endif
