#ifndef STUB_STDLIB_H
#define STUB_STDLIB_H
#include <stddef.h>
void *malloc(size_t), *calloc(size_t, size_t), *realloc(void *, size_t), *bsearch(const void *, const void *, size_t, size_t, int (*)(const void *, const void *));
void free(void *), exit(int), abort(void), qsort(void *, size_t, size_t, int (*)(const void *, const void *));
int atoi(const char *), system(const char *), atexit(void (*)(void)), abs(int), rand(void);
long atol(const char *), strtol(const char *, char **, int);
unsigned long strtoul(const char *, char **, int);
long long strtoll(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
double strtod(const char *, char **), atof(const char *);
char *getenv(const char *);
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#endif
