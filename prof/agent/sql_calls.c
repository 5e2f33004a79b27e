/* libpq's functions as the program calls them, where the call waits for the answer; the others are sql_async.c's. While
 * statements are not recorded, and for what libpq calls of its own, one comparison and a jump. */
#include <errno.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sql_hook.h"
#include "prof/base/clock.h"

void sql_sync_begin(struct sql_sync *s, void *pg, const struct mem_caller *caller)
{
	memset(&s->call, 0, sizeof s->call);
	s->caller = caller;
	s->conn = pg ? sql_conn_of(pg) : NULL;
	/* libpq throws away what is still to come. */
	if (s->conn && sql_conn_first(s->conn) && !*sql_conn_pipeline(s->conn))
		sql_drain(s->conn, clock_mono_ns());
}

void sql_sync_start(struct sql_sync *s, uint32_t statement)
{
	sql_call_begin(&s->call, statement, s->caller);
	s->call.start_ns = clock_mono_ns();
	if (s->conn)
		sql_conn_waits(s->conn, &s->call);
}

/* A COPY goes on until PQgetResult() has said its last word. */
static int goes_on(struct sql_sync *s, const struct sql_lib *lib, void *result)
{
	int status = result ? lib->PQresultStatus(result) : 0;
	struct sql_call *waits;

	if (status != PQ_COPY_IN && status != PQ_COPY_OUT && status != PQ_COPY_BOTH)
		return 0;
	waits = s->conn ? sql_conn_push(s->conn) : NULL;
	if (!waits)
		return 0;
	s->call.answered = 1;
	*waits = s->call;
	sql_conn_waits(s->conn, waits);
	return 1;
}

void sql_sync_end(struct sql_sync *s, const struct sql_lib *lib, void *result)
{
	int saved = errno;

	s->call.last_ns = clock_mono_ns();
	s->call.inside_ns = s->call.last_ns - s->call.start_ns;
	if (!goes_on(s, lib, result)) {
		sql_result_add(&s->call, lib, result);
		sql_call_end(&s->call);
		if (s->conn)
			sql_conn_waits(s->conn, NULL);
	}
	errno = saved;
	sql_leave();
}

AGENT_EXPORT void *PQexec(void *pg, const char *sql)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	struct sql_text text;
	void *result;
	int saved;

	if (!lib->PQexec || !sql_take())
		return lib->PQexec ? lib->PQexec(pg, sql) : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	s.call.sent = text.len;
	sql_sync_start(&s, text.statement);
	sql_call_set(&s.call, text.literals, text.literals ? sql : NULL, NULL);
	errno = saved;
	result = lib->PQexec(pg, sql);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQexecParams(void *pg, const char *sql, int n, const unsigned *types,
				const char *const *values, const int *lengths, const int *formats,
				int result_format)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	const struct sql_params params = {n, values, lengths, formats};
	struct sql_sync s;
	struct sql_text text;
	void *result;
	int saved;

	if (!lib->PQexecParams || !sql_take())
		return lib->PQexecParams ? lib->PQexecParams(pg, sql, n, types, values, lengths,
							     formats, result_format)
					 : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	s.call.sent = text.len;
	sql_sync_start(&s, text.statement);
	sql_call_set(&s.call, sql_params_hash(&params, text.literals, &s.call.sent), NULL, &params);
	errno = saved;
	result = lib->PQexecParams(pg, sql, n, types, values, lengths, formats, result_format);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQprepare(void *pg, const char *name, const char *sql, int n,
			     const unsigned *types)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	struct sql_text text;
	void *result;
	int saved;

	if (!lib->PQprepare || !sql_take())
		return lib->PQprepare ? lib->PQprepare(pg, name, sql, n, types) : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	if (s.conn)
		sql_conn_prepared(s.conn, name, &text);
	s.call.sent = text.len;
	sql_sync_start(&s, sql_statement_as(text.statement, SQL_PREPARE));
	errno = saved;
	result = lib->PQprepare(pg, name, sql, n, types);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQexecPrepared(void *pg, const char *name, int n, const char *const *values,
				  const int *lengths, const int *formats, int result_format)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	const struct sql_params params = {n, values, lengths, formats};
	struct sql_sync s;
	struct sql_text text;
	void *result;
	int saved;

	if (!lib->PQexecPrepared || !sql_take())
		return lib->PQexecPrepared ? lib->PQexecPrepared(pg, name, n, values, lengths,
								 formats, result_format)
					   : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	text = sql_conn_find(s.conn, name);
	s.call.sent = text.len;
	sql_sync_start(&s, text.statement);
	sql_call_set(&s.call, sql_params_hash(&params, text.literals, &s.call.sent), NULL, &params);
	errno = saved;
	result = lib->PQexecPrepared(pg, name, n, values, lengths, formats, result_format);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQdescribePrepared(void *pg, const char *name)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	void *result;
	int saved;

	if (!lib->PQdescribePrepared || !sql_take())
		return lib->PQdescribePrepared ? lib->PQdescribePrepared(pg, name) : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	sql_sync_start(&s, sql_statement_as(sql_conn_find(s.conn, name).statement, SQL_DESCRIBE));
	errno = saved;
	result = lib->PQdescribePrepared(pg, name);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQdescribePortal(void *pg, const char *name)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	void *result;
	int saved;

	if (!lib->PQdescribePortal || !sql_take())
		return lib->PQdescribePortal ? lib->PQdescribePortal(pg, name) : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	sql_sync_start(&s, sql_text_find(SQL_DESCRIBE, "[portal]", NULL, lib).statement);
	errno = saved;
	result = lib->PQdescribePortal(pg, name);
	sql_sync_end(&s, lib, result);
	return result;
}

AGENT_EXPORT void *PQfn(void *pg, int oid, int *out, int *out_len, int is_int, const void *args,
			int n)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	void *result;
	int saved;

	if (!lib->PQfn || !sql_take())
		return lib->PQfn ? lib->PQfn(pg, oid, out, out_len, is_int, args, n) : NULL;
	saved = errno;
	sql_sync_begin(&s, pg, &caller);
	sql_sync_start(&s, sql_text_find(SQL_FUNCTION, "[function]", NULL, lib).statement);
	sql_call_set(&s.call, (uint64_t)(unsigned)oid, NULL, NULL);
	errno = saved;
	result = lib->PQfn(pg, oid, out, out_len, is_int, args, n);
	sql_sync_end(&s, lib, result);
	return result;
}
