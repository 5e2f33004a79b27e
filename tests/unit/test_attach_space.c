/* The map of a process's code: what comes and goes, exec, first threads that end, text that moved, very many mappings,
 * processes that are gone. Stacks through a library that only memory has are those through its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/blocked.h"
#include "prof/attach/maps.h"
#include "prof/base/clock.h"
#include "tests/unit/modules_rig.h"

static char program[PATH_MAX + 16], library[PATH_MAX + 16];

static int make_files(void **state)
{
	if (scratch_make(state) || chmod(scratch_dir, 0777))
		return -1;
	snprintf(program, sizeof program, "%s/program", scratch_dir);
	snprintf(library, sizeof library, "%s/libz.so", scratch_dir);
	rig_copy("/proc/self/exe", program);
	rig_copy(rig_zlib(), library);
	return 0;
}

static uint32_t generation(struct look *l)
{
	return attach_space_map(l->space)->generation;
}

static void refresh(struct look *l)
{
	struct err err = ERR_INIT;

	if (attach_space_refresh(l->space, 0, &err))
		fail_msg("%s", err.text);
}

static void libraries_come_and_go(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t crc, again;
	uint32_t before;
	struct look l;

	(void)state;
	(void)rig_ask(&r, "known", NULL);
	look_open(&l, r.pid, NULL);
	before = generation(&l);
	refresh(&l);
	assert_int_equal(generation(&l), before);
	crc = rig_ask(&r, "open %s crc32", library);
	assert_null(look_module(&l, crc, NULL));
	/* Looked at a moment ago: not again so soon. */
	assert_int_equal(attach_space_refresh(l.space, clock_mono_ns(), NULL), 0);
	assert_null(look_module(&l, crc, NULL));
	refresh(&l);
	assert_non_null(look_module(&l, crc, NULL));
	assert_int_not_equal(generation(&l), before);
	before = generation(&l);
	(void)rig_ask(&r, "close", NULL);
	refresh(&l);
	assert_null(look_module(&l, crc, NULL));
	assert_int_not_equal(generation(&l), before);
	again = rig_ask(&r, "open %s crc32", library);
	refresh(&l);
	assert_string_equal(look_module(&l, again, NULL)->path, library);
	look_close(&l);
	rig_stop(&r);
}

static void exec_makes_another_space_of_it(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL), crc, rel, rel_after;
	const struct attach_module *m;
	struct look l;

	(void)state;
	crc = rig_ask(&r, "open %s crc32", library);
	look_open(&l, r.pid, NULL);
	m = look_module(&l, known, &rel);
	assert_non_null(m);
	assert_non_null(look_module(&l, crc, NULL));
	assert_int_equal(attach_space_exec(l.space), 0);
	assert_int_equal(attach_space_map(l.space)->n, 0);
	rig_send(&r, "exec %s", program);
	known = rig_ask(&r, "known", NULL);
	refresh(&l);
	assert_ptr_equal(look_module(&l, known, &rel_after), m);
	assert_true(rel == rel_after);
	assert_null(look_module(&l, crc, NULL));
	look_close(&l);
	rig_stop(&r);
}

static void the_first_thread_may_end(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL), crc;
	char stat[512] = "";
	struct look l;

	(void)state;
	(void)rig_ask(&r, "leave", NULL);
	crc = rig_ask(&r, "open %s crc32", library);
	assert_int_equal(proc_open(&l.proc, r.pid, NULL), 0);
	while (!strstr(stat, ") Z "))
		assert_true(proc_read(&l.proc, "stat", stat, sizeof stat) > 0);
	proc_close(&l.proc);
	look_open(&l, r.pid, NULL);
	assert_string_equal(look_module(&l, known, NULL)->path, program);
	assert_string_equal(look_module(&l, crc, NULL)->path, library);
	assert_int_equal(look_module(&l, crc, NULL)->source, MODULE_FILE);
	look_close(&l);
	rig_stop(&r);
}

static void text_that_moved_keeps_its_module(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL), rel, rel_after;
	const struct attach_module *m;
	struct look l;

	(void)state;
	look_open(&l, r.pid, NULL);
	m = look_module(&l, known, &rel);
	assert_true(rig_ask(&r, "move", NULL) == known);
	refresh(&l);
	assert_ptr_equal(look_module(&l, known, &rel_after), m);
	assert_true(rel == rel_after);
	look_close(&l);
	rig_stop(&r);
}

static void very_many_mappings_are_cheap(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL);
	int64_t begin, few, many, text;
	struct look l;

	(void)state;
	look_open(&l, r.pid, NULL);
	begin = clock_mono_ns();
	refresh(&l);
	few = clock_mono_ns() - begin;
	assert_true(rig_ask(&r, "many %s", "60000") > 1000);
	begin = clock_mono_ns();
	refresh(&l);
	many = clock_mono_ns() - begin;
	begin = clock_mono_ns();
	refresh(&l);
	text = clock_mono_ns() - begin;
	print_message(
		"a look at the maps: %.3f ms, with 60,000 mappings more %.3f ms, then %.3f ms "
		"a page at a time\n",
		(double)few / 1e6, (double)many / 1e6, (double)text / 1e6);
	assert_string_equal(look_module(&l, known, NULL)->path, program);
	look_close(&l);
	rig_stop(&r);
}

struct seen {
	uint32_t n;
	uint64_t sum;
};

static int note(void *ctx, const struct procmap *m)
{
	struct seen *s = ctx;

	s->n++;
	s->sum += m->start ^ m->end << 1 ^ m->offset << 2 ^ m->inode << 3 ^ m->device << 4 ^
		  (uint64_t)m->executable << 60 ^ strlen(m->path);
	return 0;
}

