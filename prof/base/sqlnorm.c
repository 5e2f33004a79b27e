/* SQL statements without their literals: see sqlnorm.h. One pass over the bytes, token by token, after PostgreSQL's
 * lexical rules. The fingerprint is made of tokens, so blanks and the room for text have no say in it. */
#include "prof/base/sqlnorm_internal.h"

#define TAG_MAX 64 /* of $tag$ */

/* ---- bytes --------------------------------------------------------------------------------------- */

enum { C_BLANK = 1, C_WORD = 2, C_DIGIT = 4, C_OP = 8, C_UPPER = 16, C_CONTROL = 32 };

#define RANGE(from, to, what) [from... to] = (what)
static const uint8_t classes[256] = {
	RANGE(0x00, 0x08, C_CONTROL),
	RANGE(0x09, 0x0d, C_BLANK | C_CONTROL),
	RANGE(0x0e, 0x1f, C_CONTROL),
	[' '] = C_BLANK,
	[0x7f] = C_CONTROL,
	RANGE('0', '9', C_DIGIT),
	RANGE('A', 'Z', C_WORD | C_UPPER),
	RANGE('a', 'z', C_WORD),
	['_'] = C_WORD,
	RANGE(0x80, 0xff, C_WORD),
	['+'] = C_OP,
	['-'] = C_OP,
	['*'] = C_OP,
	['/'] = C_OP,
	['<'] = C_OP,
	['>'] = C_OP,
	['='] = C_OP,
	['~'] = C_OP,
	['!'] = C_OP,
	['@'] = C_OP,
	['#'] = C_OP,
	['%'] = C_OP,
	['^'] = C_OP,
	['&'] = C_OP,
	['|'] = C_OP,
	['`'] = C_OP,
	['?'] = C_OP,
};

static inline int is(unsigned char c, unsigned what)
{
	return (classes[c] & what) != 0;
}

uint64_t sqlnorm_hash(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *p = bytes;
	uint64_t h = mix(seed, n), h2 = K1;

	for (; n >= 16; p += 16, n -= 16) {
		h = mix(h, load(p, 8));
		h2 = mix(h2, load(p + 8, 8));
	}
	if (n >= 8) {
		h = mix(h, load(p, 8));
		p += 8;
		n -= 8;
	}
	return mix(mix(h, h2), load(p, n));
}

void sqlnorm_hex(char out[SQLNORM_HEX], uint64_t fingerprint)
{
	for (int i = 0; i < 16; i++)
		out[i] = "0123456789abcdef"[fingerprint >> (60 - 4 * i) & 15];
	out[16] = 0;
}

/* ---- tokens -------------------------------------------------------------------------------------- */

/* Past a quoted part, of which the opening quote is at p; a doubled quote is one of its characters. */
static const unsigned char *past_quoted(struct norm *n, const unsigned char *p, int escapes,
					int *closed)
{
	unsigned char quote = *p++;

	*closed = 1;
	for (; p < n->end; p++) {
		if (*p == '\\' && quote == '\'') {
			if (escapes) {
				p++;
				continue;
			}
			if (n->end - p > 1 && p[1] == '\'')
				n->backslash = 1;
		}
		if (*p != quote)
			continue;
		if (n->end - p > 1 && p[1] == quote) {
			p++;
			continue;
		}
		return p + 1;
	}
	*closed = 0;
	return n->end;
}

static void string(struct norm *n, const unsigned char *quote, int escapes)
{
	int closed;
	const unsigned char *e = past_quoted(n, quote, escapes, &closed);

	sqlnorm_put_literal(n, n->p, (size_t)(e - n->p), 1);
	n->p = e;
}

/* "Name": to the letter, but that no control character is shown. One without an end may be anything. */
static void quoted_name(struct norm *n, const unsigned char *quote)
{
	int closed;
	const unsigned char *e = past_quoted(n, quote, 0, &closed);
	size_t from;

	if (!closed) {
		sqlnorm_put_literal(n, n->p, (size_t)(e - n->p), 0);
		n->p = e;
		return;
	}
	from = n->at;
	sqlnorm_put(n, K_WORD, n->p, (size_t)(e - n->p), 0);
	for (; from < n->at && from < n->room; from++)
		if (is((unsigned char)n->text[from], C_CONTROL))
			n->text[from] = '?';
	n->p = e;
}

