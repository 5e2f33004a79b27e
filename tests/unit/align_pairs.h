/* Pairs of protein texts for the alignment tests, fuzz seeds and benchmarks: random, related by
 * mutation, of low complexity, with odd letters, with a shared piece, nearly equal. A pair is a
 * function of its seed. */
#ifndef TESTS_ALIGN_PAIRS_H
#define TESTS_ALIGN_PAIRS_H

#include <stdlib.h>

#include "pipeline/align/align.h"
#include "tests/unit/numbers.h"

enum pair_kind {
	PAIR_RANDOM,
	PAIR_RELATED,
	PAIR_LOW_COMPLEXITY,
	PAIR_ODD_LETTERS,
	PAIR_SHARED_PIECE,
	PAIR_CLOSE,   /* few substitutions, some long pieces only one of the two has */
	PAIR_REPEATS, /* the same, of a text that repeats itself: many paths score alike */
	PAIR_KINDS,
};

struct text_pair {
	char *query, *ref; /* owned */
	size_t n, m;
};

#define RESIDUES    "ARNDCQEGHILKMFPSTWYV"
#define ODD_LETTERS "ARNDCQEGHILKMFPSTWYVBZX*UOJ-acdefghiklmnpqrstvwyxbzujo019 .\t~"

static inline size_t pick(uint64_t *s, size_t below)
{
	return (size_t)(splitmix(s) % below);
}

/* Many short, some long: both ends of the recurrences matter. */
static inline size_t pick_length(uint64_t *s, size_t longest)
{
	size_t part = pick(s, 4), top = part == 0 ? 12 : part == 3 ? longest : longest / 5 + 1;

	return 1 + pick(s, top < longest ? top : longest);
}

static inline void fill_letters(uint64_t *s, const char *letters, size_t n_letters, char *to,
				size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = letters[pick(s, n_letters)];
}

/* Substitutions at `percent`, and insertions and deletions of a few residues. `to` holds 3 n + 16. */
static inline size_t mutate(uint64_t *s, const char *letters, size_t n_letters, size_t percent,
			    const char *from, size_t n, char *to)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		size_t dice = pick(s, 1000);

		if (dice < 5 * percent / 10) { /* an insertion */
			size_t len = 1 + pick(s, 2 + pick(s, 9));

			while (len-- > 0 && m < 2 * n)
				to[m++] = letters[pick(s, n_letters)];
		} else if (dice < percent) { /* a deletion */
			i += pick(s, 2 + pick(s, 9));
			continue;
		}
		to[m++] = pick(s, 100) < percent ? letters[pick(s, n_letters)] : from[i];
	}
	if (m == 0)
		to[m++] = letters[0];
	return m;
}

static inline void related_pair(struct text_pair *p, uint64_t *s, const char *letters,
				size_t n_letters, size_t longest)
{
	p->n = pick_length(s, longest);
	p->query = malloc(p->n);
	p->ref = malloc(3 * p->n + 16);
	if (!p->query || !p->ref)
		abort();
	fill_letters(s, letters, n_letters, p->query, p->n);
	p->m = mutate(s, letters, n_letters, pick(s, 70), p->query, p->n, p->ref);
}

static inline void independent_pair(struct text_pair *p, uint64_t *s, const char *letters,
				    size_t n_letters, const char *ref_letters, size_t longest)
{
	p->n = pick_length(s, longest);
	p->m = pick_length(s, longest);
	p->query = malloc(p->n);
	p->ref = malloc(p->m);
	if (!p->query || !p->ref)
		abort();
	fill_letters(s, letters, n_letters, p->query, p->n);
	fill_letters(s, ref_letters, strlen(ref_letters), p->ref, p->m);
}

static inline void share_piece(struct text_pair *p, uint64_t *s)
{
	size_t shorter = p->n < p->m ? p->n : p->m, len = 1 + pick(s, shorter);
	size_t from = pick(s, p->n - len + 1), to = pick(s, p->m - len + 1);

	for (size_t i = 0; i < len; i++)
		if (pick(s, 10) > 1)
			p->ref[to + i] = p->query[from + i];
}

/* A text that is nearly `from`: `to` holds 2 n + 3 * longest. */
static inline size_t nearly(uint64_t *s, const char *from, size_t n, size_t longest, char *to)
{
	size_t percent = pick(s, 4) ? pick(s, 12) : pick(s, 60), pieces = pick(s, 4), m = 0;
	size_t next = pieces ? pick(s, n) : n;

	for (size_t i = 0; i < n; i++) {
		if (i == next && pieces > 0) {
			size_t len = 1 + pick(s, longest / 3 + 1);

			pieces--;
			next = i + 1 + pick(s, n);
			if (pick(s, 2)) {
				i += len - 1;
				continue;
			}
			fill_letters(s, RESIDUES, 20, to + m, len);
			m += len;
		}
		to[m++] = pick(s, 100) < percent ? RESIDUES[pick(s, 20)] : from[i];
	}
	if (m == 0)
		to[m++] = 'L';
	return m;
}

static inline void close_pair(struct text_pair *p, uint64_t *s, size_t unit, size_t longest)
{
	char *other;

	p->n = longest / 4 + pick_length(s, longest - longest / 4);
	p->query = malloc(p->n);
	p->ref = malloc(2 * p->n + 3 * longest);
	if (!p->query || !p->ref)
		abort();
	fill_letters(s, RESIDUES, 20, p->query, p->n);
	for (size_t i = unit; unit > 0 && i < p->n; i++)
		p->query[i] = p->query[i - unit];
	p->m = nearly(s, p->query, p->n, longest, p->ref);
	if (pick(s, 2)) { /* what is left out of one is put into the other */
		size_t n = p->n;

		other = p->query;
		p->query = p->ref;
		p->n = p->m;
		p->ref = other;
		p->m = n;
	}
}

static inline struct text_pair make_text_pair(enum pair_kind kind, uint64_t seed, size_t longest)
{
	/* some of them fit each other nowhere: W and N, G and IL */
	static const char *const poor[] = {"A",       "AS",  "QN", "GP",  "EK", "W", "IL",
					   "AAAAAAW", "LIV", "X*", "PQW", "N",  "G"};
	uint64_t s = seed * 0x9e3779b97f4a7c15u + (uint64_t)kind;
	const char *letters = RESIDUES, *ref_letters;
	struct text_pair p;

	if (kind == PAIR_CLOSE || kind == PAIR_REPEATS) {
		close_pair(&p, &s, kind == PAIR_REPEATS ? 1 + pick(&s, 40) : 0, longest);
		return p;
	}
	if (kind == PAIR_LOW_COMPLEXITY)
		letters = poor[pick(&s, sizeof poor / sizeof poor[0])];
	else if (kind == PAIR_ODD_LETTERS)
		letters = ODD_LETTERS;
	ref_letters = letters;
	if (kind == PAIR_LOW_COMPLEXITY)
		ref_letters = poor[pick(&s, sizeof poor / sizeof poor[0])];
	if (kind == PAIR_RELATED || pick(&s, 2))
		related_pair(&p, &s, letters, strlen(letters), longest);
	else
		independent_pair(&p, &s, letters, strlen(letters), ref_letters, longest);
	if (kind == PAIR_SHARED_PIECE)
		share_piece(&p, &s);
	return p;
}

static inline void free_text_pair(struct text_pair *p)
{
	free(p->query);
	free(p->ref);
}

static inline struct align_text pair_query(const struct text_pair *p)
{
	return (struct align_text){p->query, p->n};
}

static inline struct align_text pair_ref(const struct text_pair *p)
{
	return (struct align_text){p->ref, p->m};
}

#endif
