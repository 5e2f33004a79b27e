/* The differential test: programs of tests/programs are stepped instruction by instruction, and at every
 * single pc the whole stack by our unwinder on remote memory must be the one libunwind finds: the same
 * pcs and stack pointers, to the last frame. unwind() with its cache must agree with unwind_step().
 *
 * Where libunwind cannot judge, and what holds instead:
 * - Code without CFI (a few instructions of clone): equal as far as the CFI goes.
 * - The vDSO, which libunwind-ptrace does not find, and __longjmp, where the CFI states rsp by a rule of
 *   its own, which libunwind 1.6 does not follow (gdb does): at each of these pcs we must foretell the
 *   stack that both find when the call has returned, or the jump has landed.
 * - Stacks that are broken for a few instructions: gcc's CFI for the end of a function that it realigned
 *   the stack for restores rbp by an address that counts from the rbp restored already, and libgcc
 *   overwrites the saved registers of its own frame before it jumps to a handler. Both walks must break
 *   off at the same frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <libunwind-ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/unwind/table_internal.h"
#include "tests/unit/unwind_world.h"

#define DEPTH    256
#define TIDS     4
#define PAGE     4096u
#define SNAPSHOT (4 * PAGE)
/* The vDSO reads the clock again if the kernel has changed its data meanwhile: after so many steps it is
 * let go at full speed. */
#define VDSO_STEPS 80

struct stack {
	uint32_t n;
	enum unwind_end end;
	uint64_t ip[DEPTH], sp[DEPTH];
	uint8_t interrupted[DEPTH]; /* the pc is no return address */
	uint32_t cfi;               /* frames before the first without CFI, if that was asked for */
};

/* A part of the memory of the process as it is at this step. */
struct view {
	uint64_t lo;
	size_t n;
	_Alignas(8) uint8_t bytes[SNAPSHOT];
};

static struct session {
	pid_t pid;
	pid_t tids[TIDS];
	uint32_t n_tids;
	struct world world;
	struct unwind_cache *cache;
	unw_addr_space_t space;
	void *upt[TIDS];
	struct user_regs_struct user;
	struct view ours, theirs;
	uint64_t steps, frames, deepest;
	uint64_t past_cfi, broken, foretold, fulfilled;
	struct stack promise;
	uint32_t promised_by;
} s;

/* ---- memory and registers of the other process -------------------------------------------------- */

/* Fills the view around an address: from 1 KiB below on, as far as it is mapped. 0 or -1. */
static int look_at(struct view *v, uint64_t address)
{
	uint64_t lo = address < 1024 ? 0 : (address - 1024) & ~(uint64_t)7;
	struct iovec here = {v->bytes, SNAPSHOT}, there[8];
	uint32_t n = 0;
	ssize_t got;

	/* Page by page: a part that is not mapped ends the read, not what comes before it. */
	if (world_read(s.pid, lo, v->bytes, 1) < 0)
		lo = address & ~(uint64_t)(PAGE - 1);
	for (uint64_t at = lo, left = SNAPSHOT; left && n < 8; n++) {
		uint64_t part = PAGE - at % PAGE < left ? PAGE - at % PAGE : left;

		there[n] = (struct iovec){(void *)(uintptr_t)at, (size_t)part};
		at += part;
		left -= part;
	}
	got = process_vm_readv(s.pid, &here, 1, there, n, 0);
	v->lo = lo;
	v->n = got > 0 ? (size_t)got : 0;
	return address - lo + 8 <= v->n ? 0 : -1;
}

static int extend(struct unwind_memory *m, uint64_t address)
{
	struct view *v = m->ctx;

	if (look_at(v, address) < 0)
		return -1;
	m->lo = v->lo;
	m->hi = v->lo + v->n;
	m->base = v->bytes;
	return 0;
}

