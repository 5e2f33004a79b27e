/* Memory of a core. Kernels leave code of files out of a core but for the first page of each ELF file, gcore leaves
 * even the segments out: their bytes come from the files, whose build id is compared with the one in that first
 * page, because code of another version would give wrong stacks without a sign. */
#include "prof/attach/core_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_HEADERS                                                                              \
	64 /* program headers of a program that are looked at; real ones have about 13 */
#define NOTE_BYTES 4096

/* ---- bytes ---- */

static const struct core_image *image_of(const struct core_memory *m, uint64_t address)
{
	uint32_t lo = 0, hi = m->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->images[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && address < m->images[lo - 1].end ? &m->images[lo - 1] : NULL;
}

/* The known bytes from `address` on, `*n` of them: *lo is where the piece they are in begins. */
static const uint8_t *piece(const struct core_memory *m, uint64_t address, uint64_t *lo,
			    uint64_t *n)
{
	const struct core_segment *s = core_file_segment(m->core, address);
	const struct core_mapping *p;
	const struct core_image *image;

	if (s && address - s->start < s->size) {
		*lo = s->start;
		*n = s->size;
		return s->bytes;
	}
	p = core_file_mapping(m->core, address);
	image = p ? image_of(m, address) : NULL;
	if (!image || image->state != CORE_IMAGE_FILE || p->offset >= image->elf.len)
		return NULL;
	*lo = p->start;
	*n = p->end - p->start;
	if (*n > image->elf.len - p->offset)
		*n = image->elf.len - p->offset;
	return address - p->start < *n ? image->elf.bytes + p->offset : NULL;
}

size_t core_memory_read(const struct core_memory *m, uint64_t address, void *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint64_t lo, n, part;
		const uint8_t *bytes;

		if (address > UINT64_MAX - done)
			break;
		bytes = piece(m, address + done, &lo, &n);
		if (!bytes)
			break;
		part = n - (address + done - lo);
		if (part > len - done)
			part = len - done;
		memcpy((uint8_t *)out + done, bytes + (address + done - lo), (size_t)part);
		done += (size_t)part;
	}
	return done;
}

long core_memory_text(const struct core_memory *m, uint64_t address, char *out, size_t size)
{
	size_t n = core_memory_read(m, address, out, size - 1);
	char *end = memchr(out, '\0', n);

	out[n] = '\0';
	if (end)
		return end - out;
	return n == size - 1 ? (long)n : -1;
}

/* Windows of the unwinder: whole pieces, where they lie in the files. */
static int extend(struct unwind_memory *w, uint64_t address)
{
	struct core_memory *m = w->ctx;
	uint64_t lo, n;
	const uint8_t *bytes = piece(m, address, &lo, &n);

	if (bytes && n - (address - lo) >= 8) {
		w->lo = lo;
		w->hi = lo + n;
		w->base = bytes;
		return 0;
	}
	if (!bytes || core_memory_read(m, address, m->seam, 8) != 8)
		return -1;
	w->lo = address;
	w->hi = address + 8;
	w->base = m->seam;
	return 0;
}

void core_memory_window(struct core_memory *m, struct unwind_memory *window)
{
	*window = (struct unwind_memory){.extend = extend, .ctx = m};
}

/* ---- images ---- */

uint32_t core_memory_headers(const struct core_memory *m, uint64_t start,
			     Elf64_Phdr out[CORE_IMAGE_HEADERS])
{
	Elf64_Ehdr eh;
	uint32_t n;

	if (core_memory_read(m, start, &eh, sizeof(eh)) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phoff > UINT32_MAX ||
	    start > UINT64_MAX - UINT32_MAX)
		return 0;
	n = eh.e_phnum < CORE_IMAGE_HEADERS ? eh.e_phnum : CORE_IMAGE_HEADERS;
	return (uint32_t)(core_memory_read(m, start + eh.e_phoff, out, n * sizeof(*out)) /
			  sizeof(*out));
}

/* From the notes in the dumped first page: there file offsets and distances from `start` are the same. */
static void build_id_in_core(const struct core_memory *m, uint64_t start,
			     char hex[ELF_BUILD_ID_HEX])
{
	Elf64_Phdr ph[CORE_IMAGE_HEADERS];
	uint32_t n = core_memory_headers(m, start, ph), i;
	uint8_t notes[NOTE_BYTES];

	hex[0] = '\0';
	for (i = 0; i < n && !hex[0]; i++) {
		size_t want = ph[i].p_filesz < NOTE_BYTES ? (size_t)ph[i].p_filesz : NOTE_BYTES;

		if (ph[i].p_type == PT_NOTE && ph[i].p_offset <= UINT64_MAX - start)
			(void)elf_build_id_notes(
				notes, core_memory_read(m, start + ph[i].p_offset, notes, want),
				ph[i].p_align, hex);
	}
}

