/* Any bytes as a module's ELF file: symbols, PLT, DWARF, lines, compressed sections, minidebuginfo. Every
 * address has a chain, every function a name of valid, bounded text. The first byte is no part of the
 * file: it spreads the addresses. */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/symbol/symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ADDRESSES 64

static void check_answer(const struct symbol_answer *a, const struct strtab *strings)
{
	if (a->n != ADDRESSES || a->first[0] != 0)
		abort();
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->first[i + 1] <= a->first[i])
			abort();
		for (uint32_t k = a->first[i]; k < a->first[i + 1]; k++) {
			const struct symbol_frame *f = &a->frames[k];

			if (f->function == STRTAB_EMPTY || f->function >= strtab_count(strings) ||
			    f->file >= strtab_count(strings) ||
			    f->language >= strtab_count(strings) ||
			    strtab_len(strings, f->function) > 65536 + 8)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct symbol_options options = {.debug_dirs = ""};
	struct symbol_answer answer;
	struct symbol_module module = {0};
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, &options);
	uint64_t addrs[ADDRESSES], base = 0;
	char path[64], warning[256];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (!strings || !s || fd < 0 || n < 2)
		goto out;
	if (write(fd, data + 1, n - 1) != (ssize_t)(n - 1))
		goto out;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	module.path = path;
	if (n > sizeof(Elf64_Ehdr))
		memcpy(&base, data + 1 + offsetof(Elf64_Ehdr, e_entry), sizeof base);
	base &= UINT64_C(0x00ffffffffffff00);
	for (size_t i = 0; i < ADDRESSES; i++)
		addrs[i] = base + i * (1u + data[0] % 32);
	addrs[ADDRESSES - 1] = UINT64_MAX;
	if (symbolize(s, &module, addrs, ADDRESSES, &answer, warning, sizeof warning) < 0)
		abort();
	check_answer(&answer, strings);
	symbol_answer_release(&answer);
out:
	if (fd >= 0)
		close(fd);
	symbolizer_free(s);
	strtab_free(strings);
	return 0;
}
