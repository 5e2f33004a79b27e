/* A good alignment without looking at every cell: see align_chain.h. */
#include "pipeline/align/align_chain.h"

#include <string.h>

#include "pipeline/align/align_matrix.h"

_Static_assert(ALIGN_GAP_OPEN == 10 && ALIGN_GAP_EXTEND == 1, "align_gap");

#define WORD       3
#define TABLE_BITS 12
#define TABLE_SIZE ((size_t)1 << TABLE_BITS)
#define PIECES     32
#define NEAR       40 /* two words so near on a diagonal are looked at */
#define DROP       20 /* an extension ends so far below its best */
#define LEAST      20 /* a piece that scores less is by chance */

struct piece { /* letters [i, i + length) of the query beside [j, j + length) of the reference */
	int32_t i, j, length, score;
	int32_t chain; /* of the best chain that ends with it */
	int32_t before;
};

struct chain {
	const struct align_codes *t;
	uint16_t *table; /* by word: where in the query it was seen last, from 1 */
	uint16_t *found; /* columns whose word is in the table */
	int32_t *
		seen; /* by diagonal: the last word, from 1; or less the columns that pieces cover */
	int n;
	struct piece piece[PIECES]; /* by the column of their middles */
};

struct path { /* a walk along diagonals, scored as it goes */
	const struct align_codes *t;
	int32_t i, j;
	int32_t sum, run, best;
};

size_t align_chain_scratch(size_t n, size_t m)
{
	size_t bytes = TABLE_SIZE * sizeof(uint16_t) + (n + m + 1) * sizeof(int32_t) +
		       (m + 1) * sizeof(uint16_t);

	return (bytes + 63) & ~(size_t)63;
}

/* ---- pieces --------------------------------------------------------------------------------- */

/* A word with the letter behind it instead of its first. */
static uint32_t next_word(uint32_t word, uint8_t letter)
{
	return (word << 5 | letter) & ((1u << 5 * WORD) - 1);
}

static size_t place_of(uint32_t word)
{
	return word * UINT32_C(2654435761) >> (32 - TABLE_BITS); /* Knuth, section 6.4 */
}

static size_t place_at(const uint8_t *p)
{
	return place_of(next_word(next_word(p[0], p[1]), p[2]));
}

static void note_words(const struct chain *c)
{
	const uint8_t *query = c->t->query;
	uint16_t *table = c->table;
	uint32_t word = 0;

	memset(table, 0, TABLE_SIZE * sizeof *table);
	for (size_t i = 0; i < c->t->n; i++) {
		word = next_word(word, query[i]);
		if (i + 1 >= WORD &&
		    i % 2 == 0) /* every other one does, and meets fewer others by chance */
			table[place_of(word)] = (uint16_t)(i + 2 - WORD);
	}
}

static int32_t middle_i(const struct piece *p)
{
	return p->i + p->length / 2;
}

static int32_t middle_j(const struct piece *p)
{
	return p->j + p->length / 2;
}

static int32_t diagonal(const struct piece *p)
{
	return p->j - p->i;
}

/* Kept in order; when there is no room the poorest goes. */
static void keep_piece(struct chain *c, const struct piece *p)
{
	int at;

	if (c->n == PIECES) {
		int poorest = 0;

		for (int k = 1; k < PIECES; k++)
			if (c->piece[k].score < c->piece[poorest].score)
				poorest = k;
		if (c->piece[poorest].score >= p->score)
			return;
		c->n--;
		memmove(&c->piece[poorest], &c->piece[poorest + 1],
			(size_t)(c->n - poorest) * sizeof *p);
	}
	for (at = c->n; at > 0 && middle_j(&c->piece[at - 1]) > middle_j(p); at--)
		c->piece[at] = c->piece[at - 1];
	c->piece[at] = *p;
	c->n++;
}

/* The piece around a word that both have, along its diagonal. */
static struct piece extend(const struct align_codes *t, size_t i, size_t j)
{
	const uint8_t *q = t->query + i, *r = t->ref + j;
	int64_t ahead = (int64_t)(t->n - i < t->m - j ? t->n - i : t->m - j), k;
	int64_t behind = (int64_t)(i < j ? i : j), first = 0, end = WORD;
	int32_t sum = 0, best;

	for (k = 0; k < WORD; k++)
		sum += align_scores[q[k]][r[k]];
	best = sum;
	for (k = WORD; k < ahead && sum > best - DROP; k++) {
		sum += align_scores[q[k]][r[k]];
		if (sum > best) {
			best = sum;
			end = k + 1;
		}
	}
	sum = best;
	for (k = 1; k <= behind && sum > best - DROP; k++) {
		sum += align_scores[q[-k]][r[-k]];
		if (sum > best) {
			best = sum;
			first = -k;
		}
	}
	return (struct piece){.i = (int32_t)((int64_t)i + first),
			      .j = (int32_t)((int64_t)j + first),
			      .length = (int32_t)(end - first),
			      .score = best};
}

/* Without a branch on what is found: which words are in the table, nobody can foresee. */
static size_t find_words(const struct chain *c)
{
	const uint8_t *ref = c->t->ref;
	const uint16_t *table = c->table;
	uint16_t *found = c->found;
	uint32_t word = 0;
	size_t n = 0;

	for (size_t j = 0; j < c->t->m; j++) {
		word = next_word(word, ref[j]);
		found[n] = (uint16_t)(j + 1 - WORD);
		n += j + 1 >= WORD && table[place_of(word)] != 0;
	}
	return n;
}

