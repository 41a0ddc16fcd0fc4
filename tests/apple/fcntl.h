#ifndef STUB_FCNTL_H
#define STUB_FCNTL_H
#include <stub_types.h>
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR   2
#define O_CREAT  0x200
#define O_TRUNC  0x400
#define O_EXCL   0x800
#define F_GETFD  1
struct flock { off_t l_start, l_len; pid_t l_pid; short l_type, l_whence; };
int open(const char *, int, ...), fcntl(int, int, ...);
#if STUB_ALL
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
int flock(int, int);
#endif
#endif
