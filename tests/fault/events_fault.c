/* Every allocation of the events fails once: the run goes on, at worst with less to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/events/events.h"
#include "pipeline/source/source_ops.h"
#include "prof/base/log.h"
#include "tests/fault/each.h"

static unsigned rows, closed;

static int take(struct source *s, const struct source_event *row, struct err *err)
{
	(void)s, (void)err;
	assert_non_null(row->event);
	assert_non_null(row->fields_json);
	assert_int_equal(row->fields_json[0], '{');
	rows++;
	return 0;
}

static void close_it(struct source *s)
{
	(void)s;
	closed++;
}

static const struct source_ops taking = {.kind = "test", .close = close_it, .insert_event = take};

static int a_whole_run(void)
{
	struct source sink = {.ops = &taking};
	struct events *e;
	struct events_stage st;
	json_t *table;

	rows = closed = 0;
	e = events_new(&sink, "job");
	if (!e) {
		assert_int_equal(closed, 1); /* the sink was given away */
		return ERR_NOMEM;
	}
	events_emit(e, "info", "start", "hello", json_pack("{s:i}", "split", 1));
	events_warn(e, "code", json_pack("{s:i}", "n", 3), "a remark of %d", 1);
	events_stage_begin(e, &st, "knn");
	events_stage_end(&st, "knn_done", json_pack("{s:s}", "text", "long enough"));
	assert_int_equal(rows, 3);
	assert_int_equal(events_warning_count(e), 1);
	assert_true(events_stage_seconds(e) >= 0);
	table = events_stage_table(e);
	json_decref(table);
	events_free(e);
	assert_int_equal(closed, 1);
	return 0;
}

static void a_run_never_stops_for_want_of_memory(void **state)
{
	(void)state;
	assert_true(fault_each(a_whole_run, 1) >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_never_stops_for_want_of_memory),
	};

	log_init("t", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
