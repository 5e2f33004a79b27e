/* The progress line: its text, its speed, and the terminal it is drawn on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/events/events.h"
#include "pipeline/events/progress.h"
#include "prof/base/log.h"

#define WIDE 200

static void says(const char *want, uint64_t done, uint64_t total, double per_s, size_t columns)
{
	struct buf out = BUF_INIT;

	progress_text(&out, "alignment", "pairs", done, total, per_s, columns, 0);
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void the_line_tells_share_rate_and_time_left(void **state)
{
	(void)state;
	says("alignment 12,345 / 50,000 pairs  24.7 %  3,210/s  12 s left", 12345, 50000, 3210.4,
	     WIDE);
	says("alignment 1 / 50,000 pairs  0.0 %  0.5/s  27 h 46 min left", 1, 50000, 0.5, WIDE);
	says("alignment 0 / 10 pairs  0.0 %", 0, 10, 0, WIDE);
	says("alignment 10 / 10 pairs  100.0 %  20/s", 10, 10, 20, WIDE);
	says("alignment 9 / 10 pairs  90.0 %  20/s  0 s left", 9, 10, 20, WIDE);
	says("alignment 7 pairs  2.0/s", 7, 0, 2, WIDE); /* total unknown */
	says("alignment 1 / 18,446,744,073,709,551,615 pairs  0.0 %  0.1/s", 1, UINT64_MAX, 0.1,
	     WIDE);
}

static void a_narrow_terminal_cuts_the_line(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	says("alignment 12,345 / 5", 12345, 50000, 3210, 20);
	says("align", 12345, 50000, 3210, 5);
	says("", 12345, 50000, 3210, 0);
	progress_text(&out, "alignment", "pairs", 1, 2, 0, 12, 1);
	assert_string_equal(buf_str(&out), "\033[1malignment\033[0m 1 "); /* colours take no room */
	buf_clear(&out);
	progress_text(&out, "\xc3\xa9\xc3\xa9\xc3\xa9", "x", 1, 2, 0, 2, 0);
	assert_string_equal(buf_str(&out), "\xc3\xa9\xc3\xa9"); /* characters, not bytes */
	buf_release(&out);
}

static void the_rate_is_that_of_the_last_samples(void **state)
{
	struct progress_window w = {.n = 0};
	int64_t t = 1000000000;
	uint64_t done = 0;
	int i;

	(void)state;
	assert_true(progress_window_add(&w, t, 0) == 0);
	for (i = 0; i < 100; i++) /* 10 a second */
		assert_true(progress_window_add(&w, t += 200000000, done += 2) > 9.99);
	for (i = 0; i < 50; i++) /* then 1000 a second: after a full window nothing else counts */
		(void)progress_window_add(&w, t += 200000000, done += 200);
	assert_true(progress_window_add(&w, t += 200000000, done += 200) == 1000);
}

/* ---- a real terminal -------------------------------------------------------------------------- */

static size_t threads(void)
{
	DIR *d = opendir("/proc/self/task");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2; /* "." and ".." */
}

/* In the child, stderr is what the parent chose. Exit code: is there a painter while progress runs? */
static int show_progress(void)
{
	struct events *e = events_new(NULL, NULL);
	size_t before = threads(), during;

	log_init("t", LOG_INFO);
	events_progress_begin(e, "alignment", "pairs", 50000);
	during = threads();
	events_progress_add(e, 12345);
	usleep(700000);
	events_emit(e, "info", "note", NULL, NULL);
	usleep(300000);
	events_progress_end(e);
	events_progress_add(e, 1); /* nothing under way: nothing happens */
	log_info("end");
	events_free(e);
	return during > before; /* a sanitizer may have threads of its own */
}

