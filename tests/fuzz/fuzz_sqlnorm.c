/* Any bytes as a statement: no literal in what comes out, the same numbers whatever the room for text, the case of
 * letters and the kind of blanks. And statements made of any bytes, token by token, written down in two ways: they
 * have one normalised form, and no byte of their literals is in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			abort();                                                                   \
	} while (0)

static char *room_for(size_t n)
{
	char *p = malloc(n ? n : 1);

	CHECK(p);
	return p;
}

static int has(const char *p, size_t n, const char *part)
{
	return n && memmem(p, n, part, strlen(part)) != NULL;
}

/* Each token comes out as no more than itself, a blank and what stands for a list. */
static size_t enough(size_t size)
{
	return 8 * size + 64;
}

/* Exactly so many bytes are there to be read, so many to be written. */
static struct sqlnorm norm(char *text, size_t cap, const char *sql, size_t size, unsigned flags)
{
	char *copy = room_for(size), *out = room_for(cap);
	struct sqlnorm n;

	if (size)
		memcpy(copy, sql, size);
	sqlnorm(&n, out, cap, copy, size, flags);
	CHECK(cap ? n.len < cap && out[n.len] == '\0' : n.len == 0);
	if (cap)
		memcpy(text, out, n.len + 1);
	free(copy);
	free(out);
	return n;
}

static int in_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       c >= 0x80;
}

/* Outside of quoted names: no quote, no capital, no digit but in a word. */
static void check_text(const char *text, size_t n)
{
	int quoted = 0, word = 0;

	CHECK(strlen(text) == n);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		CHECK(c >= ' ' && c != 0x7f);
		if (c == '"')
			quoted = !quoted;
		if (quoted || c == '"') {
			word = 0;
			continue;
		}
		CHECK(c != '\'');
		CHECK(c < '0' || c > '9' || word);
		CHECK(c < 'A' || c > 'Z' || text[i + 1] == '&');
		word = in_word(c);
	}
}

static void check_same(const struct sqlnorm *a, const struct sqlnorm *b)
{
	CHECK(a->fingerprint == b->fingerprint && a->n_literals == b->n_literals);
	CHECK(a->partial == b->partial && a->backslash == b->backslash);
}

static void any_room(const char *sql, size_t size, const struct sqlnorm *want, const char *all)
{
	for (size_t cap = 0; cap < 48; cap += 1 + cap / 8) {
		char text[64];
		struct sqlnorm n = norm(text, cap, sql, size, 0);
		size_t kept;

		check_same(&n, want);
		CHECK(n.literals == want->literals);
		CHECK(n.cut == (want->len > (cap ? cap - 1 : 0)));
		if (!cap)
			continue;
		kept = n.cut ? (n.len > 3 ? n.len - 3 : 0) : n.len;
		CHECK(memcmp(text, all, kept) == 0);
		if (n.cut)
			CHECK(memcmp(text + kept, "...", n.len - kept) == 0);
	}
}

/* The same with the case of all letters, or all blanks, changed: where that is no change of names or comments. */
static void other_looks(const char *sql, size_t size, const struct sqlnorm *want, const char *all)
{
	char *other = room_for(2 * size), *text = room_for(enough(2 * size));
	struct sqlnorm n;
	size_t at = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char low = (unsigned char)sql[i] | 0x20;

		other[i] = (char)(low >= 'a' && low <= 'z' ? sql[i] ^ 0x20 : sql[i]);
	}
	if (!has(sql, size, "\"") && !has(sql, size, "$")) {
		n = norm(text, enough(size), other, size, 0);
		check_same(&n, want);
		CHECK(strcmp(text, all) == 0);
	}
	for (size_t i = 0; i < size; i++) {
		int blank = sql[i] == ' ' || (sql[i] >= '\t' && sql[i] <= '\r');

		other[at++] = blank ? "\n \t\f"[i % 4] : sql[i];
		if (blank)
			other[at++] = ' ';
	}
	if (!has(sql, size, "\"") && !has(sql, size, "--")) {
		n = norm(text, enough(2 * size), other, at, 0);
		check_same(&n, want);
		CHECK(strcmp(text, all) == 0);
	}
	free(other);
	free(text);
}

