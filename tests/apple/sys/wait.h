#ifndef STUB_WAIT_H
#define STUB_WAIT_H
#include <stub_types.h>
#define WIFEXITED(x) (((x) & 0177) == 0)
#define WEXITSTATUS(x) (((x) >> 8) & 0xff)
#define WTERMSIG(x) ((x) & 0177)
#define WIFSIGNALED(x) (((x) & 0177) != 0)
pid_t waitpid(pid_t, int *, int);
#endif