/* Runs show_progress() with stderr on a fresh terminal; what it wrote goes to `out`. */
static int on_a_terminal(struct buf *out, const char *name, const char *value)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	char block[4096];
	int master, status = -1;
	ssize_t n;
	pid_t pid = forkpty(&master, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		if (name)
			setenv(name, value, 1);
		_exit(show_progress());
	}
	while ((n = read(master, block, sizeof block)) > 0)
		buf_put(out, block, (size_t)n);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(master);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_terminal_shows_the_line_and_log_lines_step_around_it(void **state)
{
	struct buf out = BUF_INIT;
	const char *note, *end;

	(void)state;
	assert_int_equal(on_a_terminal(&out, NULL, NULL), 1);
	assert_non_null(strstr(buf_str(&out),
			       "\r\033[K\033[1malignment\033[0m 12,345 / 50,000 pairs  24.7 %"));
	note = strstr(buf_str(&out), "\r\033[Kt: note\r\n\r\033[K\033[1malignment");
	assert_non_null(note); /* erased before, drawn again after */
	end = strstr(note, "\r\033[Kt: end");
	assert_non_null(end); /* nothing stays behind */
	assert_null(strstr(end, "alignment"));
	buf_release(&out);
}

static void no_color_is_obeyed(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(on_a_terminal(&out, "NO_COLOR", "1"), 1);
	assert_non_null(strstr(buf_str(&out), "\r\033[Kalignment 12,345 / 50,000 pairs"));
	assert_null(strstr(buf_str(&out), "\033[1m"));
	buf_release(&out);
}

static void a_dumb_terminal_gets_no_line(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(on_a_terminal(&out, "TERM", "dumb"), 0);
	assert_string_equal(buf_str(&out), "t: note\r\nt: end\r\n");
	buf_release(&out);
}

static void a_pipe_gets_no_line_and_no_thread(void **state)
{
	char block[4096];
	int fds[2], status = -1;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		_exit(show_progress());
	}
	close(fds[1]);
	n = read(fds[0], block, sizeof block - 1);
	assert_true(n > 0);
	block[n] = '\0';
	assert_non_null(strstr(block, "t: note\n"));
	assert_null(strstr(block, "alignment"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fds[0]);
}

/* Many threads add, log and begin anew while the painter paints. */
static void *add_and_talk(void *arg)
{
	struct events *e = arg;
	int i;

	for (i = 0; i < 200; i++) {
		events_progress_add(e, 1);
		if (i % 10 == 0)
			events_emit(e, "info", "x", NULL, NULL);
		usleep(2000);
	}
	return NULL;
}

static int crowd(void)
{
	struct events *e = events_new(NULL, NULL), *other = events_new(NULL, NULL);
	pthread_t t[4];
	int i;

	events_progress_begin(e, "a", "u", 800);
	events_progress_begin(other, "second", "u", 800); /* there is one terminal */
	for (i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, add_and_talk, e) != 0)
			return 1;
	for (i = 0; i < 4; i++) {
		usleep(60000);
		events_progress_begin(e, "b", "u", 800);
	}
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	events_free(other);
	events_free(e); /* ends the line by itself */
	return 0;
}

static void threads_may_add_and_log_at_any_time(void **state)
{
	struct buf out = BUF_INIT;
	char block[4096];
	int master, status = -1;
	ssize_t n;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	(void)state;
	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		_exit(crowd());
	}
	while ((n = read(master, block, sizeof block)) > 0)
		buf_put(&out, block, (size_t)n);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_null(strstr(buf_str(&out), "second"));
	buf_release(&out);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_tells_share_rate_and_time_left),
		cmocka_unit_test(a_narrow_terminal_cuts_the_line),
		cmocka_unit_test(the_rate_is_that_of_the_last_samples),
		cmocka_unit_test(a_terminal_shows_the_line_and_log_lines_step_around_it),
		cmocka_unit_test(no_color_is_obeyed),
		cmocka_unit_test(a_dumb_terminal_gets_no_line),
		cmocka_unit_test(a_pipe_gets_no_line_and_no_thread),
		cmocka_unit_test(threads_may_add_and_log_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
