/* Source for pages: which files may be read, windows around what costs something, order, columns, room. Whole pages
 * are tested in tests/cli/120_flame_source.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "prof/cli/flame_source.h"
#include "prof/cli/flame_text.h"
#include "tests/unit/made_profile.h"
#include "tests/unit/scratch.h"

static struct profile profile;
static struct flame_sources_options how;

static int make(void **state)
{
	struct utsname name;

	if (scratch_make(state) || profile_init(&profile) || uname(&name))
		return -1;
	profile.run.mode = made_text(&profile, "cpu");
	profile.run.memory = made_text(&profile, "full");
	profile.run.host = made_text(&profile, name.nodename);
	profile.run.started_at = INT64_C(4000000000) * 1000000000; /* after any file */
	made_thread(&profile, "main", 1);
	how = (struct flame_sources_options){.own = 1, .room = 1 << 20, .kind = PROFILE_CPU};
	return 0;
}

static int drop(void **state)
{
	profile_release(&profile);
	return scratch_remove(state);
}

/* A cost at a line of a file in the scratch folder. */
static void cost(enum profile_kind kind, const char *file, unsigned line, int64_t value)
{
	char path[600];

	snprintf(path, sizeof(path), "f@/nowhere/prog:%.400s:%u", scratch(file), line);
	made_sample(&profile, kind, PROFILE_NONE, 0, path, 1, value);
}

/* "line 1\n" … as many. */
static void write_lines(const char *file, unsigned n)
{
	struct buf text = BUF_INIT;
	unsigned i;

	for (i = 1; i <= n; i++)
		buf_printf(&text, "line %u\n", i);
	scratch_write(file, buf_str(&text), text.len);
	buf_release(&text);
}

static void gather(struct flame_sources *x)
{
	assert_int_equal(flame_sources_make(x, &profile, NULL, &how, NULL), 0);
}

static void window_is(const struct flame_window *w, uint32_t first, uint32_t last)
{
	struct buf want = BUF_INIT;
	uint32_t i;

	assert_int_equal(w->first, first);
	assert_int_equal(w->lines, last - first + 1);
	for (i = first; i <= last; i++)
		buf_printf(&want, "line %u\n", i);
	assert_int_equal(w->bytes, want.len);
	assert_memory_equal(w->text, buf_str(&want), want.len);
	buf_release(&want);
}

static void windows_are_around_what_costs_and_join(void **state)
{
	const struct flame_file *f;
	struct flame_sources x;

	(void)state;
	write_lines("a.c", 200);
	cost(PROFILE_CPU, "a.c", 3, 10);
	cost(PROFILE_CPU, "a.c", 24, 10);  /* 14 … 34 touches 1 … 13 */
	cost(PROFILE_CPU, "a.c", 56, 10);  /* 46 … 66 does not touch 34 */
	cost(PROFILE_CPU, "a.c", 195, 10); /* up to the end */
	cost(PROFILE_CPU, "a.c", 900, 10); /* no such line: the number alone */
	cost(PROFILE_CPU, "a.c", 0, 10);
	cost(PROFILE_CPU, "a.c", 100, 0); /* costs nothing */
	gather(&x);
	assert_int_equal(x.source.n_files, 1);
	f = &x.source.files[0];
	assert_int_equal(f->n_lines, 6);
	assert_int_equal(f->lines[0].line, 0);
	assert_int_equal(f->lines[5].line, 900);
	assert_int_equal(f->n_windows, 3);
	window_is(&f->windows[0], 1, 34);
	window_is(&f->windows[1], 46, 66);
	window_is(&f->windows[2], 185, 200);
	assert_int_equal(x.source.left_out, 0);
	flame_sources_release(&x);
}

/* Two lines around what is below a hundredth of everything; the heavy one's ten lines may reach back over them. */
static void lines_that_cost_little_have_little_around(void **state)
{
	const struct flame_file *f;
	struct flame_sources x;

	(void)state;
	write_lines("a.c", 200);
	cost(PROFILE_CPU, "a.c", 20, 9);
	cost(PROFILE_CPU, "a.c", 96, 9); /* 94 … 98, which the next one's 90 … 110 takes in */
	cost(PROFILE_CPU, "a.c", 100, 970);
	cost(PROFILE_CPU, "a.c", 113, 9); /* 111 … 115 touches it */
	cost(PROFILE_CPU, "a.c", 200, 3);
	gather(&x);
	f = &x.source.files[0];
	assert_int_equal(f->n_windows, 3);
	window_is(&f->windows[0], 18, 22);
	window_is(&f->windows[1], 90, 115);
	window_is(&f->windows[2], 198, 200);
	flame_sources_release(&x);
}

