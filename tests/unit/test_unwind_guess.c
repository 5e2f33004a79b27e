/* The unwinder where there is no CFI: what it guesses, what it refuses to, and which code it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/unwind_rules.h"

static void code_of_a_pending_module_is_left_alone(void **state)
{
	struct rig *r = *state;

	r->module.flags = UNWIND_MODULE_PENDING;
	rig_start(r, in(SP8), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[10] = in(NONE);
	r->stack[21] = in(ROOT);
	EXPECT(r, UNWIND_NO_TABLE, in(SP8));
	r->module.table = NULL;
	r->map.generation++;
	expect(r, UNWIND_NO_TABLE, 0, NULL);
	assert_true(r->regs.known >> UNWIND_BP & 1); /* all that can be known is left */
	assert_int_equal(r->regs.reg[UNWIND_BP], STACK + 8 * 20);
}

static void frame_pointers_lead_through_code_without_cfi(void **state)
{
	struct rig *r = *state;

	rig_start(r, in(SP8), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[10] = in(NONE);
	r->stack[20] = STACK + 8 * 30;
	r->stack[21] = in(NONE);
	r->stack[30] = STACK + 8 * 40;
	r->stack[31] = in(BP16);
	r->stack[40] = 0;
	r->stack[41] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, in(SP8), in(NONE)-1, in(NONE)-1, in(BP16)-1, in(ROOT)-1);
	rig_start(r, in(SP8), 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	go(r, 100);
	assert_int_equal(r->result.guessed, 2);
}

static void a_frame_pointer_that_leads_nowhere_is_not_believed(void **state)
{
	struct rig *r = *state;

	r->stack[10] = in(NONE);
	r->stack[20] = STACK + 8 * 30;
	r->stack[21] = 0xdeadbeef;                                           /* no code */
	memcpy((uint8_t *)r->stack + 8 * 25 + 12, &(uint64_t){in(ROOT)}, 8); /* odd, else good */
	for (int turn = 0; turn < 5; turn++) {
		static const uint64_t bp[] = {STACK + 8 * 20, STACK + 8 * 9, STACK + 8 * WORDS, 0,
					      STACK + 8 * 25 + 4};

		rig_start(r, in(SP8), 10);
		rig_know(r, UNWIND_BP, bp[turn]);
		EXPECT(r, UNWIND_NO_RULE, in(SP8));
		assert_int_equal(r->result.guessed, 0);
	}
}

static void jit_code_is_followed_by_frame_pointers(void **state)
{
	struct rig *r = *state;
	uint64_t jit = 0x10000000;

	rig_start(r, jit, 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	r->stack[20] = STACK + 8 * 30;
	r->stack[21] = jit + 0x500;
	r->stack[30] = STACK + 8 * 40;
	r->stack[31] = in(ROOT);
	EXPECT(r, UNWIND_ROOT, jit, jit + 0x4ff, in(ROOT)-1);
	r->stack[21] = jit + ((uint64_t)1 << 30); /* too far away to be the same JIT's */
	rig_start(r, jit, 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	expect(r, UNWIND_NO_TABLE, 0, NULL);
	r->stack[21] = jit + 0x500;
	r->stack[30] = STACK + 8 * 30; /* a circle of JIT frames */
	r->stack[31] = jit;
	rig_start(r, jit, 10);
	rig_know(r, UNWIND_BP, STACK + 8 * 20);
	EXPECT(r, UNWIND_NO_TABLE, jit);
}

/* Code that can be read: bytes of this array stand for the module's. */
static _Alignas(16) uint8_t code[64];

static void with_code(struct rig *r)
{
	memset(code, 0x90, sizeof code);
	r->module.start = (uint64_t)(uintptr_t)code;
	r->module.end = r->module.start + sizeof code;
	r->module.bias = r->module.start; /* address 0: rule NONE */
	r->module.flags = UNWIND_MODULE_READABLE;
}

static void a_trampoline_is_known_by_its_bytes(void **state)
{
	static const uint8_t bytes[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	struct rig *r = *state;
	uint64_t at = (uint64_t)(uintptr_t)code + 16;

	with_code(r);
	memcpy(code + 16, bytes, sizeof bytes);
	put_ucontext(r, 10, 0, STACK + 8 * 100, 0, 0);
	rig_start(r, at, 10);
	r->regs.known |= UNWIND_IP_IS_RETURN;
	EXPECT(r, UNWIND_ROOT, at);
	rig_start(r, at + 7, 10); /* at its second instruction */
	EXPECT(r, UNWIND_ROOT, at + 7);
	code[23] = 0;
	rig_start(r, at, 10);
	expect(r, UNWIND_NO_RULE, 0, NULL);
}

static void a_leaf_without_cfi_returns_to_after_a_call(void **state)
{
	static const struct {
		uint8_t bytes[8];
		int is_call;
	} tries[] = {
		{{0x90, 0x90, 0x90, 0xe8, 1, 2, 3, 4}, 1},             /* call rel32 */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, 1}, /* call *%rax */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 8}, 1},    /* call *8(%rax) */
		{{0x90, 0x90, 0xff, 0x15, 0, 0, 1, 0}, 1},             /* call *x(%rip) */
		{{0x90, 0xff, 0x94, 0x24, 0, 1, 0, 0}, 1},             /* call *256(%rsp) */
		{{0x90, 0x90, 0x90, 0xe9, 1, 2, 3, 4}, 0},             /* jmp */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0}, 0}, /* jmp *%rax */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, 0},
	};
	struct rig *r = *state;
	uint64_t at = (uint64_t)(uintptr_t)code;

	with_code(r);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		memcpy(code + 24, tries[i].bytes, 8);
		rig_start(r, at + 4, 10);
		r->stack[10] = at + 32;
		go(r, 10);
		assert_int_equal(r->result.end,
				 UNWIND_NO_RULE); /* at the second frame, or at once */
		assert_int_equal(r->result.n, tries[i].is_call);
		assert_int_equal(r->result.guessed, tries[i].is_call);
	}
	/* A call through a null pointer. */
	memcpy(code + 24, tries[1].bytes, 8);
	rig_start(r, 0, 10);
	EXPECT(r, UNWIND_NO_RULE, 0);
}

static void code_is_not_read_without_leave(void **state)
{
	struct rig *r = *state;

	r->module.start = 0x10000; /* not mapped: a read would be the end */
	r->module.end = 0x20000;
	r->stack[10] = 0x10800;
	rig_start(r, 0x10400, 10);
	expect(r, UNWIND_NO_RULE, 0, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(code_of_a_pending_module_is_left_alone),
		TEST(frame_pointers_lead_through_code_without_cfi),
		TEST(a_frame_pointer_that_leads_nowhere_is_not_believed),
		TEST(jit_code_is_followed_by_frame_pointers),
		TEST(a_trampoline_is_known_by_its_bytes),
		TEST(a_leaf_without_cfi_returns_to_after_a_call),
		TEST(code_is_not_read_without_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
