#ifndef STUB_FCNTL_H
#define STUB_FCNTL_H
#define _O_BINARY 0x8000
#endif
