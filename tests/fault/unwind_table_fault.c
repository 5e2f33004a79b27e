/* Unwind tables without memory: these take theirs from mmap and mremap, so the two are replaced here; each
 * call in turn fails once, and from each on all fail. Nothing may leak, crash or come out half made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/table_rig.h"

static long calls, fail_at, fail_forever, held;

static int refuse(void)
{
	calls++;
	if (fail_at && (calls == fail_at || (fail_forever && calls > fail_at))) {
		errno = ENOMEM;
		return 1;
	}
	return 0;
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p;

	if (refuse())
		return MAP_FAILED;
	p = (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
	held += p != MAP_FAILED;
	return p;
}

void *mremap(void *at, size_t len, size_t to, int flags, ...)
{
	return refuse() ? MAP_FAILED : (void *)syscall(SYS_mremap, at, len, to, flags);
}

int munmap(void *at, size_t len)
{
	held--;
	return (int)syscall(SYS_munmap, at, len);
}

/* Needs more than one page of everything: rows, rules, pages, long forms, sorting. */
static void make_module(struct elf_bytes *e)
{
	static uint8_t section[60000];
	size_t len = 0;

	for (uint64_t i = 40; i-- > 0;) {
		struct cfi_bytes b = {0};
		uint8_t code[1000];
		size_t n = 0;

		for (uint8_t k = 0; k < 60; k++) {
			code[n++] = DW_CFA_def_cfa_offset;
			code[n++] = (uint8_t)(8 + k);
			code[n++] = DW_CFA_offset | 3;
			code[n++] = (uint8_t)(2 + i);
			code[n++] = DW_CFA_expression;
			code[n++] = 12;
			code[n++] = 3;
			code[n++] = DW_OP_breg7;
			code[n++] = (uint8_t)(i & 0x3f);
			code[n++] = (uint8_t)(DW_OP_lit0 + k % 16);
			code[n++] = DW_CFA_advance_loc1;
			code[n++] = 200;
		}
		cie(&b);
		cb_fde(&b, 0x10000 + i * 0x8000, 0x8000, 0, code, n);
		assert_true(len + b.len <= sizeof section);
		memcpy(section + len, b.data, b.len);
		len += b.len;
	}
	eb_init(e);
	eb_section(e, ".eh_frame", SHT_PROGBITS, CFI_BYTES_ADDR, section, len);
	eb_finish(e, 1);
}

/* Tries with the n-th call failing; 1 when no call was left to fail. */
static int try_build(const struct elf_file *f, long n, int forever, const struct unwind_table *good)
{
	struct unwind_table *t = NULL;
	struct err err = ERR_INIT;
	uint32_t skipped;
	int rc;

	held = calls = 0;
	fail_at = n;
	fail_forever = forever;
	rc = unwind_table_build(&t, f, &skipped, &err);
	fail_at = 0;
	if (calls < n) {
		assert_int_equal(rc, 0);
		assert_int_equal(unwind_table_bytes(t), unwind_table_bytes(good));
		assert_memory_equal(t, good, unwind_table_bytes(good));
		unwind_table_free(t);
		return 1;
	}
	assert_int_equal(rc, ERR_NOMEM);
	assert_int_equal(err.code, ERR_NOMEM);
	assert_null(t);
	assert_int_equal(held, 0);
	return 0;
}

static void a_table_is_whole_or_not_there(void **state)
{
	static struct elf_bytes e;
	struct unwind_table *good;
	struct elf_file f;
	long n = 1;

	(void)state;
	make_module(&e);
	assert_int_equal(elf_from_bytes(&f, e.data, e.len, "sample", NULL), 0);
	assert_int_equal(unwind_table_build(&good, &f, NULL, NULL), 0);
	assert_true(unwind_table_rows(good) > 2048);
	while (!try_build(&f, n, 0, good))
		n++;
	assert_true(n > 15);
	for (n = 1; !try_build(&f, n, 1, good);)
		n++;
	unwind_table_free(good);
}

static void a_file_that_cannot_be_mapped_is_an_error(void **state)
{
	char path[] = "/tmp/protea-fault.XXXXXX";
	static struct elf_bytes e;
	const struct unwind_table *t = NULL;
	struct err err = ERR_INIT;
	size_t mapped;
	int fd = mkstemp(path), rc = -1;

	(void)state;
	assert_true(fd >= 0);
	make_module(&e);
	assert_int_equal(write(fd, e.data, e.len), e.len);
	assert_int_equal(close(fd), 0);
	for (long n = 1; rc < 0; n++) {
		held = calls = 0;
		fail_at = n;
		fail_forever = 0;
		rc = unwind_table_get(&t, &mapped, path, NULL, NULL, &err);
		fail_at = 0;
		if (calls >= n) {
			assert_int_equal(rc, n == 1 ? ERR_IO : ERR_NOMEM);
			assert_null(t);
			assert_int_equal(held, 0);
		}
	}
	unwind_table_release(t, mapped);
	assert_int_equal(held, 0);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_whole_or_not_there),
		cmocka_unit_test(a_file_that_cannot_be_mapped_is_an_error),
	};

	return cmocka_run_group_tests_name("unwind table without memory", tests, NULL, NULL);
}
