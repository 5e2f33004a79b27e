/* libpq's functions that send and those that bring results, COPY and pipelines. A statement
 * that was sent waits in its connection's queue until its last result has come; the time that its thread spends in
 * libpq meanwhile is added up apart. */
#include <errno.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sql_hook.h"
#include "prof/base/clock.h"

static void finish_first(struct sql_conn *c, int64_t now_ns)
{
	struct sql_call *call = sql_conn_first(c);

	if (!call->last_ns)
		call->last_ns = now_ns;
	if (!call->sync)
		sql_call_end(call);
	sql_conn_pop(c);
}

void sql_drain(struct sql_conn *c, int64_t now_ns)
{
	while (sql_conn_first(c))
		finish_first(c, now_ns);
}

/* ---- sending ------------------------------------------------------------------------------------- */

struct sending {
	struct sql_call call;
	struct sql_conn *conn;
	int saved;
};

static void send_begin(struct sending *s, uint32_t statement, const struct mem_caller *caller)
{
	sql_call_begin(&s->call, statement, caller);
	s->call.start_ns = clock_mono_ns();
}

static void send_end(struct sending *s, int sent)
{
	int saved = errno;
	int64_t now = clock_mono_ns();
	struct sql_call *waits;

	s->call.inside_ns = now - s->call.start_ns;
	waits = sent && s->conn ? sql_conn_push(s->conn) : NULL;
	if (waits) {
		*waits = s->call;
		sql_conn_waits(s->conn, sql_conn_first(s->conn));
	} else {
		s->call.failed = !sent;
		s->call.last_ns = now;
		sql_call_end(&s->call);
	}
	errno = saved;
	sql_leave();
}

static void send_enter(struct sending *s, void *pg)
{
	s->saved = errno;
	memset(&s->call, 0, sizeof s->call);
	s->conn = sql_conn_of(pg);
}

AGENT_EXPORT int PQsendQuery(void *pg, const char *sql)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sending s;
	struct sql_text text;
	int sent;

	if (!lib->PQsendQuery || !sql_take())
		return lib->PQsendQuery ? lib->PQsendQuery(pg, sql) : 0;
	send_enter(&s, pg);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	s.call.sent = text.len;
	send_begin(&s, text.statement, &caller);
	sql_call_set(&s.call, text.literals, text.literals ? sql : NULL, NULL);
	errno = s.saved;
	sent = lib->PQsendQuery(pg, sql);
	send_end(&s, sent);
	return sent;
}

AGENT_EXPORT int PQsendQueryParams(void *pg, const char *sql, int n, const unsigned *types,
				   const char *const *values, const int *lengths,
				   const int *formats, int result_format)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	const struct sql_params params = {n, values, lengths, formats};
	struct sending s;
	struct sql_text text;
	int sent;

	if (!lib->PQsendQueryParams || !sql_take())
		return lib->PQsendQueryParams
			       ? lib->PQsendQueryParams(pg, sql, n, types, values, lengths, formats,
							result_format)
			       : 0;
	send_enter(&s, pg);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	s.call.sent = text.len;
	send_begin(&s, text.statement, &caller);
	sql_call_set(&s.call, sql_params_hash(&params, text.literals, &s.call.sent), NULL, &params);
	errno = s.saved;
	sent = lib->PQsendQueryParams(pg, sql, n, types, values, lengths, formats, result_format);
	send_end(&s, sent);
	return sent;
}

AGENT_EXPORT int PQsendPrepare(void *pg, const char *name, const char *sql, int n,
			       const unsigned *types)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sending s;
	struct sql_text text;
	int sent;

	if (!lib->PQsendPrepare || !sql_take())
		return lib->PQsendPrepare ? lib->PQsendPrepare(pg, name, sql, n, types) : 0;
	send_enter(&s, pg);
	text = sql_text_find(SQL_QUERY, sql, pg, lib);
	if (s.conn)
		sql_conn_prepared(s.conn, name, &text);
	s.call.sent = text.len;
	send_begin(&s, sql_statement_as(text.statement, SQL_PREPARE), &caller);
	errno = s.saved;
	sent = lib->PQsendPrepare(pg, name, sql, n, types);
	send_end(&s, sent);
	return sent;
}

