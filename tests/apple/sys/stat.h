#ifndef STUB_STAT_H
#define STUB_STAT_H
#include <stub_types.h>
struct stat { dev_t st_dev; mode_t st_mode; nlink_t st_nlink; ino_t st_ino; uid_t st_uid; gid_t st_gid; struct timespec st_mtimespec; off_t st_size; };
#define S_ISREG(m) (((m) & 0170000) == 0100000)
#define S_ISDIR(m) (((m) & 0170000) == 0040000)
#define S_ISLNK(m) (((m) & 0170000) == 0120000)
#define S_ISCHR(m) (((m) & 0170000) == 0020000)
#define S_ISFIFO(m) (((m) & 0170000) == 0010000)
int stat(const char *, struct stat *), lstat(const char *, struct stat *), fstat(int, struct stat *), mkdir(const char *, mode_t);
#endif
