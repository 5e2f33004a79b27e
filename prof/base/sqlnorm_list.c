/* What the normaliser of SQL writes: tokens, and lists whose elements are left out when one of their shape was
 * there before. Such an element is hashed for itself; one that repeats is taken back, text and all. */
#include "prof/base/sqlnorm_internal.h"

/* ---- writing ------------------------------------------------------------------------------------- */

static inline void put(struct norm *n, char c)
{
	if (n->at < n->room)
		n->text[n->at] = c;
	n->at++;
}

/* Does a blank part two tokens? Only a matter of looks. */
static inline int apart(const struct norm *n, enum kind next, unsigned char first)
{
	static const uint8_t sticks_to_next[K_COLON + 1] = {
		[K_START] = 1, [K_OPEN] = 1, [K_DOT] = 1, [K_CAST] = 1, [K_COLON] = 1};
	static const uint8_t sticks_to_last[K_COLON + 1] = {
		[K_CLOSE] = 1, [K_COMMA] = 1, [K_SEMI] = 1,
		[K_DOT] = 1,   [K_CAST] = 1,  [K_COLON] = 1};

	if (next == K_OPEN && !sticks_to_next[n->kind]) {
		/* f(x), a[1], but in (…) */
		if (first == '[')
			return n->kind != K_WORD && n->kind != K_CLOSE && n->word != W_ARRAY;
		return n->kind != K_WORD || sqlnorm_after_keyword(n);
	}
	return !sticks_to_next[n->kind] && !sticks_to_last[next];
}

static inline void token(struct norm *n, enum kind kind, unsigned char first)
{
	if (n->semi) {
		n->semi = 0;
		sqlnorm_put(n, K_SEMI, (const unsigned char *)";", 1, 0);
	}
	if (apart(n, kind, first))
		put(n, ' ');
	n->kind = kind;
	n->word = W_OTHER;
	n->last = NULL;
	n->string = 0;
}

/* At most eight bytes of a token. */
static inline void put_some(struct norm *n, uint64_t v, size_t some)
{
	if (n->at + 8 <= n->room) {
		memcpy(n->text + n->at, &v, 8);
		n->at += some;
		return;
	}
	for (size_t j = 0; j < some; j++, v >>= 8)
		put(n, (char)v);
}

void sqlnorm_put(struct norm *n, enum kind kind, const unsigned char *p, size_t len, int word)
{
	uint64_t h;

	token(n, kind, p[0]);
	h = n->hash ^ len * K1;
	if (len == 1) {
		n->hash = mix(h, p[0]);
		put(n, (char)p[0]);
		return;
	}
	for (size_t i = 0; i < len; i += 8) {
		size_t some = len - i < 8 ? len - i : 8;
		uint64_t v = load(p + i, some);

		if (word)
			v = lower(v);
		h = mix(h, v);
		put_some(n, v, some);
	}
	n->hash = h;
}

void sqlnorm_put_word(struct norm *n, enum kind kind, const unsigned char *p, size_t len,
		      uint64_t low)
{
	if (len > 8) {
		sqlnorm_put(n, kind, p, len, 1);
		return;
	}
	token(n, kind, p[0]);
	n->hash = mix(n->hash ^ len * K1, low);
	put_some(n, low, len);
}

void sqlnorm_put_literal(struct norm *n, const unsigned char *p, size_t len, int string)
{
	int goes_on = string && n->string; /* 'a' and, on the next line, 'b' are one string */

	n->literals = sqlnorm_hash(p, len, n->literals + K0);
	if (goes_on)
		return;
	n->n_literals++;
	sqlnorm_put(n, K_LITERAL, (const unsigned char *)"?", 1, 0);
	n->string = string;
}

static struct mark mark(const struct norm *n)
{
	return (struct mark){n->hash, n->at, n->kind};
}

static void take_back(struct norm *n, const struct mark *m)
{
	n->hash = m->hash;
	n->at = m->at;
	n->kind = m->kind;
	n->word = W_OTHER;
	n->string = 0;
}

