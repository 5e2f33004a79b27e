/* ELF views: what a file says, and files that lie, are cut off or belong elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/elf/elffile.h"
#include "tests/unit/elf_bytes.h"

static const uint8_t id20[20] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
				 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x23, 0x45, 0x67};
#define ID20 "00112233445566778899aabbccddeeff01234567"

/* A library with text, a note and an interpreter. */
static void sample(struct elf_bytes *e)
{
	static const char text[] = "code code code";
	static const char interp[] = "/lib64/ld.so";
	uint8_t note[64];
	size_t n = eb_note(note, NT_GNU_BUILD_ID, id20, sizeof id20);
	Elf64_Shdr *s;

	eb_init(e);
	s = eb_section(e, ".text", SHT_PROGBITS, 0x401000, text, sizeof text);
	s->sh_flags = SHF_ALLOC | SHF_EXECINSTR;
	eb_segment(e, PT_LOAD, PF_R | PF_X, s->sh_offset, 0x401000, sizeof text);
	s = eb_section(e, ".note.gnu.build-id", SHT_NOTE, 0x402000, note, n);
	eb_segment(e, PT_NOTE, PF_R, s->sh_offset, 0x402000, n);
	s = eb_section(e, ".interp", SHT_PROGBITS, 0x403000, interp, sizeof interp);
	eb_segment(e, PT_INTERP, PF_R, s->sh_offset, 0x403000, sizeof interp);
	eb_section(e, ".bss", SHT_NOBITS, 0x500000, NULL, 0x10000);
}

static void open_bytes(struct elf_file *f, const struct elf_bytes *e)
{
	struct err err = ERR_INIT;

	if (elf_from_bytes(f, e->data, e->len, "sample", &err) < 0)
		fail_msg("%s", err.text);
}

static void sections_are_found_by_name_and_number(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	struct elf_section s;

	(void)state;
	sample(&e);
	e.eh.e_entry = 0x1234;
	eb_finish(&e, 1);
	open_bytes(&f, &e);
	assert_int_equal(f.type, ET_DYN);
	assert_int_equal(f.machine, EM_X86_64);
	assert_int_equal(f.entry, 0x1234);
	assert_int_equal(f.n_sections, 6);
	assert_int_equal(elf_section_named(&f, ".text", &s), 1);
	assert_int_equal(s.addr, 0x401000);
	assert_int_equal(s.size, 15);
	assert_int_equal(s.flags, SHF_ALLOC | SHF_EXECINSTR);
	assert_memory_equal(s.data, "code code code", 15);
	assert_int_equal(elf_section_at(&f, 1, &s), 1);
	assert_string_equal(s.name, ".text");
	assert_int_equal(elf_section_named(&f, ".bss", &s), 1);
	assert_null(s.data);
	assert_int_equal(s.size, 0x10000);
	assert_int_equal(elf_section_named(&f, ".data", &s), 0);
	assert_null(s.data);
	assert_int_equal(elf_section_at(&f, 6, &s), 0);
	assert_int_equal(elf_section_at(&f, UINT32_MAX, &s), 0);
	elf_close(&f);
	assert_int_equal(f.n_sections, 0);
	elf_close(&f);
}

static void segments_build_id_and_interpreter_are_read(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	struct elf_segment s;
	char hex[ELF_BUILD_ID_HEX];
	uint64_t vaddr;

	(void)state;
	sample(&e);
	eb_finish(&e, 0);
	open_bytes(&f, &e);
	assert_int_equal(f.n_segments, 3);
	assert_int_equal(f.n_sections, 0);
	assert_int_equal(elf_segment_at(&f, 0, &s), 1);
	assert_int_equal(s.type, PT_LOAD);
	assert_memory_equal(s.data, "code code code", 15);
	assert_int_equal(elf_segment_at(&f, 3, &s), 0);
	assert_int_equal(elf_build_id(&f, hex), 1);
	assert_string_equal(hex, ID20);
	assert_string_equal(elf_interpreter(&f), "/lib64/ld.so");
	assert_int_equal(elf_segment_at(&f, 0, &s), 1);
	assert_int_equal(elf_offset_to_vaddr(&f, s.offset + 3, &vaddr), 1);
	assert_int_equal(vaddr, 0x401003);
	assert_int_equal(elf_offset_to_vaddr(&f, s.offset + 15, &vaddr), 0);
	assert_int_equal(elf_offset_to_vaddr(&f, 0, &vaddr), 0);
}

