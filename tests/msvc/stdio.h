#ifndef STUB_STDIO_H
#define STUB_STDIO_H
#include <stdarg.h>
#include <stddef.h>
typedef struct stub_file FILE;
FILE *stub_stream(int);
#define stdin  stub_stream(0)
#define stdout stub_stream(1)
#define stderr stub_stream(2)
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define _IONBF 4
#define _IOFBF 0
#define BUFSIZ 512
FILE *fopen(const char *, const char *), *_wfopen(const wchar_t *, const wchar_t *), *tmpfile(void);
int fclose(FILE *), fflush(FILE *), ferror(FILE *), feof(FILE *), getc(FILE *), ungetc(int, FILE *), putc(int, FILE *), putchar(int), puts(const char *), fputs(const char *, FILE *), fputc(int, FILE *), fgetc(FILE *), remove(const char *), rename(const char *, const char *), _wremove(const wchar_t *), setvbuf(FILE *, char *, int, size_t), fseek(FILE *, long, int), _fseeki64(FILE *, __int64, int);
long ftell(FILE *);
void rewind(FILE *), clearerr(FILE *);
char *fgets(char *, int, FILE *);
size_t fread(void *, size_t, size_t, FILE *), fwrite(const void *, size_t, size_t, FILE *);
int printf(const char *, ...), fprintf(FILE *, const char *, ...), sprintf(char *, const char *, ...), snprintf(char *, size_t, const char *, ...), vsnprintf(char *, size_t, const char *, va_list), vfprintf(FILE *, const char *, va_list), sscanf(const char *, const char *, ...);
#endif
