#ifndef STUB_STRING_H
#define STUB_STRING_H
#include <stddef.h>
void *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t), *memset(void *, int, size_t), *memchr(const void *, int, size_t);
int memcmp(const void *, const void *, size_t), strcmp(const char *, const char *), strncmp(const char *, const char *, size_t);
char *strcpy(char *, const char *), *strncpy(char *, const char *, size_t), *strcat(char *, const char *), *strchr(const char *, int), *strrchr(const char *, int), *strstr(const char *, const char *), *strtok(char *, const char *), *strerror(int), *strpbrk(const char *, const char *);
size_t strlen(const char *), strspn(const char *, const char *), strcspn(const char *, const char *);
#endif
