/* Which names a file declares, and which of its tokens are those names: see lean.h. All uses of a name in a
 * file get the same short one, in whatever scope: scopes stay as they are, and only members of objects,
 * which are no names, have to be told apart. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/lean/lean.h"

struct names {
	struct token **first; /* owned; by number: a token of that name */
	int n, cap;
};

static const char *const keywords[] = {
	"break",  "case",   "catch",      "class",   "const",     "continue",  "default",
	"delete", "do",     "else",       "extends", "finally",   "for",       "function",
	"if",     "in",     "instanceof", "let",     "new",       "return",    "static",
	"super",  "switch", "this",       "throw",   "try",       "typeof",    "var",
	"void",   "while",  "yield",      "async",   "await",     "of",        "get",
	"set",    "true",   "false",      "null",    "undefined", "arguments", NULL};

static int is_keyword(const struct token *t)
{
	const char *const *k = keywords;

	for (; *k; k++)
		if (token_is(t, *k))
			return 1;
	return 0;
}

static int is_declaring(const struct token *t)
{
	return t->kind == TOKEN_NAME &&
	       (token_is(t, "const") || token_is(t, "let") || token_is(t, "var"));
}

static int number_of(const struct names *w, const struct token *t)
{
	int i;

	for (i = 0; i < w->n; i++)
		if (w->first[i]->len == t->len && memcmp(w->first[i]->text, t->text, t->len) == 0)
			return i;
	return -1;
}

static void declare(struct names *w, struct token *t)
{
	if (t->kind != TOKEN_NAME || is_keyword(t) || number_of(w, t) >= 0)
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->first = realloc(w->first, (size_t)w->cap * sizeof(struct token *));
		if (!w->first)
			lean_fail(t, "out of memory");
	}
	w->first[w->n++] = t;
}

/* ---- patterns ---- */

/* Past a default value: to the comma or bracket that ends it. */
static size_t skip_value(const struct tokens *t, size_t i)
{
	for (; t->at[i].kind != TOKEN_END; i++) {
		if (token_is(&t->at[i], ",") ||
		    (t->at[i].kind == TOKEN_SIGN && strchr(")]}", *t->at[i].text)))
			return i;
		if (t->at[i].other != SIZE_MAX && t->at[i].other > i)
			i = t->at[i].other;
	}
	return i;
}

/* Declares what stands at the places of names between the bracket at `open` and its end. */
static void declare_pattern(struct names *w, struct tokens *t, size_t open)
{
	size_t end = t->at[open].other, i = open + 1;

	while (i < end) {
		struct token *k = &t->at[i];

		if (token_is(k, "=")) {
			i = skip_value(t, i + 1);
		} else if (k->other != SIZE_MAX && k->other > i) {
			if (t->at[i].kind == TOKEN_SIGN && *k->text != '(')
				declare_pattern(w, t, i);
			i = k->other + 1;
		} else {
			int key = *t->at[open].text == '{' && token_is(&t->at[i + 1], ":");

			if (!key)
				declare(w, k);
			i++;
		}
	}
}

/* ---- declarations ---- */

/* const a = 1, {b} = 2, …; up to the end of the statement or of the head of a loop. */
static void declare_list(struct names *w, struct tokens *t, size_t i)
{
	for (;; i++) {
		struct token *k = &t->at[i];

		if (k->kind == TOKEN_SIGN && strchr("{[", *k->text)) {
			declare_pattern(w, t, i);
			i = k->other;
		} else {
			declare(w, k);
		}
		i++;
		if (token_is(&t->at[i], "="))
			for (i++; t->at[i].kind != TOKEN_END; i++) {
				if (t->at[i].other != SIZE_MAX && t->at[i].other > i)
					i = t->at[i].other;
				else if (t->at[i].kind == TOKEN_SIGN &&
					 strchr(",;)]}", *t->at[i].text))
					break;
			}
		if (!token_is(&t->at[i], ","))
			return;
	}
}

/* Is the name at `i` a member: after a dot, a key or a method of an object, a method of a class? */
static int is_member(const struct tokens *t, size_t i)
{
	const struct token *before = i ? &t->at[i - 1] : NULL, *k = &t->at[i],
			   *after = &t->at[i + 1];
	enum brace_kind in = k->open == SIZE_MAX ? BRACE_NONE : t->at[k->open].brace;

	if (before && before->kind == TOKEN_SIGN &&
	    (token_is(before, ".") || token_is(before, "?.")))
		return 1;
	if (in == BRACE_CLASS)
		return token_is(after, "(") && t->at[after->other + 1].brace == BRACE_BLOCK;
	if (in != BRACE_OBJECT || !before)
		return 0;
	if (before->kind == TOKEN_NAME &&
	    (token_is(before, "get") || token_is(before, "set") || token_is(before, "async")))
		return token_is(after, "(");
	if (!token_is(before, "{") && !token_is(before, ","))
		return 0;
	return token_is(after, ":") || token_is(after, "(");
}

