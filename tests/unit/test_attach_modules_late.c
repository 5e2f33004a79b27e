/* Code that was unmapped before its samples are read: known for a while from the last look at the maps, and at once from
 * what perf told of its mapping, if the file of that name is still that very inode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "tests/unit/modules_rig.h"

static char program[PATH_MAX + 16], library[PATH_MAX + 16], other[PATH_MAX + 16];

static int make_files(void **state)
{
	if (scratch_make(state) || chmod(scratch_dir, 0777))
		return -1;
	snprintf(program, sizeof program, "%s/program", scratch_dir);
	snprintf(library, sizeof library, "%s/first.so", scratch_dir);
	snprintf(other, sizeof other, "%s/second.so", scratch_dir);
	rig_copy("/proc/self/exe", program);
	rig_copy(rig_zlib(), library);
	rig_copy(rig_zlib(), other);
	return 0;
}

static uint64_t open_library(const struct rig *r, const char *path)
{
	char words[PATH_MAX + 64];

	snprintf(words, sizeof words, "%s zlibVersion", path);
	return rig_ask(r, "open %s", words);
}

/* What the kernel tells of the mapping that holds the address. */
static struct attach_told mapping_of(pid_t pid, uint64_t address, const char *path)
{
	struct attach_told t = {.path = path};
	char name[64], line[PATH_MAX + 128], prot[8];
	unsigned major, minor;
	FILE *maps;
	int found = 0;

	snprintf(name, sizeof name, "/proc/%d/maps", pid);
	maps = fopen(name, "re");
	assert_non_null(maps);
	while (!found && fgets(line, sizeof line, maps))
		found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64,
			       &t.start, &t.end, prot, &t.offset, &major, &minor, &t.inode) == 7 &&
			address >= t.start && address < t.end;
	fclose(maps);
	assert_true(found);
	t.device = makedev(major, minor);
	return t;
}

static void assert_is(struct look *l, uint64_t address, const char *path, uint64_t rel)
{
	uint64_t got;
	const struct attach_module *m = look_module(l, address, &got);

	assert_non_null(m);
	assert_string_equal(m->path, path);
	assert_int_equal(m->source, MODULE_FILE);
	assert_true(got == rel);
	assert_true(attach_space_is_code(l->space, address));
}

static void refresh(struct look *l)
{
	assert_int_equal(attach_space_refresh(l->space, 0, NULL), 0);
}

static void a_closed_library_is_known_for_a_while(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	struct timespec while_ = {2, 100000000};
	uint64_t at = open_library(&r, library), rel, again;
	const struct attach_module *m;
	struct look l;
	uint32_t before;

	(void)state;
	look_open(&l, r.pid, NULL);
	attach_space_linger(l.space);
	m = look_module(&l, at, &rel);
	assert_non_null(m);
	assert_string_equal(m->path, library);
	before = attach_space_map(l.space)->generation;
	rig_ask(&r, "close", NULL);
	refresh(&l);
	assert_is(&l, at, library, rel);
	assert_int_equal(attach_space_map(l.space)->generation, before);
	again = open_library(&r, other); /* where the first one was, as a rule */
	refresh(&l);
	assert_is(&l, again, other, rel);
	rig_ask(&r, "close", NULL);
	again = open_library(&r, library);
	refresh(&l);
	assert_is(&l, again, library, rel);
	rig_ask(&r, "close", NULL);
	refresh(&l);
	assert_is(&l, again, library, rel);
	nanosleep(&while_, NULL);
	refresh(&l);
	assert_null(look_module(&l, again, NULL));
	assert_false(attach_space_is_code(l.space, again));
	look_close(&l);
	rig_stop(&r);
}

static void what_perf_told_is_known_though_it_is_gone(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	struct attach_told first, second, wrong;
	uint64_t at, at2, rel;
	struct look l;

	(void)state;
	look_open(&l, r.pid, NULL);
	attach_space_linger(l.space);
	at = open_library(&r, library);
	first = mapping_of(r.pid, at, library);
	rig_ask(&r, "close", NULL);
	at2 = open_library(&r, other);
	second = mapping_of(r.pid, at2, other);
	rig_ask(&r, "close", NULL);
	assert_null(look_module(&l, at, NULL));
	assert_int_equal(attach_space_told(l.space, &first), 0);
	rel = attach_space_frame(l.space, at).rel_addr;
	assert_is(&l, at, library, at - first.start + first.offset);
	assert_non_null(attach_space_map(l.space)->modules);
	refresh(&l); /* the maps do not have it */
	assert_is(&l, at, library, rel);
	assert_int_equal(attach_space_told(l.space, &second), 0); /* in its place */
	assert_is(&l, at2, other, at2 - second.start + second.offset);
	assert_int_equal(attach_space_told(l.space, &first), 0);
	assert_is(&l, at, library, rel);
	/* Part of one, over it. */
	wrong = second;
	wrong.start = first.start + 4096;
	wrong.offset = first.offset + 4096;
	wrong.end = wrong.start + 4096;
	assert_int_equal(attach_space_told(l.space, &wrong), 0);
	assert_is(&l, wrong.start, other, wrong.offset);
	look_close(&l);
	rig_stop(&r);
}

static void what_cannot_be_that_file_is_left_to_the_maps(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	struct attach_told t, bad;
	uint64_t at, rel;
	struct look l;

	(void)state;
	at = open_library(&r, library);
	t = mapping_of(r.pid, at, library);
	look_open(&l, r.pid, NULL);
	rel = attach_space_frame(l.space, at).rel_addr;
	bad = t;
	bad.inode++;
	assert_int_equal(attach_space_told(l.space, &t), 0); /* nothing new */
	bad.start += 4096;
	assert_int_equal(attach_space_told(l.space, &bad), ERR_NOTFOUND);
	bad = t;
	bad.device++;
	assert_int_equal(attach_space_told(l.space, &bad), ERR_NOTFOUND);
	bad = t;
	bad.inode = 0; /* a build id was told instead */
	assert_int_equal(attach_space_told(l.space, &bad), ERR_NOTFOUND);
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = {"//anon", "[vdso]", "/no/such/file", NULL};

		bad = t;
		bad.start += 4096;
		bad.path = names[i];
		assert_int_equal(attach_space_told(l.space, &bad), ERR_NOTFOUND);
	}
	bad = t;
	bad.end = bad.start;
	assert_int_equal(attach_space_told(l.space, &bad), ERR_NOTFOUND);
	assert_is(&l, at, library, rel);
	look_close(&l);
	rig_stop(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_library_is_known_for_a_while),
		cmocka_unit_test(what_perf_told_is_known_though_it_is_gone),
		cmocka_unit_test(what_cannot_be_that_file_is_left_to_the_maps),
	};

	if (rig_is_child(argc, argv))
		return rig_child();
	return cmocka_run_group_tests(tests, make_files, scratch_remove);
}
