/* A server that says nothing: a thread that speaks as much of PostgreSQL as a connection needs, and stops
 * answering where a test wants it to. Each call must come back, or the test program is ended by its alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/postgres/pg.h"
#include "prof/postgres/pg_int.h"
#include "prof/postgres/pgcopy.h"

#define HUNG_S      100
#define CLIENTS     32
#define CANCEL_CODE 80877102u
#define START_CODE  0x30000u
#define SECRET      "s3cretword"

/* What comes after the statement that is answered no more. */
enum { MUTE, DRIP, IN_COPY };

static struct {
	int fd, port;
	pthread_t thread;
	atomic_int answers; /* statements that get an answer; -1: not even the start */
	atomic_int then;
	atomic_int cancels; /* requests that came */
	atomic_int over;
	const char *failure; /* of each statement; NULL: it is fine */
} server;

struct client {
	int fd;
	int drips;
};

/* ---- the server -------------------------------------------------------------------------------- */

static void put(int fd, const void *bytes, size_t n)
{
	if (send(fd, bytes, n, MSG_NOSIGNAL) < 0)
		return; /* the client has left, which shows at the next poll */
}

static void put_message(int fd, char type, const void *bytes, size_t n)
{
	uint32_t len = htonl((uint32_t)n + 4);

	put(fd, &type, 1);
	put(fd, &len, 4);
	if (n)
		put(fd, bytes, n);
}

static void put_ready(int fd)
{
	put_message(fd, 'Z', "I", 1);
}

static void put_hello(int fd)
{
	put_message(fd, 'R', "\0\0\0", 4);
	put_message(fd, 'S',
		    "server_version\0"
		    "15.0",
		    20);
	put_message(fd, 'K', "\0\0\0\1\0\0\0\2", 8);
	put_ready(fd);
}

static void put_failure(int fd, const char *words)
{
	char text[4000];
	int n = snprintf(text, sizeof text, "SERROR%cCXX000%cM%s%c", 0, 0, words, 0) + 1;

	put_message(fd, 'E', text, (size_t)n);
	put_ready(fd);
}

static void answer(struct client *c)
{
	if (atomic_fetch_sub(&server.answers, 1) > 0) {
		if (server.failure) {
			put_failure(c->fd, server.failure);
			return;
		}
		put_message(c->fd, 'C', "SET", 4);
		put_ready(c->fd);
		return;
	}
	atomic_store(&server.answers, 0);
	if (server.then == IN_COPY)
		put_message(c->fd, 'H', "\1\0\1\0\1", 5);
	c->drips = server.then == DRIP;
}

/* Whole requests only: what is sent on loopback in one piece comes in one. */
static void hear(struct client *c)
{
	unsigned char bytes[4096];
	uint32_t code = 0;
	ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	if (n >= 8)
		memcpy(&code, bytes + 4, 4);
	if (ntohl(code) == CANCEL_CODE)
		atomic_fetch_add(&server.cancels, 1);
	else if (ntohl(code) == START_CODE && server.answers >= 0)
		put_hello(c->fd);
	else if (bytes[0] == 'Q')
		answer(c);
}

static void *serve(void *ctx)
{
	struct client clients[CLIENTS];
	int n = 0;

	(void)ctx;
	while (!server.over) {
		struct pollfd fds[CLIENTS + 1] = {{.fd = server.fd, .events = POLLIN}};

		for (int i = 0; i < n; i++)
			fds[i + 1] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		poll(fds, (nfds_t)n + 1, 20);
		for (int i = 0; i < n; i++) {
			if (fds[i + 1].revents)
				hear(&clients[i]);
			else if (clients[i].fd >= 0 && clients[i].drips)
				put_message(clients[i].fd, 'S', "a\0b", 4);
		}
		if (fds[0].revents && n < CLIENTS)
			clients[n++] = (struct client){.fd = accept(server.fd, NULL, NULL)};
	}
	for (int i = 0; i < n; i++)
		if (clients[i].fd >= 0)
			close(clients[i].fd);
	return NULL;
}

static int start(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof at;

	(void)state;
	alarm(HUNG_S);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	server.over = server.cancels = server.then = server.answers = 0;
	server.failure = NULL;
	if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(server.fd, CLIENTS) != 0 ||
	    getsockname(server.fd, (struct sockaddr *)&at, &len) != 0)
		return -1;
	server.port = ntohs(at.sin_port);
	return pthread_create(&server.thread, NULL, serve, NULL);
}

static int stop(void **state)
{
	(void)state;
	server.over = 1;
	pthread_join(server.thread, NULL);
	close(server.fd);
	return 0;
}

/* ---- tests --------------------------------------------------------------------------------------- */

/* `answers`: of statements; the first is what a connection begins with. */
static int connect_with(struct pg **pg, int answers, const struct pg_options *opt, struct err *err)
{
	char url[120];

	server.answers = answers;
	snprintf(url, sizeof url,
		 "postgresql://joe:" SECRET "@127.0.0.1:%d/d?sslmode=disable&gssencmode=disable",
		 server.port);
	return pg_open_with(pg, url, opt, err);
}

static void is_silence(int rc, const struct err *err, const char *words)
{
	assert_int_equal(rc, ERR_NETWORK);
	assert_true(pg_is_transient(err));
	assert_non_null(strstr(err->text, words));
	assert_null(strstr(err->text, SECRET));
}

