/* libpq's functions that make, remake and end connections, as the program calls them. A connection that is made is booked
 * as a statement of its own kind; what its string says is looked at by nobody. */
#include <errno.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sql_hook.h"
#include "prof/base/clock.h"

static void connect_begin(struct sql_sync *s, const struct mem_caller *caller,
			  const struct sql_lib *lib)
{
	sql_sync_begin(s, NULL, caller);
	sql_sync_start(s, sql_text_find(SQL_CONNECT, "[connect]", NULL, lib).statement);
}

static void connect_end(struct sql_sync *s, void *pg, const struct sql_lib *lib)
{
	int saved = errno;

	s->call.last_ns = clock_mono_ns();
	s->call.inside_ns = s->call.last_ns - s->call.start_ns;
	s->call.failed = !pg || (lib->PQstatus && lib->PQstatus(pg) != 0);
	sql_call_end(&s->call);
	if (pg)
		(void)sql_conn_of(pg);
	errno = saved;
	sql_leave();
}

AGENT_EXPORT void *PQconnectdb(const char *info)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	int saved = errno;
	void *pg;

	if (!lib->PQconnectdb || !sql_take())
		return lib->PQconnectdb ? lib->PQconnectdb(info) : NULL;
	connect_begin(&s, &caller, lib);
	errno = saved;
	pg = lib->PQconnectdb(info);
	connect_end(&s, pg, lib);
	return pg;
}

AGENT_EXPORT void *PQconnectdbParams(const char *const *keys, const char *const *values, int expand)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	int saved = errno;
	void *pg;

	if (!lib->PQconnectdbParams || !sql_take())
		return lib->PQconnectdbParams ? lib->PQconnectdbParams(keys, values, expand) : NULL;
	connect_begin(&s, &caller, lib);
	errno = saved;
	pg = lib->PQconnectdbParams(keys, values, expand);
	connect_end(&s, pg, lib);
	return pg;
}

AGENT_EXPORT void *PQsetdbLogin(const char *host, const char *port, const char *options,
				const char *tty, const char *db, const char *user,
				const char *password)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	int saved = errno;
	void *pg;

	if (!lib->PQsetdbLogin || !sql_take())
		return lib->PQsetdbLogin
			       ? lib->PQsetdbLogin(host, port, options, tty, db, user, password)
			       : NULL;
	connect_begin(&s, &caller, lib);
	errno = saved;
	pg = lib->PQsetdbLogin(host, port, options, tty, db, user, password);
	connect_end(&s, pg, lib);
	return pg;
}

/* In steps: from the first to the poll that says it is there, or not. */
static void steps_begin(void *pg, const struct mem_caller *caller, const struct sql_lib *lib,
			int64_t from_ns)
{
	int saved = errno;
	struct sql_conn *c = pg ? sql_conn_of(pg) : NULL;
	struct sql_call *call = c ? sql_conn_connecting(c) : NULL;

	if (call) {
		sql_conn_reset(c);
		sql_call_begin(call, sql_text_find(SQL_CONNECT, "[connect]", NULL, lib).statement,
			       caller);
		call->start_ns = from_ns;
		call->inside_ns = clock_mono_ns() - from_ns;
		call->open = 1;
		sql_conn_waits(c, call);
	}
	errno = saved;
	sql_leave();
}

static void steps_poll(void *pg, int state, int64_t from_ns)
{
	int saved = errno;
	struct sql_conn *c = pg ? sql_conn_of(pg) : NULL;
	struct sql_call *call = c ? sql_conn_connecting(c) : NULL;

	if (call && call->open) {
		call->last_ns = clock_mono_ns();
		call->inside_ns += call->last_ns - from_ns;
		if (state == PQ_POLLING_OK || state == PQ_POLLING_FAILED) {
			call->open = 0;
			call->failed = state == PQ_POLLING_FAILED;
			sql_call_end(call);
			sql_conn_waits(c, NULL);
		}
	}
	errno = saved;
	sql_leave();
}

AGENT_EXPORT void *PQconnectStart(const char *info)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	void *pg;

	if (!lib->PQconnectStart || !sql_take())
		return lib->PQconnectStart ? lib->PQconnectStart(info) : NULL;
	from = clock_mono_ns();
	pg = lib->PQconnectStart(info);
	steps_begin(pg, &caller, lib, from);
	return pg;
}

AGENT_EXPORT void *PQconnectStartParams(const char *const *keys, const char *const *values,
					int expand)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	void *pg;

	if (!lib->PQconnectStartParams || !sql_take())
		return lib->PQconnectStartParams ? lib->PQconnectStartParams(keys, values, expand)
						 : NULL;
	from = clock_mono_ns();
	pg = lib->PQconnectStartParams(keys, values, expand);
	steps_begin(pg, &caller, lib, from);
	return pg;
}

AGENT_EXPORT int PQconnectPoll(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int state;

	if (!lib->PQconnectPoll || !sql_take())
		return lib->PQconnectPoll ? lib->PQconnectPoll(pg) : PQ_POLLING_FAILED;
	from = clock_mono_ns();
	state = lib->PQconnectPoll(pg);
	steps_poll(pg, state, from);
	return state;
}

AGENT_EXPORT void PQreset(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	struct sql_sync s;
	int saved = errno;

	if (!lib->PQreset)
		return;
	if (!sql_take()) {
		lib->PQreset(pg);
		return;
	}
	connect_begin(&s, &caller, lib);
	errno = saved;
	lib->PQreset(pg);
	s.conn = pg ? sql_conn_of(pg) : NULL;
	if (s.conn)
		sql_conn_reset(s.conn);
	connect_end(&s, pg, lib);
}

AGENT_EXPORT int PQresetStart(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int rc;

	if (!lib->PQresetStart || !sql_take())
		return lib->PQresetStart ? lib->PQresetStart(pg) : 0;
	from = clock_mono_ns();
	rc = lib->PQresetStart(pg);
	steps_begin(rc ? pg : NULL, &caller, lib, from);
	return rc;
}

AGENT_EXPORT int PQresetPoll(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int64_t from;
	int state;

	if (!lib->PQresetPoll || !sql_take())
		return lib->PQresetPoll ? lib->PQresetPoll(pg) : PQ_POLLING_FAILED;
	from = clock_mono_ns();
	state = lib->PQresetPoll(pg);
	steps_poll(pg, state, from);
	return state;
}

/* What was still waited for was given up. */
AGENT_EXPORT void PQfinish(void *pg)
{
	const struct mem_caller caller = MEM_CALLER();
	const struct sql_lib *lib = sql_lib_of(caller.ip);
	int saved = errno;

	if (sql_take()) {
		struct sql_conn *c = pg ? sql_conn_of(pg) : NULL;

		if (c)
			sql_drain(c, clock_mono_ns());
		sql_conn_gone(pg);
		errno = saved;
		sql_leave();
	}
	if (lib->PQfinish)
		lib->PQfinish(pg);
}