/* $1, $$…$$, $tag$…$tag$; a lone $ is an operator. */
static void dollar(struct norm *n)
{
	const unsigned char *p = n->p + 1;
	size_t tag;

	if (p < n->end && is(*p, C_DIGIT)) {
		while (p < n->end && is(*p, C_DIGIT))
			p++;
		sqlnorm_put(n, K_LITERAL, (const unsigned char *)"?", 1, 0);
		n->p = p;
		return;
	}
	while (p < n->end && is(*p, C_WORD | C_DIGIT) && p - n->p < TAG_MAX)
		p++;
	if (p >= n->end || *p != '$') {
		sqlnorm_put(n, K_OP, n->p, 1, 0);
		n->p++;
		return;
	}
	tag = (size_t)(++p - n->p);
	for (; p < n->end; p++)
		if (*p == '$' && (size_t)(n->end - p) >= tag && memcmp(p, n->p, tag) == 0)
			break;
	p = p < n->end ? p + tag : n->end;
	sqlnorm_put_literal(n, n->p, (size_t)(p - n->p), 0);
	n->p = p;
}

/* 1, 1.5, .5, 1e-3, 0x1f, 1_000, and whatever sticks to it. `from`: where its sign is. */
static void number(struct norm *n, const unsigned char *from)
{
	const unsigned char *p = n->p;

	while (p < n->end && (is(*p, C_DIGIT | C_WORD) || *p == '.')) {
		if ((*p | 0x20) == 'e' && n->end - p > 2 && (p[1] == '-' || p[1] == '+') &&
		    is(p[2], C_DIGIT))
			p++;
		p++;
	}
	sqlnorm_put_literal(n, from, (size_t)(p - from), 0);
	n->p = p;
}

static inline int same_bytes(uint64_t low, const char *word, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, word, n);
	return v == low;
}

int sqlnorm_after_keyword(const struct norm *n)
{
	static const char words[][9] = {"select", "where",  "and",      "or",    "on",    "by",
					"as",     "any",    "all",      "like",  "ilike", "between",
					"limit",  "offset", "case",     "when",  "then",  "else",
					"having", "return", "default",  "to",    "from",  "into",
					"using",  "exists", "distinct", "union", "over",  "filter",
					"with",   "join",   "except"};
	uint64_t low;

	if (n->kind != K_WORD || n->word != W_OTHER || !n->last || n->last_len > 8)
		return 0;
	low = lower(load(n->last, n->last_len));
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (same_bytes(low, words[i], 8))
			return 1;
	return 0;
}

/* The few words that change how what follows is read, where a multiplication puts each into a place of its own. */
static inline enum word known_word(uint64_t low)
{
	static const struct {
		char word[8];
		enum word is;
	} words[16] = {
		{"", W_OTHER},     {"", W_OTHER},      {"", W_OTHER}, {"values", W_VALUES},
		{"", W_OTHER},     {"true", W_BOOL},   {"", W_OTHER}, {"null", W_NULL},
		{"false", W_BOOL}, {"", W_OTHER},      {"is", W_IS},  {"in", W_IN},
		{"set", W_SET},    {"array", W_ARRAY}, {"", W_OTHER}, {"not", W_NOT},
	};
	uint32_t at = (uint32_t)(low * 0xed2f89d94a2f20abu >> 60);

	return same_bytes(low, words[at].word, 8) ? words[at].is : W_OTHER;
}

/* E'…', B'…', X'…', N'…', U&'…', U&"…". Returns 1 if it was one. */
static int prefixed(struct norm *n, size_t len)
{
	const unsigned char *e = n->p + len;
	unsigned char c = n->p[0] | 0x20;

	if (len != 1 || e >= n->end)
		return 0;
	if (c == 'u' && n->end - e > 1 && *e == '&') {
		if (e[1] == '\'')
			string(n, e + 1, 0);
		else if (e[1] == '"')
			quoted_name(n, e + 1);
		else
			return 0;
		return 1;
	}
	if (*e != '\'' || (c != 'e' && c != 'b' && c != 'x' && c != 'n'))
		return 0;
	string(n, e, c == 'e' || (c == 'n' && n->flags & SQLNORM_BACKSLASH));
	return 1;
}

