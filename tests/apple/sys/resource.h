#ifndef STUB_RESOURCE_H
#define STUB_RESOURCE_H
struct timeval { long tv_sec; int tv_usec; };
struct rusage { struct timeval ru_utime, ru_stime; long ru_maxrss; };
#define RUSAGE_SELF 0
#define RUSAGE_CHILDREN (-1)
int getrusage(int, struct rusage *);
#endif
