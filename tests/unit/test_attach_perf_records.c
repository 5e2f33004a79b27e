/* Perf records: each kind is read as the kernel writes it, by hand-made bytes and by a ring kept from a real kernel, and
 * whatever contradicts itself is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "prof/attach/perf_records.h"
#include "prof/attach/perf_ring.h"

#define KEPT "tests/fuzz/corpus/perf_records/session"

struct bytes {
	_Alignas(8) uint8_t at[65536 + 64];
	size_t n;
};

static struct bytes b;

static void put64(uint64_t v)
{
	memcpy(b.at + b.n, &v, sizeof v);
	b.n += sizeof v;
}

static void put32(uint32_t first, uint32_t second)
{
	put64((uint64_t)second << 32 | first);
}

static void put_text(const char *text)
{
	size_t n = strlen(text) + 1, padded = (n + 7) & ~(size_t)7;

	memset(b.at + b.n, 0, padded);
	memcpy(b.at + b.n, text, n);
	b.n += padded;
}

static void start(uint32_t type, uint16_t misc)
{
	struct perf_event_header h = {type, misc, 0};

	b.n = sizeof h;
	memcpy(b.at, &h, sizeof h);
}

/* The size in the header, after the fields that all but samples end with. */
static void end_as(size_t size)
{
	uint16_t n = (uint16_t)size;

	memcpy(b.at + offsetof(struct perf_event_header, size), &n, sizeof n);
}

static void put_id(int pid, int tid)
{
	put32((uint32_t)pid, (uint32_t)tid);
	put64(777); /* time */
	put64(41);  /* event */
	put64(42);  /* stream */
	put32(3, 0);
	end_as(b.n);
}

static int decode(struct perf_record *r)
{
	return perf_record_decode(r, b.at, b.n, 1);
}

static void put_sample(uint64_t abi, uint64_t asked, uint64_t copied)
{
	start(PERF_RECORD_SAMPLE, 0);
	put32(100, 101);
	put64(555);
	put64(41);
	put64(42);
	put32(1, 0);
	put64(5000000);
	put64(abi);
	for (uint64_t i = 0; abi && i < PERF_REGS_N; i++)
		put64(1000 + i);
	put64(asked);
	for (uint64_t i = 0; i < asked; i += 8)
		put64(0xabc0 + i);
	if (asked)
		put64(copied);
	end_as(b.n);
}

static void a_sample_tells_who_when_and_where(void **state)
{
	struct perf_record r;

	(void)state;
	put_sample(PERF_SAMPLE_REGS_ABI_64, 64, 48);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_SAMPLE);
	assert_int_equal(r.pid, 100);
	assert_int_equal(r.tid, 101);
	assert_int_equal(r.t_ns, 555);
	assert_int_equal(r.event, 41);
	assert_int_equal(r.stream, 42);
	assert_int_equal(r.cpu, 1);
	assert_int_equal(r.value, 5000000);
	assert_int_equal(r.stack_asked, 64);
	assert_int_equal(r.stack_bytes, 48);
	assert_int_equal(r.stack[0], 0xc0);
	assert_int_equal(perf_record_time(b.at, b.n), 555);
}

static void registers_get_their_dwarf_numbers(void **state)
{
	struct perf_record r;

	(void)state;
	put_sample(PERF_SAMPLE_REGS_ABI_64, 0, 0);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.regs.known, (1u << UNWIND_NREGS) - 1);
	assert_int_equal(r.regs.reg[0], 1000); /* ax, the kernel's first */
	assert_int_equal(r.regs.reg[UNWIND_BX], 1001);
	assert_int_equal(r.regs.reg[2], 1002); /* cx */
	assert_int_equal(r.regs.reg[1], 1003); /* dx */
	assert_int_equal(r.regs.reg[UNWIND_BP], 1006);
	assert_int_equal(r.regs.reg[UNWIND_SP], 1007);
	assert_int_equal(r.regs.reg[UNWIND_IP], 1008);
	assert_int_equal(r.regs.reg[15], 1016);
	assert_int_equal(r.stack_asked, 0);
	assert_null(r.stack);
}

static void set_reg(size_t nth, uint64_t value)
{
	memcpy(b.at + 64 + 8 * nth, &value, sizeof value);
}

static void registers_that_are_not_told_are_not_known(void **state)
{
	struct perf_record r;

	(void)state;
	put_sample(PERF_SAMPLE_REGS_ABI_NONE, 0, 0); /* a kernel thread */
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.regs.known, 0);
	put_sample(PERF_SAMPLE_REGS_ABI_32, 16, 16); /* a 32-bit program */
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.regs.known, 0);
	assert_int_equal(r.stack_bytes, 16);
	put_sample(PERF_SAMPLE_REGS_ABI_64, 0, 0);
	set_reg(8, 0); /* no user frame */
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.regs.known, 0);
	put_sample(PERF_SAMPLE_REGS_ABI_64, 0, 0);
	for (size_t i = 13; i < 17; i++)
		set_reg(i, UINT64_MAX);
	set_reg(1, UINT64_MAX);
	assert_int_equal(decode(&r), 0);
	assert_true(r.regs.known & 1u << UNWIND_BX); /* bp has a value: all were told */
	set_reg(6, UINT64_MAX);                      /* Linux before 5.11, in a system call */
	assert_int_equal(decode(&r), 0);
	assert_false(r.regs.known & (1u << UNWIND_BX | 1u << UNWIND_BP | 0xf000u));
	assert_true(r.regs.known & 1u << UNWIND_SP && r.regs.known & 1u << UNWIND_IP);
}