static int access_mem(unw_addr_space_t as, unw_word_t address, unw_word_t *value, int write,
		      void *arg)
{
	struct view *v = &s.theirs;

	(void)as;
	(void)arg;
	if (write)
		return -UNW_EINVAL;
	if ((address < v->lo || address - v->lo + 8 > v->n) && look_at(v, address) < 0)
		return -UNW_EINVAL;
	memcpy(value, v->bytes + (address - v->lo), sizeof *value);
	return 0;
}

/* The registers by their DWARF numbers. */
static uint64_t user_reg(uint32_t i)
{
	const struct user_regs_struct *u = &s.user;
	const uint64_t reg[UNWIND_NREGS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
					    u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
					    u->r12, u->r13, u->r14, u->r15, u->rip};

	return reg[i];
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	(void)as;
	(void)arg;
	if (write || reg < 0 || reg >= UNWIND_NREGS)
		return -UNW_EBADREG;
	*value = user_reg((uint32_t)reg);
	return 0;
}

/* ---- two unwinders ------------------------------------------------------------------------------ */

static void start_regs(struct unwind_regs *regs)
{
	for (uint32_t i = 0; i < UNWIND_NREGS; i++)
		regs->reg[i] = user_reg(i);
	regs->known = (1u << UNWIND_NREGS) - 1;
}

static void by_us(struct stack *st)
{
	struct unwind_memory m = {0, 0, NULL, extend, &s.ours};
	struct unwind_regs regs;
	int rc = 0;

	start_regs(&regs);
	st->n = 0;
	st->end = UNWIND_DEPTH;
	while (rc == 0 && st->n < DEPTH) {
		st->interrupted[st->n] = !(regs.known & UNWIND_IP_IS_RETURN);
		st->ip[st->n] = regs.reg[UNWIND_IP];
		st->sp[st->n++] = regs.reg[UNWIND_SP];
		rc = unwind_step(&regs, &m, &s.world.map, NULL, &st->end);
	}
	if (rc > 0)
		st->end = UNWIND_ROOT;
}

static void by_libunwind(struct stack *st, uint32_t which, int ask_cfi)
{
	unw_cursor_t cursor;
	unw_proc_info_t info;
	unw_word_t ip, sp;

	st->n = st->cfi = 0;
	s.theirs.n = 0;
	if (unw_init_remote(&cursor, s.space, s.upt[which]) < 0)
		return;
	do {
		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) < 0 ||
		    unw_get_reg(&cursor, UNW_REG_SP, &sp) < 0 || ip == 0)
			return;
		if (ask_cfi && st->cfi == st->n)
			st->cfi += unw_get_proc_info(&cursor, &info) == 0 &&
				   info.end_ip - info.start_ip > 1; /* a stand-in for none */
		st->ip[st->n] = ip;
		st->sp[st->n++] = sp;
	} while (st->n < DEPTH && unw_step(&cursor) > 0);
}

/* unwind() with its cache, on the stack that single steps gave. */
static int cached_differs(const struct stack *want)
{
	struct unwind_memory m = {0, 0, NULL, extend, &s.ours};
	uint64_t out[DEPTH];
	struct unwind_result r;
	struct unwind_regs regs;
	uint32_t n = want->end == UNWIND_ROOT ? want->n : want->n - 1;

	start_regs(&regs);
	r = unwind(&regs, &m, &s.world.map, s.cache, out, DEPTH);
	if (r.n != n || r.end != want->end)
		return 1;
	for (uint32_t i = 0; i < n; i++)
		if (out[i] != want->ip[i] && out[i] + 1 != want->ip[i])
			return 1;
	return 0;
}

/* ---- one stop ----------------------------------------------------------------------------------- */

static const struct unwind_module *module_of(uint64_t address)
{
	return unwind_map_find(&s.world.map, address);
}

