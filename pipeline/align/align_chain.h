/* Scores that some alignment of a pair reaches, found quickly: pieces alike along a diagonal (words of
 * three letters, extended without gaps as BLAST does: S. F. Altschul et al., "Basic local alignment
 * search tool", J. Mol. Biol. 215, 1990) are chained, and the chain is scored as one path. True scores
 * are at least as high; what cannot reach them need not be computed (align_band.h). Thread-safe. */
#ifndef ALIGN_ALIGN_CHAIN_H
#define ALIGN_ALIGN_CHAIN_H

#include <stddef.h>
#include <stdint.h>

/* Letters as codes below ALIGN_PAD, of a pair. */
struct align_codes {
	const uint8_t *query, *ref; /* borrowed */
	size_t n, m;
};

/* Longer texts are not looked at. */
#define CHAIN_MAX_LEN ((size_t)65535)

struct align_floor {
	int32_t nw, sw; /* scores of one path, and of its best piece */
};

/* Cost of a gap of so many letters; none for a number that is not positive. */
static inline int32_t align_gap(int64_t letters)
{
	return letters > 0 ? (int32_t)(letters + 9) : 0;
}

/* Bytes of `scratch` for texts of these lengths, a multiple of 64. */
size_t align_chain_scratch(size_t n, size_t m);

/* 1; 0: nothing alike was found, or a text is too long. `scratch` is aligned to 64. */
int align_chain(const struct align_codes *t, void *scratch, struct align_floor *out);

#endif
