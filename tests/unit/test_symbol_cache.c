/* The disk cache: what is saved comes back, merged with what was there; what is corrupt, foreign or out of
 * date is not believed; the folder stays bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "prof/base/err.h"
#include "prof/symbol/diskcache.h"
#include "tests/unit/scratch.h"

#define ID "00112233445566778899"

static const struct diskcache_note note = {.source = SYMBOL_DEBUG, .setup = 42};

/* Saves `n` addresses from `start`, each with `depth` frames named after it; depth 0: known to be
 * unknown. */
static void save(const char *dir, uint64_t start, size_t n, uint32_t depth,
		 const struct diskcache *old, const struct diskcache_note *how)
{
	struct strtab *strings = strtab_new();
	uint64_t *addrs = calloc(n, sizeof *addrs);
	struct result r;
	char name[64];

	assert_true(strings && addrs);
	for (size_t i = 0; i < n; i++)
		addrs[i] = start + i;
	assert_int_equal(result_init(&r, addrs, n), 0);
	for (size_t i = 0; i < n && depth; i++) {
		struct symbol_frame *f = result_put(&r, i, depth);

		assert_non_null(f);
		for (uint32_t k = 0; k < depth; k++, f++) {
			snprintf(name, sizeof name, "f%llx_%u", (unsigned long long)addrs[i], k);
			assert_int_equal(strtab_intern_text(strings, name, &f->function), 0);
			assert_int_equal(strtab_intern_text(strings, "/src/a.c", &f->file), 0);
			assert_int_equal(strtab_intern_text(strings, "C", &f->language), 0);
			f->line = (uint32_t)addrs[i] + k;
		}
	}
	assert_int_equal(diskcache_save(dir, ID, old, strings, &r, how), 0);
	result_release(&r);
	free(addrs);
	strtab_free(strings);
}

/* Looks one address up: "" if it is not there, "-" if it is known to be unknown, else its names. */
static const char *look_up(const struct diskcache *c, uint64_t addr)
{
	static char out[256];
	struct strtab *strings = strtab_new();
	struct result r;
	size_t left, len = 0;

	assert_int_equal(result_init(&r, &addr, 1), 0);
	assert_int_equal(diskcache_fill(c, strings, STRTAB_EMPTY, &r, &left), 0);
	snprintf(out, sizeof out, "%s", left ? "" : "-");
	for (uint32_t k = 0; k < r.count[0]; k++) {
		const struct symbol_frame *f = &r.frames[r.first[0] + k];

		len += (size_t)snprintf(out + len, sizeof out - len, "%s%s %s:%u %s",
					k ? " < " : "", strtab_text(strings, f->function),
					strtab_text(strings, f->file), f->line,
					strtab_text(strings, f->language));
	}
	result_release(&r);
	strtab_free(strings);
	return out;
}

static void what_is_saved_comes_back(void **state)
{
	const char *dir = scratch("a/b/cache");
	struct diskcache c;

	(void)state;
	assert_int_equal(diskcache_open(&c, dir, ID), 0);
	save(dir, 0x1000, 10, 2, NULL, &note);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_int_equal(c.source, SYMBOL_DEBUG);
	assert_string_equal(look_up(&c, 0x1003),
			    "f1003_0 /src/a.c:4099 C < f1003_1 /src/a.c:4100 C");
	assert_string_equal(look_up(&c, 0xfff), "");
	assert_string_equal(look_up(&c, 0x100a), "");
	diskcache_close(&c);
	assert_int_equal(diskcache_open(&c, dir, "ffff"), 0);
}

static void addresses_add_up_and_the_new_ones_win(void **state)
{
	const char *dir = scratch("merged");
	struct diskcache c;

	(void)state;
	save(dir, 0x1000, 10, 1, NULL, &note);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	save(dir, 0x1005, 10, 2, &c, &note);
	diskcache_close(&c);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_int_equal(c.n, 15);
	assert_string_equal(look_up(&c, 0x1004), "f1004_0 /src/a.c:4100 C");
	assert_string_equal(look_up(&c, 0x1005),
			    "f1005_0 /src/a.c:4101 C < f1005_1 /src/a.c:4102 C");
	assert_string_equal(look_up(&c, 0x100e),
			    "f100e_0 /src/a.c:4110 C < f100e_1 /src/a.c:4111 C");
	save(dir, 0x2000, 1, 0, &c, &note);
	diskcache_close(&c);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_string_equal(look_up(&c, 0x2000), "-");
	assert_string_equal(look_up(&c, 0x1000), "f1000_0 /src/a.c:4096 C");
	diskcache_close(&c);
}