AGENT_EXPORT int PQsendQueryPrepared(void *pg, const char *name, int n, const char *const *values,
				     const int *lengths, const int *formats, int result_format)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	const struct sql_params params = {n, values, lengths, formats};
	struct sending s;
	struct sql_text text;
	int sent;

	if (!lib->PQsendQueryPrepared || !sql_take())
		return lib->PQsendQueryPrepared
			       ? lib->PQsendQueryPrepared(pg, name, n, values, lengths, formats,
							  result_format)
			       : 0;
	send_enter(&s, pg);
	text = sql_conn_find(s.conn, name);
	s.call.sent = text.len;
	send_begin(&s, text.statement, &caller);
	sql_call_set(&s.call, sql_params_hash(&params, text.literals, &s.call.sent), NULL, &params);
	errno = s.saved;
	sent = lib->PQsendQueryPrepared(pg, name, n, values, lengths, formats, result_format);
	send_end(&s, sent);
	return sent;
}

AGENT_EXPORT int PQsendDescribePrepared(void *pg, const char *name)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sending s;
	int sent;

	if (!lib->PQsendDescribePrepared || !sql_take())
		return lib->PQsendDescribePrepared ? lib->PQsendDescribePrepared(pg, name) : 0;
	send_enter(&s, pg);
	send_begin(&s, sql_statement_as(sql_conn_find(s.conn, name).statement, SQL_DESCRIBE),
		   &caller);
	errno = s.saved;
	sent = lib->PQsendDescribePrepared(pg, name);
	send_end(&s, sent);
	return sent;
}

AGENT_EXPORT int PQsendDescribePortal(void *pg, const char *name)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sending s;
	int sent;

	if (!lib->PQsendDescribePortal || !sql_take())
		return lib->PQsendDescribePortal ? lib->PQsendDescribePortal(pg, name) : 0;
	send_enter(&s, pg);
	send_begin(&s, sql_text_find(SQL_DESCRIBE, "[portal]", NULL, lib).statement, &caller);
	errno = s.saved;
	sent = lib->PQsendDescribePortal(pg, name);
	send_end(&s, sent);
	return sent;
}

/* ---- results ------------------------------------------------------------------------------------- */

/* No result: in a pipeline that of the first ended, if it has answered; else all that was sent has. */
static void no_result(struct sql_conn *c, int64_t now_ns)
{
	struct sql_call *call = sql_conn_first(c);

	if (!*sql_conn_pipeline(c))
		sql_drain(c, now_ns);
	else if (call && call->answered && !call->sync)
		finish_first(c, now_ns);
}

static void at_sync(struct sql_conn *c, int64_t now_ns)
{
	while (sql_conn_first(c)) {
		int sync = sql_conn_first(c)->sync;

		finish_first(c, now_ns);
		if (sync)
			return;
	}
}

static void got_result(struct sql_conn *c, const struct sql_lib *lib, void *result, int64_t from_ns)
{
	int64_t now = clock_mono_ns();
	struct sql_call *call = sql_conn_first(c);

	if (!call)
		return;
	call->inside_ns += now - from_ns;
	if (!result) {
		no_result(c, now);
		return;
	}
	if (lib->PQresultStatus(result) == PQ_PIPELINE_SYNC) {
		at_sync(c, now);
		return;
	}
	call->last_ns = now;
	sql_result_add(call, lib, result);
}

AGENT_EXPORT void *PQgetResult(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_conn *c;
	int64_t from;
	void *result;
	int saved;

	if (!lib->PQgetResult || !sql_take())
		return lib->PQgetResult ? lib->PQgetResult(pg) : NULL;
	saved = errno;
	c = sql_conn_of(pg);
	from = clock_mono_ns();
	errno = saved;
	result = lib->PQgetResult(pg);
	saved = errno;
	if (c)
		got_result(c, lib, result, from);
	errno = saved;
	sql_leave();
	return result;
}

/* Time in libpq, and bytes, of what waits first. */
static void moved(void *pg, int64_t from_ns, uint64_t sent, uint64_t received)
{
	int saved = errno;
	struct sql_conn *c = sql_conn_of(pg);
	struct sql_call *call = c ? sql_conn_first(c) : NULL;

	if (call) {
		call->inside_ns += clock_mono_ns() - from_ns;
		call->sent += sent;
		call->received += received;
	}
	errno = saved;
	sql_leave();
}