static void both_ways_to_read_maps_tell_the_same(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	struct buf text = BUF_INIT;
	struct proc p;

	(void)state;
	(void)rig_ask(&r, "open %s crc32", library);
	assert_int_equal(proc_open(&p, r.pid, NULL), 0);
	for (int what = MAPS_EXECUTABLE; what <= MAPS_FILES; what++) {
		struct seen asked = {0}, read = {0};
		int as_text = 0;

		assert_int_equal(
			maps_each(&p, (enum maps_what)what, &as_text, &text, note, &asked, NULL),
			0);
		if (as_text)
			print_message("this kernel's maps are text only\n");
		as_text = 1;
		assert_int_equal(
			maps_each(&p, (enum maps_what)what, &as_text, &text, note, &read, NULL), 0);
		assert_true(asked.n >= 3);
		assert_int_equal(asked.n, read.n);
		assert_true(asked.sum == read.sum);
	}
	buf_release(&text);
	proc_close(&p);
	rig_stop(&r);
}

static void a_process_that_ended_is_said_to(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL);
	struct err err = ERR_INIT;
	struct look l;

	(void)state;
	look_open(&l, r.pid, NULL);
	kill(r.pid, SIGKILL);
	waitpid(r.pid, NULL, 0);
	assert_int_equal(attach_space_refresh(l.space, 0, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "has ended"));
	/* What was known still is: its last samples are read after it. */
	assert_string_equal(look_module(&l, known, NULL)->path, program);
	assert_non_null(attach_space_map(l.space)->modules[0].table);
	look_close(&l);
	close(r.to);
	close(r.from);
}

static void see_kernel_and_init(void **state)
{
	struct err err = ERR_INIT;
	struct attach_space *space;
	struct module_set *set;
	struct proc p;

	(void)state;
	if (geteuid() == 0) {
		print_message("root may read everybody's maps\n");
		skip();
	}
	if (proc_open(&p, 1, &err)) {
		print_message("%s\n", err.text);
		skip();
	}
	set = module_set_new(NULL);
	space = attach_space_new(set, &p);
	assert_int_equal(attach_space_refresh(space, 0, &err), ERR_DENIED);
	attach_space_free(space);
	module_set_free(set);
	proc_close(&p);
}

static void maps_of_others_are_refused(void **state)
{
	(void)state;
	as_nobody(see_kernel_and_init);
}

/* ---- stacks ---- */

struct path {
	struct attach_frame frames[64];
	char modules[64][64];
	uint32_t n;
	enum module_source zlib;
	enum unwind_end end;
};

static void read_path(pid_t pid, struct path *path)
{
	static struct attach_stack stack;
	struct remote memory;
	struct look l;

	memset(path, 0, sizeof *path);
	look_open(&l, pid, NULL);
	remote_init(&memory, pid);
	for (int i = 0; i < 30000; i++) { /* it may still be on its way to sleep */
		if (blocked_stack(&l.proc, &memory, l.space, pid, 3, &stack, NULL) == BLOCKED_OK &&
		    stack.end == UNWIND_ROOT && !stack.torn)
			break;
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	}
	path->n = stack.n < 64 ? stack.n : 64;
	path->end = stack.end;
	for (uint32_t i = 0; i < path->n; i++) {
		const struct attach_module *m = look_module(&l, stack.addresses[i], NULL);
		const char *base = m ? strrchr(m->path, '/') : NULL;

		path->frames[i] = attach_space_frame(l.space, stack.addresses[i]);
		path->frames[i].module = m ? (uint32_t)(m->source == MODULE_VDSO) : MODULE_NONE;
		snprintf(path->modules[i], 64, "%.60s", base ? base + 1 : "");
		if (m && !strcmp(m->path, library))
			path->zlib = m->source;
	}
	remote_close(&memory);
	look_close(&l);
}

static void see_stack_through_deleted(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	static struct path with, without;
	uint32_t in_zlib = 0;

	(void)state;
	rig_copy(rig_zlib(), library);
	(void)rig_ask(&r, "inside %s", library);
	read_path(r.pid, &with);
	assert_int_equal(with.zlib, MODULE_FILE);
	assert_int_equal(with.end, UNWIND_ROOT);
	assert_int_equal(unlink(library), 0);
	read_path(r.pid, &without);
	assert_int_equal(without.zlib, MODULE_MEMORY);
	assert_int_equal(without.end, with.end);
	assert_int_equal(without.n, with.n);
	for (uint32_t i = 0; i < with.n; i++) {
		assert_true(with.frames[i].rel_addr == without.frames[i].rel_addr);
		assert_string_equal(with.modules[i], without.modules[i]);
		in_zlib += strcmp(with.modules[i], "libz.so") == 0;
	}
	assert_true(in_zlib > 0);
	rig_stop(&r);
}

static void a_stack_through_memory_is_that_through_the_file(void **state)
{
	(void)state;
	unlink(library);
	as_nobody(see_stack_through_deleted);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libraries_come_and_go),
		cmocka_unit_test(exec_makes_another_space_of_it),
		cmocka_unit_test(the_first_thread_may_end),
		cmocka_unit_test(text_that_moved_keeps_its_module),
		cmocka_unit_test(very_many_mappings_are_cheap),
		cmocka_unit_test(both_ways_to_read_maps_tell_the_same),
		cmocka_unit_test(a_process_that_ended_is_said_to),
		cmocka_unit_test(maps_of_others_are_refused),
		cmocka_unit_test(a_stack_through_memory_is_that_through_the_file),
	};

	if (rig_is_child(argc, argv))
		return rig_child();
	return cmocka_run_group_tests(tests, make_files, scratch_remove);
}