/* How many of eight bytes, from the first on, may be in a word: all at once, for words are what there is most of,
 * and of no length that could be foreseen. */
static inline size_t word_bytes(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
	uint64_t x = v & ~high, y = x | 0x20 * ones;
	uint64_t letter = (y + (0x80 - 'a') * ones) & ~(y + (0x80 - 'z' - 1) * ones);
	uint64_t digit = (x + (0x80 - '0') * ones) & ~(x + (0x80 - '9' - 1) * ones);
	uint64_t line = ~((x ^ '_' * ones) + 0x7f * ones),
		 money = ~((x ^ '$' * ones) + 0x7f * ones);
	uint64_t others = ~(letter | digit | line | money | v) & high;

	return others ? (size_t)__builtin_ctzll(others) / 8 : 8;
}

static inline const unsigned char *past_word(const struct norm *n, const unsigned char *e)
{
	while (n->end - e >= 8) {
		size_t some = word_bytes(load(e, 8));

		e += some;
		if (some < 8)
			return e;
	}
	while (e < n->end && (is(*e, C_WORD | C_DIGIT) || *e == '$'))
		e++;
	return e;
}

static void word(struct norm *n)
{
	const unsigned char *p = n->p, *e = past_word(n, p);
	enum word was = n->word, w;
	size_t len = (size_t)(e - p);
	uint64_t low = 0;

	if (len == 1 && prefixed(n, len))
		return;
	if (len <= 8)
		low = lower(n->end - p >= 8 ? load(p, 8) & ~UINT64_C(0) >> (64 - 8 * len)
					    : load(p, len));
	w = n->kind == K_DOT || n->kind == K_CAST ? W_OTHER : known_word(low);
	n->p = e;
	if ((w == W_NULL && was != W_IS && was != W_NOT && was != W_SET) ||
	    (w == W_BOOL && was != W_IS && was != W_NOT)) {
		sqlnorm_put_literal(n, p, len, 0);
		return;
	}
	sqlnorm_put_word(n, w == W_OTHER || w == W_NULL || w == W_BOOL ? K_WORD : K_KEYWORD, p, len,
			 low);
	n->word = w;
	n->last = p;
	n->last_len = len;
	n->wanted = w == W_IN ? L_IN : w == W_VALUES ? L_VALUES : w == W_ARRAY ? L_ARRAY : L_NONE;
}

static int sign_is_number(const struct norm *n, const unsigned char *p)
{
	if (*p != '-' && *p != '+')
		return 0;
	if ((n->kind == K_WORD && !sqlnorm_after_keyword(n)) || n->kind == K_LITERAL ||
	    n->kind == K_CLOSE || n->kind == K_DOT)
		return 0;
	p++;
	return p < n->end &&
	       (is(*p, C_DIGIT) || (*p == '.' && n->end - p > 1 && is(p[1], C_DIGIT)));
}

static int comment_at(const struct norm *n, const unsigned char *p)
{
	return n->end - p > 1 && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'));
}

/* As many characters as make one: no comment in it, and no sign at its end unless it has one of ~!@#%^&|`? */
static void operator(struct norm *n)
{
	const unsigned char *p = n->p, *e = p;
	int odd = 0;

	if (sign_is_number(n, p)) {
		n->p++;
		number(n, p);
		return;
	}
	for (; e < n->end && is(*e, C_OP) && !comment_at(n, e); e++)
		odd |= !(*e == '+' || *e == '-' || *e == '*' || *e == '/' || *e == '<' ||
			 *e == '>' || *e == '=');
	while (!odd && e - p > 1 && (e[-1] == '+' || e[-1] == '-'))
		e--;
	sqlnorm_put(n, K_OP, p, (size_t)(e - p), 0);
	n->p = e;
}

static void skip_comment(struct norm *n)
{
	const unsigned char *p = n->p + 2;
	int depth = 1;

	if (n->p[0] == '-') {
		while (p < n->end && *p != '\n' && *p != '\r')
			p++;
	} else {
		while (p < n->end && depth) {
			int two = n->end - p > 1;

			if (two && p[0] == '*' && p[1] == '/') {
				depth--;
				p++;
			} else if (two && p[0] == '/' && p[1] == '*') {
				depth++;
				p++;
			}
			p++;
		}
	}
	n->p = p < n->end ? p : n->end;
}

