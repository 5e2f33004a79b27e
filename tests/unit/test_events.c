/* Events: rows in a real bundle, fields, warnings, stages, and a sink that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/text.h"
#include "pipeline/events/events.h"
#include "pipeline/source/source_ops.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16], url[PATH_MAX + 32];

static int make_bundle(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	snprintf(url, sizeof url, "bundle:%s", path);
	fixture_make(path);
	return 0;
}

static int remove_bundle(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static struct events *into_bundle(void)
{
	struct source *sink = NULL;
	struct err err = ERR_INIT;

	if (source_open(&sink, url, SOURCE_WRITE, &err) != 0)
		fail_msg("%s", err.text);
	return events_new(sink, JOB_1);
}

/* What an SQL query says: rows separated by newlines, columns by '|'. */
static char *query(const char *sql)
{
	struct buf out = BUF_INIT;
	sqlite3_stmt *st;
	sqlite3 *db;
	int i;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(st); i++) {
			const char *text = (const char *)sqlite3_column_text(st, i);

			buf_printf(&out, "%s%s", i ? "|" : "", text ? text : "NULL");
		}
		buf_putc(&out, '\n');
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	buf_puts(&out, "");
	return buf_steal(&out, NULL);
}

static void rows_are(const char *sql, const char *want)
{
	char *got = query(sql);

	assert_string_equal(got, want);
	free(got);
}

static void an_event_is_one_row_of_its_job(void **state)
{
	struct events *e = into_bundle();
	int64_t before = clock_real_ns() / 1000 * 1000, ts = 0;
	char *stamp;

	(void)state;
	events_emit(e, "info", "split_start", NULL,
		    json_pack("{s:i, s:s, s:f}", "split", 1, "v_old", "160", "x", 0.1));
	rows_are("SELECT job_id, level, event, message, fields FROM job_event",
		 JOB_1 "|info|export_research_dataset.split_start|NULL|"
		       "{\"split\":1,\"v_old\":\"160\",\"x\":0.1}\n");
	stamp = query("SELECT ts FROM job_event");
	stamp[strcspn(stamp, "\n")] = '\0';
	assert_int_equal(stamp_parse(stamp, &ts), 0);
	assert_true(ts >= before && ts <= clock_real_ns());
	free(stamp);
	events_free(e);
}

static void names_get_the_prefix_unless_they_have_one(void **state)
{
	struct events *e = into_bundle();

	(void)state;
	events_emit(e, "info", "done", NULL, NULL);
	events_emit(e, "info", "export_research_dataset.done", "twice", NULL);
	events_emit(e, "error", "job.failed", "no memory", NULL);
	events_emit(e, "info", "refpool.cache_hit", NULL, NULL);
	rows_are("SELECT level, event, message, fields FROM job_event ORDER BY id",
		 "info|export_research_dataset.done|NULL|{}\n"
		 "info|export_research_dataset.done|twice|{}\n"
		 "error|job.failed|no memory|{}\n"
		 "info|export_research_dataset.refpool.cache_hit|NULL|{}\n");
	events_free(e);
}

static void progress_fields_reach_the_job(void **state)
{
	struct events *e = into_bundle();

	(void)state;
	events_emit(e, "info", "split_done", NULL,
		    json_pack("{s:i, s:i}", "_progress_current", 3, "_progress_total", 14));
	events_emit(e, "info", "done", NULL, NULL);
	rows_are("SELECT progress_current, progress_total FROM job WHERE id = '" JOB_1 "'",
		 "3|14\n");
	events_free(e);
}

static void warnings_carry_code_text_and_details(void **state)
{
	struct events *e = into_bundle();

	(void)state;
	assert_int_equal(events_warning_count(e), 0);
	events_warn(e, "backend_alias", json_pack("{s:s}", "given", "faiss"), "%s means exact",
		    "faiss");
	events_warn(e, "bad_name", NULL, "file %s", "caf\xe9");
	events_emit(e, "warning", "split_skipped", NULL, NULL);
	assert_int_equal(events_warning_count(e), 3);
	rows_are("SELECT level, event, message, fields FROM job_event ORDER BY id",
		 "warning|export_research_dataset.warning|faiss means exact|"
		 "{\"code\":\"backend_alias\",\"text\":\"faiss means exact\","
		 "\"details\":{\"given\":\"faiss\"}}\n"
		 "warning|export_research_dataset.warning|file caf?|"
		 "{\"code\":\"bad_name\",\"text\":\"file caf?\",\"details\":{}}\n"
		 "warning|export_research_dataset.split_skipped|NULL|{}\n");
	events_free(e);
}

/* ---- stages ----------------------------------------------------------------------------------- */

