/* Talk on stderr: levels, one line per message from any number of threads, the hooks, errno kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/log.h"

static char said[1 << 20];

/* Runs `talk` with stderr in a file, and reads what it said. */
static const char *listen(void (*talk)(void))
{
	char path[] = "/tmp/protea-test-log.XXXXXX";
	int fd = mkstemp(path), saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(fd >= 0 && saved >= 0);
	unlink(path);
	dup2(fd, STDERR_FILENO);
	talk();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, said, sizeof said - 1, 0);
	close(fd);
	assert_true(n >= 0);
	said[n] = '\0';
	return said;
}

static void one_of_each(void)
{
	log_error("e %d", 1);
	log_warn("w %d", 2);
	log_info("i %d", 3);
	log_debug("d %d", 4);
}

static void the_level_decides(void **state)
{
	(void)state;
	log_init("me", LOG_INFO);
	assert_string_equal(listen(one_of_each), "me: error: e 1\nme: warning: w 2\nme: i 3\n");
	log_init("me", LOG_QUIET);
	assert_int_equal(log_get_level(), LOG_QUIET);
	assert_string_equal(listen(one_of_each), "me: error: e 1\n");
	log_init("you", LOG_DEBUG);
	assert_string_equal(listen(one_of_each),
			    "you: error: e 1\nyou: warning: w 2\nyou: i 3\nyou: debug: d 4\n");
}

static void say_with_errno(void)
{
	errno = ENOENT;
	log_info("%m"); /* of the caller, not of what writing did in between */
	assert_int_equal(errno, ENOENT);
	log_debug("unheard");
	assert_int_equal(errno, ENOENT);
}

static void errno_is_the_callers(void **state)
{
	(void)state;
	log_init("me", LOG_INFO);
	assert_string_equal(listen(say_with_errno), "me: No such file or directory\n");
}

static void say_much(void)
{
	char longer[5000];

	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	log_error("%s", longer);
	log_error("next");
}

static void a_long_message_is_cut_and_ended(void **state)
{
	const char *text, *end;

	(void)state;
	log_init("me", LOG_INFO);
	text = listen(say_much);
	end = strchr(text, '\n');
	assert_non_null(end);
	assert_in_range(end - text, ERR_TEXT_MAX, 4999);
	assert_string_equal(end + 1, "me: error: next\n");
}

static void erase(void)
{
	assert_int_equal(write(STDERR_FILENO, "<", 1), 1);
}

static void draw(void)
{
	assert_int_equal(write(STDERR_FILENO, ">", 1), 1);
}

static void the_hooks_go_around_each_line(void **state)
{
	(void)state;
	log_init("me", LOG_WARN);
	log_set_hook(erase, draw);
	assert_string_equal(listen(one_of_each), "<me: error: e 1\n><me: warning: w 2\n>");
	log_set_hook(NULL, NULL);
	assert_string_equal(listen(one_of_each), "me: error: e 1\nme: warning: w 2\n");
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("%c%c%c%c%c%c%c%c", *(char *)arg, *(char *)arg, *(char *)arg, *(char *)arg,
			 *(char *)arg, *(char *)arg, *(char *)arg, *(char *)arg);
	return NULL;
}

static void all_at_once(void)
{
	char names[4] = "abcd";
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, chatter, &names[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void lines_of_threads_do_not_mix(void **state)
{
	const char *p;
	int lines = 0;

	(void)state;
	log_init("t", LOG_INFO);
	for (p = listen(all_at_once); *p; p += 12, lines++) {
		assert_memory_equal(p, "t: ", 3);
		for (int k = 4; k < 11; k++)
			assert_int_equal(p[k], p[3]);
		assert_int_equal(p[11], '\n');
	}
	assert_int_equal(lines, 2000);
}

static void say_into_nothing(void)
{
	int saved = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);

	dup2(full, STDERR_FILENO);
	log_error("nobody can hear this");
	close(STDERR_FILENO);
	log_error("nor this");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(full);
}

static void a_closed_or_full_stderr_is_no_trouble(void **state)
{
	(void)state;
	assert_string_equal(listen(say_into_nothing), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_level_decides),
		cmocka_unit_test(errno_is_the_callers),
		cmocka_unit_test(a_long_message_is_cut_and_ended),
		cmocka_unit_test(the_hooks_go_around_each_line),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(a_closed_or_full_stderr_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
