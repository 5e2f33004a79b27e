/* Unwind tables of libraries of this machine: rows, bytes per row in the file, time to make one from the
 * ELF file and to put it into the cache, time to have it from the warm cache. Beside it what libdw takes to
 * answer for one row, its caches warm; a look-up in the table is a few ns. Medians; numbers, no verdict. */
#include <dlfcn.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <libelf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/elf/elffile.h"
#include "prof/unwind/table_internal.h"

#define ROUNDS 15

struct times {
	int64_t ns[ROUNDS];
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(struct times *t)
{
	qsort(t->ns, ROUNDS, sizeof t->ns[0], by_value);
	return (double)t->ns[ROUNDS / 2] / 1e3;
}

static int64_t time_build(const char *path, uint32_t *rows, size_t *bytes)
{
	int64_t start = clock_mono_ns();
	struct unwind_table *t = NULL;
	struct elf_file f;

	if (elf_open(&f, path, NULL) < 0)
		return 0;
	if (unwind_table_build(&t, &f, NULL, NULL) == 0) {
		*rows = unwind_table_rows(t);
		*bytes = unwind_table_bytes(t);
	}
	elf_close(&f);
	start = clock_mono_ns() - start;
	unwind_table_free(t);
	return start;
}

static int64_t time_get(const char *path, const char *id, const char *dir)
{
	int64_t start = clock_mono_ns();
	const struct unwind_table *t;
	size_t mapped;

	if (unwind_table_get(&t, &mapped, path, id, dir, NULL) < 0)
		return 0;
	start = clock_mono_ns() - start;
	unwind_table_release(t, mapped);
	return start;
}

static double ask_libdw(Dwarf_CFI *cfi, const struct unwind_table *t)
{
	const struct unwind_table_head *h = &t->head;
	const char *base = (const char *)t;
	const uint32_t *pages = (const uint32_t *)(const void *)(base + h->pages_off);
	const uint16_t *low = (const uint16_t *)(const void *)(base + h->low_off);
	int64_t start = clock_mono_ns();
	uint32_t asked = 0;

	for (uint32_t p = 0; p < h->n_pages; p++)
		for (uint32_t i = pages[p]; i < pages[p + 1]; i += 16) {
			uint64_t pc = ((h->first_page + p) << UNWIND_PAGE_BITS) + low[i];
			Dwarf_Frame *frame;

			if (dwarf_cfi_addrframe(cfi, pc, &frame) == 0)
				free(frame);
			asked++;
		}
	return asked ? (double)(clock_mono_ns() - start) / asked : 0;
}

/* ns for each row that libdw is asked for: every 16th of the table. */
static double libdw_per_row(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
	struct unwind_table *t = NULL;
	struct elf_file f;
	double ns = 0;

	if (cfi && elf_open(&f, path, NULL) == 0) {
		if (unwind_table_build(&t, &f, NULL, NULL) == 0) {
			(void)ask_libdw(cfi, t);
			ns = ask_libdw(cfi, t);
		}
		unwind_table_free(t);
		elf_close(&f);
	}
	dwarf_cfi_end(cfi);
	elf_end(elf);
	close(fd);
	return ns;
}

static void bench_file(const char *path, const char *dir)
{
	struct times build, cold, warm;
	char id[ELF_BUILD_ID_HEX], cached[512];
	const char *name = strrchr(path, '/');
	struct elf_file f;
	uint32_t rows = 0;
	size_t bytes = 0;
	double us[4];

	if (elf_open(&f, path, NULL) < 0)
		return;
	(void)elf_build_id(&f, id);
	elf_close(&f);
	snprintf(cached, sizeof cached, "%s/%s.unw", dir, id);
	for (int i = 0; i < ROUNDS; i++) {
		build.ns[i] = time_build(path, &rows, &bytes);
		unlink(cached);
		cold.ns[i] = time_get(path, id, dir);
		warm.ns[i] = time_get(path, id, dir);
	}
	us[0] = median_us(&build);
	us[1] = median_us(&cold);
	us[2] = median_us(&warm);
	us[3] = libdw_per_row(path);
	printf("%-28.28s %7u %5.2f %9.2f %6.0f %9.2f %9.1f %12.0f\n", name ? name + 1 : path, rows,
	       rows ? (double)bytes / rows : 0, us[0] / 1e3, rows ? us[0] * 1e3 / rows : 0,
	       us[1] / 1e3, us[2], us[3]);
	unlink(cached);
}

int main(int argc, char **argv)
{
	static const char *const sonames[] = {
		"ld-linux-x86-64.so.2",
		"libc.so.6",
		"libm.so.6",
		"libstdc++.so.6",
		"libcrypto.so.3",
		"libsqlite3.so.0",
		"libopenblas.so.0",
		"libpython3.11.so.1.0",
	};
	char dir[] = "/tmp/protea-bench.XXXXXX";

	if (!mkdtemp(dir) || elf_version(EV_CURRENT) == EV_NONE)
		return 1;
	printf("%-28s %7s %5s %9s %6s %9s %9s %12s\n", "module", "rows", "B/row", "build ms",
	       "ns/row", "cold ms", "warm us", "libdw ns/row");
	for (size_t i = 0; i < sizeof sonames / sizeof sonames[0]; i++) {
		void *handle = dlopen(sonames[i], RTLD_LAZY | RTLD_LOCAL);
		struct link_map *map;

		if (!handle)
			printf("%s is not here\n", sonames[i]);
		else if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
			bench_file(map->l_name, dir);
	}
	for (int i = 1; i < argc; i++)
		bench_file(argv[i], dir);
	return rmdir(dir) != 0;
}
