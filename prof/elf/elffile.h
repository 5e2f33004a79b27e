/* ELF-64 files as bytes: sections, segments, build id. Every offset is checked; a view never reads
 * outside its bytes. Allocates nothing: names and data point into the file. The same view serves a
 * mapped file, a buffer and the vDSO in memory. Readers on many threads may share a view. Not for
 * signal handlers (opening maps a file). */
#ifndef ELF_ELFFILE_H
#define ELF_ELFFILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define ELF_BUILD_ID_HEX 81 /* 40 bytes as lower-case hex and a NUL; longer ids are cut */

/* A section of this name, without bytes, marks files that were put together from a process's memory: what they do not
 * have the real file may have. */
#define ELF_IMAGE_MARK ".protea-prof.image"

struct elf_file {
	const uint8_t *bytes;
	size_t len;
	int mapped; /* elf_close() unmaps the bytes */
	uint16_t type, machine;
	uint64_t entry;
	uint64_t shoff, phoff; /* checked to lie inside, 0 if there are none */
	uint32_t n_sections, n_segments;
	uint16_t shentsize, phentsize;
	const char *names; /* section names */
	size_t names_len;
};

struct elf_section {
	const char *name; /* NUL-terminated inside the file */
	uint32_t type, link;
	uint64_t flags, addr, size, align, entsize;
	const uint8_t *data; /* NULL for SHT_NOBITS; `size` bytes, as stored (perhaps compressed) */
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
	const uint8_t *data; /* `filesz` bytes */
};

/* 0; ERR_IO (cannot be opened or mapped), ERR_FORMAT (no ELF, cut off, offsets outside),
 * ERR_UNSUPPORTED (32-bit, big-endian). `err` may be NULL: nothing is formatted then. */
int elf_open(struct elf_file *f, const char *path, struct err *err);
int elf_open_fd(struct elf_file *f, int fd, const char *name, struct err *err); /* fd stays open */
/* Borrows the bytes. */
int elf_from_bytes(struct elf_file *f, const void *bytes, size_t len, const char *name,
		   struct err *err);
void elf_close(struct elf_file *f); /* a zeroed view is fine */

/* 1 and the section or segment; 0 for an index outside or data outside the file. */
int elf_section_at(const struct elf_file *f, uint32_t i, struct elf_section *out);
int elf_section_named(const struct elf_file *f, const char *name, struct elf_section *out);
int elf_segment_at(const struct elf_file *f, uint32_t i, struct elf_segment *out);

/* Lower-case hex of the GNU build id (segments first, then sections); 1, or 0 and "". */
int elf_build_id(const struct elf_file *f, char hex[ELF_BUILD_ID_HEX]);
/* The same from the notes of a loaded module (dl_phdr_info): `notes` is PT_NOTE's memory. */
int elf_build_id_notes(const void *notes, size_t len, uint64_t align, char hex[ELF_BUILD_ID_HEX]);

/* The address in the file's terms of a file offset, by its PT_LOAD; 1 or 0. */
int elf_offset_to_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr);

/* Path of the program interpreter, NULL for a static program or a library without one. */
const char *elf_interpreter(const struct elf_file *f);

#endif