static int offset_is_code(uint64_t offset, uint64_t size, const Elf64_Phdr *ph)
{
	return ph->p_type == PT_LOAD && (ph->p_flags & PF_X) && ph->p_filesz &&
	       offset < ph->p_offset + ph->p_filesz && ph->p_offset < offset + size;
}

int core_memory_executable(const struct core_memory *m, const struct core_image *image,
			   const struct core_mapping *mapping)
{
	const struct core_segment *s = core_file_segment(m->core, mapping->start);
	uint64_t size = mapping->end - mapping->start;
	Elf64_Phdr ph[CORE_IMAGE_HEADERS];
	struct elf_segment seg;
	uint32_t n, i;

	if (s)
		return s->executable;
	n = core_memory_headers(m, image->start, ph);
	for (i = 0; i < n; i++)
		if (ph[i].p_filesz <= UINT64_MAX - ph[i].p_offset &&
		    offset_is_code(mapping->offset, size, &ph[i]))
			return 1;
	for (i = 0; n == 0 && image->state == CORE_IMAGE_FILE && i < image->elf.n_segments; i++)
		if (elf_segment_at(&image->elf, i, &seg) && seg.type == PT_LOAD &&
		    (seg.flags & PF_X) && mapping->offset < seg.offset + seg.filesz &&
		    seg.offset < mapping->offset + size)
			return 1;
	return 0;
}

/* Is it worth opening: does it look like a program in the core, or can the core not tell? Data that a process has
 * mapped need not be touched, and may be fifos or devices by now. */
static int may_be_elf(const struct core_memory *m, const struct core_image *image)
{
	uint8_t magic[SELFMAG];
	uint32_t i;

	if (core_memory_read(m, image->start, magic, SELFMAG) == SELFMAG)
		return memcmp(magic, ELFMAG, SELFMAG) == 0;
	for (i = 0; i < image->n; i++) {
		const struct core_mapping *p = &m->core->mappings[image->first + i];
		const struct core_segment *s = core_file_segment(m->core, p->start);

		if (!s || s->executable)
			return 1;
	}
	return 0;
}

char *core_memory_path(const char *sysroot, const char *path)
{
	char *out;

	if (asprintf(&out, "%s%s%s", sysroot ? sysroot : "", sysroot && *path != '/' ? "/" : "",
		     path) < 0)
		return NULL;
	return out;
}

static int open_image(struct core_memory *m, struct core_image *image, const char *sysroot,
		      struct err *err)
{
	char here[ELF_BUILD_ID_HEX];
	int rc;

	image->state = CORE_IMAGE_MISSING;
	image->file = core_memory_path(sysroot, image->path);
	if (!image->file)
		return err_nomem(err, "the path of a mapped file");
	image->is_elf = may_be_elf(m, image);
	if (!image->is_elf)
		return 0;
	build_id_in_core(m, image->start, image->build_id);
	rc = elf_open(&image->elf, image->file, NULL);
	if (rc == ERR_FORMAT && !image->build_id[0])
		image->is_elf = 0; /* the core could not tell, the file can */
	if (rc)
		return 0;
	image->state = CORE_IMAGE_FILE;
	if (image->build_id[0] &&
	    (!elf_build_id(&image->elf, here) || strcmp(here, image->build_id) != 0)) {
		image->state = CORE_IMAGE_OTHER;
		elf_close(&image->elf);
	}
	return 0;
}

static struct core_image *add_image(struct core_memory *m)
{
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 16;
		struct core_image *grown = reallocarray(m->images, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		m->images = grown;
		m->cap = cap;
	}
	memset(&m->images[m->n], 0, sizeof(*m->images));
	return &m->images[m->n++];
}

/* Neighbours of one file are one image; its first page begins another one (the same library loaded twice). */
static int find_images(struct core_memory *m, struct err *err)
{
	struct core_image *image = NULL;
	uint32_t i;

	for (i = 0; i < m->core->n_mappings; i++) {
		const struct core_mapping *p = &m->core->mappings[i];

		if (!image || p->offset == 0 || strcmp(p->path, image->path) != 0) {
			image = add_image(m);
			if (!image)
				return err_nomem(err, "the mapped files of a core file");
			image->path = p->path;
			image->first = i;
			image->start = p->start;
		}
		image->n++;
		if (p->end > image->end)
			image->end = p->end;
	}
	return 0;
}

int core_memory_init(struct core_memory *m, const struct core_file *core, const char *sysroot,
		     struct err *err)
{
	uint32_t i;
	int rc;

	memset(m, 0, sizeof(*m));
	m->core = core;
	rc = find_images(m, err);
	for (i = 0; i < m->n && rc == 0; i++)
		rc = open_image(m, &m->images[i], sysroot, err);
	if (rc)
		core_memory_release(m);
	return rc;
}

void core_memory_release(struct core_memory *m)
{
	uint32_t i;

	for (i = 0; i < m->n; i++) {
		elf_close(&m->images[i].elf);
		free(m->images[i].file);
	}
	free(m->images);
	memset(m, 0, sizeof(*m));
}