static void colon(struct norm *n)
{
	if (n->end - n->p > 1 && n->p[1] == ':') {
		sqlnorm_put(n, K_CAST, n->p, 2, 0);
		n->p += 2;
	} else {
		sqlnorm_put(n, K_COLON, n->p, 1, 0);
		n->p++;
	}
}

/* What is one character, or nothing that SQL knows. */
static void single(struct norm *n, unsigned char c)
{
	n->p++;
	switch (c) {
	case '(':
	case '[':
		sqlnorm_put_open(n, c);
		return;
	case ')':
	case ']':
		sqlnorm_put_close(n, c);
		return;
	case ',':
		sqlnorm_put_comma(n);
		return;
	case ';':
		sqlnorm_lists_cut(n);
		n->semi |= n->kind != K_START && n->kind != K_SEMI;
		n->word = W_OTHER;
		return;
	default:
		if (is(c, C_CONTROL))
			c = '?';
		sqlnorm_put(n, K_OP, &c, 1, 0);
	}
}

static void next_token(struct norm *n)
{
	unsigned char c = *n->p;

	if (n->n_lists && sqlnorm_values_go_on(n, c)) {
		n->p++;
		return;
	}
	if (n->wanted && c != '(' && c != '[')
		n->wanted = L_NONE;
	if (is(c, C_WORD))
		word(n);
	else if (is(c, C_DIGIT))
		number(n, n->p);
	else if (c == '\'')
		string(n, n->p, (n->flags & SQLNORM_BACKSLASH) != 0);
	else if (c == '"')
		quoted_name(n, n->p);
	else if (c == '$')
		dollar(n);
	else if (is(c, C_OP))
		operator(n);
	else if (c == ':')
		colon(n);
	else if (c == '.' && n->end - n->p > 1 && is(n->p[1], C_DIGIT))
		number(n, n->p);
	else if (c == '.') {
		sqlnorm_put(n, K_DOT, n->p, 1, 0);
		n->p++;
	} else
		single(n, c);
}

static void finish(struct norm *n, struct sqlnorm *out, char *text, size_t cap)
{
	size_t len = n->at;

	if (len > n->room) { /* no half of a character, and a sign that there was more */
		len = n->room > 3 ? n->room - 3 : 0;
		while (len && (text[len] & 0xc0) == 0x80)
			len--;
		for (int i = 0; i < 3 && len < n->room; i++)
			text[len++] = '.';
		out->cut = 1;
	}
	if (cap)
		text[len] = 0;
	out->len = cap ? (uint32_t)len : 0;
	out->fingerprint = n->hash ? n->hash : 1;
	out->n_literals = n->n_literals;
	out->literals = n->n_literals ? n->literals | 1 : 0;
	out->backslash = n->backslash;
}

void sqlnorm(struct sqlnorm *out, char *text, size_t cap, const char *sql, size_t len,
	     unsigned flags)
{
	struct norm n;
	uint32_t tokens = 0;

	n.p = (const unsigned char *)sql;
	n.end = n.p + len;
	n.text = cap ? text : NULL;
	n.room = cap ? cap - 1 : 0;
	n.at = 0;
	n.hash = n.literals = 0;
	n.n_literals = n.depth = n.n_lists = 0;
	n.kind = K_START;
	n.word = W_OTHER;
	n.wanted = L_NONE;
	n.last = NULL;
	n.string = n.semi = 0;
	n.flags = flags;
	n.backslash = 0;
	*out = (struct sqlnorm){0};
	while (tokens < SQLNORM_TOKENS) {
		while (n.p < n.end && is(*n.p, C_BLANK))
			n.p++;
		if (n.p == n.end)
			break;
		if (is(*n.p, C_OP) && comment_at(&n, n.p)) {
			skip_comment(&n);
		} else {
			next_token(&n);
			tokens++;
		}
	}
	if (n.p < n.end) {
		out->partial = 1;
		sqlnorm_lists_cut(&n);
		n.literals = sqlnorm_hash(n.p, (size_t)(n.end - n.p), n.literals + K0);
		n.n_literals++;
	}
	finish(&n, out, text, cap);
}