/* Of what a line calls a twentieth of everything is much. */
static void calls_count_when_they_are_much(void **state)
{
	const struct flame_file *f;
	struct flame_sources x;
	char path[600];

	(void)state;
	write_lines("a.c", 200);
	snprintf(path, sizeof(path), "m@/p:%.400s:50;f@/p", scratch("a.c"));
	made_sample(&profile, PROFILE_CPU, PROFILE_NONE, 0, path, 1, 50);
	snprintf(path, sizeof(path), "m@/p:%.400s:150;f@/p", scratch("a.c"));
	made_sample(&profile, PROFILE_CPU, PROFILE_NONE, 0, path, 1, 49);
	made_sample(&profile, PROFILE_CPU, PROFILE_NONE, 0, "g", 1, 901);
	gather(&x);
	f = &x.source.files[0];
	assert_int_equal(f->n_windows, 2);
	window_is(&f->windows[0], 40, 60);
	window_is(&f->windows[1], 148, 152);
	flame_sources_release(&x);
}

static void text_keeps_its_lines(void **state)
{
	static const char text[] = "one\r\n\r\nthree \xff\xfe\n\tfour";
	struct flame_sources x;
	const struct flame_window *w;

	(void)state;
	scratch_write("a.c", text, sizeof(text) - 1);
	cost(PROFILE_CPU, "a.c", 1, 10);
	gather(&x);
	w = &x.source.files[0].windows[0];
	assert_int_equal(w->lines, 4);
	assert_int_equal(w->bytes, strlen("one\n\nthree \xff\xfe\n\tfour\n"));
	assert_memory_equal(w->text, "one\n\nthree \xff\xfe\n\tfour\n", w->bytes);
	flame_sources_release(&x);
}

static void columns_are_what_there_is(void **state)
{
	struct flame_sources x;

	(void)state;
	write_lines("a.c", 5);
	write_lines("b.c", 5);
	cost(PROFILE_CPU, "a.c", 2, 10);
	cost(PROFILE_PEAK, "b.c", 2, 500);
	cost(PROFILE_LEAK, "b.c", 3, 500); /* no column */
	gather(&x);
	assert_int_equal(x.source.n_columns, 2);
	assert_int_equal(x.source.columns[0], PROFILE_CPU);
	assert_int_equal(x.source.columns[1], PROFILE_PEAK);
	assert_int_equal(x.source.n_files, 2);
	assert_string_equal(x.source.files[0].name, scratch("a.c"));
	assert_int_equal(x.source.files[1].lines[0].self[0], 0);
	assert_int_equal(x.source.files[1].lines[0].self[1], 500);
	assert_int_equal(x.source.files[1].n_lines, 1);
	assert_ptr_equal(x.source.files[1].windows, x.source.files[0].windows + 1);
	flame_sources_release(&x);
	how.kind = PROFILE_PEAK;
	gather(&x);
	assert_string_equal(x.source.files[0].name, scratch("b.c"));
	flame_sources_release(&x);
	how.only_kind = 1;
	gather(&x);
	assert_true(x.source.n_columns == 1 && x.source.n_files == 1);
	flame_sources_release(&x);
}

static void room_is_kept(void **state)
{
	struct flame_sources x;

	(void)state;
	write_lines("a.c", 30);
	write_lines("b.c", 5);
	write_lines("c.c", 5);
	cost(PROFILE_CPU, "a.c", 15, 10);
	cost(PROFILE_CPU, "b.c", 2, 9);
	cost(PROFILE_CPU, "c.c", 2, 8);
	how.room = strlen("line 1\n") * 5 + 3;
	gather(&x);
	assert_int_equal(x.source.n_files, 3);
	assert_int_equal(x.source.files[0].n_windows, 0); /* too long for it */
	assert_int_equal(x.source.files[1].n_windows, 1);
	assert_int_equal(x.source.files[2].n_windows, 0);
	assert_int_equal(x.source.left_out, 2);
	flame_sources_release(&x);
}

static int has_text(void)
{
	struct flame_sources x;
	int has;

	gather(&x);
	has = x.source.n_files == 1 && x.source.files[0].n_windows == 1;
	assert_int_equal(x.source.left_out, !has);
	flame_sources_release(&x);
	return has;
}

