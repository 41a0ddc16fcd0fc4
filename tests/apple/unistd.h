#ifndef STUB_UNISTD_H
#define STUB_UNISTD_H
#include <stub_types.h>
#define _SC_PAGESIZE 29
#define _SC_NPROCESSORS_ONLN 58
int close(int), fsync(int), dup2(int, int), isatty(int), unlink(const char *), rmdir(const char *), execvp(const char *, char *const *), access(const char *, int);
ssize_t read(int, void *, size_t), write(int, const void *, size_t), readlink(const char *restrict, char *restrict, size_t);
pid_t fork(void), getpid(void);
long sysconf(int);
void _exit(int);
#if STUB_ALL
char *mkdtemp(char *);
#endif
#endif
