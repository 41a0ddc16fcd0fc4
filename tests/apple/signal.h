#ifndef STUB_SIGNAL_H
#define STUB_SIGNAL_H
#include <stub_types.h>
typedef int sig_atomic_t;
typedef uint32_t sigset_t;
typedef void (*stub_handler)(int);
struct sigaction { stub_handler sa_handler; sigset_t sa_mask; int sa_flags; };
stub_handler signal(int, stub_handler);
int sigaction(int, const struct sigaction *, struct sigaction *), kill(pid_t, int), raise(int);
#define SIGINT 2
#define SIGPIPE 13
#define SIGTERM 15
#define SIG_DFL ((stub_handler)0)
#define SIG_IGN ((stub_handler)1)
#endif
