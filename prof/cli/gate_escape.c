/* Escaping for terminals, Markdown, XML, workflow commands and shells: see gate_escape.h. */
#include "prof/cli/gate_escape.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/text.h"

static int no_memory(struct buf *b)
{
	if (!b->failed)
		b->failed = ERR_NOMEM;
	return -1;
}

void gate_spoil(struct buf *whole, const struct buf *part)
{
	if (buf_failed(part) && !whole->failed)
		whole->failed = part->failed;
}

/* ---- cutting ---- */

static const char *skip(const char *text, int characters)
{
	while (*text && characters > 0) {
		text++;
		while ((*text & 0xc0) == 0x80)
			text++;
		characters--;
	}
	return text;
}

char *gate_shortened(const char *text, int room)
{
	char *clean = text_valid(text, 1), *cut;
	int all = clean ? text_columns(clean) : 0, head = (room - 1) / 2;
	const char *tail;

	if (!clean || room < 5 || all <= room)
		return clean;
	tail = skip(clean, all - (room - 1 - head));
	if (asprintf(&cut, "%.*s…%s", (int)(skip(clean, head) - clean), clean, tail) < 0)
		cut = NULL;
	free(clean);
	return cut;
}

/* ---- terminals and logs ---- */

void gate_put_plain(struct buf *b, const char *text)
{
	char *clean = text_valid(text, 1), *at, *from = clean;

	if (!clean) {
		no_memory(b);
		return;
	}
	/* A runner takes "##[command]" for its own wherever it stands in a line. */
	while ((at = strstr(from, "##["))) {
		buf_put(b, from, (size_t)(at - from));
		buf_puts(b, "## [");
		from = at + 3;
	}
	buf_puts(b, from);
	free(clean);
}

/* ---- Markdown ---- */

/* Letters, digits, blanks and what is beyond ASCII; all else may be markup. */
static int is_word(char c)
{
	return (unsigned char)c >= 0x80 || isalnum((unsigned char)c) || c == ' ';
}

static void put_entities(struct buf *b, const char *text, const char *plain)
{
	for (; *text; text++) {
		if (is_word(*text) || strchr(plain, *text))
			buf_putc(b, *text);
		else
			buf_printf(b, "&#%d;", *text);
	}
}

void gate_put_code(struct buf *b, const char *text, int room)
{
	char *clean = gate_shortened(text, room);

	if (!clean) {
		no_memory(b);
		return;
	}
	/* What ends a code span or a cell, and blanks at its ends, which vanish. */
	if (!*clean || strpbrk(clean, "`|\\") || strstr(clean, "##[") || *clean == ' ' ||
	    clean[strlen(clean) - 1] == ' ') {
		buf_puts(b, "<code>");
		put_entities(b, clean, "-_.,");
		buf_puts(b, "</code>");
	} else {
		buf_printf(b, "`%s`", clean);
	}
	free(clean);
}

static int is_alnum(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* May a character stand as it is? What begins a mention, a reference, a link, a list, emphasis, or HTML may not. */
static int is_plain(const char *text, const char *c)
{
	char before = c > text ? c[-1] : ' ', after = c[1];

	if (is_word(*c))
		return 1;
	if (c == text)
		return 0;
	if (strchr(",;'\"()?", *c))
		return 1;
	if (*c == '.')
		return c < text + 3 || strncasecmp(c - 3, "www", 3) != 0;
	if (*c == '/')
		return before != ':' && before != '/';
	if (*c == ':')
		return after == ' ' || !after || (isdigit((unsigned char)after) && before != ' ');
	if (*c == '_' || *c == '-' || *c == '+')
		return is_alnum(before) && is_alnum(after);
	return *c == '%' && before == ' ' && strchr(" ,;:)", after) != NULL;
}

void gate_put_words(struct buf *b, const char *text)
{
	char *clean = text_valid(text, 1);
	const char *c;

	if (!clean) {
		no_memory(b);
		return;
	}
	for (c = clean; *c; c++)
		if (is_plain(clean, c))
			buf_putc(b, *c);
		else
			buf_printf(b, "&#%d;", *c);
	free(clean);
}

/* ---- XML ---- */

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return NULL;
	}
}

void gate_put_xml(struct buf *b, const char *text)
{
	char *clean = text_valid(text, 1);
	const char *c;

	if (!clean) {
		no_memory(b);
		return;
	}
	for (c = clean; *c; c++) {
		const char *e = entity(*c);

		/* U+FFFE and U+FFFF are no characters of XML 1.0. */
		if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0) {
			buf_puts(b, "\xef\xbf\xbd");
			c += 2;
		} else if (e) {
			buf_puts(b, e);
		} else {
			buf_putc(b, *c);
		}
	}
	free(clean);
}

/* ---- workflow commands ---- */

void gate_put_command(struct buf *b, const char *text, int property)
{
	struct buf plain = BUF_INIT;
	const char *c;

	gate_put_plain(&plain, text);
	gate_spoil(b, &plain);
	for (c = buf_str(&plain); *c; c++) {
		if (*c == '%' || (property && (*c == ':' || *c == ',')))
			buf_printf(b, "%%%02X", *c);
		else
			buf_putc(b, *c);
	}
	buf_release(&plain);
}

/* ---- shells ---- */

static int needs_bytes(struct buf *b, const char *text)
{
	char *clean = text_valid(text, 1);
	int differs = clean ? strcmp(clean, text) != 0 : no_memory(b);

	free(clean);
	return differs;
}

/* The '[' of "##[", which a line in a log of CI may not have. */
static int ends_sign(const char *text, const char *c)
{
	return *c == '[' && c >= text + 2 && c[-1] == '#' && c[-2] == '#';
}

/* $'…' of bash, zsh, ksh and of POSIX since 2024. */
static void put_ansi(struct buf *b, const char *from)
{
	const char *text;

	buf_puts(b, "$'");
	for (text = from; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			buf_puts(b, "\\n");
		else if (c == '\'' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f ||
			 ends_sign(from, text)) /* octal ends after three digits */
			buf_printf(b, "\\%03o", c);
		else
			buf_putc(b, *text);
	}
	buf_putc(b, '\'');
}

void gate_put_shell(struct buf *b, const char *text)
{
	static const char safe[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
	const char *c;

	if (needs_bytes(b, text)) {
		put_ansi(b, text);
		return;
	}
	if (*text && text[strspn(text, safe)] == '\0') {
		buf_puts(b, text);
		return;
	}
	buf_putc(b, '\'');
	for (c = text; *c; c++)
		if (*c == '\'')
			buf_puts(b, "'\\''");
		else if (ends_sign(text, c))
			buf_puts(b, "''[");
		else
			buf_putc(b, *c);
	buf_putc(b, '\'');
}
