/* ldr_faults.h: files that fail on demand. Every call of the system that a program makes for a file is counted, and the one that
   is asked for fails, is cut short, or is the last: the process ends in the middle of it. Include before the sources under test,
   which then use what is defined here in place of the C library's; the stream layer above is the C library's own. */
#ifndef LDR_FAULTS_H
#define LDR_FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* What befalls the call: an error of the device once, a signal once, no space from then on, a few bytes at a time from then on,
   the end of the process with half of it done. */
typedef enum fault_kind { FAULT_NONE, FAULT_IO, FAULT_SIGNAL, FAULT_FULL, FAULT_SHORT, FAULT_KILL, FAULT_KINDS } fault_kind;

enum { FAULT_KILLED = 99 };

typedef struct fault_state {
  fault_kind kind;
  long       at, calls;          /* at: the call, counted from 1                            */
  int        no_map;             /* files are read, not mapped                              */
  int        unsynced;           /* files that got their name before they were on the disk  */
} fault_state;

/* In memory that a child shares with who started it. */
static fault_state *fault_shared(void) {
  static fault_state *s;
  if (!s) {
    void *p = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    s = (fault_state *)p;
  }
  return s;
}
#define fault (*fault_shared())

/* 1: this call is the one. writes: calls that a full disk or a crash can spoil, the others never count for those two. */
static int fault_hit(int writes) {
  int only_writes = fault.kind == FAULT_FULL || fault.kind == FAULT_KILL;
  if (only_writes && !writes) return 0;
  fault.calls++;
  if (!fault.at || fault.kind == FAULT_NONE) return 0;
  return fault.kind == FAULT_FULL || fault.kind == FAULT_SHORT ? fault.calls >= fault.at : fault.calls == fault.at;
}

/* 1: the call is to fail, and errno says why. */
static int fault_fails(int writes) {
  if (!fault_hit(writes) || fault.kind == FAULT_SHORT) return 0;
  if (fault.kind == FAULT_KILL) _exit(FAULT_KILLED);
  errno = fault.kind == FAULT_IO ? EIO : fault.kind == FAULT_SIGNAL ? EINTR : ENOSPC;
  return 1;
}

/* ---- a stream over calls that fail ---------------------------------------------------------- */

/* The cookie is the descriptor and 1: memory of its own would be lost with the streams that nobody closes, and a sanitizer
   would say so. */
static int fault_fd(void *cookie) { return (int)(intptr_t)cookie - 1; }

static ssize_t fault_read_stream(void *cookie, char *data, size_t n) {
  int fd = fault_fd(cookie);
  if (fault_hit(0)) {
    if (fault.kind == FAULT_SHORT) n = n > 3 ? 3 : n;
    else {
      errno = fault.kind == FAULT_IO ? EIO : EINTR;
      return -1;
    }
  }
  return read(fd, data, n);
}

/* As the C library's own: goes on until all is written or a call fails. */
static ssize_t fault_write_stream(void *cookie, const char *data, size_t n) {
  int fd = fault_fd(cookie);
  size_t done = 0;
  while (done < n) {
    size_t take = n - done;
    ssize_t k;
    if (fault_hit(1)) {
      if (fault.kind == FAULT_SHORT) take = take > 7 ? 7 : take;
      else {
        if (fault.kind != FAULT_SIGNAL && write(fd, data + done, take / 2) < 0) _exit(98);
        if (fault.kind == FAULT_KILL) _exit(FAULT_KILLED);
        errno = fault.kind == FAULT_IO ? EIO : fault.kind == FAULT_SIGNAL ? EINTR : ENOSPC;
        return 0;
      }
    }
    k = write(fd, data + done, take);
    if (k < 0) return 0;
    done += (size_t)k;
  }
  return (ssize_t)done;
}

static int fault_seek_stream(void *cookie, off64_t *at, int whence) {
  off_t where;
  if (fault_fails(0)) return -1;
  where = lseek(fault_fd(cookie), (off_t)*at, whence);
  if (where < 0) return -1;
  *at = where;
  return 0;
}

static int fault_close_stream(void *cookie) {
  int fails = fault_fails(0), bad = close(fault_fd(cookie));
  return fails || bad ? -1 : 0;
}

static FILE *fault_stream(int fd, const char *mode) {
  cookie_io_functions_t calls = { fault_read_stream, fault_write_stream, fault_seek_stream, fault_close_stream };
  return fopencookie((void *)(intptr_t)(fd + 1), mode, calls);
}

static FILE *fault_fopen(const char *path, const char *mode) {
  int flags = mode[0] == 'r' ? 0 : mode[0] == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND, fd;
  if (fault_fails(mode[0] != 'r')) return NULL;
  flags |= strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
  fd = open(path, flags, 0666);
  return fd < 0 ? NULL : fault_stream(fd, mode);
}

/* ---- the calls themselves ------------------------------------------------------------------- */

static int fault_open(const char *path, int flags, ...) { return fault_fails((flags & O_CREAT) != 0) ? -1 : open(path, flags, 0666); }
static ssize_t fault_read(int fd, void *data, size_t n) { return fault_fails(0) ? -1 : read(fd, data, n); }
static ssize_t fault_write(int fd, const void *data, size_t n) { return fault_fails(1) ? -1 : write(fd, data, n); }
static int fault_close(int fd) { return fault_fails(0) ? (close(fd), -1) : close(fd); }
static int fault_flock(int fd, int how) { return fault_fails(0) ? -1 : flock(fd, how); }
static int fault_remove(const char *path) { return fault_fails(0) ? -1 : remove(path); }
static int fault_mkdir(const char *path, mode_t mode) { return fault_fails(1) ? -1 : mkdir(path, mode); }

static void *fault_mmap(void *at, size_t n, int protect, int flags, int fd, off_t from) {
  return fault.no_map || fault_fails(0) ? MAP_FAILED : mmap(at, n, protect, flags, fd, from);
}

/* Which files were brought to the disk: what is renamed later must be among them. */
enum { FAULT_SYNCED = 64 };
static ino_t fault_synced[FAULT_SYNCED];
static int fault_syncs;

static int fault_fsync(int fd) {
  struct stat st;
  if (fault_fails(1)) return -1;
  if (fstat(fd, &st) == 0) fault_synced[fault_syncs++ % FAULT_SYNCED] = st.st_ino;
  return fsync(fd);
}

static int fault_rename(const char *from, const char *to) {
  struct stat st;
  int i, found = 0;
  if (fault_fails(1)) return -1;
  for (i = 0; stat(from, &st) == 0 && i < FAULT_SYNCED; i++) found |= fault_synced[i] == st.st_ino;
  fault.unsynced += !found;
  return rename(from, to);
}

#define fopen  fault_fopen
#define open   fault_open
#define read   fault_read
#define write  fault_write
#define close  fault_close
#define flock  fault_flock
#define remove fault_remove
#define mkdir  fault_mkdir
#define mmap   fault_mmap
#define fsync  fault_fsync
#define rename fault_rename

#endif