AGENT_EXPORT int PQconsumeInput(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int rc;

	if (!lib->PQconsumeInput || !sql_take())
		return lib->PQconsumeInput ? lib->PQconsumeInput(pg) : 0;
	from = clock_mono_ns();
	rc = lib->PQconsumeInput(pg);
	moved(pg, from, 0, 0);
	return rc;
}

AGENT_EXPORT int PQputCopyData(void *pg, const char *bytes, int n)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int rc;

	if (!lib->PQputCopyData || !sql_take())
		return lib->PQputCopyData ? lib->PQputCopyData(pg, bytes, n) : -1;
	from = clock_mono_ns();
	rc = lib->PQputCopyData(pg, bytes, n);
	moved(pg, from, rc > 0 && n > 0 ? (uint64_t)n : 0, 0);
	return rc;
}

AGENT_EXPORT int PQputCopyEnd(void *pg, const char *error)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int rc;

	if (!lib->PQputCopyEnd || !sql_take())
		return lib->PQputCopyEnd ? lib->PQputCopyEnd(pg, error) : -1;
	from = clock_mono_ns();
	rc = lib->PQputCopyEnd(pg, error);
	moved(pg, from, 0, 0);
	return rc;
}

AGENT_EXPORT int PQgetCopyData(void *pg, char **out, int async)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int n;

	if (!lib->PQgetCopyData || !sql_take())
		return lib->PQgetCopyData ? lib->PQgetCopyData(pg, out, async) : -2;
	from = clock_mono_ns();
	n = lib->PQgetCopyData(pg, out, async);
	moved(pg, from, 0, n > 0 ? (uint64_t)n : 0);
	return n;
}

AGENT_EXPORT int PQendcopy(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_conn *c;
	int rc, saved;

	if (!lib->PQendcopy || !sql_take())
		return lib->PQendcopy ? lib->PQendcopy(pg) : 1;
	rc = lib->PQendcopy(pg);
	saved = errno;
	c = sql_conn_of(pg);
	if (c)
		sql_drain(c, clock_mono_ns());
	errno = saved;
	sql_leave();
	return rc;
}

/* ---- pipelines ----------------------------------------------------------------------------------- */

static void mark_sync(void *pg, int rc)
{
	int saved = errno;
	struct sql_conn *c = rc ? sql_conn_of(pg) : NULL;
	struct sql_call *mark = c ? sql_conn_push(c) : NULL;

	if (mark)
		mark->sync = 1;
	errno = saved;
	sql_leave();
}

AGENT_EXPORT int PQpipelineSync(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int rc;

	if (!lib->PQpipelineSync || !sql_take())
		return lib->PQpipelineSync ? lib->PQpipelineSync(pg) : 0;
	rc = lib->PQpipelineSync ? lib->PQpipelineSync(pg) : 0;
	mark_sync(pg, rc);
	return rc;
}

AGENT_EXPORT int PQsendPipelineSync(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int rc;

	if (!lib->PQsendPipelineSync || !sql_take())
		return lib->PQsendPipelineSync ? lib->PQsendPipelineSync(pg) : 0;
	rc = lib->PQsendPipelineSync ? lib->PQsendPipelineSync(pg) : 0;
	mark_sync(pg, rc);
	return rc;
}

static void set_pipeline(void *pg, int on)
{
	int saved = errno;
	struct sql_conn *c = sql_conn_of(pg);

	if (c)
		*sql_conn_pipeline(c) = on;
	if (c && !on)
		sql_drain(c, clock_mono_ns());
	errno = saved;
	sql_leave();
}

AGENT_EXPORT int PQenterPipelineMode(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int rc = lib->PQenterPipelineMode ? lib->PQenterPipelineMode(pg) : 0;

	if (rc && sql_take())
		set_pipeline(pg, 1);
	return rc;
}

AGENT_EXPORT int PQexitPipelineMode(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int rc = lib->PQexitPipelineMode ? lib->PQexitPipelineMode(pg) : 0;

	if (rc && sql_take())
		set_pipeline(pg, 0);
	return rc;
}
