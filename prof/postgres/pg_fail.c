/* What libpq and servers say, as failures: coded by SQLSTATE, on one line, without secrets. */
#include "prof/postgres/pg_int.h"

#ifdef HAVE_LIBPQ

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MIN 3 /* shorter passwords would blot out every word that has their letters */
#define HIDDEN     "***"

#define CONTEXT_SHOWN 160 /* bytes of where a failure happened */

/* Length of a secret that begins here, 0: none. */
static size_t secret_at(const char *at, const char *secret)
{
	size_t n = secret ? strlen(secret) : 0;

	return n >= SECRET_MIN && strncmp(at, secret, n) == 0 ? n : 0;
}

/* Length of a URL's part with user, password and query: "://…" to the next blank or quote. */
static size_t url_at(const char *at)
{
	return strncmp(at, "://", 3) == 0 ? strcspn(at, " \t\n\"'") : 0;
}

void pg_clean_text(const PGconn *conn, const char *from, size_t left, char *out, size_t size)
{
	const char *secret = conn ? PQpass(conn) : NULL;
	const char *end = from + strnlen(from, left);
	size_t n = 0;

	while (from < end && n + 4 < size) {
		size_t hidden = secret_at(from, secret);

		if (!hidden)
			hidden = url_at(from);
		if (hidden) {
			memcpy(out + n, HIDDEN, 3);
			n += 3;
			from += hidden;
		} else if (isspace((unsigned char)*from)) {
			int line = 0;

			for (; isspace((unsigned char)*from); from++)
				line |= *from == '\n';
			if (line && *from && n && !strchr(";:,", out[n - 1]))
				out[n++] = ';';
			if (*from && n)
				out[n++] = ' ';
		} else if ((unsigned char)*from == 0xc2 && (unsigned char)from[1] >= 0x80 &&
			   (unsigned char)from[1] < 0xa0) { /* C1: some terminals obey these */
			out[n++] = '?';
			from += 2;
		} else {
			out[n++] = (unsigned char)*from < 0x20 || *from == 0x7f ? '?' : *from;
			from++;
		}
	}
	out[n] = '\0';
}

/* Where "XXXXX: " of a verbose message begins, behind its severity; NULL: there is none. */
static const char *state_in(const char *text)
{
	const char *at;

	for (at = strstr(text, ":  "); at; at = strstr(at + 1, ":  ")) {
		size_t n = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (n == 5 && at[8] == ':' && at[9] == ' ')
			return at + 3;
	}
	return NULL;
}

/* A connection that was not made says its SQLSTATE in words only, which were asked to be verbose. */
static int fail_connecting(const struct pg *pg, struct err *err)
{
	const char *text = PQerrorMessage(pg->conn);
	const char *at = state_in(text);
	const char *where = strstr(text, "LOCATION:  ");
	char state[PG_SQLSTATE_TEXT] = "08001";
	char clean[1024];
	int needs_password = PQconnectionNeedsPassword(pg->conn);

	if (at) {
		memcpy(state, at, 5);
		text = at + 7;
	}
	if (needs_password)
		memcpy(state, "28P01", sizeof state);
	pg_clean_text(pg->conn, text, at && where > text ? (size_t)(where - text) : SIZE_MAX, clean,
		      sizeof clean);
	err_set(err, pg_code_of(state), "'%s': cannot connect: %s%s", pg->name, clean,
		pg_code_of(state) != ERR_DENIED ? ""
		: needs_password ? " (give one in the URL, in ~/.pgpass or PGPASSWORD)"
				 : " (check user and password in the URL or ~/.pgpass)");
	if (err)
		err->sys = pg_state_pack(state);
	return pg_code_of(state);
}

/* What to do about the usual refusals. */
static const char *advice(const char *state)
{
	if (!state)
		return "";
	if (strcmp(state, "42501") == 0)
		return " (ask for this right; docs/postgres.md lists what is needed)";
	if (strcmp(state, "57014") == 0)
		return " (raise statement_timeout for this user, or set it to 0)";
	if (strcmp(state, "22021") == 0)
		return " (bytes that are not in the encoding the database says: it may be "
		       "SQL_ASCII, "
		       "or the rows came from elsewhere; convert the text)";
	if (strcmp(state, "22P05") == 0)
		return " (a letter that UTF-8 does not have)";
	if (strcmp(state, "53300") == 0)
		return " (too many clients: try again later)";
	if (strcmp(state, "53100") == 0)
		return " (make room on the server's disk)";
	return "";
}

static int ends_with_mark(const char *text)
{
	return *text && strchr(";:,", text[strlen(text) - 1]) != NULL;
}

static int fail_result(const struct pg *pg, const PGresult *res, const char *what, struct err *err)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *more = detail ? detail : PQresultErrorField(res, PG_DIAG_CONTEXT);
	char clean[900], clean_more[300] = "";
	int code = pg_code_of(state);

	if (!primary)
		primary = PQresultErrorMessage(res);
	pg_clean_text(pg->conn, primary, SIZE_MAX, clean, sizeof clean);
	if (more)
		pg_clean_text(pg->conn, more, SIZE_MAX, clean_more,
			      detail ? sizeof clean_more : CONTEXT_SHOWN);
	if (!state) { /* libpq's own: the connection is gone */
		state = "08006";
		code = ERR_NETWORK;
	}
	err_set(err, code, "'%s': cannot %s: %s%s%s%s", pg->name, what, clean,
		!*clean_more            ? ""
		: ends_with_mark(clean) ? " "
					: "; ",
		clean_more, advice(state));
	if (err)
		err->sys = pg_state_pack(state);
	return code;
}

int pg_fail(struct pg *pg, const PGresult *res, const char *what, struct err *err)
{
	char clean[1024];

	if (res)
		return fail_result(pg, res, what, err);
	if (!what)
		return fail_connecting(pg, err);
	pg_clean_text(pg->conn, pg->conn ? PQerrorMessage(pg->conn) : "the connection was dropped",
		      SIZE_MAX, clean, sizeof clean);
	err_set(err, ERR_NETWORK, "'%s': cannot %s: %s", pg->name, what,
		*clean ? clean : "the connection is lost");
	if (err)
		err->sys = pg_state_pack("08006");
	return ERR_NETWORK;
}

#endif