static void print_stack(const char *who, const struct stack *st)
{
	fprintf(stderr, "%s: %u frames\n", who, st->n);
	for (uint32_t i = 0; i < st->n && i < 20; i++) {
		const struct unwind_module *m = module_of(st->ip[i]);

		fprintf(stderr, "  %2u pc %#lx sp %#lx %s+%#lx\n", i, (unsigned long)st->ip[i],
			(unsigned long)st->sp[i], m ? s.world.paths[m->id] : "?",
			(unsigned long)(st->ip[i] - (m ? m->bias : 0)));
	}
}

/* New mappings: libraries that the program loads. */
static void reload(void)
{
	uint32_t generation = s.world.map.generation;

	world_free(&s.world);
	assert_int_equal(world_load(&s.world, s.pid, 0), 0);
	s.world.map.generation = generation + 1;
	unw_flush_cache(s.space, 0, 0);
}

static int differ(const struct stack *a, const struct stack *b, uint32_t n)
{
	return a->n < n || b->n < n || memcmp(a->ip, b->ip, n * sizeof a->ip[0]) != 0 ||
	       memcmp(a->sp, b->sp, n * sizeof a->sp[0]) != 0;
}

static int same(const struct stack *a, const struct stack *b)
{
	return a->n == b->n && !differ(a, b, a->n);
}

static const struct unwind_rule *rule_of(const struct stack *st, uint32_t i,
					 const struct unwind_module **module)
{
	static const struct unwind_rule none;
	uint64_t address = st->ip[i] - (i > 0 && !st->interrupted[i]);

	*module = module_of(address);
	if (!*module || !(*module)->table)
		return &none;
	return unwind_table_rule((*module)->table, address - (*module)->bias);
}

/* Does frame i have the long form with an entry for this register? */
static int states(const struct stack *st, uint32_t i, uint8_t reg)
{
	const struct unwind_module *m;
	const struct unwind_rule *rule = rule_of(st, i, &m);
	const uint8_t *at;
	struct unwind_ext ext;
	struct unwind_ext_reg x;

	if (rule->cfa_kind != UNWIND_CFA_EXT)
		return 0;
	at = (const uint8_t *)m->table + m->table->head.ext_off + rule->cfa_off;
	memcpy(&ext, at, sizeof ext);
	for (uint32_t k = 0; k < ext.n_regs; k++) {
		memcpy(&x, at + sizeof ext + k * sizeof x, sizeof x);
		if (x.reg == reg && !ext.is_signal)
			return 1;
	}
	return 0;
}

static int in_vdso(uint64_t pc)
{
	const struct unwind_module *m = module_of(pc);

	return m && strcmp(s.world.paths[m->id], "[vdso]") == 0;
}

static int is_in(const struct stack *st, uint32_t i, const char *name)
{
	const struct unwind_module *m = i < st->n ? module_of(st->ip[i]) : NULL;

	return m && strstr(s.world.paths[m->id], name) != NULL;
}

/* Frames that libunwind cannot leave, but that will be left for frame `k` of ours. */
static int foretell(const struct stack *ours, const struct stack *theirs, uint32_t which)
{
	struct stack promise = {.end = UNWIND_ROOT};
	uint32_t k = states(ours, 0, UNWIND_SP) ? 1 : 0;

	while (is_in(ours, k, "[vdso]"))
		k++;
	if (k == 0 || ours->n <= k || ours->end != UNWIND_ROOT || differ(ours, theirs, 1))
		return 0;
	promise.n = ours->n - k;
	memcpy(promise.ip, ours->ip + k, promise.n * sizeof ours->ip[0]);
	memcpy(promise.sp, ours->sp + k, promise.n * sizeof ours->sp[0]);
	if (s.promise.n && !same(&s.promise, &promise))
		return 0;
	s.promise = promise;
	s.promised_by = which;
	s.foretold++;
	return 1;
}

static void fulfil(const struct stack *theirs, uint32_t which)
{
	if (s.promise.n == 0 || s.promised_by != which || theirs->n == 0 ||
	    theirs->ip[0] != s.promise.ip[0])
		return;
	assert_true(same(theirs, &s.promise));
	s.promise.n = 0;
	s.fulfilled++;
}