static void tasks_come_and_go(void **state)
{
	struct perf_record r;

	(void)state;
	start(PERF_RECORD_FORK, 0);
	put32(200, 100);
	put32(201, 101);
	put64(776);
	put_id(100, 101);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_FORK);
	assert_int_equal(r.pid, 200);
	assert_int_equal(r.ppid, 100);
	assert_int_equal(r.tid, 201);
	assert_int_equal(r.ptid, 101);
	assert_int_equal(r.t_ns, 777);
	assert_int_equal(perf_record_time(b.at, b.n), 777);
	start(PERF_RECORD_EXIT, 0);
	put32(200, 100);
	put32(201, 101);
	put64(776);
	put_id(200, 201);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_EXIT);
}

static void names_and_execs_are_told_apart(void **state)
{
	struct perf_record r;

	(void)state;
	start(PERF_RECORD_COMM, 0);
	put32(100, 101);
	put_text("worker");
	put_id(100, 101);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_COMM);
	assert_string_equal(r.text, "worker");
	start(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	put32(100, 100);
	put_text("exactly");
	put_id(100, 100);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_EXEC);
	assert_string_equal(r.text, "exactly");
	assert_int_equal(r.pid, 100);
}

static void put_mmap(const char *path)
{
	start(PERF_RECORD_MMAP2, 0);
	put32(100, 101);
	put64(0x7000);
	put64(0x2000);
	put64(0x1000);
	put32(8, 1);
	put64(1234);
	put64(0);
	put32(5, 2);
	put_text(path);
	put_id(100, 101);
}

static void mappings_are_told(void **state)
{
	struct perf_record r;

	(void)state;
	put_mmap("/usr/lib/libx.so");
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_MMAP);
	assert_int_equal(r.address, 0x7000);
	assert_int_equal(r.length, 0x2000);
	assert_int_equal(r.offset, 0x1000);
	assert_string_equal(r.text, "/usr/lib/libx.so");
}

static void a_text_without_an_end_is_refused(void **state)
{
	struct perf_record r;

	(void)state;
	put_mmap("1234567");
	memset(b.at + 72, 'x', 8);
	assert_int_equal(decode(&r), -1);
	start(PERF_RECORD_COMM, 0);
	put32(1, 1);
	put_id(1, 1); /* no text at all */
	assert_int_equal(decode(&r), -1);
}

static void switches_losses_and_throttling(void **state)
{
	struct perf_record r;

	(void)state;
	start(PERF_RECORD_SWITCH,
	      PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT);
	put_id(5, 6);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_SWITCH);
	assert_true(!r.in && r.preempted && r.pid == 5 && r.tid == 6);
	start(PERF_RECORD_SWITCH, 0);
	put_id(5, 6);
	assert_int_equal(decode(&r), 0);
	assert_true(r.in && !r.preempted);
	start(PERF_RECORD_LOST, 0);
	put64(41);
	put64(17);
	put_id(0, 0);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_LOST);
	assert_int_equal(r.lost, 17);
	start(PERF_RECORD_LOST_SAMPLES, 0);
	put64(3);
	put_id(0, 0);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.lost, 3);
	start(PERF_RECORD_THROTTLE, 0);
	put64(1);
	put64(2);
	put64(3);
	put_id(0, 0);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_THROTTLE);
	start(999, 0);
	put_id(0, 0);
	assert_int_equal(decode(&r), 0);
	assert_int_equal(r.kind, PERF_IS_OTHER);
}

/* Each record cut to each length, its header agreeing: refused or whole, never beyond its bytes. */
static void cut_records_are_refused(void (*put)(void))
{
	struct perf_record r;
	size_t whole, n, good = 0;

	put();
	whole = b.n;
	for (n = 8; n < whole; n += 8) {
		put();
		memset(b.at + n, 0xff, sizeof b.at - n);
		end_as(n);
		if (perf_record_decode(&r, b.at, n, 1) == 0)
			good++;
	}
	assert_int_equal(good, 0);
}

static void put_whole_sample(void)
{
	put_sample(PERF_SAMPLE_REGS_ABI_64, 256, 256);
}

static void put_fork(void)
{
	start(PERF_RECORD_FORK, 0);
	put32(200, 100);
	put32(201, 101);
	put64(776);
	put_id(100, 101);
}

static void what_is_cut_off_is_refused(void **state)
{
	(void)state;
	cut_records_are_refused(put_whole_sample);
	cut_records_are_refused(put_fork);
}