static void text_is_that_of_the_run(void **state)
{
	struct stat st;

	(void)state;
	write_lines("a.c", 5);
	cost(PROFILE_CPU, "a.c", 2, 10);
	assert_true(has_text());
	assert_int_equal(stat(scratch("a.c"), &st), 0);
	profile.run.started_at =
		(int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec; /* not before it */
	assert_true(has_text());
	profile.run.started_at--;
	assert_false(has_text());
	how.dir = "/";
	assert_true(has_text()); /* who names a folder vouches for it */
	how.dir = NULL;
	profile.run.started_at += 1000;
	profile.run.host = made_text(&profile, "elsewhere");
	assert_false(has_text());
	how.dir = scratch_dir;
	assert_true(has_text());
}

/* A store of another user says nothing of what is read here. */
static void stores_of_others_get_no_text(void **state)
{
	(void)state;
	write_lines("a.c", 5);
	write_lines("store", 1);
	cost(PROFILE_CPU, "a.c", 2, 10);
	how.own = 0;
	assert_false(has_text());
	how.dir = scratch_dir;
	assert_true(has_text());
	assert_true(flame_text_is_own(scratch("store")));
	assert_true(flame_text_is_own("/etc/passwd"));
	assert_false(flame_text_is_own(scratch("none")));
	if (geteuid() == 0) {
		assert_int_equal(chown(scratch("store"), 12345, (gid_t)-1), 0);
		assert_false(flame_text_is_own(scratch("store")));
	}
}

/* The text of what the profile calls `name`, with the folder in/ as the one the user named, or without one. */
static int named_has_text(const char *name, int within)
{
	struct flame_sources x;
	char place[700], dir[600];
	int has;

	snprintf(dir, sizeof(dir), "%s", scratch("in"));
	snprintf(place, sizeof(place), "f@/nowhere/prog:%s:1", name);
	profile_release(&profile);
	assert_int_equal(profile_init(&profile), 0);
	profile.run.mode = made_text(&profile, "cpu");
	profile.run.started_at = INT64_C(4000000000) * 1000000000;
	if (!within) {
		struct utsname host;

		assert_int_equal(uname(&host), 0);
		profile.run.host = made_text(&profile, host.nodename);
	}
	made_thread(&profile, "main", 1);
	made_sample(&profile, PROFILE_CPU, PROFILE_NONE, 0, place, 1, 10);
	how.dir = within ? dir : NULL;
	gather(&x);
	has = x.source.n_files == 1 && x.source.files[0].n_windows == 1;
	flame_sources_release(&x);
	return has;
}

static void nothing_outside_the_folder_is_read(void **state)
{
	char path[600];

	(void)state;
	assert_int_equal(mkdir(scratch("in"), 0700), 0);
	assert_int_equal(mkdir(scratch("in/sub"), 0700), 0);
	assert_int_equal(mkdir(scratch("inside"), 0700), 0);
	write_lines("out.c", 5);
	write_lines("inside/out.c", 5);
	write_lines("in/a.c", 5);
	assert_true(named_has_text("a.c", 1));
	assert_true(named_has_text("/any/a.c", 1));
	assert_true(named_has_text("sub/../a.c", 1));
	assert_true(named_has_text("../lib/../a.c", 1)); /* a.c below it */
	assert_false(named_has_text("../out.c", 1));
	assert_false(named_has_text("../inside/out.c", 1));
	assert_false(named_has_text("sub/../../out.c", 1));
	snprintf(path, sizeof(path), "../../../../../../../..%s", scratch("out.c"));
	assert_false(named_has_text(path, 1));
	assert_int_equal(symlink("../out.c", scratch("in/out.c")), 0);
	assert_false(named_has_text("out.c", 1));
	assert_int_equal(symlink("..", scratch("in/up")), 0);
	assert_false(named_has_text("up/out.c", 1));
	assert_int_equal(symlink("a.c", scratch("in/b.c")), 0); /* stays in it */
	assert_true(named_has_text("b.c", 1));
}

/* Dots and links do not make source of what is none. */
static void a_path_is_where_it_leads_to(void **state)
{
	char path[600];

	(void)state;
	assert_int_equal(mkdir(scratch("include"), 0700), 0);
	assert_int_equal(mkdir(scratch(".ssh"), 0700), 0);
	write_lines(".ssh/id_rsa", 5);
	write_lines("include/vector", 5);
	snprintf(path, sizeof(path), "%s", scratch("include/vector"));
	assert_true(named_has_text(path, 0));
	snprintf(path, sizeof(path), "%s", scratch("include/../include/vector"));
	assert_true(named_has_text(path, 0));
	snprintf(path, sizeof(path), "%s", scratch("include/../.ssh/id_rsa"));
	assert_false(named_has_text(path, 0));
	assert_int_equal(symlink("../.ssh/id_rsa", scratch("include/id_rsa")), 0);
	snprintf(path, sizeof(path), "%s", scratch("include/id_rsa"));
	assert_false(named_has_text(path, 0));
	assert_int_equal(symlink(".ssh/id_rsa", scratch("id.c")), 0);
	snprintf(path, sizeof(path), "%s", scratch("id.c"));
	assert_false(named_has_text(path, 0));
}

static void only_source_is_read(void **state)
{
	static const char *const are[] = {"/x/a.c", "a.cpp",   "b/c.hh",
					  "x.rs",   "main.go", "/usr/include/c++/12/vector",
					  "k.f90",  "a.b.py",  "/i/include/bits/stl_vector.h"};
	static const char *const are_not[] = {"/etc/shadow",
					      "/people/me/.ssh/id_rsa",
					      ".c",
					      "/x/.env.c",
					      "a.txt",
					      "a.c.bak",
					      "a.pem",
					      "a",
					      "a.",
					      "/x.c/passwd",
					      "",
					      "a.C++x",
					      "/people/me/.config/include.key"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(are) / sizeof(are[0]); i++)
		if (!flame_text_is_source(are[i]))
			fail_msg("%s is", are[i]);
	for (i = 0; i < sizeof(are_not) / sizeof(are_not[0]); i++)
		if (flame_text_is_source(are_not[i]))
			fail_msg("%s is not", are_not[i]);
}

static void what_is_no_text_is_left_out(void **state)
{
	(void)state;
	scratch_write("a.c", "one\0two\n", 8);
	cost(PROFILE_CPU, "a.c", 1, 10);
	assert_false(has_text());
	scratch_write("a.c", "", 0);
	assert_false(has_text());
	scratch_write("a.c", "one\n", 4);
	assert_true(has_text());
	assert_int_equal(truncate(scratch("a.c"), (off_t)FLAME_TEXT_MAX + 1), 0);
	assert_false(has_text());
	assert_int_equal(unlink(scratch("a.c")), 0);
	assert_false(has_text());
	assert_int_equal(mkfifo(scratch("a.c"), 0600), 0);
	assert_false(has_text());
	assert_int_equal(unlink(scratch("a.c")), 0);
	assert_int_equal(mkdir(scratch("a.c"), 0700), 0);
	assert_false(has_text());
	assert_int_equal(rmdir(scratch("a.c")), 0);
	assert_int_equal(symlink("/dev/zero", scratch("a.c")), 0);
	assert_false(has_text());
}

/* A path with a NUL in it is not the path before it. */
static void names_are_whole(void **state)
{
	const char *path = scratch("a.c");
	size_t n = strlen(path);
	char *name = malloc(n + 3);
	uint32_t id;

	(void)state;
	assert_non_null(name);
	write_lines("a.c", 5);
	cost(PROFILE_CPU, "a.c", 2, 10);
	memcpy(name, path, n + 1);
	memcpy(name + n + 1, ".c", 2);
	assert_int_equal(strtab_intern(profile.strings, name, n + 3, &id), 0);
	profile.frames[0].file = id;
	assert_false(has_text());
	free(name);
}

static void nothing_is_no_source(void **state)
{
	struct flame_sources x;

	(void)state;
	gather(&x);
	assert_int_equal(x.source.n_files, 0);
	assert_int_equal(x.source.n_columns, 0);
	flame_sources_release(&x);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(windows_are_around_what_costs_and_join),
		T(lines_that_cost_little_have_little_around),
		T(calls_count_when_they_are_much),
		T(text_keeps_its_lines),
		T(columns_are_what_there_is),
		T(room_is_kept),
		T(text_is_that_of_the_run),
		T(stores_of_others_get_no_text),
		T(nothing_outside_the_folder_is_read),
		T(a_path_is_where_it_leads_to),
		T(only_source_is_read),
		T(what_is_no_text_is_left_out),
		T(names_are_whole),
		T(nothing_is_no_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
