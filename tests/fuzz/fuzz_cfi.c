/* Any bytes as .eh_frame or .debug_frame (the first byte chooses) of a module: the entries are walked and
 * run, and what the builder makes of them must pass its own check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/elf/elffile.h"
#include "prof/unwind/cfi.h"
#include "prof/unwind/table_internal.h"

static int on_row(void *ctx, uint64_t start, uint64_t end, const struct cfi_row *row, int changed)
{
	uint64_t *last = ctx;

	(void)row;
	(void)changed;
	if (start >= end || start < *last)
		abort();
	*last = end;
	return 0;
}

static void walk(const struct cfi_section *s)
{
	struct cfi_fde fde = {0};
	size_t offset = 0, before = 0;
	enum cfi_next kind;

	while ((kind = cfi_next(s, &offset, &fde)) != CFI_END) {
		uint64_t last = 0;

		if (offset <= before)
			abort();
		before = offset;
		if (kind == CFI_FDE)
			(void)cfi_run(s, &fde, on_row, &last);
	}
}

/* The smallest file around the section; `image` has room for 512 bytes more. */
static void wrap(uint8_t *image, const uint8_t *section, size_t n, int debug)
{
	static const char names[] = "\0.eh_frame\0.debug_frame";
	Elf64_Ehdr eh = {.e_machine = EM_X86_64,
			 .e_shoff = 64,
			 .e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = 2,
			 .e_shstrndx = 1};
	Elf64_Shdr sh[2] = {{.sh_name = debug ? 11 : 1,
			     .sh_type = SHT_PROGBITS,
			     .sh_addr = 0x10000,
			     .sh_offset = 256,
			     .sh_size = n},
			    {.sh_type = SHT_STRTAB, .sh_offset = 200, .sh_size = sizeof names}};

	memcpy(eh.e_ident, "\177ELF\2\1\1", 7);
	memcpy(image, &eh, sizeof eh);
	memcpy(image + 64, sh, sizeof sh);
	memcpy(image + 200, names, sizeof names);
	if (n)
		memcpy(image + 256, section, n);
}

static void build(const uint8_t *section, size_t n, int debug)
{
	uint8_t *image = calloc(1, 256 + n);
	struct unwind_table *t;
	struct elf_file f;
	uint32_t skipped;

	if (!image)
		return;
	wrap(image, section, n, debug);
	if (elf_from_bytes(&f, image, 256 + n, "fuzz", NULL) < 0)
		abort();
	if (unwind_table_build(&t, &f, &skipped, NULL) == 0) {
		if (unwind_table_check(t, unwind_table_bytes(t), NULL) < 0)
			abort();
		unwind_table_free(t);
	}
	free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfi_section s = {.text_addr = 0x1000, .data_addr = 0x2000};

	if (size == 0)
		return 0;
	s.debug = data[0] & 1;
	s.ends_at_zero = data[0] >> 1 & 1;
	s.data = data + 1;
	s.len = size - 1;
	s.addr = 0x10000;
	walk(&s);
	build(s.data, s.len, s.debug);
	return 0;
}