static void sizes_that_lie_are_refused(void **state)
{
	struct perf_record r;

	(void)state;
	put_sample(PERF_SAMPLE_REGS_ABI_64, 64, 65); /* more copied than asked */
	assert_int_equal(decode(&r), -1);
	put_sample(PERF_SAMPLE_REGS_ABI_64, 64, 64);
	memset(b.at + 64 + 8 * PERF_REGS_N, 0xff, 8); /* asked: 2^64 - 1 */
	assert_int_equal(decode(&r), -1);
	put_sample(PERF_SAMPLE_REGS_ABI_64, 64, 64);
	end_as(b.n - 4);
	assert_int_equal(perf_record_size(b.at), 0);
	assert_int_equal(decode(&r), -1);
	end_as(0);
	assert_int_equal(perf_record_size(b.at), 0);
	end_as(b.n - 8);
	assert_int_equal(decode(&r), -1); /* header and caller disagree */
	assert_int_equal(perf_record_time(b.at, 8), INT64_MIN);
}

static void a_record_around_the_rings_end_is_put_together(void **state)
{
	static _Alignas(8) uint8_t area[4096], scratch[PERF_RECORD_MAX];
	static uint64_t page[512];
	struct perf_ring ring = {.fd = -1, .map = page, .data = area, .bytes = sizeof area};
	struct perf_record r;
	const uint8_t *at;
	size_t size;
	int bad;

	(void)state;
	put_sample(PERF_SAMPLE_REGS_ABI_64, 256, 200);
	for (size_t from = sizeof area - b.n; from <= sizeof area; from += 8) {
		for (size_t i = 0; i < b.n; i++)
			area[(from + i) % sizeof area] = b.at[i];
		ring.tail = ring.freed = from;
		ring.head = from + b.n;
		at = perf_ring_peek(&ring, scratch, &size, &bad);
		assert_non_null(at);
		assert_int_equal(size, b.n);
		assert_memory_equal(at, b.at, b.n);
		assert_int_equal(perf_record_decode(&r, at, size, 1), 0);
		assert_int_equal(r.stack_bytes, 200);
		perf_ring_take(&ring, size);
		assert_null(perf_ring_peek(&ring, scratch, &size, &bad));
		assert_int_equal(bad, 0);
	}
	ring.head = ring.tail + 16; /* the rest is not there */
	assert_null(perf_ring_peek(&ring, scratch, &size, &bad));
	assert_int_equal(bad, 1);
}

struct kinds {
	unsigned n[PERF_IS_OTHER + 1], execs_of_true, paths;
	int64_t last;
};

static void count(struct kinds *k, const struct perf_record *r)
{
	k->n[r->kind]++;
	assert_true(r->t_ns >= k->last);
	k->last = r->t_ns;
	if (r->kind == PERF_IS_EXEC && strcmp(r->text, "true") == 0)
		k->execs_of_true++;
	if (r->kind == PERF_IS_MMAP && r->text[0] == '/')
		k->paths++;
	if (r->kind == PERF_IS_SAMPLE) {
		assert_true(r->regs.known);
		assert_int_equal(r->stack_asked, 512);
		assert_int_equal(r->regs.reg[UNWIND_SP] >> 40, 0x7f); /* a stack of user space */
	}
}

static void a_real_kernels_ring_is_understood(void **state)
{
	static _Alignas(8) uint8_t bytes[1 << 16];
	struct perf_record r;
	struct kinds k = {.last = 0};
	size_t n, at, size;
	FILE *f = fopen(KEPT, "rb");
	int with_value;

	(void)state;
	assert_non_null(f);
	with_value = fgetc(f);
	(void)fgetc(f);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_true(n > 1000);
	for (at = 0; at < n; at += size) {
		size = perf_record_size(bytes + at);
		assert_true(size > 0 && size <= n - at);
		assert_int_equal(perf_record_decode(&r, bytes + at, size, with_value), 0);
		count(&k, &r);
	}
	assert_int_equal(at, n);
	assert_true(k.n[PERF_IS_SAMPLE] >= 5);
	assert_true(k.n[PERF_IS_SWITCH] >= 2);
	assert_true(k.n[PERF_IS_FORK] >= 1 && k.n[PERF_IS_EXIT] >= 2);
	assert_int_equal(k.execs_of_true, 1);
	assert_true(k.paths >= 3);
	assert_int_equal(k.n[PERF_IS_OTHER], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_tells_who_when_and_where),
		cmocka_unit_test(registers_get_their_dwarf_numbers),
		cmocka_unit_test(registers_that_are_not_told_are_not_known),
		cmocka_unit_test(tasks_come_and_go),
		cmocka_unit_test(names_and_execs_are_told_apart),
		cmocka_unit_test(mappings_are_told),
		cmocka_unit_test(a_text_without_an_end_is_refused),
		cmocka_unit_test(switches_losses_and_throttling),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(sizes_that_lie_are_refused),
		cmocka_unit_test(a_record_around_the_rings_end_is_put_together),
		cmocka_unit_test(a_real_kernels_ring_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
