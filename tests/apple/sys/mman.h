#ifndef STUB_MMAN_H
#define STUB_MMAN_H
#include <stub_types.h>
#define PROT_READ 1
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FAILED ((void *)-1)
void *mmap(void *, size_t, int, int, int, off_t);
int munmap(void *, size_t);
#if STUB_ALL
#define MAP_ANON 0x1000
#define MADV_DONTNEED 4
int madvise(void *, size_t, int);
#endif
#endif
