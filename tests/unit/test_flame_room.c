/* Source in the data of a page, what a page for strangers leaves out, and pages that must be small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "prof/base/hash.h"
#include "tests/unit/flame_read.h"
#include "tests/unit/flame_rig.h"

#define ROOMY ((size_t)64 << 20)

static void fill(struct profile *p)
{
	uint32_t stack;

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "r", "c");
	stack = rig_stack(p, 0, rig_frame(p, rig_module(p, "/bin/x"), "f", "/src/a.c", 5, 0));
	rig_sample(p, PROFILE_NONE, rig_thread(p, "p", 1, "t", 1), stack, 3, 33);
}

/* ---- source ---- */

#define FILES 6
#define LINES 500

struct files {
	struct flame_line lines[FILES][LINES];
	struct flame_window windows[FILES][2];
	struct flame_file files[FILES];
	char names[FILES][16];
	char *text[FILES];
	struct flame_source source;
};

/* File `i` has 100 * (i + 1) lines with costs, and two windows of text that does not compress well. */
static struct files *make_files(void)
{
	struct files *f = calloc(1, sizeof *f);
	size_t i, k;

	assert_non_null(f);
	for (i = 0; i < FILES; i++) {
		size_t n = LINES / 5 * (i % 5 + 1), bytes = 4000 * (i + 1);

		f->text[i] = malloc(bytes);
		assert_non_null(f->text[i]);
		for (k = 0; k < bytes; k++)
			f->text[i][k] =
				(char)(k % 40 == 39 ? '\n' : ' ' + hash_u64(i * 7 + k) % 90);
		snprintf(f->names[i], sizeof f->names[i], "src/file%zu.c", i);
		for (k = 0; k < n; k++)
			f->lines[i][k] = (struct flame_line){(uint32_t)(3 * k + i + 1),
							     {k, 1000 * k},
							     {2 * k + 1, UINT64_MAX - k}};
		f->windows[i][0] = (struct flame_window){1, 50, f->text[i], 2000};
		f->windows[i][1] = (struct flame_window){100, (uint32_t)(bytes / 40 - 50),
							 f->text[i] + 2000, bytes - 2000};
		f->files[i] = (struct flame_file){f->names[i], f->lines[i], n, f->windows[i],
						  i == 5 ? 0 : 2};
	}
	f->source = (struct flame_source){.files = f->files,
					  .n_files = FILES,
					  .columns = {PROFILE_ALLOC, PROFILE_CPU},
					  .n_columns = 2,
					  .left_out = 1};
	return f;
}

static void free_files(struct files *f)
{
	size_t i;

	for (i = 0; i < FILES; i++)
		free(f->text[i]);
	free(f);
}

/* What is there of the source is as it was; how many files have text, and lines. */
static void check_source(const struct data *d, const struct files *f, size_t *texts, size_t *files)
{
	uint64_t *file = data_numbers(d, "source.file", files),
		 *rows = data_numbers(d, "source.rows", NULL),
		 *windows = data_numbers(d, "source.windows", NULL),
		 *no = data_numbers(d, "line.no", NULL), *self[2], *total[2],
		 *first = data_numbers(d, "window.first", NULL),
		 *lines = data_numbers(d, "window.lines", NULL),
		 *bytes = data_numbers(d, "window.bytes", NULL);
	struct column_bytes text = data_column(d, "window.text");
	size_t i, k, row = 0, window = 0, at = 0;

	self[0] = data_numbers(d, "line.self.0", NULL);
	self[1] = data_numbers(d, "line.self.1", NULL);
	total[0] = data_numbers(d, "line.total.0", NULL);
	total[1] = data_numbers(d, "line.total.1", NULL);
	for (i = 0, *texts = 0; i < *files; i++) {
		char *name = data_string(d, file[i]);
		uint64_t line = 0;

		assert_string_equal(name, f->names[i]);
		assert_int_equal(rows[i], f->files[i].n_lines);
		for (k = 0; k < rows[i]; k++, row++) {
			const struct flame_line *want = &f->lines[i][k];

			line += no[row];
			assert_int_equal(line, want->line);
			assert_true(self[0][row] == want->self[0] && self[1][row] == want->self[1]);
			assert_true(total[0][row] == want->total[0] &&
				    total[1][row] == want->total[1]);
		}
		assert_true(windows[i] == 0 || windows[i] == f->files[i].n_windows);
		/* Where one file is without its text, so are those behind it. */
		assert_true(windows[i] == 0 || *texts == i);
		*texts += windows[i] > 0;
		for (k = 0; k < windows[i]; k++, window++) {
			const struct flame_window *want = &f->windows[i][k];

			assert_int_equal(first[window], want->first);
			assert_int_equal(lines[window], want->lines);
			assert_int_equal(bytes[window], want->bytes);
			assert_true(at + want->bytes <= text.bytes);
			assert_memory_equal(text.at + at, want->text, want->bytes);
			at += want->bytes;
		}
		free(name);
	}
	assert_int_equal(at, text.bytes);
	for (i = 0; i < 2; i++) {
		free(self[i]);
		free(total[i]);
	}
	free(file);
	free(rows);
	free(windows);
	free(no);
	free(first);
	free(lines);
	free(bytes);
}