static void a_build_id_is_found_by_sections_too(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	char hex[ELF_BUILD_ID_HEX];

	(void)state;
	sample(&e);
	e.ph[1].p_type = PT_NULL;
	eb_finish(&e, 1);
	open_bytes(&f, &e);
	assert_int_equal(elf_build_id(&f, hex), 1);
	assert_string_equal(hex, ID20);
}

static void a_file_without_build_id_has_none(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	char hex[ELF_BUILD_ID_HEX] = "x";

	(void)state;
	eb_init(&e);
	eb_finish(&e, 1);
	open_bytes(&f, &e);
	assert_int_equal(elf_build_id(&f, hex), 0);
	assert_string_equal(hex, "");
	assert_null(elf_interpreter(&f));
}

static void notes_are_walked_with_their_padding(void **state)
{
	_Alignas(8) uint8_t notes[512];
	uint8_t id64[64];
	char hex[ELF_BUILD_ID_HEX];
	size_t n;

	(void)state;
	memset(id64, 0xab, sizeof id64);
	/* Another note of odd length comes first. */
	n = eb_note(notes, NT_GNU_ABI_TAG, id20, 7);
	n += eb_note(notes + n, NT_GNU_BUILD_ID, id20, sizeof id20);
	assert_int_equal(elf_build_id_notes(notes, n, 4, hex), 1);
	assert_string_equal(hex, ID20);
	/* Eight bytes of alignment: a property note as the linker pads it. */
	n = eb_note(notes, NT_GNU_PROPERTY_TYPE_0, id20, 16);
	n += eb_note(notes + n, NT_GNU_BUILD_ID, id20, 8);
	assert_int_equal(elf_build_id_notes(notes, n, 8, hex), 1);
	assert_string_equal(hex, "0011223344556677");
	/* Longer than we keep. */
	n = eb_note(notes, NT_GNU_BUILD_ID, id64, sizeof id64);
	assert_int_equal(elf_build_id_notes(notes, n, 4, hex), 1);
	assert_int_equal(strlen(hex), 80);
	/* Of another owner. */
	memcpy(notes + sizeof(Elf64_Nhdr), "XYZ", 4);
	assert_int_equal(elf_build_id_notes(notes, n, 4, hex), 0);
	assert_string_equal(hex, "");
	assert_int_equal(elf_build_id_notes(NULL, 0, 4, hex), 0);
}

static void notes_that_lie_are_left(void **state)
{
	uint8_t good[64];
	char hex[ELF_BUILD_ID_HEX];
	size_t n = eb_note(good, NT_GNU_BUILD_ID, id20, sizeof id20);
	static const uint32_t lies[] = {0x7fffffff, 0xffffffff, 0xfffffff8, 25};

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *exact = malloc(cut + 1);

		assert_non_null(exact);
		memcpy(exact, good, cut);
		assert_int_equal(elf_build_id_notes(exact, cut, 4, hex), 0);
		free(exact);
	}
	for (size_t i = 0; i < 2 * sizeof lies / sizeof lies[0]; i++) {
		uint8_t bad[64];

		memcpy(bad, good, sizeof bad);
		memcpy(bad + 4 * (i % 2), &lies[i / 2], 4);
		assert_int_equal(elf_build_id_notes(bad, n, 4, hex), 0);
	}
}

static int refused(const void *bytes, size_t n)
{
	struct elf_file f;
	struct err err = ERR_INIT;
	int rc = elf_from_bytes(&f, bytes, n, "sample", &err);

	assert_true(rc <= 0);
	assert_int_equal(elf_from_bytes(&f, bytes, n, "sample", NULL), rc);
	if (rc < 0) {
		assert_int_equal(err.code, rc);
		assert_int_equal(strncmp(err.text, "sample: ", 8), 0);
		assert_int_equal(f.n_sections | f.n_segments, 0);
	}
	return rc;
}