static void a_stage_ends_with_its_time(void **state)
{
	struct events *e = into_bundle();
	struct events_stage st;
	double elapsed;
	char *got, want[200], text[DOUBLE_TEXT];

	(void)state;
	events_stage_begin(e, &st, "knn");
	usleep(30000);
	elapsed = events_stage_end(&st, "knn_done", json_pack("{s:i}", "queries", 7));
	assert_true(elapsed >= 0.030 && elapsed < 5);
	double_shortest(elapsed, text);
	assert_true(strlen(text) <= 5); /* "0.031": milliseconds */
	snprintf(want, sizeof want,
		 "export_research_dataset.knn_done|{\"queries\":7,\"elapsed_s\":%s}\n", text);
	got = query("SELECT event, fields FROM job_event");
	assert_string_equal(got, want);
	free(got);
	assert_true(events_stage_end(&st, "knn_done", json_object()) == 0); /* ended before */
	rows_are("SELECT count(*) FROM job_event", "1\n");
	events_free(e);
}

static void outermost_stages_are_summed_and_inner_ones_are_not(void **state)
{
	struct events *e = events_new(NULL, NULL);
	struct events_stage outer, inner;
	double sum = 0;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		events_stage_begin(e, &outer, "split");
		events_stage_begin(e, &inner, "knn");
		usleep(5000);
		assert_true(events_stage_end(&inner, NULL, NULL) >= 0.005);
		sum += events_stage_end(&outer, NULL, json_object());
	}
	assert_true(events_stage_seconds(e) > sum - 1e-9 && events_stage_seconds(e) < sum + 1e-9);
	events_free(e);
}

static void the_table_sums_by_name_in_order(void **state)
{
	struct events *e = events_new(NULL, NULL);
	struct events_stage a, b;
	json_t *table, *line;
	char name[16];
	void *it;
	int i;

	(void)state;
	events_stage_begin(e, &a, "outer");
	for (i = 0; i < 40; i++) { /* more names than the first table holds */
		snprintf(name, sizeof name, "stage%d", i % 20);
		events_stage_begin(e, &b, name);
		events_stage_end(&b, NULL, NULL);
	}
	events_stage_end(&a, NULL, NULL);
	table = events_stage_table(e);
	assert_int_equal(json_object_size(table), 21);
	it = json_object_iter(table);
	assert_string_equal(json_object_iter_key(it), "stage0");
	line = json_object_iter_value(it);
	assert_int_equal(json_integer_value(json_object_get(line, "n")), 2);
	assert_true(json_is_real(json_object_get(line, "wall_s")));
	assert_true(json_is_real(json_object_get(line, "cpu_s")));
	assert_true(json_integer_value(json_object_get(line, "peak_rss_bytes")) > 1 << 20);
	assert_non_null(json_object_get(table, "outer"));
	json_decref(table);
	events_free(e);
}

static void cpu_time_counts_all_threads_of_a_stage(void **state)
{
	struct events *e = events_new(NULL, NULL);
	struct events_stage st;
	json_t *table;
	int64_t start = clock_process_cpu_ns();
	double cpu_s;

	(void)state;
	events_stage_begin(e, &st, "spin");
	while (clock_process_cpu_ns() - start < 50000000)
		;
	events_stage_end(&st, NULL, NULL);
	table = events_stage_table(e);
	cpu_s = json_real_value(json_object_get(json_object_get(table, "spin"), "cpu_s"));
	assert_true(cpu_s >= 0.045);
	json_decref(table);
	events_free(e);
}

static void no_events_are_no_trouble(void **state)
{
	struct events_stage st;
	json_t *table = events_stage_table(NULL);

	(void)state;
	events_emit(NULL, "info", "x", NULL, json_object());
	events_warn(NULL, "x", json_object(), "y");
	events_stage_begin(NULL, &st, "x");
	assert_true(events_stage_end(&st, "x", NULL) >= 0);
	events_progress_begin(NULL, "a", "b", 1);
	events_progress_add(NULL, 1);
	events_progress_end(NULL);
	assert_int_equal(events_warning_count(NULL), 0);
	assert_true(events_stage_seconds(NULL) == 0);
	assert_int_equal(json_object_size(table), 0);
	json_decref(table);
	events_free(NULL);
}

/* ---- stderr ----------------------------------------------------------------------------------- */

/* Sends stderr to a file until said() reads it. */
static int kept_stderr;

