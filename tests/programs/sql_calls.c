/* Statements through libpq whose numbers are known. `sql_calls MODE…` runs, at $PG_URL, each mode on a connection of its own, over a
 * table t(id, x) of 1,000 rows with x = 'v' || id. Calls, rows, sets of parameters and the function that issues them:
 *   params    select x from t where id = ?      lookups_params   400   400 rows  100 sets   (server-side parameters)
 *   literals  select x from t where x = ?       lookups_literals 300   300 rows  300 sets   (values in the text)
 *   same      select count(*) from t            same_again       200   200 rows    1 set
 *   prepared  select id from t where x = ?      use_prepared     150   150 rows   50 sets; 1 prepare, 1 describe
 *   staged    select x from t where id = ?      lookups_params    50 in stage "inner", 50 in stage "outer"
 *   async     select id from t where id < ?     send_and_wait     30   270 rows   30 sets   (9 rows each)
 *   single    select id, x from t               row_by_row         1  1000 rows
 *   pipeline  select ? + ?                      pipelined         60    60 rows   20 sets, in 3 batches
 *   aborted   select ? / ?                      pipeline_fails     3 calls, 2 errors: the second fails, the third is not run
 *   copyin    copy t2 from stdin                copy_in            1   500 rows, 2392 bytes sent besides the text
 *   copyout   copy t to stdout                  copy_out           1  1000 rows, 8786 bytes received
 *   errors    select nothing from nowhere       fails             10 calls, 10 errors
 *   threads   select x from t where id = ?      lookups_params   4 x 100 calls, 100 sets
 *   fork      the same in a child on its own connection           100 calls, 100 sets, and 100 in the parent
 *   connect   [connect]                         connect_often     20 connections, one by steps
 *   many      select x as a<i> from t           many_statements  N different statements (mode many:N)
 *   long      select ? … one of 1 MB            long_texts         2 calls
 *   hostile   select 1 as "<script>…"           hostile            3 calls: markup, control and broken UTF-8 in names
 *   password  alter role … password ?           set_password       1
 *   hang      select pg_sleep(?)                hang               never returns: to be killed */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protea-prof.h"

#define SITE __attribute__((noinline))

static const char *url;

static void need(PGconn *c, PGresult *r, ExecStatusType status, int rows)
{
	if (PQresultStatus(r) == status && (rows < 0 || PQntuples(r) == rows)) {
		PQclear(r);
		return;
	}
	fprintf(stderr, "%s: %s", PQresStatus(PQresultStatus(r)), PQerrorMessage(c));
	exit(1);
}

static PGconn *open_one(void)
{
	PGconn *c = PQconnectdb(url);

	if (PQstatus(c) != CONNECTION_OK) {
		fprintf(stderr, "%s", PQerrorMessage(c));
		exit(1);
	}
	return c;
}

static const char *number(char out[16], int n)
{
	snprintf(out, 16, "%d", n);
	return out;
}

SITE static void lookups_params(PGconn *c, int calls, int sets)
{
	for (int i = 0; i < calls; i++) {
		char id[16];
		const char *values[] = {number(id, i % sets + 1)};

		need(c,
		     PQexecParams(c, "SELECT x FROM t WHERE id = $1", 1, NULL, values, NULL, NULL,
				  0),
		     PGRES_TUPLES_OK, 1);
	}
}

SITE static void lookups_literals(PGconn *c, int calls)
{
	for (int i = 0; i < calls; i++) {
		char sql[64];

		snprintf(sql, sizeof sql, "select x from t  where x = 'v%d' -- %d", i + 1, i);
		need(c, PQexec(c, sql), PGRES_TUPLES_OK, 1);
	}
}

SITE static void same_again(PGconn *c, int calls)
{
	for (int i = 0; i < calls; i++)
		need(c, PQexec(c, "select count(*) from t"), PGRES_TUPLES_OK, 1);
}

SITE static void use_prepared(PGconn *c, int calls, int sets)
{
	need(c, PQprepare(c, "by x", "select id from t where x = $1", 1, NULL), PGRES_COMMAND_OK,
	     -1);
	need(c, PQdescribePrepared(c, "by x"), PGRES_COMMAND_OK, -1);
	for (int i = 0; i < calls; i++) {
		char x[16];
		const char *values[] = {x};

		snprintf(x, sizeof x, "v%d", i % sets + 1);
		need(c, PQexecPrepared(c, "by x", 1, values, NULL, NULL, 0), PGRES_TUPLES_OK, 1);
	}
}

static void staged(PGconn *c)
{
	pp_stage outer = pp_stage_begin("outer"), inner;

	lookups_params(c, 25, 25);
	inner = pp_stage_begin("inner");
	lookups_params(c, 50, 50);
	pp_stage_end(&inner);
	lookups_params(c, 25, 25);
	pp_stage_end(&outer);
}

