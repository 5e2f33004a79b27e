/* What a look at a process's code costs: the first one with all files, a further one, beside reading its maps as text;
 * unwind tables out of the cache; names of addresses, asked once and again. Medians of interleaved rounds, on this
 * process itself. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/modules.h"
#include "prof/base/clock.h"
#include "prof/record/livenames.h"

#define ROUNDS 201
#define ASKED  256

enum { FIRST, TABLES, AGAIN, TEXT, NAMES, NAMES_AGAIN, KINDS };
static const char *const names[KINDS] = {
	"first look, files opened",     "tables of all modules, cached", "a further look",
	"maps as text, for comparison", "256 names, not asked before",   "256 names, known"};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t read_text(void)
{
	static char text[1 << 20];
	int64_t begin = clock_mono_ns();
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (read(fd, text, sizeof text) > 0)
		;
	close(fd);
	return clock_mono_ns() - begin;
}

static int64_t ask(struct attach_space *space, struct livenames *l)
{
	struct attach_frame frames[ASKED];
	int64_t begin = clock_mono_ns();
	uint32_t n;

	for (uint64_t i = 0; i < ASKED; i++)
		frames[i] = attach_space_frame(space, (uint64_t)(uintptr_t)ask + i);
	if (livenames_ask(l, frames, ASKED))
		abort();
	for (uint32_t i = 0; i < ASKED; i++)
		if (!livenames_of(l, frames[i], &n))
			abort();
	return clock_mono_ns() - begin;
}

static void once(const char *cache, int64_t took[KINDS])
{
	struct module_set *set = module_set_new(cache);
	struct attach_space *space;
	struct strtab *strings = strtab_new();
	struct livenames *l;
	struct proc p;
	int64_t t;

	if (!set || proc_open(&p, getpid(), NULL) || !(space = attach_space_new(set, &p)))
		abort();
	l = livenames_new(set, strings, cache);
	t = clock_mono_ns();
	if (attach_space_refresh(space, 0, NULL))
		abort();
	took[FIRST] = clock_mono_ns() - t;
	t = clock_mono_ns();
	(void)attach_space_map(space);
	took[TABLES] = clock_mono_ns() - t;
	t = clock_mono_ns();
	(void)attach_space_refresh(space, 0, NULL);
	took[AGAIN] = clock_mono_ns() - t;
	took[TEXT] = read_text();
	took[NAMES] = ask(space, l);
	took[NAMES_AGAIN] = ask(space, l);
	livenames_free(l);
	strtab_free(strings);
	attach_space_free(space);
	module_set_free(set);
	proc_close(&p);
}

int main(void)
{
	static int64_t took[KINDS][ROUNDS];
	char cache[] = "/tmp/protea-bench.XXXXXX", command[64];
	int64_t row[KINDS];

	if (!mkdtemp(cache))
		return 1;
	once(cache, row);
	for (int i = 0; i < ROUNDS; i++) {
		once(cache, row);
		for (int k = 0; k < KINDS; k++)
			took[k][i] = row[k];
	}
	for (int k = 0; k < KINDS; k++) {
		qsort(took[k], ROUNDS, sizeof took[k][0], by_value);
		printf("%-32s %10.1f us\n", names[k], (double)took[k][ROUNDS / 2] / 1e3);
	}
	snprintf(command, sizeof command, "rm -rf %s", cache);
	return system(command) != 0;
}
