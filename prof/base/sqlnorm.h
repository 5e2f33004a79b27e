/* SQL statements without their literals: what a program sends again and again is one text with other
 * values in it. Normalised are white space, comments, the case of what is not quoted, numbers, strings and
 * parameters (all `?`), the lengths of IN lists, VALUES lists and ARRAY[…] (`in (?, ...)`). Identifiers stay, quoted ones
 * to the letter. No allocation, no call into any library, bounded, any bytes: runs inside targets too. */
#ifndef BASE_SQLNORM_H
#define BASE_SQLNORM_H

#include <stddef.h>
#include <stdint.h>

#define SQLNORM_TOKENS 65536u /* of a statement that are looked at */
#define SQLNORM_HEX    17     /* a fingerprint as text */

/* Flag: strings without E hold backslash escapes (standard_conforming_strings = off). */
#define SQLNORM_BACKSLASH 1u

struct sqlnorm {
	uint64_t
		fingerprint; /* of the whole normalised text, never 0; the same whatever `cap` is */
	uint64_t literals;   /* of the literals in their order; 0: there are none */
	uint32_t n_literals;
	uint32_t len;      /* of the text that was written, without its NUL */
	uint8_t cut;       /* the text is longer than fits: it ends in "..." */
	uint8_t partial;   /* more than SQLNORM_TOKENS: what follows counts as a literal */
	uint8_t backslash; /* a string that depends on SQLNORM_BACKSLASH was met without it */
};

/* The normalised form of `len` bytes, at most `cap` - 1 bytes and a NUL, of which none is a control character
 * (cap 0: only the numbers are wanted). What is not SQL comes out as some text; no byte of what reads as a
 * literal is ever in it. */
void sqlnorm(struct sqlnorm *out, char *text, size_t cap, const char *sql, size_t len,
	     unsigned flags);

/* Of any bytes, as wide as the machine reads them: finds a text that was seen before. */
uint64_t sqlnorm_hash(const void *bytes, size_t n, uint64_t seed);

void sqlnorm_hex(char out[SQLNORM_HEX], uint64_t fingerprint);

#endif