static void listen(void)
{
	char file[PATH_MAX + 32];
	int fd;

	snprintf(file, sizeof file, "%s/stderr", dir);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	kept_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void said(const char *want)
{
	char file[PATH_MAX + 32];
	struct buf got = BUF_INIT;

	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
	snprintf(file, sizeof file, "%s/stderr", dir);
	assert_int_equal(fsio_read_all(file, 1 << 20, &got, NULL), 0);
	assert_string_equal(buf_str(&got), want);
	buf_release(&got);
}

static void each_event_is_a_line_on_stderr(void **state)
{
	struct events *e = events_new(NULL, NULL);

	(void)state;
	log_init("t", LOG_INFO);
	listen();
	events_emit(e, "info", "knn_done", NULL,
		    json_pack("{s:i, s:s, s:i, s:f}", "split", 1, "file", "a.parquet",
			      "_progress_current", 3, "elapsed_s", 1.5));
	events_emit(e, "info", "job.succeeded", "all good",
		    json_pack("{s:{s:s}}", "result", "long",
			      "0123456789012345678901234567890123456789012345678901234567890"
			      "0123456789012345678901234567890123456789"));
	events_emit(e, "info", "resume_dir", NULL,
		    json_pack("{s:s}", "staging_dir",
			      "/a/long/path/of/more/than/a/hundred/bytes/\xc3\xa4/"
			      "0123456789012345678901234567890123456789012345678901234567890/"
			      "0123456789012345678901234567890123456"));
	events_warn(e, "code", NULL, "a remark");
	said("t: knn_done  split=1  file=a.parquet  elapsed_s=1.5\n"
	     "t: job.succeeded: all good  result=…\n"
	     "t: resume_dir  "
	     "staging_dir=…/0123456789012345678901234567890123456789012345678901234567890/"
	     "0123456789012345678901234567890123456\n"
	     "t: warning: a remark\n");
	log_init("t", LOG_QUIET);
	listen();
	events_emit(e, "info", "knn_done", NULL, NULL);
	said("");
	log_init("t", LOG_INFO);
	events_free(e);
}

/* ---- a sink that fails ------------------------------------------------------------------------ */

static unsigned inserts, closes;

static int refuse(struct source *s, const struct source_event *row, struct err *err)
{
	(void)s;
	inserts++;
	return err_set(err, ERR_DATABASE, "disk I/O error at %s", row->event);
}

static void close_it(struct source *s)
{
	closes++;
	free(s);
}

static const struct source_ops refusing = {
	.kind = "test", .close = close_it, .insert_event = refuse};

static void a_failing_sink_is_told_once_and_stops_nothing(void **state)
{
	struct source *sink = calloc(1, sizeof *sink);
	struct events *e;

	(void)state;
	inserts = closes = 0;
	sink->ops = &refusing;
	e = events_new(sink, JOB_1);
	log_init("t", LOG_WARN);
	listen();
	events_emit(e, "info", "a", NULL, NULL);
	events_emit(e, "info", "b", NULL, NULL);
	said("t: warning: event export_research_dataset.a was not stored, the job goes on: disk "
	     "I/O error at export_research_dataset.a (further failures are not shown)\n");
	log_init("t", LOG_INFO);
	assert_int_equal(inserts, 2); /* it is tried again each time */
	events_free(e);
	assert_int_equal(closes, 1); /* the sink is owned */
}

static void a_bundle_that_lost_its_table_stops_nothing(void **state)
{
	struct events *e = into_bundle();

	(void)state;
	events_emit(e, "info", "before", NULL, NULL);
	fixture_sql(path, "ALTER TABLE job_event RENAME TO gone");
	log_init("t", LOG_ERROR);
	events_emit(e, "info", "after", NULL, NULL);
	log_init("t", LOG_INFO);
	events_free(e);
	rows_are("SELECT event FROM gone", "export_research_dataset.before\n");
}

/* ---- threads ---------------------------------------------------------------------------------- */

#define THREADS 4
#define EACH    50

static void *emit_many(void *arg)
{
	struct events *e = arg;
	int i;

	for (i = 0; i < EACH; i++) {
		struct events_stage st;

		events_stage_begin(e, &st, i % 2 ? "odd" : "even");
		if (i % 10 == 0)
			events_warn(e, "w", NULL, "remark %d", i);
		events_stage_end(&st, "records_done", NULL);
	}
	return NULL;
}

static void every_function_may_be_called_from_any_thread(void **state)
{
	struct events *e = into_bundle();
	pthread_t t[THREADS];
	json_t *table;
	int i;

	(void)state;
	log_init("t", LOG_ERROR);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, emit_many, e), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	log_init("t", LOG_INFO);
	assert_int_equal(events_warning_count(e), THREADS * EACH / 10);
	table = events_stage_table(e);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(table, "odd"), "n")),
			 THREADS * EACH / 2);
	json_decref(table);
	rows_are("SELECT count(*) FROM job_event", "220\n");
	events_free(e);
}

#define IN_BUNDLE(test) cmocka_unit_test_setup_teardown(test, make_bundle, remove_bundle)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BUNDLE(an_event_is_one_row_of_its_job),
		IN_BUNDLE(names_get_the_prefix_unless_they_have_one),
		IN_BUNDLE(progress_fields_reach_the_job),
		IN_BUNDLE(warnings_carry_code_text_and_details),
		IN_BUNDLE(a_stage_ends_with_its_time),
		cmocka_unit_test(outermost_stages_are_summed_and_inner_ones_are_not),
		cmocka_unit_test(the_table_sums_by_name_in_order),
		cmocka_unit_test(cpu_time_counts_all_threads_of_a_stage),
		cmocka_unit_test(no_events_are_no_trouble),
		IN_BUNDLE(each_event_is_a_line_on_stderr),
		IN_BUNDLE(a_failing_sink_is_told_once_and_stops_nothing),
		IN_BUNDLE(a_bundle_that_lost_its_table_stops_nothing),
		IN_BUNDLE(every_function_may_be_called_from_any_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
