/* staged_texts: what a staging folder's work fits is a digest of fingerprint and texts, the same when the texts
 * are in memory and when they are read again, another when one of them is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/job/staged_texts.h"
#include "tests/unit/scratch.h"
#include "tests/unit/world.h"

#define N 20000 /* more than a part */

static struct err err;
static struct proteins proteins;
static struct align_texts texts;
static unsigned char wanted[N];
static struct staging staging;

/* Every third protein shares the sequence of the one before; every fifth has none. */
static int make_world(void **state)
{
	char accession[16];

	if (scratch_make(state) != 0)
		return -1;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < N; i++) {
		snprintf(accession, sizeof accession, "P%05d", i);
		world_protein(accession, i % 5 == 4 ? 0 : 1 + i - (i % 3 == 2));
		wanted[i] = i % 7 != 0;
	}
	world_sql("UPDATE sequence SET sequence = '' WHERE id % 1000 = 2;");
	world_open();
	if (proteins_load(&proteins, world.source, &err) != 0)
		return -1;
	return align_texts_load(&texts, &proteins, world.source, wanted, 0, &err);
}

static int drop_world(void **state)
{
	align_texts_release(&texts);
	proteins_release(&proteins);
	world_close();
	return scratch_remove(state);
}

static void enter(char digit)
{
	free(staging.text);
	staging = (struct staging){.dir = scratch_dir, .lock = -1};
	memset(staging.fingerprint, digit, SHA256_HEX - 1);
	memcpy(staging.content, staging.fingerprint, SHA256_HEX);
}

static void note(const unsigned char *which, size_t workers)
{
	assert_int_equal(staged_texts_note(&staging, &texts, &proteins, which, workers, &err), 0);
}

static void check_again(size_t workers)
{
	assert_int_equal(staged_texts_check(&staging, world.source, workers, &err), 0);
}

/* A fresh folder. */
static int begin(void **state)
{
	(void)state;
	(void)fsio_remove(scratch("sequences"));
	enter('a');
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(staging.text);
	staging.text = NULL;
	return 0;
}

static void texts_that_are_read_again_are_the_same(void **state)
{
	char noted[SHA256_HEX];

	(void)state;
	note(wanted, 1);
	memcpy(noted, staging.content, SHA256_HEX);
	assert_string_not_equal(noted, staging.fingerprint);
	for (size_t workers = 1; workers <= 3; workers += 2) {
		enter('a');
		check_again(workers);
		assert_string_equal(staging.content, noted);
	}
	enter('b');
	check_again(1);
	assert_string_not_equal(staging.content, noted);
	enter('a');
	note(wanted, 3);
	assert_string_equal(staging.content, noted);
}

static void without_a_list_nothing_is_read(void **state)
{
	(void)state;
	check_again(2);
	assert_string_equal(staging.content, staging.fingerprint);
	assert_null(staging.text);
}

static void sql(const char *statement)
{
	source_close(world.source);
	fixture_sql(world.path, statement);
	assert_int_equal(source_open(&world.source, world.path, SOURCE_READ, &err), 0);
}

static void other_texts_are_another_content(void **state)
{
	/* sequence 1 belongs to P00000, which nobody wants; 2 is empty */
	static const struct {
		const char *change, *undo;
		int same;
	} cases[] = {
		{"UPDATE sequence SET sequence = 'MK3W' WHERE id = 4",
		 "UPDATE sequence SET sequence = 'MK4' WHERE id = 4", 0},
		{"UPDATE sequence SET sequence = '' WHERE id = 19999",
		 "UPDATE sequence SET sequence = 'MK19999' WHERE id = 19999", 0},
		{"UPDATE sequence SET sequence = 'M' WHERE id = 2",
		 "UPDATE sequence SET sequence = '' WHERE id = 2", 0},
		{"UPDATE sequence SET sequence = 'W' WHERE id = 1",
		 "UPDATE sequence SET sequence = 'MK1' WHERE id = 1", 1},
		/* none is as good as empty */
		{"PRAGMA foreign_keys = OFF; DELETE FROM sequence WHERE id = 2",
		 "INSERT INTO sequence VALUES (2, '', 'hash2')", 1},
	};
	char noted[SHA256_HEX];

	(void)state;
	note(wanted, 1);
	memcpy(noted, staging.content, SHA256_HEX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sql(cases[i].change);
		enter('a');
		check_again(2);
		if ((strcmp(staging.content, noted) == 0) != cases[i].same)
			fail_msg("%s", cases[i].change);
		sql(cases[i].undo);
	}
	enter('a');
	check_again(1);
	assert_string_equal(staging.content, noted);
}

/* A run that goes on wants fewer texts: what was finished with the others stays valid. */
static void fewer_texts_leave_the_list_alone(void **state)
{
	static unsigned char fewer[N];
	char noted[SHA256_HEX];

	(void)state;
	for (int i = 0; i < N; i++)
		fewer[i] = wanted[i] && i % 2;
	note(wanted, 1);
	memcpy(noted, staging.content, SHA256_HEX);
	enter('a');
	check_again(1);
	note(fewer, 1);
	assert_string_equal(staging.content, noted);
	enter('a');
	note(fewer, 1); /* not checked: nothing else counts */
	assert_string_not_equal(staging.content, noted);
	enter('a');
	check_again(1);
	note(wanted, 1);
	assert_string_equal(staging.content, noted);
	enter('a');
	check_again(1);
	assert_string_equal(staging.content, noted);
}

/* Every byte of the list is covered: changed, or the file cut there, there is none. */
static void a_damaged_list_is_none(void **state)
{
	struct buf file = BUF_INIT;

	(void)state;
	note(wanted, 1);
	assert_int_equal(fsio_read_all(scratch("sequences"), BUF_NO_LIMIT, &file, &err), 0);
	for (size_t i = 0; i < file.len; i += i < 40 ? 1 : file.len / 23) {
		file.data[i] ^= 1;
		assert_int_equal(fsio_write_file(scratch("sequences"), file.data, file.len, &err),
				 0);
		file.data[i] ^= 1;
		enter('a');
		check_again(1);
		assert_string_equal(staging.content, staging.fingerprint);
		assert_int_equal(fsio_write_file(scratch("sequences"), file.data, i, &err), 0);
		check_again(1);
		assert_string_equal(staging.content, staging.fingerprint);
	}
	buf_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts_that_are_read_again_are_the_same, begin, end),
		cmocka_unit_test_setup_teardown(without_a_list_nothing_is_read, begin, end),
		cmocka_unit_test_setup_teardown(other_texts_are_another_content, begin, end),
		cmocka_unit_test_setup_teardown(fewer_texts_leave_the_list_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_list_is_none, begin, end),
	};

	return cmocka_run_group_tests(tests, make_world, drop_world);
}
