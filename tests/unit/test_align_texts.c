/* align_texts: texts of the proteins that are asked for, each read once, equal ones kept once. What was read is
 * seen by taking the source's texts away in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/job/align_texts.h"
#include "tests/unit/world.h"

#define N 7

static struct err err;
static struct proteins proteins;
static struct align_texts texts;

/* P0 and P4 share sequence 1; P1 has 2; P2 has 30, with the text of 2; P3 none; P5 an empty one; P6 one that is
 * not there. */
static int begin(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_sql("PRAGMA foreign_keys = OFF;");
	world_sql("INSERT INTO sequence VALUES (30, 'MK2', 'like2'), (40, '', 'empty');");
	world_protein("P0", 1);
	world_protein("P1", 2);
	world_protein("P2", 30);
	world_protein("P3", 0);
	world_protein("P4", 1);
	world_protein("P5", 40);
	world_sql("INSERT INTO protein VALUES ('P6', 50, NULL);");
	world_open();
	err = (struct err)ERR_INIT;
	return proteins_load(&proteins, world.source, &err);
}

static int end(void **state)
{
	(void)state;
	align_texts_release(&texts);
	proteins_release(&proteins);
	world_close();
	return 0;
}

static void load(const char *wanted, int with_md5)
{
	unsigned char asked[N];
	size_t i;

	for (i = 0; i < N; i++)
		asked[i] = wanted[i] == 'x';
	assert_int_equal(align_texts_load(&texts, &proteins, world.source, asked, with_md5, &err),
			 0);
}

static void text_is(uint32_t protein, const char *want)
{
	uint32_t number = texts.text_of[protein];

	if (!want) {
		assert_int_equal(number, DICT_NONE);
		return;
	}
	assert_true(number < texts.n_views);
	assert_int_equal(texts.view[number].len, strlen(want));
	assert_memory_equal(texts.view[number].bytes, want, strlen(want));
}

static void equal_texts_are_one(void **state)
{
	(void)state;
	load("xxxxxxx", 0);
	assert_int_equal(texts.n_views, 2);
	text_is(0, "MK1");
	text_is(1, "MK2");
	text_is(2, "MK2");
	text_is(3, NULL);
	text_is(4, "MK1");
	text_is(5, NULL);
	text_is(6, NULL);
	assert_int_equal(texts.text_of[1], texts.text_of[2]);
	assert_int_equal(texts.sequence[texts.text_of[0]], 1);
	assert_true(texts.sequence[texts.text_of[1]] == 2 ||
		    texts.sequence[texts.text_of[1]] == 30);
	assert_null(texts.md5);
}

static void only_what_is_asked_for_is_read(void **state)
{
	(void)state;
	load("...x...", 0);
	assert_int_equal(texts.n_views, 0);
	load(".x.....", 0);
	assert_int_equal(texts.n_views, 1);
	text_is(0, NULL);
	text_is(1, "MK2");
	text_is(2, NULL);
}

static void nothing_is_read_twice(void **state)
{
	char want[MD5_HEX];

	(void)state;
	load("xx.....", 0);
	source_close(world.source);
	fixture_sql(world.path, "UPDATE sequence SET sequence = 'W' || sequence;");
	assert_int_equal(source_open(&world.source, world.path, SOURCE_READ, &err), 0);
	load("xxx....", 1);
	text_is(0, "MK1");
	text_is(1, "MK2");
	text_is(2, "WMK2");
	assert_int_equal(texts.n_md5s, 3);
	for (uint32_t p = 0; p < 3; p++) {
		const struct align_text *t = &texts.view[texts.text_of[p]];

		assert_int_equal(md5_hex(t->bytes, t->len, want), 0);
		assert_string_equal(texts.md5[texts.text_of[p]], want);
	}
}

static void lists_are_by_sequence(void **state)
{
	static const unsigned char all[N] = {1, 1, 1, 1, 1, 1, 1}, but[N] = {0, 1, 0, 0, 0, 1, 0};
	size_t n;
	struct sequence_of *list = align_texts_list(&proteins, all, NULL, &n);

	(void)state;
	assert_non_null(list);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++) {
		static const int64_t sequence[] = {1, 1, 2, 30, 40, 50};
		static const uint32_t protein[] = {0, 4, 1, 2, 5, 6};

		assert_int_equal(list[i].sequence, sequence[i]);
		assert_int_equal(list[i].protein, protein[i]);
	}
	free(list);
	list = align_texts_list(&proteins, all, but, &n);
	assert_int_equal(n, 4);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_texts_are_one, begin, end),
		cmocka_unit_test_setup_teardown(only_what_is_asked_for_is_read, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_read_twice, begin, end),
		cmocka_unit_test_setup_teardown(lists_are_by_sequence, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
