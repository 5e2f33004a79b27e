/* Every allocation of reading texts, of noting them in a staging folder and of checking them there fails once: an
 * error, or as if nothing had been noted; never another content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/job/staged_texts.h"
#include "tests/fault/each.h"
#include "tests/unit/scratch.h"
#include "tests/unit/world.h"

#define N 60

static struct proteins proteins;
static unsigned char wanted[N];
static char content[SHA256_HEX]; /* when all goes well */

static int make(void **state)
{
	struct err err = ERR_INIT;
	char accession[8];

	if (scratch_make(state) != 0)
		return -1;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < N; i++) {
		snprintf(accession, sizeof accession, "P%03d", i);
		world_protein(accession, 1 + i / 2);
		wanted[i] = i % 4 != 0;
	}
	world_open();
	return proteins_load(&proteins, world.source, &err);
}

static int drop(void **state)
{
	proteins_release(&proteins);
	world_close();
	return scratch_remove(state);
}

static struct staging folder(void)
{
	struct staging s = {.dir = scratch_dir, .lock = -1};

	memset(s.fingerprint, 'f', SHA256_HEX - 1);
	memcpy(s.content, s.fingerprint, SHA256_HEX);
	return s;
}

static int check_it(void)
{
	struct staging s = folder();
	struct err err = ERR_INIT;
	int rc = staged_texts_check(&s, world.source, 2, &err);

	assert_int_equal(rc, err.code);
	if (!rc && strcmp(s.content, s.fingerprint) != 0)
		assert_string_equal(s.content, content);
	free(s.text);
	return rc;
}

static int note_and_check(void)
{
	struct align_texts texts = {0};
	struct staging s = folder();
	struct err err = ERR_INIT;
	int rc = align_texts_load(&texts, &proteins, world.source, wanted, 1, &err);

	if (!rc)
		rc = staged_texts_note(&s, &texts, &proteins, wanted, 2, &err);
	assert_int_equal(rc, err.code);
	if (!rc && content[0])
		assert_string_equal(s.content, content);
	if (!rc)
		memcpy(content, s.content, SHA256_HEX);
	align_texts_release(&texts);
	return rc ? rc : check_it();
}

static void texts_are_noted_or_not(void **state)
{
	(void)state;
	assert_int_equal(note_and_check(), 0);
	assert_true(fault_each(note_and_check, 1) >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_noted_or_not),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
