/* What dump prints of made-up threads: names that would act on a terminal, equal stacks, stacks that are missing or cut,
 * pauses; as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/cli/dump.h"

static struct dump d;
static char *shown;
static json_t *json;

static struct snap_thread *thread(int tid, const char *name, uint32_t n, uint64_t first)
{
	struct snap_thread *t = snap_add(&d.targets[0].snap);
	uint32_t i;

	assert_non_null(t);
	t->tid = t->ns_tid = tid;
	snprintf(t->name, sizeof t->name, "%s", name);
	t->state = PROFILE_SLEEPING;
	t->how = n ? SNAP_BLOCKED : SNAP_NONE;
	t->call.nr = -1;
	t->n_frames = n;
	t->addresses = calloc(n + 1, sizeof *t->addresses);
	for (i = 0; i < n; i++)
		t->addresses[i] = first + i;
	return t;
}

static int setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	setenv("NO_COLOR", "1", 1);
	setenv("PROTEA_PROF_CACHE", "/nowhere", 1);
	if (dump_init(&d, 1, &err))
		return -1;
	d.targets[0].open = 1;
	d.targets[0].pid = d.targets[0].snap.pid = 7;
	d.targets[0].proc.dir = d.targets[0].proc.pidfd = -1;
	d.targets[0].space = attach_space_new(d.set, NULL);
	snprintf(d.targets[0].snap.name, sizeof d.targets[0].snap.name, "made");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dump_release(&d);
	free(shown);
	shown = NULL;
	json_decref(json);
	json = NULL;
	return 0;
}

static const char *text(void)
{
	struct err err = ERR_INIT;
	size_t n;
	FILE *out = open_memstream(&shown, &n);

	assert_int_equal(dump_join(&d, &err), 0);
	assert_int_equal(dump_text(out, &d, &err), 0);
	fclose(out);
	return shown;
}

static json_t *threads(void)
{
	struct err err = ERR_INIT;
	char *bytes = NULL;
	size_t n;
	FILE *out = open_memstream(&bytes, &n);

	assert_int_equal(dump_join(&d, &err), 0);
	assert_int_equal(dump_json(out, &d, &err), 0);
	fclose(out);
	json = json_loadb(bytes, n, 0, NULL);
	free(bytes);
	assert_non_null(json);
	return json_object_get(json, "threads");
}

static void assert_says(const char *what)
{
	if (!strstr(shown, what))
		fail_msg("no '%s' in:\n%s", what, shown);
}

static void names_do_not_act_on_a_terminal(void **state)
{
	struct snap_thread *t = thread(7, "a\033[2Jb\n", 1, 0x10);

	(void)state;
	snprintf(t->waits_on, sizeof t->waits_on, "fd 3: /tmp/\033]0;x\007");
	snprintf(t->syscall, sizeof t->syscall, "open(\"\xff\x9b\")");
	snprintf(d.targets[0].command, sizeof d.targets[0].command, "ma\tde \x1b[31m");
	snprintf(d.targets[0].snap.name, sizeof d.targets[0].snap.name, "ma\nde");
	text();
	assert_null(strchr(shown, '\033'));
	assert_null(strchr(shown, '\007'));
	assert_says("process 7 (ma?de)");
	assert_says("thread 7 (a?[2Jb?)");
}

static void foreign_names_are_valid_json(void **state)
{
	struct snap_thread *t = thread(7, "\xff\xfe", 1, 0x10);
	json_t *list = threads();

	(void)state;
	assert_int_equal(t->tid, 7);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
			    "\xef\xbf\xbd\xef\xbf\xbd");
}

static void equal_stacks_are_shown_once_unless_they_wait_for_different_things(void **state)
{
	struct snap_thread *t;
	uint32_t i;

	(void)state;
	for (i = 0; i < 12; i++)
		thread(100 + (int)i, "same", 3, 0x1000);
	t = thread(200, "other", 3, 0x1000);
	snprintf(t->waits_on, sizeof t->waits_on, "mutex 0x5");
	t = thread(201, "none", 0, 0);
	t->why = "ended meanwhile";
	t = thread(202, "none", 0, 0);
	text();
	assert_says("11 more threads with this stack: 101 (same), 102 (same)");
	assert_says("… (--all shows each)");
	assert_says("thread 200 (other)  sleeping  cpu 0 ns  waits on mutex 0x5");
	assert_says("no stack: ended meanwhile");
	assert_says("no stack: nothing could be read");
	assert_says("15 threads: 13 read without a stop, 0 stopped, 2 without a stack; 0 pauses");
	free(shown);
	d.all = 1;
	free(d.targets[0].twin);
	text();
	assert_null(strstr(shown, "more thread"));
	assert_says("thread 111 (same)");
}

static void stacks_that_end_early_say_why(void **state)
{
	struct snap_thread *t = thread(7, "a", 2, 0x10);

	(void)state;
	t->end = UNWIND_DEPTH;
	t = thread(8, "b", 2, 0x20);
	t->end = UNWIND_BAD_READ;
	t = thread(9, "c", 2, 0x30);
	t->torn = 1;
	t->guessed = 1;
	text();
	assert_says("[truncated]");
	assert_says("[memory beyond cannot be read]");
	assert_says("torn: it ran while it was read  1 frame guessed");
}

static void a_truncated_stack_has_a_frame_that_says_so(void **state)
{
	struct snap_thread *t = thread(7, "a", 2, 0x10);
	json_t *o, *frames, *last;

	(void)state;
	t->end = UNWIND_DEPTH;
	o = json_array_get(threads(), 0);
	frames = json_object_get(o, "frames");
	last = json_array_get(frames, json_array_size(frames) - 1);
	assert_int_equal(json_array_size(frames), 3);
	assert_string_equal(json_string_value(json_object_get(last, "function")), "[truncated]");
	assert_true(json_is_null(json_object_get(last, "address")));
	assert_true(json_is_true(json_object_get(o, "truncated")));
	assert_true(json_is_false(json_object_get(o, "complete")));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(frames, 0), "address")), "0x10");
}

static void pauses_are_told(void **state)
{
	struct snap_thread *t = thread(7, "a", 1, 0x10);
	struct snap *s = &d.targets[0].snap;

	(void)state;
	t->how = SNAP_STOPPED;
	t->pause_ns = 12345;
	s->pause = (struct pause_stats){
		.n = 1, .skipped = 2, .p50_ns = 12345, .p99_ns = 23456, .max_ns = 34567};
	text();
	assert_says("stopped for 12.3 us");
	assert_says("1 thread: 0 read without a stop, 1 stopped, 2 skipped to keep within the stop "
		    "budget; pause p50 12.3 us, p99 23.5 us, max 34.6 us");
}

static void a_thread_of_another_namespace_has_two_ids(void **state)
{
	(void)state;
	thread(7, "a", 1, 0x10)->ns_tid = 1;
	text();
	assert_says("thread 7 [1] (a)");
}

static void several_processes_are_a_list_and_failures_are_in_it(void **state)
{
	struct err err = ERR_INIT;
	char *bytes = NULL;
	json_t *one;
	size_t n;
	FILE *out;

	(void)state;
	d.targets[0].open = 0;
	attach_space_free(d.targets[0].space);
	d.targets[0].space = NULL;
	d.several = 1;
	err_set(&d.targets[0].err, ERR_NOTFOUND, "no process 7");
	out = open_memstream(&bytes, &n);
	assert_int_equal(dump_join(&d, &err), 0);
	assert_int_equal(dump_json(out, &d, &err), 0);
	fclose(out);
	json = json_loadb(bytes, n, 0, NULL);
	free(bytes);
	one = json_array_get(json_object_get(json, "processes"), 0);
	assert_int_equal(json_integer_value(json_object_get(one, "pid")), 7);
	assert_string_equal(json_string_value(json_object_get(one, "error")), "no process 7");
}

static void threads_are_picked_by_id_and_name(void **state)
{
	const char *patterns[] = {"^wor", "8"};
	struct opt_list list = {patterns, 2};
	struct snap *s = &d.targets[0].snap;
	struct err err = ERR_INIT;
	struct dump_filter f;

	(void)state;
	thread(7, "main", 1, 0x10);
	thread(8, "io-8", 1, 0x20);
	thread(9, "worker-8", 1, 0x30);
	assert_int_equal(dump_filter_init(&f, &list, &err), 0);
	assert_int_equal(dump_filter_wants(&f, &s->threads[0]), 0);
	assert_int_equal(dump_filter_check(&f, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "'^wor'"));
	dump_filter_apply(&f, s);
	assert_int_equal(s->n, 2);
	assert_int_equal(s->threads[0].tid, 8);
	assert_int_equal(s->threads[1].tid, 9);
	assert_int_equal(dump_filter_check(&f, &err), 0);
	dump_filter_release(&f);
}

static void a_pattern_that_is_none_is_refused(void **state)
{
	const char *patterns[] = {"good", "("};
	struct opt_list list = {patterns, 2};
	struct err err = ERR_INIT;
	struct dump_filter f;

	(void)state;
	assert_int_equal(dump_filter_init(&f, &list, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "'('"));
	dump_filter_release(&f);
}

int main(void)
{
#define DUMP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		DUMP_TEST(names_do_not_act_on_a_terminal),
		DUMP_TEST(foreign_names_are_valid_json),
		DUMP_TEST(equal_stacks_are_shown_once_unless_they_wait_for_different_things),
		DUMP_TEST(stacks_that_end_early_say_why),
		DUMP_TEST(a_truncated_stack_has_a_frame_that_says_so),
		DUMP_TEST(pauses_are_told),
		DUMP_TEST(a_thread_of_another_namespace_has_two_ids),
		DUMP_TEST(several_processes_are_a_list_and_failures_are_in_it),
		DUMP_TEST(threads_are_picked_by_id_and_name),
		DUMP_TEST(a_pattern_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