SITE static void send_and_wait(PGconn *c, int calls)
{
	for (int i = 0; i < calls; i++) {
		struct pollfd p = {PQsocket(c), POLLIN, 0};
		char sql[64];
		PGresult *r;

		snprintf(sql, sizeof sql, "select id from t where id < 10 and %d = %d", i, i);
		if (!PQsendQuery(c, sql))
			exit(1);
		while (PQisBusy(c))
			if (poll(&p, 1, -1) < 0 || !PQconsumeInput(c))
				exit(1);
		while ((r = PQgetResult(c)))
			need(c, r, PGRES_TUPLES_OK, 9);
	}
}

SITE static void row_by_row(PGconn *c)
{
	PGresult *r;

	if (!PQsendQuery(c, "select id, x from t") || !PQsetSingleRowMode(c))
		exit(1);
	while ((r = PQgetResult(c)))
		PQclear(r);
}

SITE static void pipelined(PGconn *c, int calls)
{
	for (int i = 0; i < calls; i++) {
		char a[16];
		const char *values[] = {number(a, i), "1"};

		if (!PQsendQueryParams(c, "select $1::int + $2::int", 2, NULL, values, NULL, NULL,
				       0))
			exit(1);
	}
	if (!PQpipelineSync(c))
		exit(1);
	for (int i = 0; i < calls; i++) {
		need(c, PQgetResult(c), PGRES_TUPLES_OK, 1);
		if (PQgetResult(c))
			exit(1);
	}
	need(c, PQgetResult(c), PGRES_PIPELINE_SYNC, -1);
}

SITE static void pipeline_fails(PGconn *c)
{
	static const ExecStatusType want[] = {PGRES_TUPLES_OK, PGRES_FATAL_ERROR,
					      PGRES_PIPELINE_ABORTED};

	for (int i = 0; i < 3; i++) {
		char b[16];
		const char *values[] = {"6", number(b, i == 1 ? 0 : 2)};

		if (!PQsendQueryParams(c, "select $1::int / $2::int", 2, NULL, values, NULL, NULL,
				       0))
			exit(1);
	}
	if (!PQpipelineSync(c))
		exit(1);
	for (int i = 0; i < 3; i++) {
		need(c, PQgetResult(c), want[i], -1);
		if (PQgetResult(c))
			exit(1);
	}
	need(c, PQgetResult(c), PGRES_PIPELINE_SYNC, -1);
}

static void in_pipeline(PGconn *c, int fail)
{
	if (!PQenterPipelineMode(c))
		exit(1);
	for (int i = 0; i < 3 && !fail; i++)
		pipelined(c, 20);
	if (fail)
		pipeline_fails(c);
	if (!PQexitPipelineMode(c))
		exit(1);
}

SITE static void copy_in(PGconn *c)
{
	PGresult *r;

	need(c, PQexec(c, "copy t2 from stdin"), PGRES_COPY_IN, -1);
	for (int i = 0; i < 500; i++) {
		char row[32];
		int n = snprintf(row, sizeof row, "%d\n", i * 7);

		if (PQputCopyData(c, row, n) != 1)
			exit(1);
	}
	if (PQputCopyEnd(c, NULL) != 1)
		exit(1);
	while ((r = PQgetResult(c)))
		need(c, r, PGRES_COMMAND_OK, -1);
}

SITE static void copy_out(PGconn *c)
{
	PGresult *r;
	char *row;

	need(c, PQexec(c, "copy t to stdout"), PGRES_COPY_OUT, -1);
	while (PQgetCopyData(c, &row, 0) > 0)
		PQfreemem(row);
	while ((r = PQgetResult(c)))
		need(c, r, PGRES_COMMAND_OK, -1);
}

SITE static void fails(PGconn *c)
{
	for (int i = 0; i < 10; i++)
		need(c, PQexec(c, "select nothing from nowhere"), PGRES_FATAL_ERROR, -1);
}

static void *thread(void *unused)
{
	PGconn *c = open_one();

	(void)unused;
	lookups_params(c, 100, 100);
	PQfinish(c);
	return NULL;
}

static void threads(void)
{
	pthread_t all[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&all[i], NULL, thread, NULL))
			exit(1);
	for (int i = 0; i < 4; i++)
		pthread_join(all[i], NULL);
}

