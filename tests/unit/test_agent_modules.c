/* The agent's snapshots of loaded modules, without the agent around them: its records are written down here.
 * The files are taken in as they are, for they are part of no library that tests link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/agent/modpast.c"
#include "prof/agent/modpath.c"
#include "prof/agent/modpin.c"
#include "prof/agent/modules.c"
#include "prof/agent/sys.c"
#include "prof/unwind/arch_x86_64.h"

#define SEEN_MAX 256
#define LIBRARY  "libresolv.so.2" /* of libc6 itself, linked by nothing here */

struct agent agent;

static struct agent_slot slot;
static struct spool_session session;
static struct seen {
	enum spool_type type;
	uint64_t start, end;
	char path[512];
} seen[SEEN_MAX];
static int n_seen;

struct agent_slot *agent_slot_self(void)
{
	return &slot;
}

int agent_write(struct agent_slot *s, enum spool_type type, uint32_t extra, int64_t t_ns,
		const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	struct seen *out = &seen[n_seen % SEEN_MAX];

	assert_ptr_equal(s, &slot);
	assert_int_equal(extra, 0);
	assert_true(t_ns > 0);
	assert_int_equal(a_bytes, type == SPOOL_MODULE_LOAD ? sizeof(struct spool_module) : 16);
	memset(out, 0, sizeof *out);
	out->type = type;
	memcpy(&out->start, a, 16); /* both begin with start and end */
	if (b_bytes)
		memcpy(out->path, b, b_bytes < 511 ? b_bytes : 511);
	n_seen++;
	return 0;
}

static const struct unwind_map *map_now(void)
{
	return modules_map(atomic_load(&agent.modules));
}

static const struct seen *find_seen(enum spool_type type, const char *end_of_path)
{
	for (int i = n_seen - 1; i >= 0; i--) {
		size_t n = strlen(seen[i].path), m = strlen(end_of_path);

		if (seen[i].type == type && n >= m &&
		    strcmp(seen[i].path + n - m, end_of_path) == 0)
			return &seen[i];
	}
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	agent.session = &session;
	slot.cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	if (!slot.cache)
		return -1;
	memset((void *)slot.cache, 0, unwind_cache_bytes());
	atomic_store(&agent.slots[0], &slot);
	atomic_store(&agent.slots_used, 1);
	agent_modules_refresh();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(slot.cache);
	return 0;
}

static void first_look_finds_program_libc_and_vdso(void **state)
{
	const struct unwind_map *map = map_now();
	const struct unwind_module *own = unwind_map_find(map, (uint64_t)(uintptr_t)map_now);
	const struct unwind_module *libc =
		unwind_map_find(map, (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "printf"));
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	assert_non_null(own);
	assert_non_null(own->table);
	assert_non_null(libc);
	assert_non_null(libc->table);
	assert_ptr_not_equal(own, libc);
	assert_non_null(find_seen(SPOOL_MODULE_LOAD, self));
	assert_non_null(find_seen(SPOOL_MODULE_LOAD, "/libc.so.6"));
	if (getauxval(AT_SYSINFO_EHDR)) {
		const struct seen *vdso = find_seen(SPOOL_MODULE_LOAD, "linux-vdso.so.1");

		assert_non_null(vdso);
		assert_non_null(unwind_map_find(map, vdso->start)->table);
	}
}

static void a_map_is_sorted_and_has_a_record_for_each_module(void **state)
{
	const struct unwind_map *map = map_now();

	(void)state;
	assert_int_equal(map->n, (uint32_t)n_seen);
	for (uint32_t i = 0; i < map->n; i++) {
		assert_true(map->modules[i].start < map->modules[i].end);
		if (i > 0)
			assert_true(map->modules[i - 1].end <= map->modules[i].start);
	}
}

static void nothing_changed_publishes_nothing(void **state)
{
	struct agent_modules *before = atomic_load(&agent.modules);
	int records = n_seen;

	(void)state;
	errno = ENOTDIR;
	agent_modules_refresh();
	assert_int_equal(errno, ENOTDIR);
	assert_ptr_equal(atomic_load(&agent.modules), before);
	assert_int_equal(n_seen, records);
}

static void a_library_comes_and_goes(void **state)
{
	uint32_t generation = map_now()->generation;
	void *h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const struct seen *load, *unload;
	uint64_t start;

	(void)state;
	assert_non_null(h);
	agent_modules_refresh();
	assert_int_not_equal(map_now()->generation, generation);
	load = find_seen(SPOOL_MODULE_LOAD, LIBRARY);
	assert_non_null(load);
	assert_int_equal(load->path[0], '/');
	start = load->start;
	assert_non_null(unwind_map_find(map_now(), start));
	assert_int_equal(dlclose(h), 0);
	agent_modules_refresh();
	assert_null(unwind_map_find(map_now(), start));
	unload = find_seen(SPOOL_MODULE_UNLOAD, "");
	assert_non_null(unload);
	assert_true(unload->start == start);
}