static void find_pieces(struct chain *c)
{
	const struct align_codes *t = c->t;
	size_t n = find_words(c);

	memset(c->seen, 0, (t->n + t->m + 1) * sizeof *c->seen);
	for (size_t k = 0; k < n; k++) {
		size_t j = c->found[k], i = c->table[place_at(t->ref + j)] - (size_t)1;
		int32_t at = (int32_t)j + 1, *seen;
		struct piece p;

		seen = &c->seen[j + t->n - i];
		if (-*seen >= at || memcmp(t->query + i, t->ref + j, WORD) != 0)
			continue;
		if (*seen <= 0 || at - *seen > NEAR) {
			*seen = at;
			continue;
		}
		p = extend(t, i, j);
		*seen = -(p.j + p.length);
		if (p.score >= LEAST)
			keep_piece(c, &p);
	}
}

/* ---- the chain ------------------------------------------------------------------------------ */

/* What `b` adds after `a`, about: letters that both cover count once. -1: it cannot follow. */
static int32_t adds(const struct piece *a, const struct piece *b)
{
	int32_t by = diagonal(b) - diagonal(a), both = a->i + a->length - b->i, cost;

	if (middle_i(b) <= middle_i(a) || middle_j(b) <= middle_j(a))
		return -1;
	if (a->j + a->length - b->j > both)
		both = a->j + a->length - b->j;
	cost = align_gap(by < 0 ? -by : by);
	if (both > 0)
		cost += (int32_t)((int64_t)b->score * both / b->length);
	return b->score - cost;
}

/* The last piece of the best chain. Each begins and ends after the one before it, by their middles. */
static int link_pieces(struct chain *c)
{
	int best = 0;

	for (int b = 0; b < c->n; b++) {
		struct piece *p = &c->piece[b];

		p->chain = p->score;
		p->before = -1;
		for (int a = 0; a < b; a++) {
			int32_t more = adds(&c->piece[a], p);

			if (more > 0 && c->piece[a].chain + more > p->chain) {
				p->chain = c->piece[a].chain + more;
				p->before = a;
			}
		}
		if (p->chain > c->piece[best].chain)
			best = b;
	}
	return best;
}

/* ---- its path ------------------------------------------------------------------------------- */

static void go(struct path *p, int32_t columns)
{
	const uint8_t *q = p->t->query + p->i, *r = p->t->ref + p->j;
	int32_t sum = p->sum, run = p->run, best = p->best;

	for (int32_t k = 0; k < columns; k++) {
		int32_t s = align_scores[q[k]][r[k]];

		sum += s;
		run = run + s > 0 ? run + s : 0;
		best = run > best ? run : best;
	}
	p->sum = sum;
	p->run = run;
	p->best = best;
	p->i += columns;
	p->j += columns;
}

/* Down is positive in `i`, right in `j`; one of them is 0. */
static void leave_out(struct path *p, int32_t i, int32_t j)
{
	int32_t cost = align_gap(i + j);

	p->i += i;
	p->j += j;
	p->sum -= cost;
	p->run = p->run > cost ? p->run - cost : 0;
}

/* From the middle of `a`, where the path is, columns to go along its diagonal before the gap that
 * leads to that of `b`: as many as score best. */
static int32_t columns_before(const struct path *p, const struct piece *a, const struct piece *b)
{
	int32_t right = diagonal(b) > diagonal(a) ? diagonal(b) - diagonal(a) : 0;
	int32_t down = diagonal(b) < diagonal(a) ? diagonal(a) - diagonal(b) : 0;
	int32_t most = middle_i(b) - p->i - down, at = 0, gain = 0, best = 0;
	const uint8_t *q = p->t->query + p->i, *r = p->t->ref + p->j;

	for (int32_t k = 0; k < most; k++) {
		gain += align_scores[q[k]][r[k]] - align_scores[q[k + down]][r[k + right]];
		if (gain > best) {
			best = gain;
			at = k + 1;
		}
	}
	return at;
}

static void turn(struct path *p, const struct piece *a, const struct piece *b)
{
	int32_t by = diagonal(b) - diagonal(a);

	if (by != 0) {
		go(p, columns_before(p, a, b));
		leave_out(p, by < 0 ? -by : 0, by > 0 ? by : 0);
	}
	go(p, middle_i(b) - p->i);
}

static int32_t smaller(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

/* From corner to corner along the chain that ends with piece `last`. */
static void walk_chain(struct chain *c, int last, struct align_floor *out)
{
	struct path p = {.t = c->t};
	int order[PIECES], n = 0;
	int32_t d;

	for (int k = last; k >= 0; k = c->piece[k].before)
		order[n++] = k;
	d = diagonal(&c->piece[order[n - 1]]);
	leave_out(&p, d < 0 ? -d : 0, d > 0 ? d : 0);
	go(&p, middle_i(&c->piece[order[n - 1]]) - p.i);
	for (int k = n - 1; k > 0; k--)
		turn(&p, &c->piece[order[k]], &c->piece[order[k - 1]]);
	go(&p, smaller((int32_t)c->t->n - p.i, (int32_t)c->t->m - p.j));
	leave_out(&p, (int32_t)c->t->n - p.i, 0);
	leave_out(&p, 0, (int32_t)c->t->m - p.j);
	*out = (struct align_floor){.nw = p.sum, .sw = p.best};
}

int align_chain(const struct align_codes *t, void *scratch, struct align_floor *out)
{
	struct chain c = {.t = t, .table = scratch};

	if (t->n > CHAIN_MAX_LEN || t->m > CHAIN_MAX_LEN)
		return 0;
	c.seen = (int32_t *)(void *)((unsigned char *)scratch + TABLE_SIZE * sizeof *c.table);
	c.found = (uint16_t *)(void *)(c.seen + t->n + t->m + 1);
	note_words(&c);
	find_pieces(&c);
	if (c.n == 0)
		return 0;
	walk_chain(&c, link_pieces(&c), out);
	return 1;
}