static int agree(const struct stack *ours, struct stack *theirs, uint32_t which)
{
	if (ours->end == UNWIND_ROOT && same(ours, theirs))
		return 1;
	if (foretell(ours, theirs, which))
		return 1;
	by_libunwind(theirs, which, 1);
	if (theirs->cfi < theirs->n) {
		s.past_cfi++;
		return !differ(ours, theirs, theirs->cfi + 1);
	}
	if (same(ours, theirs) && (states(ours, 0, UNWIND_BP) || is_in(ours, 0, "libgcc_s"))) {
		s.broken++;
		return 1;
	}
	return 0;
}

static void check_here(uint32_t which)
{
	static struct stack ours, theirs;

	if (s.foretold >= VDSO_STEPS && in_vdso(s.user.rip))
		return;
	by_us(&ours);
	if (ours.end == UNWIND_NO_TABLE) {
		reload();
		by_us(&ours);
	}
	by_libunwind(&theirs, which, 0);
	/* libunwind keeps rows by pc, whether it is that of an instruction or a return address: behind a
	 * call that does not return these are two functions. */
	if (!same(&ours, &theirs)) {
		unw_flush_cache(s.space, 0, 0);
		by_libunwind(&theirs, which, 0);
	}
	fulfil(&theirs, which);
	s.steps++;
	s.frames += ours.n;
	if (ours.n > s.deepest)
		s.deepest = ours.n;
	if (cached_differs(&ours)) {
		print_stack("single steps", &ours);
		fail_msg("unwind() gives another stack than unwind_step()");
	}
	if (agree(&ours, &theirs, which))
		return;
	fprintf(stderr, "step %lu ends: %s\n", (unsigned long)s.steps, unwind_end_name(ours.end));
	print_stack("ours", &ours);
	print_stack("libunwind", &theirs);
	fail_msg("the stacks differ");
}

/* ---- the life of the program -------------------------------------------------------------------- */

static void add_thread(pid_t tid)
{
	assert_true(s.n_tids < TIDS);
	s.tids[s.n_tids] = tid;
	s.upt[s.n_tids] = _UPT_create(tid);
	assert_non_null(s.upt[s.n_tids]);
	s.n_tids++;
}

static uint32_t thread_number(pid_t tid)
{
	for (uint32_t i = 0; i < s.n_tids; i++)
		if (s.tids[i] == tid)
			return i;
	add_thread(tid);
	return s.n_tids - 1;
}