static void forks(PGconn *c)
{
	int status = 1;
	pid_t pid;

	lookups_params(c, 50, 100);
	pid = fork();
	if (pid == 0) {
		thread(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		exit(1);
	lookups_params(c, 50, 100);
}

SITE static void connect_often(void)
{
	for (int i = 0; i < 19; i++)
		PQfinish(open_one());
	{
		PGconn *c = PQconnectStart(url);
		PostgresPollingStatusType s = PGRES_POLLING_WRITING;

		while (s != PGRES_POLLING_OK) {
			struct pollfd p = {PQsocket(c), POLLIN, 0};

			if (s == PGRES_POLLING_FAILED || PQstatus(c) == CONNECTION_BAD)
				exit(1);
			p.events = s == PGRES_POLLING_READING ? POLLIN : POLLOUT;
			(void)poll(&p, 1, 1000);
			s = PQconnectPoll(c);
		}
		PQfinish(c);
	}
}

SITE static void many_statements(PGconn *c, int n)
{
	for (int i = 0; i < n; i++) {
		char sql[64];

		snprintf(sql, sizeof sql, "select x as a%d from t where id = 1", i);
		need(c, PQexec(c, sql), PGRES_TUPLES_OK, 1);
	}
}

SITE static void long_texts(PGconn *c)
{
	const size_t bytes = 1 << 20;
	char *sql = malloc(bytes + 64);
	size_t at;

	if (!sql)
		exit(1);
	at = (size_t)snprintf(sql, bytes, "select '");
	memset(sql + at, 'z', bytes);
	memcpy(sql + at + bytes, "' as longone", 13);
	need(c, PQexec(c, sql), PGRES_TUPLES_OK, 1);
	at = (size_t)snprintf(sql, bytes, "select 1 in (");
	while (at < bytes)
		at += (size_t)snprintf(sql + at, 32, "%zu,", at);
	memcpy(sql + at, "0) as longlist", 15);
	need(c, PQexec(c, sql), PGRES_TUPLES_OK, 1);
	free(sql);
}

SITE static void hostile(PGconn *c)
{
	need(c, PQexec(c, "select 1 as \"<script>alert(1)</script>&quot;;--\""), PGRES_TUPLES_OK,
	     1);
	need(c, PQexec(c, "select 1 as \"\x1b[31mred\x07\nline\""), PGRES_TUPLES_OK, 1);
	PQclear(PQexec(c, "select 1 as \"\xff\xfe broken \xc3\""));
}

SITE static void set_password(PGconn *c)
{
	need(c, PQexec(c, "create role sql_calls password 'HushHush1'"), PGRES_COMMAND_OK, -1);
	need(c, PQexec(c, "drop role sql_calls"), PGRES_COMMAND_OK, -1);
}

SITE static void hang(PGconn *c)
{
	printf("hangs\n");
	fflush(stdout);
	PQclear(PQexec(c, "select pg_sleep(600)"));
}

static void run(PGconn *c, const char *mode)
{
	if (strcmp(mode, "params") == 0)
		lookups_params(c, 400, 100);
	else if (strcmp(mode, "literals") == 0)
		lookups_literals(c, 300);
	else if (strcmp(mode, "same") == 0)
		same_again(c, 200);
	else if (strcmp(mode, "prepared") == 0)
		use_prepared(c, 150, 50);
	else if (strcmp(mode, "staged") == 0)
		staged(c);
	else if (strcmp(mode, "async") == 0)
		send_and_wait(c, 30);
	else if (strcmp(mode, "single") == 0)
		row_by_row(c);
	else if (strcmp(mode, "pipeline") == 0)
		in_pipeline(c, 0);
	else if (strcmp(mode, "aborted") == 0)
		in_pipeline(c, 1);
	else if (strcmp(mode, "copyin") == 0)
		copy_in(c);
	else if (strcmp(mode, "copyout") == 0)
		copy_out(c);
	else if (strcmp(mode, "errors") == 0)
		fails(c);
	else if (strcmp(mode, "threads") == 0)
		threads();
	else if (strcmp(mode, "fork") == 0)
		forks(c);
	else if (strcmp(mode, "connect") == 0)
		connect_often();
	else if (strncmp(mode, "many:", 5) == 0)
		many_statements(c, (int)strtol(mode + 5, NULL, 10));
	else if (strcmp(mode, "long") == 0)
		long_texts(c);
	else if (strcmp(mode, "hostile") == 0)
		hostile(c);
	else if (strcmp(mode, "password") == 0)
		set_password(c);
	else if (strcmp(mode, "hang") == 0)
		hang(c);
	else
		exit(2);
}

int main(int argc, char **argv)
{
	url = getenv("PG_URL");
	for (int i = 1; url && i < argc; i++) {
		PGconn *c = open_one();

		run(c, argv[i]);
		PQfinish(c);
	}
	return url && argc > 1 ? 0 : 2;
}