static void source_takes_an_eighth_of_the_room(void **state)
{
	struct files *f = make_files();
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .source = &f->source};
	size_t room, texts, files, seen = 0, texts_before = 5;

	(void)state;
	fill(&p);
	for (room = ROOMY; room > 500; room = room == ROOMY ? 1 << 20 : room * 3 / 4) {
		struct data d = data_of(&o, room);
		const json_t *source = json_object_get(d.head, "source");
		const json_t *columns = json_object_get(source, "columns");

		check_source(&d, f, &texts, &files);
		assert_true(room != ROOMY || (texts == 5 && files == FILES));
		assert_true(texts <= texts_before);
		assert_true(texts == 5 || d.packed < room / 8 + 1200);
		assert_int_equal(json_integer_value(json_object_get(source, "left_out")),
				 6 - texts);
		assert_int_equal(json_array_size(columns), 2);
		assert_string_equal(json_string_value(json_array_get(columns, 0)), "alloc");
		seen |= (size_t)1 << texts;
		texts_before = texts;
		data_release(&d);
	}
	assert_int_equal(files, 0);
	assert_true(seen == 0x3f || seen == 0x3d ||
		    seen == 0x3b); /* one by one, the last files first */
	profile_release(&p);
	free_files(f);
}

/* ---- for strangers ---- */

/* Bytes of the page as it is written (caller frees). */
static char *page_of(const struct flame_options *o, size_t *len, struct err *err)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	int rc;

	assert_non_null(out);
	rc = flame_write(out, o, err);
	assert_int_equal(fclose(out), 0);
	if (rc == 0)
		return text;
	assert_int_equal(rc, err->code);
	free(text);
	return NULL;
}

static int has(const struct data *d, const char *text)
{
	return memmem(d->raw, d->n, text, strlen(text)) != NULL;
}

static void fill_secret(struct profile *p, const char *command)
{
	uint32_t stack;

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "/srv/zzuser/plain name", command);
	p->run.host = rig_string(p, "zzhost");
	p->run.job = rig_string(p, "/jobs/zzjob.json");
	p->run.labels = rig_string(p, "{\"customer\":\"zzlabel\"}");
	stack = rig_stack(p, 0,
			  rig_frame(p, rig_module(p, "/srv/zzuser/libplain.so"), "plain_f",
				    "/build/zzbuild/plain.c", 5, 0));
	stack = rig_stack(p, stack,
			  rig_frame(p, rig_module(p, "zzfolder/plain.so"), "plain_g",
				    "zzrelative/plain.h", 9, 0));
	rig_sample(p, rig_stage(p, PROFILE_NONE, "read /srv/zz user/plain.csv"),
		   rig_thread(p, "/srv/zzuser/p", 1, "/srv/zzuser/t", 1), stack, 3, 33);
	p->stages[0].params = rig_string(p, "{\"in\":\"zzparams\"}");
	rig_counter(p, 1, "rows of /srv/zzuser/plain.db", 5);
	rig_loss(p, "/srv/zzuser/plain", 1);
}