static int is_mapped(const void *p)
{
	unsigned char vec;

	return mincore((void *)((uintptr_t)p & ~(uintptr_t)4095), 4096, &vec) == 0;
}

static void a_snapshot_in_use_stays_until_it_is_left(void **state)
{
	struct agent_modules *held = modules_enter(&slot);
	uint32_t n = held->map.n;
	const struct unwind_table *table;
	void *h;

	(void)state;
	assert_ptr_equal(atomic_load(&slot.in_use), held);
	h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(h);
	agent_modules_refresh();
	assert_ptr_not_equal(atomic_load(&agent.modules), held);
	assert_true(is_mapped(held));
	modules_leave(&slot);

	/* Now one that names a module which goes. */
	held = modules_enter(&slot);
	table = unwind_map_find(&held->map, find_seen(SPOOL_MODULE_LOAD, LIBRARY)->start)->table;
	assert_non_null(table);
	assert_int_equal(dlclose(h), 0);
	agent_modules_refresh();
	assert_true(is_mapped(held));
	assert_true(is_mapped(table)); /* a handler may still look things up in it */
	assert_int_equal(held->map.n, n + 1);
	modules_leave(&slot);

	h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(h);
	agent_modules_refresh();
	assert_null(registry.retired);
	assert_int_equal(dlclose(h), 0);
	agent_modules_refresh();
	assert_null(registry.retired);
}

static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	int n = 0, c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* ---- pins: snapshots read in normal context */

static _Atomic int stop_reading;
static _Atomic unsigned long n_read;

/* Looks into every table of the snapshot that it has pinned, as a walk may. */
static void *read_pinned(void *unused)
{
	static struct modules_pin pins_of[6]; /* a pin is added once */
	static _Atomic int next_pin;
	struct modules_pin *pin = &pins_of[atomic_fetch_add(&next_pin, 1)];

	(void)unused;
	modules_pin_add(pin);
	while (!atomic_load(&stop_reading)) {
		const struct unwind_map *map = modules_map(modules_pin_enter(pin));

		for (uint32_t i = 0; i < map->n; i++)
			if (map->modules[i].table &&
			    unwind_table_rows(map->modules[i].table) == UINT32_MAX)
				abort();
		modules_pin_leave(pin);
		atomic_fetch_add(&n_read, 1);
	}
	return NULL;
}

static void pinned_snapshots_can_be_read_while_libraries_come_and_go(void **state)
{
	pthread_t threads[3];
	unsigned long before;

	(void)state;
	for (int light = 1; light >= 0; light--) {
		atomic_store(&stop_reading, 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, read_pinned, NULL), 0);
		before = atomic_load(&n_read);
		for (int i = 0; i < 60 || atomic_load(&n_read) < before + 100; i++) {
			void *h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

			assert_non_null(h);
			agent_modules_refresh();
			assert_int_equal(dlclose(h), 0);
			agent_modules_refresh();
			if (!light) /* as where the kernel has no membarrier */
				atomic_store(&modules_pin_light, 0);
		}
		atomic_store(&stop_reading, 1);
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
	}
	agent_modules_refresh();
}

static void a_pinned_snapshot_stays(void **state)
{
	static struct modules_pin pin;
	struct agent_modules *held;
	void *h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	(void)state;
	assert_non_null(h);
	agent_modules_refresh();
	modules_pin_add(&pin);
	held = modules_pin_enter(&pin);
	assert_ptr_equal(held, atomic_load(&agent.modules));
	assert_int_equal(dlclose(h), 0);
	agent_modules_refresh();
	assert_ptr_not_equal(atomic_load(&agent.modules), held);
	assert_true(is_mapped(held));
	modules_pin_leave(&pin);
	h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	agent_modules_refresh();
	assert_null(registry.retired);
	assert_int_equal(dlclose(h), 0);
	agent_modules_refresh();
}

/* ---- code in the place of other code */

static void a_library_that_comes_back_replaces_nothing(void **state)
{
	const uint64_t at = 0x20000;

	(void)state;
	for (int i = 0; i < 3 * GONE_KEPT; i++) {
		modpast_note(at, at + 0x4000, "aa");
		assert_int_equal(modpast_replaced(at, at + 0x4000, "aa"), 0);
	}
	assert_int_equal(modules_replaced(NULL)->times, 0);
}

