/* URLs of databases: which are, what may be shown of them, what libpq takes. Needs no libpq. */
#include "prof/postgres/pg_int.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN  "postgresql://"
#define DIGITS "0123456789"
#define SHOWN  200 /* bytes of a host, port and database in a message */

/* Schemes that mean PostgreSQL; what stands behind '+' is a driver of Python's. */
static const char *const schemes[] = {
	PLAIN,
	"postgres://",
	"postgresql+psycopg://",
	"postgresql+psycopg2://",
};

/* Behind the scheme; NULL: another scheme. */
static const char *behind_scheme(const char *url)
{
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	return NULL;
}

int pg_url_is(const char *url)
{
	return behind_scheme(url) != NULL;
}

/* 1: one "host:port", "[address]:port" or their parts, of a list; *end is behind it. */
static int host_is_clear(const char *at, const char **end)
{
	if (*at == '[') {
		at += strcspn(at, "]/?#");
		if (*at != ']')
			return 0;
		at++;
	} else {
		at += strcspn(at, ":,/?#");
	}
	if (*at == ':')
		at += 1 + strspn(at + 1, DIGITS);
	*end = at;
	return strchr(",/?#", *at) != NULL;
}

/* An unescaped '@', '?', '#' or '/' in a password, or what cannot be a port after ':', make the parts ambiguous:
 * nothing of such a URL may be shown, nor given to what would quote it. */
static int is_clear(const char *rest)
{
	const char *at = strchr(rest, '@');
	const char *host = at ? at + 1 : rest;

	if (at && (strchr(at + 1, '@') || strcspn(rest, "/?#") < (size_t)(at - rest)))
		return 0;
	do {
		if (!host_is_clear(host, &host))
			return 0;
	} while (*host++ == ',');
	return 1;
}

int pg_url_is_clear(const char *url)
{
	const char *rest = behind_scheme(url);

	return rest && is_clear(rest);
}

/* Host, port and database. */
static const char *public_part(const char *rest, size_t *len)
{
	const char *at = strchr(rest, '@');
	const char *shown = at ? at + 1 : rest;

	*len = is_clear(rest) ? strcspn(shown, "?#") : 0;
	return shown;
}

char *pg_url_public(const char *url)
{
	const char *rest = behind_scheme(url);
	struct buf out = BUF_INIT;
	const char *shown;
	size_t len;
	char *text;

	buf_puts(&out, PLAIN);
	if (rest) {
		shown = public_part(rest, &len);
		for (size_t i = 0; i < len && i < SHOWN; i++)
			buf_putc(&out, (unsigned char)shown[i] < 0x20 || shown[i] == 0x7f
					       ? '?'
					       : shown[i]);
	}
	text = buf_steal(&out, NULL);
	buf_release(&out);
	return text;
}

char *pg_url_plain(const char *url)
{
	const char *rest = behind_scheme(url);
	struct buf out = BUF_INIT;
	char *text;

	buf_puts(&out, rest ? PLAIN : "");
	buf_puts(&out, rest ? rest : url);
	text = buf_steal(&out, NULL);
	buf_release(&out);
	return text;
}
