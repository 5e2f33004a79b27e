/* Any bytes as an ELF file: every section, segment and string that the view gives is read to its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/elf/elffile.h"

static volatile uint8_t sink;

static void read_all(const uint8_t *p, uint64_t n)
{
	uint8_t sum = 0;

	/* Large pieces overlap; a few bytes at both ends show whether they lie inside. */
	for (uint64_t i = 0; i<n; i += n> 4096 ? n - 1 : 1)
		sum = (uint8_t)(sum + p[i]);
	sink = sum;
}

static void read_view(const struct elf_file *f)
{
	char hex[ELF_BUILD_ID_HEX];
	const char *interpreter;
	uint64_t vaddr;

	for (uint32_t i = 0; i <= f->n_sections && i < 100; i++) {
		struct elf_section s;

		if (elf_section_at(f, i, &s) && s.data)
			read_all(s.data, s.size);
		if (elf_section_at(f, i, &s))
			read_all((const uint8_t *)s.name, strlen(s.name) + 1);
	}
	for (uint32_t i = 0; i <= f->n_segments && i < 100; i++) {
		struct elf_segment s;

		if (elf_segment_at(f, i, &s)) {
			read_all(s.data, s.filesz);
			(void)elf_offset_to_vaddr(f, s.offset, &vaddr);
		}
	}
	(void)elf_build_id(f, hex);
	if (strlen(hex) >= sizeof hex)
		abort();
	interpreter = elf_interpreter(f);
	if (interpreter)
		read_all((const uint8_t *)interpreter, strlen(interpreter) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_section s;
	struct elf_file f;
	struct err err = ERR_INIT;
	char hex[ELF_BUILD_ID_HEX];

	(void)elf_build_id_notes(data, size, size & 8, hex);
	if (elf_from_bytes(&f, data, size, "fuzz", &err) < 0)
		return 0;
	read_view(&f);
	(void)elf_section_named(&f, ".eh_frame", &s);
	elf_close(&f);
	return 0;
}