static void other_code_at_the_same_place_is_noticed(void **state)
{
	const uint64_t at = 0x10000;

	(void)state;
	modpast_note(at, at + 0x4000, "aa");
	assert_int_equal(modpast_replaced(at + 0x8000, at + 0x9000, "bb"), 0);
	assert_int_equal(modpast_replaced(at + 0x3000, at + 0x5000, "bb"), 1);
	modpast_note(at, at + 0x4000, "aa");
	assert_int_equal(modpast_replaced(at, at + 0x4000, "bb"), 1); /* as large, but other */
	modpast_note(at, at + 0x4000, "");
	assert_int_equal(modpast_replaced(at, at + 0x4000, ""), 1); /* who knows */
	modpast_note(at, at + 0x4000, "aa");
	for (uint64_t i = 1; i <= GONE_KEPT; i++) /* the first is remembered in common only */
		modpast_note(at + i * 0x10000, at + i * 0x10000 + 0x1000, "cc");
	assert_int_equal(modpast_replaced(at, at + 0x4000, "aa"), 1);
	for (uint64_t i = 0; i <= GONE_KEPT; i++) /* nothing is left for the tests to come */
		last_gone[i % GONE_KEPT].end = gone_before.end = 0;
}

static void many_loads_leak_nothing(void **state)
{
	int before = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		void *h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

		assert_non_null(h);
		agent_modules_refresh();
		assert_int_equal(dlclose(h), 0);
		agent_modules_refresh();
		if (i == 20)
			before = count_maps();
	}
	assert_true(count_maps() <= before + 2);
}

__attribute__((noinline)) static struct unwind_result walk(uint64_t *out, uint32_t max)
{
	struct agent_modules *m = modules_enter(&slot);
	struct unwind_regs regs;
	struct unwind_memory memory = {0};
	struct unwind_result r;

	unwind_regs_here(&regs);
	memory.lo = regs.reg[UNWIND_SP];
	memory.hi = ((uint64_t)(uintptr_t)__builtin_frame_address(0) | 0xfff) + 1 + 16384;
	if (memory.hi > (uint64_t)(uintptr_t)environ)
		memory.hi = (uint64_t)(uintptr_t)environ;
	memory.base = (const uint8_t *)(uintptr_t)memory.lo;
	r = unwind(&regs, &memory, modules_map(m), slot.cache, out, max);
	modules_leave(&slot);
	return r;
}

static void a_snapshot_unwinds_to_the_root(void **state)
{
	uint64_t at[64];
	struct unwind_result r = walk(at, 64);

	(void)state;
	assert_int_equal(r.end, UNWIND_ROOT);
	assert_true(r.n > 4);
	assert_int_equal(r.guessed, 0);
}

static void paths_of_addresses_come_from_the_maps(void **state)
{
	char path[512] = "unchanged", exe[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	(void)state;
	assert_true(n > 0);
	exe[n] = '\0';
	modpath_of_address((uint64_t)(uintptr_t)count_maps, path, sizeof path);
	assert_string_equal(path, exe);
	memcpy(path, "unchanged", 10);
	modpath_of_address((uint64_t)(uintptr_t)&path, path, sizeof path); /* the stack: no file */
	assert_string_equal(path, "unchanged");
	modpath_of_address(1, path, sizeof path);
	assert_string_equal(path, "unchanged");
	modpath_of_address((uint64_t)(uintptr_t)count_maps, path, 3); /* no room */
	assert_string_equal(path, "unchanged");
}

static void a_deleted_program_is_read_through_proc(void **state)
{
	(void)state;
	assert_string_equal(modpath_to_open("/usr/lib/x.so"), "/usr/lib/x.so");
	assert_string_equal(modpath_to_open("/tmp/x (deleted)"), "/tmp/x (deleted)");
	assert_string_equal(modpath_to_open(" (deleted)"), " (deleted)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_look_finds_program_libc_and_vdso),
		cmocka_unit_test(a_map_is_sorted_and_has_a_record_for_each_module),
		cmocka_unit_test(nothing_changed_publishes_nothing),
		cmocka_unit_test(a_library_comes_and_goes),
		cmocka_unit_test(a_snapshot_in_use_stays_until_it_is_left),
		cmocka_unit_test(a_pinned_snapshot_stays),
		cmocka_unit_test(pinned_snapshots_can_be_read_while_libraries_come_and_go),
		cmocka_unit_test(a_library_that_comes_back_replaces_nothing),
		cmocka_unit_test(other_code_at_the_same_place_is_noticed),
		cmocka_unit_test(many_loads_leak_nothing),
		cmocka_unit_test(a_snapshot_unwinds_to_the_root),
		cmocka_unit_test(paths_of_addresses_come_from_the_maps),
		cmocka_unit_test(a_deleted_program_is_read_through_proc),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