static void a_server_that_does_not_begin(void **state)
{
	const struct pg_options opt = {.connect_timeout_s = 1};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	is_silence(connect_with(&pg, -1, &opt, &err), &err, "cannot connect: no answer");
	assert_null(pg);
}

static void opening_ends_at_its_deadline(void **state)
{
	const struct pg_options opt = {.connect_timeout_s = HUNG_S, .tries = 50, .within_ms = 300};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	is_silence(connect_with(&pg, -1, &opt, &err), &err, "cannot connect: no answer");
	assert_null(pg);
}

static void a_server_that_is_silent_once_connected(void **state)
{
	const struct pg_options opt = {.connect_timeout_s = 3};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	is_silence(connect_with(&pg, 0, &opt, &err), &err, "no answer within");
	assert_null(pg);
}

static void a_statement_without_an_answer(void **state)
{
	const struct pg_options opt = {.silence_s = 2};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	assert_int_equal(connect_with(&pg, 2, &opt, &err), 0);
	assert_int_equal(pg_exec(pg, "SELECT 1", &err), 0);
	is_silence(pg_exec(pg, "SELECT 2", &err), &err, "no answer within 2 s");
	assert_false(pg_usable(pg));
	while (!server.cancels) /* asked, and not waited for without end */
		usleep(1000);
	is_silence(pg_exec(pg, "SELECT 3", &err), &err, "dropped");
	pg_close(pg);
}

/* A byte now and then is a sign of life, but no answer. */
static void a_deadline_ends_what_drips(void **state)
{
	const struct pg_options opt = {.silence_s = HUNG_S};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	server.then = DRIP;
	assert_int_equal(connect_with(&pg, 1, &opt, &err), 0);
	assert_true(pg_time_left_ms(pg) == INT64_MAX);
	pg_set_deadline(pg, 400);
	assert_in_range(pg_time_left_ms(pg), 0, 401);
	is_silence(pg_exec(pg, "SELECT 1", &err), &err, "no answer within 1 s");
	assert_false(pg_usable(pg));
	assert_int_equal(pg_time_left_ms(pg), 0);
	assert_int_equal(pg_reopen(pg, &err), ERR_NETWORK); /* there is no time for it */
	pg_set_deadline(pg, 0);
	server.answers = 2;
	assert_int_equal(pg_reopen(pg, &err), 0);
	assert_int_equal(pg_exec(pg, "SELECT 1", &err), 0);
	pg_close(pg);
}

static int no_row(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	(void)ctx;
	(void)fields;
	(void)n_fields;
	return err_set(err, ERR_INTERNAL, "a row");
}

static void a_stream_that_stops(void **state)
{
	const struct pg_options opt = {.silence_s = 1};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	server.then = IN_COPY;
	assert_int_equal(connect_with(&pg, 1, &opt, &err), 0);
	is_silence(pgcopy_read(pg, "SELECT 1", 1, no_row, NULL, NULL, &err), &err,
		   "no answer within 1 s");
	assert_false(pg_usable(pg));
	pg_close(pg);
}

static int asked(void *ctx)
{
	return ++*(int *)ctx > 2;
}

static void a_stop_and_a_close_do_not_hang(void **state)
{
	int n = 0;
	const struct pg_options opt = {.silence_s = HUNG_S};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	assert_int_equal(connect_with(&pg, 1, &opt, &err), 0);
	pg_set_stop(pg, asked, &n);
	assert_int_equal(pg_exec(pg, "SELECT 1", &err), ERR_CANCELLED);
	while (!server.cancels)
		usleep(1000);
	pg_rollback(pg);
	pg_close(pg);
}

/* More statements are given up than threads may be left behind. */
static void many_that_are_given_up(void **state)
{
	const struct pg_options opt = {.silence_s = HUNG_S};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	for (int i = 0; i < 12; i++) {
		assert_int_equal(connect_with(&pg, 1, &opt, &err), 0);
		pg_set_deadline(pg, 20);
		is_silence(pg_exec(pg, "SELECT 1", &err), &err, "no answer");
		pg_close(pg);
	}
	while (!server.cancels)
		usleep(1000);
	assert_in_range(server.cancels, 1, 8);
}

/* A secret at the place where a long message is cut. */
static void a_cut_message_shows_no_part_of_a_secret(void **state)
{
	char words[1300];
	struct err err = ERR_INIT;
	const struct pg_options opt = {.silence_s = HUNG_S};
	struct pg *pg;

	(void)state;
	assert_int_equal(connect_with(&pg, 1000, &opt, &err), 0);
	server.failure = words;
	for (size_t at = 840; at < 920; at++) {
		memset(words, 'x', sizeof words);
		memcpy(words + at, SECRET, strlen(SECRET));
		words[sizeof words - 1] = '\0';
		assert_int_equal(pg_exec(pg, "SELECT 1", &err), ERR_DATABASE);
		assert_null(strstr(err.text, "s3c"));
		assert_non_null(strstr(err.text, "xxxx"));
	}
	pg_close(pg);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_server_that_does_not_begin),
		CASE(opening_ends_at_its_deadline),
		CASE(a_server_that_is_silent_once_connected),
		CASE(a_statement_without_an_answer),
		CASE(a_deadline_ends_what_drips),
		CASE(a_stream_that_stops),
		CASE(a_stop_and_a_close_do_not_hang),
		CASE(many_that_are_given_up),
		CASE(a_cut_message_shows_no_part_of_a_secret),
	};

	return pg_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
