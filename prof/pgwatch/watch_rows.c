/* Rows of pg_stat_activity as sessions. Whatever the server sends is taken for foreign text. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"
#include "prof/pgwatch/watch.h"
#include "prof/pgwatch/watch_int.h"

static enum shot_kind kind_of(const char *type, int leader)
{
	if (!type)
		return SHOT_OTHER;
	if (leader || strcmp(type, "parallel worker") == 0)
		return SHOT_WORKER;
	if (strcmp(type, "client backend") == 0)
		return SHOT_CLIENT;
	if (strcmp(type, "autovacuum worker") == 0)
		return SHOT_VACUUM;
	return strcmp(type, "walsender") == 0 ? SHOT_SENDER : SHOT_OTHER;
}

/* Ages are of the server's clock: never negative but for "none". */
static double age(const struct pg_rows *rows, int row, int col)
{
	double s = pg_rows_real(rows, row, col, -1);

	return pg_rows_text(rows, row, col) && s < 0 ? 0 : s;
}

/* Where a statement sets a password, or connects somewhere with one, no literal of it is shown. */
static const char *without_secrets(struct shot *s, const char *query)
{
	char text[1024];
	struct sqlnorm norm;

	if (!query || !strcasestr(query, "password"))
		return shot_text(s, query);
	sqlnorm(&norm, text, sizeof(text), query, strlen(query), 0);
	return shot_text(s, text);
}

int watch_session_row(struct shot *s, const struct pg_rows *rows, int row)
{
	struct shot_session *a = shot_add_session(s);
	const char *query = pg_rows_text(rows, row, 16), *state = pg_rows_text(rows, row, 7);
	struct sqlnorm norm = {.fingerprint = 0};

	if (!a)
		return ERR_NOMEM;
	a->pid = (int)pg_rows_int(rows, row, 0, 0);
	a->leader = (int)pg_rows_int(rows, row, 1, 0);
	if (a->leader == a->pid)
		a->leader = 0;
	a->kind = kind_of(pg_rows_text(rows, row, 10), a->leader);
	a->state = shot_state_of(state);
	a->client_port = (int)pg_rows_int(rows, row, 6, 0);
	a->backend_start_us = pg_rows_int(rows, row, 11, 0);
	a->query_start_us = pg_rows_int(rows, row, 12, 0);
	a->xact_age_s = age(rows, row, 13);
	a->query_age_s = age(rows, row, 14);
	a->state_age_s = age(rows, row, 15);
	a->hidden = query && strcmp(query, "<insufficient privilege>") == 0 && !state;
	s->partial |= a->hidden;
	if (query && *query && !a->hidden) {
		sqlnorm(&norm, NULL, 0, query, strlen(query), 0);
		a->fingerprint = norm.fingerprint;
		a->literals = norm.literals;
	}
	a->query = a->hidden ? "" : without_secrets(s, query);
	a->database = shot_text(s, pg_rows_text(rows, row, 2));
	a->user = shot_text(s, pg_rows_text(rows, row, 3));
	a->application = shot_text(s, pg_rows_text(rows, row, 4));
	a->client_address = shot_text(s, pg_rows_text(rows, row, 5));
	a->wait_type = shot_text(s, pg_rows_text(rows, row, 8));
	a->wait_event = shot_text(s, pg_rows_text(rows, row, 9));
	a->backend_type = shot_text(s, pg_rows_text(rows, row, 10));
	return a->query && a->database && a->user && a->application && a->client_address &&
			       a->wait_type && a->wait_event && a->backend_type
		       ? 0
		       : ERR_NOMEM;
}
