#ifndef STUB_TIME_H
#define STUB_TIME_H
#include <stub_types.h>
typedef unsigned long clock_t;
struct tm { int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst; };
clock_t clock(void);
time_t time(time_t *);
struct tm *localtime(const time_t *), *gmtime(const time_t *);
size_t strftime(char *, size_t, const char *, const struct tm *);
int clock_gettime(int, struct timespec *);
#define CLOCK_MONOTONIC 6
#define CLOCKS_PER_SEC ((clock_t)1000000)
#endif
