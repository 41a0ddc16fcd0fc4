#ifndef STUB_ERRNO_H
#define STUB_ERRNO_H
int *_errno(void);
#define errno (*_errno())
#define ENOENT 2
#define EACCES 13
#define EEXIST 17
#define ENOTDIR 20
#define EINVAL 22
#endif
