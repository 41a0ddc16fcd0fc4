#ifndef STUB_DIRECT_H
#define STUB_DIRECT_H
#include <stddef.h>
int _mkdir(const char *), _rmdir(const char *), _wmkdir(const wchar_t *), _wrmdir(const wchar_t *);
#endif