static void a_full_file_starts_anew(void **state)
{
	const char *dir = scratch("full");
	struct diskcache c;

	(void)state;
	save(dir, 0x10000, DISKCACHE_ADDRESSES, 1, NULL, &note);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_int_equal(c.n, DISKCACHE_ADDRESSES);
	save(dir, 0x10, 1, 1, &c, &note);
	diskcache_close(&c);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_int_equal(c.n, 1);
	diskcache_close(&c);
}

static void every_changed_byte_is_noticed(void **state)
{
	const char *dir = scratch("bytes");
	char path[PATH_MAX];
	uint8_t whole[8192];
	struct diskcache c;
	size_t n;
	FILE *f;

	(void)state;
	save(dir, 0x1000, 5, 2, NULL, &note);
	snprintf(path, sizeof path, "%s/sym/" ID, dir);
	f = fopen(path, "re");
	n = fread(whole, 1, sizeof whole, f);
	fclose(f);
	assert_true(n > 100 && n < sizeof whole);
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(n);

		memcpy(copy, whole, n);
		copy[i] ^= 0x40;
		assert_int_equal(diskcache_parse(&c, copy, n), 0);
		memcpy(copy, whole, n);
		assert_int_equal(diskcache_parse(&c, copy, i), 0);
		free(copy);
	}
}

static void later_debug_information_makes_it_stale(void **state)
{
	const char *dir = scratch("stale"), *awaited = scratch("x.debug");
	struct diskcache_note poor = {.source = SYMBOL_TABLE, .setup = 1}, now = poor;
	char missing[2 * PATH_MAX];
	struct diskcache c;
	FILE *f;

	(void)state;
	poor.missing.n = (size_t)snprintf(missing, sizeof missing, "/nowhere%c%s", 0, awaited) + 1;
	poor.missing.p = (const uint8_t *)missing;
	save(dir, 0x1000, 1, 1, NULL, &poor);
	assert_int_equal(diskcache_open(&c, dir, ID), 1);
	assert_int_equal(diskcache_is_stale(&c, &now), 0);
	now.servers = 1;
	assert_int_equal(diskcache_is_stale(&c, &now), 1);
	now.servers = 0;
	now.setup = 2;
	assert_int_equal(diskcache_is_stale(&c, &now), 1);
	now.setup = 1;
	f = fopen(awaited, "we");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(diskcache_is_stale(&c, &now), 1);
	diskcache_close(&c);
}

static void links_and_strangers_files_are_not_read(void **state)
{
	const char *dir = scratch("foreign");
	char path[PATH_MAX], other[PATH_MAX];
	struct diskcache c;

	(void)state;
	save(dir, 0x1000, 1, 1, NULL, &note);
	snprintf(path, sizeof path, "%s/sym/" ID, dir);
	snprintf(other, sizeof other, "%s/sym/other", dir);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(diskcache_open(&c, dir, ID), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(other, path), 0);
	if (geteuid() != 0) {
		print_message("another user's file: needs root, not tried\n");
		return;
	}
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(diskcache_open(&c, dir, ID), 0);
}

static void a_folder_that_cannot_be_written_is_no_failure(void **state)
{
	struct diskcache c;

	(void)state;
	save("/proc/nowhere", 0x1000, 1, 1, NULL, &note);
	assert_int_equal(diskcache_open(&c, "/proc/nowhere", ID), 0);
}

/* A sparse file as large as the whole limit, and older than all: it goes when another comes. */
static void the_oldest_go_when_the_folder_is_full(void **state)
{
	const char *dir = scratch("bounded");
	struct timeval old[2] = {{1000, 0}, {1000, 0}};
	char big[PATH_MAX], left[PATH_MAX];
	struct stat st;
	FILE *f;

	(void)state;
	save(dir, 0x1000, 1, 1, NULL, &note);
	snprintf(big, sizeof big, "%s/sym/aaaa", dir);
	snprintf(left, sizeof left, "%s/sym/.bbbb.123456", dir);
	f = fopen(big, "we");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), (off_t)DISKCACHE_TOTAL_BYTES), 0);
	fclose(f);
	f = fopen(left, "we");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(utimes(big, old), 0);
	assert_int_equal(utimes(left, old), 0);
	save(dir, 0x1000, 2, 1, NULL, &note);
	assert_int_equal(stat(big, &st), -1);
	assert_int_equal(stat(left, &st), -1);
	snprintf(big, sizeof big, "%s/sym/" ID, dir);
	assert_int_equal(stat(big, &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_saved_comes_back),
		cmocka_unit_test(addresses_add_up_and_the_new_ones_win),
		cmocka_unit_test(a_full_file_starts_anew),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(later_debug_information_makes_it_stale),
		cmocka_unit_test(links_and_strangers_files_are_not_read),
		cmocka_unit_test(a_folder_that_cannot_be_written_is_no_failure),
		cmocka_unit_test(the_oldest_go_when_the_folder_is_full),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
