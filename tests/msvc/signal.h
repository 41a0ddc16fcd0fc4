#ifndef STUB_SIGNAL_H
#define STUB_SIGNAL_H
typedef int sig_atomic_t;
typedef void (*stub_handler)(int);
stub_handler signal(int, stub_handler);
#define SIGINT 2
#define SIGTERM 15
#define SIG_DFL ((stub_handler)0)
#define SIG_IGN ((stub_handler)1)
#endif