static void start(const char *program)
{
	static unw_accessors_t accessors;
	char self[512], path[1024], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	int status;

	memset(&s, 0, sizeof s);
	assert_true(n > 0);
	self[n] = 0;
	for (int up = 0; up < 2; up++) {
		slash = strrchr(self, '/');
		assert_non_null(slash);
		*slash = 0;
	}
	snprintf(path, sizeof path, "%s/programs/%s", self, program);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		unsetenv("LD_PRELOAD");
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	if (!WIFSTOPPED(status))
		fail_msg("%s cannot be run", path);
	ptrace(PTRACE_SETOPTIONS, s.pid, NULL, PTRACE_O_EXITKILL);
	do { /* to the stop that the program makes */
		assert_int_equal(ptrace(PTRACE_CONT, s.pid, NULL, NULL), 0);
		assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
		assert_true(WIFSTOPPED(status));
	} while (WSTOPSIG(status) != SIGSTOP);
	ptrace(PTRACE_SETOPTIONS, s.pid, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	accessors = _UPT_accessors;
	accessors.access_mem = access_mem;
	accessors.access_reg = access_reg;
	s.space = unw_create_addr_space(&accessors, 0);
	assert_non_null(s.space);
	unw_set_caching_policy(s.space, UNW_CACHE_GLOBAL);
	s.cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	assert_non_null(s.cache);
	memset(s.cache, 0, unwind_cache_bytes());
	assert_int_equal(world_load(&s.world, s.pid, 0), 0);
	add_thread(s.pid);
}

static int finish(void **state)
{
	int status;

	(void)state;
	if (s.pid <= 0)
		return 0;
	kill(s.pid, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0)
		;
	for (uint32_t i = 0; i < s.n_tids; i++)
		_UPT_destroy(s.upt[i]);
	unw_destroy_addr_space(s.space);
	world_free(&s.world);
	free(s.cache);
	s.pid = 0;
	return 0;
}

/* From the program's first SIGSTOP to its second. Threads run as they come, a step each. */
static void step_through(const char *program)
{
	uint32_t signals = 0;

	start(program);
	assert_int_equal(ptrace(PTRACE_SINGLESTEP, s.pid, NULL, NULL), 0);
	for (;;) {
		int status, signo = 0;
		pid_t tid = waitpid(-1, &status, __WALL);
		uint32_t which;

		assert_true(tid > 0);
		if (!WIFSTOPPED(status)) { /* a thread has ended */
			assert_true(tid != s.pid);
			continue;
		}
		which = thread_number(tid);
		if (WSTOPSIG(status) == SIGSTOP && tid == s.pid)
			break;
		if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			signo = WSTOPSIG(status);
			signals++;
		}
		if (ptrace(PTRACE_GETREGS, tid, NULL, &s.user) == 0)
			check_here(which);
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, tid, NULL, signo), 0);
	}
	print_message(
		"%s: %lu pcs, %lu frames, deepest %lu, %u threads, %u signals; without CFI %lu, "
		"broken %lu, foretold %lu\n",
		program, (unsigned long)s.steps, (unsigned long)s.frames, (unsigned long)s.deepest,
		s.n_tids, signals, (unsigned long)s.past_cfi, (unsigned long)s.broken,
		(unsigned long)s.foretold);
	assert_true(s.steps > 100);
	/* What libunwind could not judge is the exception. */
	assert_true(s.foretold <= 200 && (s.past_cfi + s.broken) * 50 <= s.steps);
	assert_true(s.promise.n == 0 && (s.foretold > 0) == (s.fulfilled > 0));
}

#define STEPS(name, program)                                                                       \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		step_through(program);                                                             \
	}

STEPS(calls_without_optimisation, "step_calls-O0")
STEPS(calls_optimised, "step_calls-O2")
STEPS(calls_with_frame_pointers, "step_calls-fp")
STEPS(calls_bound_lazily, "step_calls-lazy")
STEPS(calls_in_a_static_program, "step_calls-static")
STEPS(calls_optimised_for_size, "step_calls-os")
STEPS(signals_without_optimisation, "step_signal-O0")
STEPS(signals_optimised, "step_signal-O2")
STEPS(signals_in_a_static_program, "step_signal-static")
STEPS(a_thread_from_birth_to_death, "step_thread-O2")
STEPS(assembly_with_odd_cfi, "step_asm-O2")
STEPS(exceptions_optimised, "step_throw-O2")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(assembly_with_odd_cfi, finish),
		cmocka_unit_test_teardown(calls_without_optimisation, finish),
		cmocka_unit_test_teardown(calls_optimised, finish),
		cmocka_unit_test_teardown(calls_with_frame_pointers, finish),
		cmocka_unit_test_teardown(calls_bound_lazily, finish),
		cmocka_unit_test_teardown(calls_in_a_static_program, finish),
		cmocka_unit_test_teardown(calls_optimised_for_size, finish),
		cmocka_unit_test_teardown(signals_without_optimisation, finish),
		cmocka_unit_test_teardown(signals_optimised, finish),
		cmocka_unit_test_teardown(signals_in_a_static_program, finish),
		cmocka_unit_test_teardown(a_thread_from_birth_to_death, finish),
		cmocka_unit_test_teardown(exceptions_optimised, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