static void a_page_for_strangers_names_no_host_job_label_or_folder(void **state)
{
	static const char *const commands[][2] = {
		{"/srv/zzuser/bin/plain_program --token zzargument",
		 "\"command\":\"plain_program\""},
		{"'/srv/zz user/plain program' zzargument", "\"command\":\"plain program\""},
		{"\"zzfolder/plain_program\"", "\"command\":\"plain_program\""},
		{"plain_program", "\"command\":\"plain_program\""},
		{"", "\"command\":\"\""},
	};
	struct files *f = make_files();
	size_t i, len;

	(void)state;
	memcpy(f->text[0], "zztext", 6);
	for (i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct err err = ERR_INIT;
		struct profile p;
		struct flame_run run = {.p = &p};
		struct flame_options o = {
			.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .source = &f->source};
		struct data d;
		char *page;

		fill_secret(&p, commands[i][0]);
		d = data_of(&o, ROOMY); /* what it looks like otherwise */
		assert_true(has(&d, "zzhost") && has(&d, "zzjob") && has(&d, "zzlabel") &&
			    has(&d, "zzbuild") && has(&d, "zzfolder") && has(&d, "zztext"));
		assert_null(json_object_get(d.head, "redacted"));
		data_release(&d);
		o.redact = 1;
		d = data_of(&o, ROOMY);
		assert_false(has(&d, "zz"));
		assert_true(has(&d, "plain_g") && has(&d, "read plain.csv") &&
			    has(&d, "rows of plain.db") && has(&d, "libplain.so") &&
			    has(&d, "plain.c"));
		assert_true(has(&d, commands[i][1]));
		assert_true(json_is_true(json_object_get(d.head, "redacted")));
		assert_null(json_object_get(d.head, "source"));
		data_release(&d);
		page = page_of(&o, &len, &err);
		assert_non_null(page);
		assert_null(strstr(page, "zzhost"));
		assert_null(strstr(page, "zzuser"));
		assert_null(strstr(page, "zzargument"));
		assert_null(strstr(page, "zzfolder"));
		assert_null(strstr(page, "zzlabel"));
		free(page);
		profile_release(&p);
	}
	free_files(f);
}

/* ---- how sure sums are ---- */

static void sums_of_bytes_say_how_sure_they_are(void **state)
{
	static const struct flame_precision sure[] = {
		{PROFILE_ALLOC, "estimated, one sample in 512.0 KiB", 100, 300},
		{PROFILE_PEAK, "exact", 0, 0},
		{PROFILE_LIVE, "odd", 5, 1.0 / 0.0},
	};
	struct profile p;
	struct flame_run run = {.p = &p, .precisions = sure, .n_precisions = 3};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	const json_t *all, *one;
	struct data d;

	(void)state;
	fill(&p);
	d = data_of(&o, ROOMY);
	all = json_object_get(json_array_get(json_object_get(d.head, "runs"), 0), "precision");
	assert_int_equal(json_object_size(all), 3);
	one = json_object_get(all, "alloc");
	assert_string_equal(json_string_value(json_object_get(one, "text")), sure[0].text);
	one = json_object_get(one, "interval");
	assert_true(json_number_value(json_array_get(one, 0)) == 100 &&
		    json_number_value(json_array_get(one, 1)) == 300);
	assert_null(json_object_get(json_object_get(all, "peak"), "interval"));
	assert_null(json_object_get(json_object_get(all, "live"), "interval"));
	data_release(&d);
	run.n_precisions = 0;
	d = data_of(&o, ROOMY);
	all = json_array_get(json_object_get(d.head, "runs"), 0);
	assert_null(json_object_get(all, "precision"));
	data_release(&d);
	profile_release(&p);
}

/* ---- small pages ---- */

