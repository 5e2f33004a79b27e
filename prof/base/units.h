/* Numbers as people read them, and back. SI prefixes for time, IEC (KiB, MiB) for bytes. Each
 * function writes into the caller's array and returns it. Thread-safe. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT 32

char *units_ns(char out[UNITS_TEXT], int64_t ns);                 /* "1.24 ms", "3 min 07 s" */
char *units_bytes(char out[UNITS_TEXT], uint64_t bytes);          /* "512 B", "1.5 GiB" */
char *units_pct(char out[UNITS_TEXT], double part, double whole); /* "12.3 %", "-" if whole is 0 */
char *units_count(char out[UNITS_TEXT], uint64_t n);              /* "459,503" */
/* "1048576", "64K", "64KiB", "2GB", "1.5GiB"; K, M, G, T are powers of 1024 unless followed by a
 * single B. 0 or ERR_ARG. */
int units_parse_bytes(const char *text, uint64_t *bytes);

#endif
