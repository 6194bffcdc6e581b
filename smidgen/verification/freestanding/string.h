/* The part of <string.h> that generated programs use, for targets without a C library.
 * A freestanding compiler makes a call of every memcpy, even of 4 bytes; the builtins are expanded in place. */
#ifndef SMIDGEN_FREESTANDING_STRING_H
#define SMIDGEN_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t n);
void *memmove(void *destination, const void *source, size_t n);
void *memset(void *destination, int value, size_t n);
int memcmp(const void *left, const void *right, size_t n);

#define memcpy(destination, source, n) __builtin_memcpy((destination), (source), (n))
#define memmove(destination, source, n) __builtin_memmove((destination), (source), (n))
#define memset(destination, value, n) __builtin_memset((destination), (value), (n))
#define memcmp(left, right, n) __builtin_memcmp((left), (right), (n))

#endif