static int is_shorthand(const struct tokens *t, size_t i)
{
	const struct token *before = i ? &t->at[i - 1] : NULL, *k = &t->at[i],
			   *after = &t->at[i + 1];

	if (!before || k->open == SIZE_MAX || t->at[k->open].brace != BRACE_OBJECT)
		return 0;
	if (!token_is(before, "{") && !token_is(before, ","))
		return 0;
	return token_is(after, ",") || token_is(after, "}") || token_is(after, "=");
}

/* Whether the bracket at `i` holds the parameters of a function: (…) => or name(…) { in an object or class. */
static int holds_parameters(const struct tokens *t, size_t i)
{
	const struct token *after = &t->at[t->at[i].other + 1], *before = i ? &t->at[i - 1] : NULL;

	if (token_is(after, "=>"))
		return 1;
	if (!before || after->brace != BRACE_BLOCK || !token_is(after, "{"))
		return 0;
	if (token_is(before, "function") || token_is(before, "catch"))
		return 1;
	if (i > 1 && token_is(&t->at[i - 2], "function"))
		return 1;
	return before->kind == TOKEN_NAME && is_member(t, i - 1);
}

static void find_declarations(struct names *w, struct tokens *t)
{
	size_t i;

	for (i = 0; i + 1 < t->n; i++) {
		struct token *k = &t->at[i];

		if (is_declaring(k) && !(i && token_is(&t->at[i - 1], ".")))
			declare_list(w, t, i + 1);
		else if (k->kind == TOKEN_NAME &&
			 (token_is(k, "function") || token_is(k, "class")) &&
			 t->at[i + 1].kind == TOKEN_NAME)
			declare(w, &t->at[i + 1]);
		else if (k->kind == TOKEN_SIGN && token_is(k, "(") && holds_parameters(t, i))
			declare_pattern(w, t, i);
		else if (k->kind == TOKEN_NAME && token_is(&t->at[i + 1], "=>"))
			declare(w, k);
	}
}

int names_find(struct tokens *t)
{
	struct names w = {0};
	size_t i;

	find_declarations(&w, t);
	for (i = 0; i + 1 < t->n; i++) {
		struct token *k = &t->at[i];

		if (k->kind != TOKEN_NAME || is_keyword(k) || is_member(t, i))
			continue;
		k->name = number_of(&w, k);
		k->shorthand = k->name >= 0 && is_shorthand(t, i);
	}
	free(w.first);
	return w.n;
}

/* ---- short names ---- */

struct use {
	int name, uses;
};

static int more_used(const void *pa, const void *pb)
{
	const struct use *a = pa, *b = pb;

	return a->uses != b->uses ? (a->uses < b->uses ? 1 : -1) : a->name - b->name;
}

/* a … Z, then aa, ab, … */
static void short_name(char text[8], int n)
{
	static const char letters[] = "etnarioscldpumhfgvbxywkjqzETNARIOSCLDPUMHFGVBXYWKJQZ";
	int base = (int)sizeof letters - 1, i = 0;

	for (; n >= 0 && i < 7; n = n / base - 1)
		text[i++] = letters[n % base];
	text[i] = '\0';
}

static int is_taken(const struct tokens *t, const char *text)
{
	struct token probe = {.text = text, .len = strlen(text)};
	size_t i;

	if (is_keyword(&probe) || token_is(&probe, "as") || token_is(&probe, "if"))
		return 1;
	for (i = 0; i < t->n; i++)
		if (t->at[i].kind == TOKEN_NAME && t->at[i].name < 0 && token_is(&t->at[i], text))
			return 1;
	return 0;
}

char **names_short(const struct tokens *t, int n)
{
	struct use *uses = calloc((size_t)n + 1, sizeof *uses);
	char **texts = calloc((size_t)n + 1, sizeof *texts);
	int i, next = 0;
	size_t k;

	if (!uses || !texts)
		lean_fail(&t->at[0], "out of memory");
	for (i = 0; i < n; i++)
		uses[i].name = i;
	for (k = 0; k < t->n; k++)
		if (t->at[k].name >= 0)
			uses[t->at[k].name].uses++;
	qsort(uses, (size_t)n, sizeof *uses, more_used);
	for (i = 0; i < n; i++) {
		char text[8];

		do
			short_name(text, next++);
		while (is_taken(t, text));
		texts[uses[i].name] = strdup(text);
		if (!texts[uses[i].name])
			lean_fail(&t->at[0], "out of memory");
	}
	free(uses);
	return texts;
}
