/* Types of Apple's systems, and whether what is not POSIX shows. */
#ifndef STUB_TYPES_H
#define STUB_TYPES_H
#include <stddef.h>
#include <stdint.h>
typedef int pid_t;
typedef long ssize_t, time_t;
typedef int64_t off_t;
typedef uint16_t mode_t, nlink_t;
typedef int32_t dev_t;
typedef uint64_t ino_t;
typedef uint32_t uid_t, gid_t;
struct timespec { time_t tv_sec; long tv_nsec; };
#if !defined(_POSIX_C_SOURCE) || defined(_DARWIN_C_SOURCE)
#define STUB_ALL 1
#else
#define STUB_ALL 0
#endif
#endif
