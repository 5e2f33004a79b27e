/* A build without libpq (NO_LIBPQ=1): every connection is refused, and says what is missing. */
#include "prof/postgres/pg_int.h"
#include "prof/postgres/pgcopy.h"

#ifndef HAVE_LIBPQ

static int refuse(struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		       "this build has no PostgreSQL: install libpq-dev and build again");
}

int pg_available(void)
{
	return 0;
}

int pg_open_with(struct pg **out, const char *url, const struct pg_options *opt, struct err *err)
{
	(void)url;
	(void)opt;
	*out = NULL;
	return refuse(err);
}

int pg_open(struct pg **out, const char *url, const char *application, struct err *err)
{
	(void)application;
	return pg_open_with(out, url, NULL, err);
}

/* No handle is ever given out, so what follows is never reached with one. */
#define WITHOUT(type, answer, ...)                                                                 \
	type __VA_ARGS__                                                                           \
	{                                                                                          \
		answer;                                                                            \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"

WITHOUT(void, return, pg_close(struct pg *pg))
WITHOUT(int, return refuse(err), pg_reopen(struct pg *pg, struct err *err))
WITHOUT(void, return, pg_set_stop(struct pg *pg, pg_stop_fn *stop, void *ctx))
WITHOUT(void, return, pg_set_deadline(struct pg *pg, int64_t ms))
WITHOUT(int64_t, return 0, pg_time_left_ms(const struct pg *pg))
WITHOUT(const char *, return "", pg_name(const struct pg *pg))
WITHOUT(int, return 0, pg_server_version(const struct pg *pg))
WITHOUT(int, return 0, pg_backend_pid(const struct pg *pg))
WITHOUT(int, return 0, pg_is_local(const struct pg *pg))
WITHOUT(int, return 0, pg_usable(const struct pg *pg))
WITHOUT(int, return refuse(err), pg_exec(struct pg *pg, const char *sql, struct err *err))
WITHOUT(int, *out = NULL;
	return refuse(err), pg_query(struct pg *pg, struct pg_rows **out, const char *sql,
				     const char *const *params, int n_params, struct err *err))
WITHOUT(void, return, pg_rows_free(struct pg_rows *rows))
WITHOUT(int, return 0, pg_rows_count(const struct pg_rows *rows))
WITHOUT(int, return 0, pg_rows_columns(const struct pg_rows *rows))
WITHOUT(const char *, return "", pg_rows_name(const struct pg_rows *rows, int col))
WITHOUT(int, return -1, pg_rows_find(const struct pg_rows *rows, const char *name))
WITHOUT(const char *, return NULL, pg_rows_text(const struct pg_rows *rows, int row, int col))
WITHOUT(size_t, return 0, pg_rows_len(const struct pg_rows *rows, int row, int col))
WITHOUT(int64_t, return if_null,
	pg_rows_int(const struct pg_rows *rows, int row, int col, int64_t if_null))
WITHOUT(double, return if_null,
	pg_rows_real(const struct pg_rows *rows, int row, int col, double if_null))
WITHOUT(int, return 0, pg_rows_true(const struct pg_rows *rows, int row, int col))
WITHOUT(long, return 0, pg_affected(const struct pg_rows *rows))
WITHOUT(int, return refuse(err),
	pg_run(struct pg *pg, const char *sql, const char *const *params, int n_params,
	       long *affected, struct err *err))
WITHOUT(int, return refuse(err), pg_begin(struct pg *pg, struct err *err))
WITHOUT(int, return refuse(err), pg_begin_reading(struct pg *pg, struct err *err))
WITHOUT(int, return refuse(err), pg_commit(struct pg *pg, struct err *err))
WITHOUT(void, return, pg_rollback(struct pg *pg))
WITHOUT(int, return refuse(err), pg_back_off(struct pg *pg, int attempt, struct err *err))
WITHOUT(int, return refuse(err), pg_wait_notify(struct pg *pg, int timeout_ms, struct err *err))
WITHOUT(int, return refuse(err),
	pg_put_literal(struct pg *pg, struct buf *out, const char *text, struct err *err))
WITHOUT(int, return refuse(err),
	pg_put_identifier(struct pg *pg, struct buf *out, const char *text, struct err *err))

WITHOUT(int, return refuse(err),
	pgcopy_read(struct pg *pg, const char *select, int n_fields, pgcopy_fn *fn, void *ctx,
		    uint64_t *tuples, struct err *err))
WITHOUT(int, *w = (struct pgcopy_writer){.failed = ERR_UNSUPPORTED};
	return refuse(err), pgcopy_begin(struct pgcopy_writer *w, struct pg *pg, const char *into,
					 int n_fields, struct err *err))
WITHOUT(void, return, pgcopy_row(struct pgcopy_writer *w))
WITHOUT(void, return, pgcopy_put_null(struct pgcopy_writer *w))
WITHOUT(void, return, pgcopy_put_bytes(struct pgcopy_writer *w, const void *bytes, size_t n))
WITHOUT(void, return, pgcopy_put_text(struct pgcopy_writer *w, const char *text))
WITHOUT(void, return, pgcopy_put_int2(struct pgcopy_writer *w, int16_t v))
WITHOUT(void, return, pgcopy_put_int4(struct pgcopy_writer *w, int32_t v))
WITHOUT(void, return, pgcopy_put_int8(struct pgcopy_writer *w, int64_t v))
WITHOUT(void, return, pgcopy_put_real8(struct pgcopy_writer *w, double v))
WITHOUT(void, return, pgcopy_put_bool(struct pgcopy_writer *w, int v))
WITHOUT(void, return, pgcopy_put_uuid(struct pgcopy_writer *w, const char *text))
WITHOUT(void, return, pgcopy_put_jsonb(struct pgcopy_writer *w, const char *json))
WITHOUT(void, return, pgcopy_put_stamp(struct pgcopy_writer *w, int64_t unix_ns))
WITHOUT(int, return ERR_UNSUPPORTED, pgcopy_end(struct pgcopy_writer *w))
WITHOUT(void, return, pgcopy_abort(struct pgcopy_writer *w))

#endif