static void what_is_no_elf_64_is_refused(void **state)
{
	static struct elf_bytes e;

	(void)state;
	sample(&e);
	eb_finish(&e, 1);
	assert_int_equal(refused("", 0), ERR_FORMAT);
	assert_int_equal(refused("#!/bin/sh\nexit 0\n", 17), ERR_FORMAT);
	assert_int_equal(refused(e.data, 16), ERR_FORMAT);
	assert_int_equal(refused(e.data, 63), ERR_FORMAT);
	e.data[EI_CLASS] = ELFCLASS32;
	assert_int_equal(refused(e.data, e.len), ERR_UNSUPPORTED);
	e.data[EI_CLASS] = 7;
	assert_int_equal(refused(e.data, e.len), ERR_FORMAT);
	e.data[EI_CLASS] = ELFCLASS64;
	e.data[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(refused(e.data, e.len), ERR_UNSUPPORTED);
	e.data[EI_DATA] = ELFDATA2LSB;
	e.data[EI_VERSION] = 2;
	assert_int_equal(refused(e.data, e.len), ERR_FORMAT);
}

static void headers_outside_the_file_are_refused(void **state)
{
	static struct elf_bytes e;
	Elf64_Ehdr eh;

	(void)state;
	sample(&e);
	eb_finish(&e, 1);
	for (int i = 0; i < 7; i++) {
		memcpy(&eh, &e.eh, sizeof eh);
		if (i == 0)
			eh.e_shoff = UINT64_MAX - 8;
		else if (i == 1)
			eh.e_shoff += 8;
		else if (i == 2)
			eh.e_shnum++;
		else if (i == 3)
			eh.e_phoff = e.len - 100;
		else if (i == 4)
			eh.e_phnum = 0x7000;
		else if (i == 5)
			eh.e_phentsize = 8;
		else
			eh.e_shentsize = 63;
		memcpy(e.data, &eh, sizeof eh);
		assert_int_equal(refused(e.data, e.len), ERR_FORMAT);
	}
}

static void every_cut_is_an_error_or_a_smaller_file(void **state)
{
	static struct elf_bytes e;

	(void)state;
	sample(&e);
	eb_finish(&e, 1);
	for (size_t n = 0; n < e.len; n += n < 700 ? 1 : 13) {
		uint8_t *exact = malloc(n + 1);

		assert_non_null(exact);
		memcpy(exact, e.data, n);
		assert_int_equal(refused(exact, n), ERR_FORMAT);
		free(exact);
	}
}

static void data_outside_the_file_is_not_given(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	struct elf_section s;
	struct elf_segment g;

	(void)state;
	sample(&e);
	e.sh[1].sh_size = 1 << 20;
	e.sh[2].sh_offset = UINT64_MAX - 4;
	e.ph[0].p_filesz = UINT64_MAX;
	e.ph[2].p_filesz = 4; /* the name goes on behind it */
	eb_finish(&e, 1);
	open_bytes(&f, &e);
	assert_int_equal(elf_section_named(&f, ".text", &s), 0);
	assert_int_equal(elf_section_at(&f, 2, &s), 0);
	assert_int_equal(elf_segment_at(&f, 0, &g), 0);
	assert_null(elf_interpreter(&f));
}

static void names_outside_the_names_are_empty(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	struct elf_section s;

	(void)state;
	sample(&e);
	e.sh[1].sh_name = 0xfffffff0;
	eb_finish(&e, 1);
	e.data[e.sh[e.eh.e_shstrndx].sh_offset + e.names_len - 1] =
		'x'; /* the last one never ends */
	open_bytes(&f, &e);
	assert_int_equal(elf_section_at(&f, 1, &s), 1);
	assert_string_equal(s.name, "");
	assert_int_equal(elf_section_at(&f, e.eh.e_shstrndx, &s), 1);
	assert_string_equal(s.name, "");
	assert_int_equal(elf_section_named(&f, ".text", &s), 0);
	assert_int_equal(elf_section_named(&f, ".interp", &s), 1);

	sample(&e);
	eb_finish(&e, 1);
	e.eh.e_shstrndx = 0x7777; /* no such section */
	memcpy(e.data, &e.eh, sizeof e.eh);
	open_bytes(&f, &e);
	assert_int_equal(elf_section_named(&f, ".text", &s), 0);
	assert_int_equal(elf_section_at(&f, 1, &s), 1);
}

/* gABI: what does not fit the header stands in the first section header. */
static void large_numbers_are_read_from_the_first_section(void **state)
{
	static struct elf_bytes e;
	struct elf_file f;
	struct elf_section s;

	(void)state;
	sample(&e);
	eb_finish(&e, 1);
	e.sh[0].sh_size = e.eh.e_shnum;
	e.sh[0].sh_link = e.eh.e_shstrndx;
	e.sh[0].sh_info = e.eh.e_phnum;
	memcpy(e.data + e.eh.e_shoff, &e.sh[0], sizeof e.sh[0]);
	e.eh.e_shnum = 0;
	e.eh.e_shstrndx = SHN_XINDEX;
	e.eh.e_phnum = PN_XNUM;
	memcpy(e.data, &e.eh, sizeof e.eh);
	open_bytes(&f, &e);
	assert_int_equal(f.n_sections, 6);
	assert_int_equal(f.n_segments, 3);
	assert_int_equal(elf_section_named(&f, ".text", &s), 1);
	e.sh[0].sh_size = UINT64_MAX;
	memcpy(e.data + e.eh.e_shoff, &e.sh[0], sizeof e.sh[0]);
	assert_int_equal(elf_from_bytes(&f, e.data, e.len, "sample", NULL), ERR_FORMAT);
}

static void files_are_mapped_and_let_go(void **state)
{
	struct elf_file f;
	struct err err = ERR_INIT;
	char hex[ELF_BUILD_ID_HEX];

	(void)state;
	assert_int_equal(elf_open(&f, "/proc/self/exe", &err), 0);
	assert_int_equal(f.mapped, 1);
	assert_string_equal(elf_interpreter(&f), "/lib64/ld-linux-x86-64.so.2");
	(void)elf_build_id(&f, hex);
	elf_close(&f);
	assert_null(f.bytes);
}

static void what_cannot_be_opened_says_why(void **state)
{
	char dir[] = "/tmp/protea-elf.XXXXXX", path[64];
	struct elf_file f;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/none", dir);
	assert_int_equal(elf_open(&f, path, &err), ERR_IO);
	assert_non_null(strstr(err.text, path));
	elf_close(&f);
	assert_int_equal(elf_open(&f, dir, &err), ERR_FORMAT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(elf_open(&f, path, &err), ERR_FORMAT); /* and does not wait */
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(elf_open(&f, path, &err), ERR_FORMAT);
	assert_string_equal(strrchr(err.text, ':'), ": not an ELF file");
	assert_int_equal(elf_open_fd(&f, -1, "nothing", &err), ERR_IO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void the_vdso_is_read_in_memory(void **state)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	struct elf_section s;
	struct elf_file f;
	char hex[ELF_BUILD_ID_HEX];

	(void)state;
	if (!vdso) {
		print_message("the kernel gave no vDSO\n");
		skip();
	}
	assert_int_equal(elf_from_bytes(&f, vdso, 8192, "vdso", NULL), 0);
	assert_int_equal(elf_section_named(&f, ".eh_frame", &s), 1);
	assert_int_equal(elf_build_id(&f, hex), 1);
	assert_int_equal(strlen(hex), 40);
	elf_close(&f);
}

static int notes_of_the_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	char *hex = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && !hex[0]; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_NOTE)
			elf_build_id_notes((const void *)(info->dlpi_addr + p->p_vaddr), p->p_memsz,
					   p->p_align, hex);
	}
	return 1; /* the program comes first */
}

