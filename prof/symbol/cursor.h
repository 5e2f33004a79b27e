/* Reading little-endian numbers from bytes of a file. A read past the end gives 0, moves to the end and
 * leaves a mark, so a parser may read a whole record and ask once. Never reads outside. */
#ifndef SYMBOL_CURSOR_H
#define SYMBOL_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p; /* borrowed */
	size_t n;
};

struct cursor {
	const uint8_t *p, *end;
	int bad; /* something was cut off */
};

static inline struct cursor cursor_at(struct span s, uint64_t offset)
{
	struct cursor c = {s.p, s.p, 1};

	if (s.p && offset <= s.n)
		c = (struct cursor){s.p + offset, s.p + s.n, 0};
	return c;
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static inline void cursor_fail(struct cursor *c)
{
	c->p = c->end;
	c->bad = 1;
}

static inline void cursor_skip(struct cursor *c, uint64_t n)
{
	if (n > cursor_left(c))
		cursor_fail(c);
	else
		c->p += n;
}

/* `n` is 1 to 8. */
static inline uint64_t cursor_uint(struct cursor *c, unsigned n)
{
	uint64_t v = 0;

	if (n > cursor_left(c)) {
		cursor_fail(c);
		return 0;
	}
	memcpy(&v, c->p, n);
	c->p += n;
	return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	if (c->p == c->end) {
		c->bad = 1;
		return 0;
	}
	return *c->p++;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_uint(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_uint(c, 4);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	return cursor_uint(c, 8);
}

/* Bits beyond 64 are lost, as in every other reader. */
static inline uint64_t cursor_uleb_slow(struct cursor *c)
{
	uint64_t v = 0;
	unsigned shift = 0;

	while (c->p < c->end) {
		uint8_t b = *c->p++;

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += shift < 64 ? 7 : 0;
		if (!(b & 0x80))
			return v;
	}
	c->bad = 1;
	return 0;
}

static inline uint64_t cursor_uleb(struct cursor *c)
{
	if (c->p < c->end && *c->p < 0x80)
		return *c->p++;
	return cursor_uleb_slow(c);
}

static inline int64_t cursor_sleb(struct cursor *c)
{
	uint64_t v = 0;
	unsigned shift = 0;

	while (c->p < c->end) {
		uint8_t b = *c->p++;

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += shift < 64 ? 7 : 0;
		if (!(b & 0x80)) {
			if (shift < 64 && (b & 0x40))
				v |= UINT64_MAX << shift;
			return (int64_t)v;
		}
	}
	c->bad = 1;
	return 0;
}

/* The NUL-terminated text at the cursor, without its NUL. */
static inline struct span cursor_text(struct cursor *c)
{
	const uint8_t *nul = c->p < c->end ? memchr(c->p, 0, cursor_left(c)) : NULL;
	struct span s = {c->p, 0};

	if (!nul) {
		cursor_fail(c);
		return s;
	}
	s.n = (size_t)(nul - c->p);
	c->p = nul + 1;
	return s;
}

/* The text at an offset, of which no more than `max` bytes are looked at: a longer one is cut there. */
static inline struct span span_text(struct span s, uint64_t offset, size_t max)
{
	struct cursor c = cursor_at(s, offset);
	size_t n = cursor_left(&c) < max ? cursor_left(&c) : max;
	const uint8_t *nul = n ? memchr(c.p, 0, n) : NULL;
	struct span text = {c.p, nul ? (size_t)(nul - c.p) : n == max ? max : 0};

	return text;
}

/* The `n` bytes at `offset`; empty if they are not all there. */
static inline struct span span_part(struct span s, uint64_t offset, uint64_t n)
{
	struct span part = {NULL, 0};

	if (s.p && offset <= s.n && n <= s.n - offset)
		part = (struct span){s.p + offset, (size_t)n};
	return part;
}

#endif
