/* Any bytes as the memory that an ELF file is mapped in: what is put together of it is an ELF file whose tables can be
 * made and whose symbols can be read, whatever the bytes say. The first byte tells at which address they lie. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/attach/image.h"
#include "prof/elf/elffile.h"
#include "prof/unwind/table.h"

#define IMAGE_MAX ((uint64_t)4 << 20)

struct memory {
	uint64_t base;
	const uint8_t *bytes;
	size_t len;
};

static volatile uint8_t sink;

static long read_memory(void *ctx, uint64_t address, void *out, size_t len)
{
	const struct memory *m = ctx;

	if (address < m->base || address - m->base >= m->len)
		return -1;
	if (len > m->len - (address - m->base))
		len = m->len - (size_t)(address - m->base);
	memcpy(out, m->bytes + (address - m->base), len);
	return (long)len;
}

static void use(int fd)
{
	struct unwind_table *table;
	struct elf_section s;
	struct elf_file f;

	if (elf_open_fd(&f, fd, "image", NULL))
		abort(); /* what was made is an ELF file */
	if (!elf_section_named(&f, ELF_IMAGE_MARK, &s))
		abort();
	for (uint32_t i = 0; i < f.n_sections; i++)
		if (elf_section_at(&f, i, &s) && s.data && s.size)
			sink = (uint8_t)(s.data[0] + s.data[s.size - 1]);
	if (unwind_table_build(&table, &f, NULL, NULL) == 0)
		unwind_table_free(table);
	elf_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data + 1, .len = size - 1};
	int fd;

	if (size < 1)
		return 0;
	m.base = data[0] & 1 ? UINT64_C(0x7f0000000000) : UINT64_C(0x400000);
	if (data[0] & 2)
		m.base = UINT64_MAX - m.len;
	fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	if (image_make(fd, read_memory, &m, m.base, IMAGE_MAX, NULL) == 0)
		use(fd);
	close(fd);
	return 0;
}