/* ---- lists --------------------------------------------------------------------------------------- */

static inline struct list *top(struct norm *n)
{
	return n->n_lists ? &n->lists[n->n_lists - 1] : NULL;
}

static void list_start(struct norm *n, enum list_kind kind, uint32_t depth)
{
	struct list *l;

	if (n->n_lists == LISTS)
		return;
	l = &n->lists[n->n_lists++];
	l->before = mark(n);
	l->n_shapes = 0;
	l->depth = depth;
	l->kind = kind;
	l->folded = 0;
	l->open = 1;
	n->hash = K0;
}

/* The element is one that was there before: away with it, its comma included. */
static void leave_out(struct norm *n, struct list *l)
{
	take_back(n, &l->before);
	if (l->folded || l->kind == L_ARRAY)
		return;
	l->folded = 1;
	sqlnorm_put(n, K_COMMA, (const unsigned char *)",", 1, 0);
	sqlnorm_put(n, K_WORD, (const unsigned char *)"...", 3, 0);
	n->kind = K_LITERAL;
}

static void element_end(struct norm *n, struct list *l)
{
	uint64_t shape = n->hash;

	if (!l->open)
		return;
	l->open = 0;
	for (uint32_t i = 0; i < l->n_shapes; i++)
		if (l->shapes[i] == shape) {
			leave_out(n, l);
			return;
		}
	if (l->n_shapes < SHAPES)
		l->shapes[l->n_shapes++] = shape;
	n->hash = mix(l->before.hash, shape);
}

void sqlnorm_put_comma(struct norm *n)
{
	struct list *l = top(n);
	int next = l && l->kind != L_VALUES && l->depth == n->depth;

	if (next) {
		element_end(n, l);
		l->before = mark(n);
		l->open = 1;
	}
	sqlnorm_put(n, K_COMMA, (const unsigned char *)",", 1, 0);
	if (next)
		n->hash = K0;
}

int sqlnorm_values_go_on(struct norm *n, unsigned char c)
{
	struct list *l = top(n);

	if (!l || l->kind != L_VALUES || l->open || l->depth != n->depth + 1)
		return 0;
	if (c == ',' && n->kind != K_COMMA) {
		l->before = mark(n);
		sqlnorm_put(n, K_COMMA, (const unsigned char *)",", 1, 0);
		return 1;
	}
	if (c == '(' && n->kind == K_COMMA) {
		l->open = 1;
		n->hash = K0;
		return 0;
	}
	n->n_lists--;
	return 0;
}

void sqlnorm_put_open(struct norm *n, unsigned char c)
{
	enum list_kind wanted = n->wanted;

	n->wanted = L_NONE;
	if (wanted == L_VALUES && c == '(')
		list_start(n, L_VALUES, n->depth + 1);
	sqlnorm_put(n, K_OPEN, &c, 1, 0);
	n->depth++;
	if (wanted == L_IN && c == '(')
		list_start(n, L_IN, n->depth);
	if (wanted == L_ARRAY && c == '[')
		list_start(n, L_ARRAY, n->depth);
}

void sqlnorm_put_close(struct norm *n, unsigned char c)
{
	struct list *l = top(n);

	/* A VALUES whose bracket was never closed, or a list that this bracket does not belong to. */
	while (l && l->depth > n->depth) {
		n->n_lists--;
		l = top(n);
	}
	if (l && l->depth == n->depth && l->kind != L_VALUES) {
		element_end(n, l);
		n->n_lists--;
		l = top(n);
	}
	sqlnorm_put(n, K_CLOSE, &c, 1, 0);
	if (l && l->depth == n->depth && l->kind == L_VALUES)
		element_end(n, l);
	if (n->depth)
		n->depth--;
}

void sqlnorm_lists_cut(struct norm *n)
{
	while (n->n_lists) {
		struct list *l = top(n);

		if (l->n_shapes && (l->open || n->kind == K_COMMA))
			leave_out(n, l);
		else if (l->open)
			n->hash = mix(l->before.hash, n->hash);
		n->n_lists--;
	}
}