static void a_build_id_in_memory_is_the_files(void **state)
{
	char in_memory[ELF_BUILD_ID_HEX] = "", in_file[ELF_BUILD_ID_HEX];
	struct elf_file f;

	(void)state;
	dl_iterate_phdr(notes_of_the_program, in_memory);
	assert_int_equal(elf_open(&f, "/proc/self/exe", NULL), 0);
	(void)elf_build_id(&f, in_file);
	elf_close(&f);
	assert_string_equal(in_memory, in_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_are_found_by_name_and_number),
		cmocka_unit_test(segments_build_id_and_interpreter_are_read),
		cmocka_unit_test(a_build_id_is_found_by_sections_too),
		cmocka_unit_test(a_file_without_build_id_has_none),
		cmocka_unit_test(notes_are_walked_with_their_padding),
		cmocka_unit_test(notes_that_lie_are_left),
		cmocka_unit_test(what_is_no_elf_64_is_refused),
		cmocka_unit_test(headers_outside_the_file_are_refused),
		cmocka_unit_test(every_cut_is_an_error_or_a_smaller_file),
		cmocka_unit_test(data_outside_the_file_is_not_given),
		cmocka_unit_test(names_outside_the_names_are_empty),
		cmocka_unit_test(large_numbers_are_read_from_the_first_section),
		cmocka_unit_test(files_are_mapped_and_let_go),
		cmocka_unit_test(what_cannot_be_opened_says_why),
		cmocka_unit_test(the_vdso_is_read_in_memory),
		cmocka_unit_test(a_build_id_in_memory_is_the_files),
	};

	return cmocka_run_group_tests_name("elffile", tests, NULL, NULL);
}