/* All that a page can have, of everything more than fits into small ones. */
static void fill_much(struct profile *p)
{
	uint32_t thread, stage = PROFILE_NONE, stack = 0, i;
	uint64_t seed = 9;
	char text[64];

	assert_int_equal(profile_init(p), 0);
	rig_run(p, "much", "c");
	thread = rig_thread(p, "p", 1, "t", 1);
	for (i = 0; i < 6000; i++) {
		seed = hash_u64(seed + 1);
		snprintf(text, sizeof text, "%llx", (unsigned long long)seed);
		if (i % 50 == 0)
			stage = rig_stage(p, PROFILE_NONE, text);
		p->stages[stage].wall_ns = i;
		stack = rig_stack(p, (uint32_t)(seed % p->n_stacks),
				  rig_frame(p, PROFILE_NONE, text, text + 8, i, 0));
		rig_sample(p, stage, thread, stack, 1, (int64_t)(seed >> 40));
		p->samples[i].kind = i % 3 ? PROFILE_CPU : PROFILE_ALLOC;
		rig_tick(p, (int64_t)i * 1000000, thread, stack, 0);
		rig_counter(p, (int64_t)i * 1000000, "heap_bytes", (double)(seed >> 40));
	}
}

/* The number behind "the smallest has ". */
static size_t least_of(const struct err *err)
{
	static const char before[] = "smallest has ";
	const char *at = strstr(err->text, before);

	assert_non_null(at);
	return strtoul(at + strlen(before), NULL, 10);
}

static void a_page_is_as_small_as_asked_or_says_how_small_it_can_be(void **state)
{
	struct files *f = make_files();
	struct err err = ERR_INIT;
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .source = &f->source};
	size_t least, len, max, before = 0;
	char *page;

	(void)state;
	fill_much(&p);
	o.max_bytes = 1;
	assert_null(page_of(&o, &len, &err));
	assert_int_equal(err.code, ERR_ARG);
	least = least_of(&err);
	assert_true(least > 10000 && least < 200000);
	o.max_bytes = least - 1;
	assert_null(page_of(&o, &len, &err));
	assert_int_equal(least_of(&err), least);
	for (max = least; max < 4 * least; max += 1 + (max - least) * 2) {
		o.max_bytes = max;
		page = page_of(&o, &len, &err);
		if (!page)
			fail_msg("%s", err.text);
		assert_true(len <= max);
		/* And not much smaller, when there is more to show. */
		assert_true(len > max - max / 20 || len < 4096 + least);
		assert_true(len + 2000 > before);
		before = len;
		free(page);
	}
	profile_release(&p);
	free_files(f);
}

/* Stages and threads that do not fit whatever is folded: with a limit of one's own that is said, else there is a page. */
static void what_cannot_be_folded_is_said(void **state)
{
	struct err err = ERR_INIT;
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	size_t len, i;
	uint32_t stack, n;
	char *page, text[600];

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	rig_run(&p, "r", "c");
	stack = rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, "f", "", 0, 0));
	for (n = 0; n < 6000; n++) {
		for (i = 0; i < sizeof text - 1; i++)
			text[i] = (char)('0' + hash_u64(n * 1000 + i) % 64);
		text[i] = '\0';
		rig_sample(&p, rig_stage(&p, PROFILE_NONE, text), PROFILE_NONE, stack, 1, 1);
	}
	page = page_of(&o, &len, &err);
	assert_non_null(page);
	assert_true(len > 3000000);
	free(page);
	o.max_bytes = 2000000;
	assert_null(page_of(&o, &len, &err));
	assert_int_equal(err.code, ERR_ARG);
	assert_true(least_of(&err) > 3000000);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_takes_an_eighth_of_the_room),
		cmocka_unit_test(a_page_for_strangers_names_no_host_job_label_or_folder),
		cmocka_unit_test(sums_of_bytes_say_how_sure_they_are),
		cmocka_unit_test(a_page_is_as_small_as_asked_or_says_how_small_it_can_be),
		cmocka_unit_test(what_cannot_be_folded_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
