/* Names of 2,000 random addresses with their inlined calls: cold (nothing kept), warm (from the disk cache),
 * and addr2line -fiC fed by a pipe on the same addresses, in turns; medians and ratios. The file is the
 * first argument, or the largest library of this process that has debug information, or this program.
 * Numbers, no verdict. */
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "prof/elf/elffile.h"
#include "prof/symbol/symbol.h"

#define ADDRESSES 2000
#define TURNS     5

extern char **environ;

struct target {
	char path[4096];
	char id[ELF_BUILD_ID_HEX];
	uint64_t addrs[ADDRESSES];
	size_t len;
};

/* The largest one with .debug_info, among what the loader mapped. */
static int largest(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct target *t = ctx;
	struct elf_section s;
	struct elf_file f;

	(void)size;
	if (!info->dlpi_name[0] || elf_open(&f, info->dlpi_name, NULL) < 0)
		return 0;
	if (elf_section_named(&f, ".debug_info", &s) && f.len > t->len) {
		t->len = f.len;
		snprintf(t->path, sizeof t->path, "%s", info->dlpi_name);
	}
	elf_close(&f);
	return 0;
}

/* Random addresses of .text. */
static int prepare(struct target *t, const char *path)
{
	struct elf_section s;
	struct elf_file f;
	uint64_t seed = 1;

	if (path)
		snprintf(t->path, sizeof t->path, "%s", path);
	else
		dl_iterate_phdr(largest, t);
	if (!t->path[0]) {
		ssize_t n = readlink("/proc/self/exe", t->path, sizeof t->path - 1);

		t->path[n > 0 ? n : 0] = 0;
	}
	if (elf_open(&f, t->path, NULL) < 0 || !elf_section_named(&f, ".text", &s) || !s.size)
		return -1;
	t->len = f.len;
	elf_build_id(&f, t->id);
	for (size_t i = 0; i < ADDRESSES; i++) {
		seed = hash_u64(seed + i);
		t->addrs[i] = s.addr + seed % s.size;
	}
	elf_close(&f);
	return 0;
}

static double ours(const struct target *t, const char *cache, size_t *frames)
{
	struct symbol_options options = {.cache_dir = cache};
	struct symbol_module module = {.path = t->path, .build_id = t->id};
	struct symbol_answer a = {0};
	int64_t start = clock_mono_ns();
	struct strtab *strings = strtab_new();
	struct symbolizer *s = strings ? symbolizer_new(strings, &options) : NULL;
	double ms = -1;

	if (s && symbolize(s, &module, t->addrs, ADDRESSES, &a, NULL, 0) == 0)
		ms = (double)(clock_mono_ns() - start) / 1e6;
	*frames = a.first ? a.first[ADDRESSES] : 0;
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
	return ms;
}

static double addr2line(const struct target *t, const char *input)
{
	char *argv[] = {"addr2line", "-fiC", "-e", (char *)(uintptr_t)t->path, NULL};
	posix_spawn_file_actions_t to;
	int64_t start = clock_mono_ns();
	int status = 1, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&to);
	posix_spawn_file_actions_addopen(&to, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&to, 1, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &to, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&to);
	if (rc || waitpid(pid, &status, 0) != pid || status)
		return -1;
	return (double)(clock_mono_ns() - start) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, TURNS, sizeof *v, by_value);
	return v[TURNS / 2];
}

static int write_input(const struct target *t, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	for (size_t i = 0; i < ADDRESSES; i++)
		fprintf(f, "%llx\n", (unsigned long long)t->addrs[i]);
	return fclose(f);
}

static void clean_up(const char *dir, const struct target *t, const char *input)
{
	char path[4352];

	unlink(input);
	snprintf(path, sizeof path, "%s/sym/%s", dir, t->id);
	unlink(path);
	snprintf(path, sizeof path, "%s/sym", dir);
	rmdir(path);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/protea-bench.XXXXXX", input[64];
	double cold[TURNS], warm[TURNS], theirs[TURNS], c, w, a;
	static struct target t;
	size_t frames;

	if (prepare(&t, argc > 1 ? argv[1] : NULL) < 0 || !mkdtemp(dir)) {
		fprintf(stderr, "bench_symbol: no file to name addresses of\n");
		return 1;
	}
	snprintf(input, sizeof input, "%s/addresses", dir);
	if (write_input(&t, input) < 0)
		return 1;
	ours(&t, dir, &frames); /* fills the cache, and the page cache for all */
	for (int i = 0; i < TURNS; i++) {
		cold[i] = ours(&t, NULL, &frames);
		warm[i] = ours(&t, dir, &frames);
		theirs[i] = addr2line(&t, input);
	}
	clean_up(dir, &t, input);
	c = median(cold);
	w = median(warm);
	a = median(theirs);
	printf("%s: %.1f MB, %d random addresses, %zu frames\n", t.path, (double)t.len / 1e6,
	       ADDRESSES, frames);
	printf("cold        %8.2f ms  (%.2f us each)\n", c, 1e3 * c / ADDRESSES);
	printf("warm cache  %8.2f ms\n", w);
	if (a > 0)
		printf("addr2line   %8.2f ms  = %.1f x cold, %.0f x warm\n", a, a / c, a / w);
	else
		printf("addr2line   not found\n");
	return 0;
}
