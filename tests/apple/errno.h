#ifndef STUB_ERRNO_H
#define STUB_ERRNO_H
int *__error(void);
#define errno (*__error())
#define ENOENT 2
#define EINTR 4
#define EAGAIN 35
#define EWOULDBLOCK EAGAIN
#define EACCES 13
#define EEXIST 17
#define ENOTDIR 20
#define EINVAL 22
#define EROFS 30
#endif
