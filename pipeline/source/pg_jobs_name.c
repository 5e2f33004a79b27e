/* The exclusive right to a data set's name: a session-level advisory lock, held on a connection of its own
 * from before the work until the data set is registered. The lock goes when that connection goes, so it is
 * asked for again after a loss, and whoever holds it then has it. A session of ours that the server still
 * believes alive must not stand in our own way: it is ended by its pid and start. */
#include "pipeline/source/pg_jobs_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/digest.h"

#define APPLICATION "protea-export name"
#define TRIES       3
#define GHOST_TRIES 20 /* a tenth of a second each, until an ended session is gone */

/* The lock's key: 64 bits of a digest of the name. */
static int key_of(const char *name, char out[PG_INT_TEXT])
{
	char hex[SHA256_HEX], text[320];
	int n = snprintf(text, sizeof text, "protea dataset %s", name);
	int rc = sha256_hex(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, hex);

	hex[16] = '\0';
	if (rc == 0)
		pg_int_text((int64_t)strtoull(hex, NULL, 16), out);
	return rc;
}

/* Remembers which session it is. */
static int remember_session(struct pg_source *p, struct err *err)
{
	struct pg_rows *rows;
	struct err none = ERR_INIT;
	int rc;

	pg_exec(p->name_pg, "SET idle_session_timeout TO 0", &none); /* it waits for hours */
	/* A machine that is gone lets go of the name within a minute, not after two hours. */
	pg_exec(p->name_pg,
		"SET tcp_keepalives_idle TO 30; SET tcp_keepalives_interval TO 10;"
		" SET tcp_keepalives_count TO 3",
		&none);
	rc = pg_query(p->name_pg, &rows,
		      "SELECT backend_start::text FROM pg_stat_activity"
		      " WHERE pid = pg_backend_pid()",
		      NULL, 0, err);
	const char *since = rc == 0 ? pg_rows_text(rows, 0, 0) : NULL;

	p->jobs->name_backend = pg_backend_pid(p->name_pg);
	snprintf(p->jobs->name_since, sizeof p->jobs->name_since, "%s", since ? since : "");
	pg_rows_free(rows);
	return rc;
}

/* 1 got it, 0 somebody has it. */
static int try_lock(struct pg_source *p, const char *name, struct err *err)
{
	char key[PG_INT_TEXT];
	const char *const params[] = {key};
	struct pg_rows *rows;
	int rc = key_of(name, key);

	if (rc)
		return err_set(err, rc, "cannot make the lock of data set '%s'", name);
	rc = pg_query(p->name_pg, &rows, "SELECT pg_try_advisory_lock($1::bigint)", params, 1, err);
	if (rc == 0)
		rc = pg_rows_true(rows, 0, 0);
	pg_rows_free(rows);
	return rc;
}

static int taken(const struct pg_source *p, const char *name, struct err *err)
{
	return err_set(err, ERR_EXISTS,
		       "another run is making data set '%s' in '%s' (it holds the advisory lock on "
		       "the name)",
		       name, p->base.name);
}

/* 1 got it, 0 somebody has it. */
static int take_lock(struct pg_source *p, const char *name, struct err *err)
{
	int rc = pg_usable(p->name_pg) ? 0 : pg_reopen(p->name_pg, err);

	if (rc == 0)
		rc = remember_session(p, err);
	return rc == 0 ? try_lock(p, name, err) : rc;
}

int pg_source_reserve_name(struct source *s, const char *name, struct err *err)
{
	struct pg_source *p = pg_of(s);
	struct pg_jobs *jobs = pg_jobs_of(p, err);
	int rc = jobs ? 0 : ERR_NOMEM;

	if (rc == 0 && p->name_held)
		return err_set(err, ERR_INTERNAL, "a data set name is reserved already");
	if (rc == 0 && !p->name_pg)
		rc = pg_source_connect(p, APPLICATION, &p->name_pg, err);
	if (rc == 0) {
		pg_jobs_call(p, p->name_pg);
		rc = take_lock(p, name, err);
		pg_jobs_call_over(p->name_pg);
	}
	if (rc != 1)
		return rc < 0 ? rc : taken(p, name, err);
	p->name_held = strdup(name);
	if (!p->name_held) {
		pg_close(p->name_pg); /* and the lock with it */
		p->name_pg = NULL;
		return err_nomem(err, "a data set's name");
	}
	return 0;
}

/* The session ends, and the lock with it: nobody needs the connection from here on. */
void pg_source_release_name(struct source *s)
{
	struct pg_source *p = pg_of(s);

	pg_close(p->name_pg);
	p->name_pg = NULL;
	free(p->name_held);
	p->name_held = NULL;
}

/* ---- lost and found -------------------------------------------------------------------------------- */

static void pause_100ms(void)
{
	struct timespec t = {.tv_nsec = 100000000L};

	nanosleep(&t, NULL);
}

/* Our session of before, should the server not have noticed that it is dead. 1: it was there. */
static int end_ghost(struct pg_source *p, struct err *err)
{
	char pid[PG_INT_TEXT];
	const char *const params[] = {pg_int_text(p->jobs->name_backend, pid), p->jobs->name_since};
	struct pg_rows *rows;
	int rc = pg_query(p->name_pg, &rows,
			  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
			  " WHERE pid = $1::int AND backend_start::text = $2",
			  params, 2, err);

	if (rc == 0)
		rc = pg_rows_count(rows) > 0;
	pg_rows_free(rows);
	return rc;
}

/* On a new connection. 1 ours again, ERR_EXISTS. */
static int lock_again(struct pg_source *p, struct err *err)
{
	int ghost = 1, i, rc = pg_reopen(p->name_pg, err);

	for (i = 0; rc == 0 && ghost == 1; i++) {
		if (i)
			pause_100ms();
		rc = try_lock(p, p->name_held, err);
		if (rc == 0)
			ghost = i < GHOST_TRIES ? end_ghost(p, err) : 0;
		if (ghost < 0)
			rc = ghost;
	}
	if (rc == 0)
		return taken(p, p->name_held, err);
	if (rc == 1) {
		int told = remember_session(p, err);

		rc = told < 0 ? told : 1;
	}
	return rc;
}

static int is_alive(struct pg_source *p)
{
	struct err none = ERR_INIT;

	return pg_usable(p->name_pg) && pg_exec(p->name_pg, "SELECT 1", &none) == 0;
}

int pg_source_check_name(struct source *s, struct err *err)
{
	struct pg_source *p = pg_of(s);
	int i, rc = 0;

	if (!p->name_held || !p->name_pg)
		return err_set(err, ERR_INTERNAL, "no data set name is reserved");
	pg_jobs_call(p, p->name_pg);
	if (!is_alive(p))
		for (i = 0; i < TRIES; i++) {
			rc = lock_again(p, err);
			if (rc != ERR_NETWORK || pg_time_left_ms(p->name_pg) == 0)
				break;
			pause_100ms();
		}
	pg_jobs_call_over(p->name_pg);
	return rc;
}