static void any_bytes(const char *sql, size_t size)
{
	char *all = room_for(enough(size)), *text = room_for(enough(size));
	struct sqlnorm want = norm(all, enough(size), sql, size, 0), n;

	CHECK(!want.cut && want.fingerprint && !want.literals == !want.n_literals);
	check_text(all, want.len);
	any_room(sql, size, &want, all);
	other_looks(sql, size, &want, all);
	n = norm(text, enough(size), sql, size, SQLNORM_BACKSLASH);
	check_text(text, n.len);
	if (!has(sql, size, "\\")) {
		check_same(&n, &want);
		CHECK(n.literals == want.literals && strcmp(text, all) == 0);
	}
	free(all);
	free(text);
}

/* ---- one statement, written down in two ways ----------------------------------------------------- */

struct written {
	char *text;
	size_t n;
	int way;
};

static void put(struct written *w, const char *text)
{
	size_t n = strlen(text);

	memcpy(w->text + w->n, text, n);
	w->n += n;
}

static void put_word(struct written *w, const char *word)
{
	for (; *word; word++) {
		int low = *word >= 'a' && *word <= 'z';

		w->text[w->n++] = (char)(w->way && low ? *word ^ 0x20 : *word);
	}
}

#define LONGEST 48 /* of a token, and of a blank */

static void put_token(struct written *w, uint8_t what)
{
	static const char *const words[] = {"select", "from",  "a",  "where",    "null",  "is",
					    "in",     "array", "in", "values",   "order", "e1",
					    "true",   "not",   "t9", "password", "limit", "set"};
	static const char *const signs[] = {"(",  ")", ",", "(", ")", ",",  "[",     "]",
					    "::", ".", "=", "-", "+", "->", "<>",    ":",
					    ";",  "*", "?", "/", "|", "@>", "\"Q\"", "$1"};
	static const char *const literals[][2] = {
		{"'SECRET'", "'it''s /* SECRET'"},
		{"17", "0x5ec4e7"},
		{"$$SECRET$$", "$s$ 'SECRET $$ $s$"},
		{"E'\\'SECRET'", "E'SECRET\\\\'"},
		{"1.5e-3", "4711"},
		{"'SECRET'", "'SECRET''SECRET'"},
		{"1_000", ".5"},
		{"U&'SECRET'", "n'SECRET'"},
	};

	if (what < 96)
		put_word(w, words[what % (sizeof words / sizeof *words)]);
	else if (what < 192)
		put(w, signs[what % (sizeof signs / sizeof *signs)]);
	else
		put(w, literals[what % 8][w->way]);
}

static void put_blank(struct written *w, uint8_t which)
{
	static const char *const blanks[] = {
		" ", "\n", "\t\r\n  ", " -- 'SECRET\n", " /* SECRET ' /* \" */ 1 */ ", "  "};

	put(w, blanks[(which + (w->way ? which / 7 + 1 : 0)) % 6]);
}

static void write_down(struct written *w, const uint8_t *data, size_t size, int way)
{
	*w = (struct written){room_for(size * 2 * LONGEST), 0, way};
	for (size_t i = 0; i < size; i++) {
		put_token(w, data[i]);
		put_blank(w, (uint8_t)(data[i] ^ data[size - 1 - i]));
	}
}

static void two_ways(const uint8_t *data, size_t size)
{
	struct written w[2];
	char *text[2];
	struct sqlnorm n[2];

	for (int i = 0; i < 2; i++) {
		write_down(&w[i], data, size, i);
		text[i] = room_for(enough(w[i].n));
		n[i] = norm(text[i], enough(w[i].n), w[i].text, w[i].n, 0);
		check_text(text[i], n[i].len);
		CHECK(!strstr(text[i], "SECRET") && !strstr(text[i], "secret"));
	}
	CHECK(n[0].fingerprint == n[1].fingerprint && n[0].n_literals == n[1].n_literals);
	CHECK(strcmp(text[0], text[1]) == 0);
	for (int i = 0; i < 2; i++) {
		free(w[i].text);
		free(text[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 0x80)
		two_ways(data + 1, size - 1 < 400 ? size - 1 : 400);
	else
		any_bytes((const char *)data, size);
	return 0;
}
