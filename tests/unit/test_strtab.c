/* Strings as ids: the same bytes the same id, texts that never move, the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/model/strtab.h"
#include "tests/unit/numbers.h"

static uint32_t intern(struct strtab *t, const char *text)
{
	uint32_t id = UINT32_MAX;

	assert_int_equal(strtab_intern_text(t, text, &id), 0);
	return id;
}

static void the_empty_string_is_there_from_the_start(void **state)
{
	struct strtab *t = strtab_new();
	uint32_t id = 9;

	(void)state;
	assert_non_null(t);
	assert_int_equal(strtab_count(t), 1);
	assert_true(strtab_find(t, NULL, 0, &id));
	assert_int_equal(id, STRTAB_EMPTY);
	assert_int_equal(intern(t, ""), STRTAB_EMPTY);
	assert_string_equal(strtab_text(t, STRTAB_EMPTY), "");
	strtab_free(t);
	strtab_free(NULL);
}

static void bytes_decide_not_text(void **state)
{
	struct strtab *t = strtab_new();
	uint32_t plain = intern(t, "a"), id;

	(void)state;
	assert_int_equal(strtab_intern(t, "a\0b", 3, &id), 0);
	assert_int_not_equal(id, plain);
	assert_int_equal(strtab_len(t, id), 3);
	assert_memory_equal(strtab_text(t, id), "a\0b", 4);
	assert_int_equal(strtab_intern(t, "ab", 1, &id), 0);
	assert_int_equal(id, plain);
	assert_false(strtab_find(t, "a\0", 2, &id));
	strtab_free(t);
}

static void an_id_never_given_out_is_empty(void **state)
{
	struct strtab *t = strtab_new();

	(void)state;
	assert_string_equal(strtab_text(t, 1), "");
	assert_int_equal(strtab_len(t, UINT32_MAX), 0);
	strtab_free(t);
}

static void a_full_table_refuses_new_strings_only(void **state)
{
	struct strtab *t = strtab_new();
	uint32_t first, id = 77;

	(void)state;
	strtab_set_limit(t, 6);
	first = intern(t, "abc");
	assert_int_equal(strtab_intern_text(t, "defg", &id), ERR_LIMIT);
	assert_int_equal(id, 77);
	assert_int_equal(strtab_count(t), 2);
	assert_int_equal(intern(t, "def"), first + 1);
	assert_int_equal(strtab_intern_text(t, "x", &id), ERR_LIMIT);
	assert_int_equal(intern(t, "abc"), first);
	strtab_set_limit(t, 3); /* less than there is */
	assert_int_equal(strtab_intern_text(t, "x", &id), ERR_LIMIT);
	strtab_free(t);
}

/* Against a plain array: random short strings, many of them equal. */
static void ids_agree_with_a_linear_search(void **state)
{
	enum { ROUNDS = 20000, MOST = 4096 };
	struct strtab *t = strtab_new();
	char(*kept)[5] = calloc(MOST, sizeof *kept);
	const char **where = calloc(MOST, sizeof *where);
	uint32_t n = 1, i, id;
	uint64_t s = 1;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		char text[5] = "";
		uint64_t r = splitmix(&s);
		uint32_t at = 0;

		for (unsigned k = 0; k < r % 5; k++)
			text[k] = (char)('a' + (r >> (8 * k + 8)) % 5);
		while (at < n && strcmp(kept[at], text) != 0)
			at++;
		if (at == n) {
			memcpy(kept[n++], text, 5);
			assert_false(strtab_find(t, text, strlen(text), &id));
		}
		assert_int_equal(intern(t, text), at);
		if (!where[at])
			where[at] = strtab_text(t, at);
	}
	assert_int_equal(strtab_count(t), n);
	for (i = 0; i < n; i++) {
		assert_string_equal(strtab_text(t, i), kept[i]);
		assert_true(!where[i] || strtab_text(t, i) == where[i]);
	}
	free(kept);
	free(where);
	strtab_free(t);
}

static void ranks_follow_the_bytes(void **state)
{
	static const char *const texts[] = {"b", "a", "aa", "\xc3\xa4", "B", "ab", "a b"};
	static const uint32_t want[] = {0, 6, 2, 4, 7, 1, 5, 3}; /* "" B a "a b" aa ab b ä */
	struct strtab *t = strtab_new();
	uint32_t rank[8];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		intern(t, texts[i]);
	assert_int_equal(strtab_count(t), 8);
	assert_int_equal(strtab_rank(t, rank), 0);
	assert_memory_equal(rank, want, sizeof want);
	strtab_free(t);
}

static void long_strings_are_kept_whole(void **state)
{
	struct strtab *t = strtab_new();
	size_t n = (size_t)1 << 20;
	char *text = malloc(n);
	uint32_t a, b;

	(void)state;
	memset(text, 'x', n);
	assert_int_equal(strtab_intern(t, text, n, &a), 0);
	assert_int_equal(strtab_intern(t, text, n - 1, &b), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(strtab_len(t, a), n);
	assert_memory_equal(strtab_text(t, a), text, n);
	assert_int_equal(strtab_text(t, a)[n], 0);
	free(text);
	strtab_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_empty_string_is_there_from_the_start),
		cmocka_unit_test(bytes_decide_not_text),
		cmocka_unit_test(an_id_never_given_out_is_empty),
		cmocka_unit_test(a_full_table_refuses_new_strings_only),
		cmocka_unit_test(ids_agree_with_a_linear_search),
		cmocka_unit_test(ranks_follow_the_bytes),
		cmocka_unit_test(long_strings_are_kept_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
