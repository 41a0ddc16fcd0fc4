#ifndef STUB_IO_H
#define STUB_IO_H
int _setmode(int, int), _isatty(int);
#endif
