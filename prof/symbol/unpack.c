/* Sections of an ELF file as they were before compression: SHF_COMPRESSED with zlib or zstd, and the
 * older .zdebug_*. A size that the compressed bytes cannot reach is refused before memory is taken. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "prof/symbol/dwarf.h"

#define FREE_BYTES    (UINT64_C(64) << 20) /* beyond, only what a compiler's output could unpack to */
#define FREE_RATIO    64
#define UNPACKED_MAX  (UINT64_C(1) << 32)
#define DEFLATE_RATIO 1032  /* the most that deflate can do, by its format */
#define ZSTD_RATIO    65536 /* far beyond what a compiler's output reaches */
#define TYPE_ZSTD     2     /* ELFCOMPRESS_ZSTD, newer than some elf.h */

static int inflate_into(struct span in, uint8_t *out, size_t size)
{
	z_stream z = {0};
	size_t have = 0;
	int rc = Z_OK;

	if (inflateInit(&z) != Z_OK)
		return ERR_NOMEM;
	z.next_in = (Bytef *)(uintptr_t)in.p;
	while (rc == Z_OK) {
		size_t in_left = in.n - (size_t)(z.next_in - in.p), out_left = size - have;

		z.avail_in = (uInt)(in_left < UINT32_MAX / 2 ? in_left : UINT32_MAX / 2);
		z.avail_out = (uInt)(out_left < UINT32_MAX / 2 ? out_left : UINT32_MAX / 2);
		z.next_out = out + have;
		if (!z.avail_in && !z.avail_out)
			break;
		rc = inflate(&z, Z_NO_FLUSH);
		have = (size_t)(z.next_out - out);
	}
	inflateEnd(&z);
	if (rc == Z_MEM_ERROR)
		return ERR_NOMEM;
	return rc == Z_STREAM_END && have == size ? 0 : ERR_FORMAT;
}

static int unpack_zstd(struct span in, uint8_t *out, size_t size)
{
#ifdef HAVE_ZSTD
	size_t n = ZSTD_decompress(out, size, in.p, in.n);

	return !ZSTD_isError(n) && n == size ? 0 : ERR_FORMAT;
#else
	(void)in;
	(void)out;
	(void)size;
	return ERR_UNSUPPORTED;
#endif
}

static int unpack(struct span in, uint64_t size, int zstd, struct span *out, void **owned)
{
	uint64_t ratio = zstd ? ZSTD_RATIO : DEFLATE_RATIO;
	uint8_t *bytes;
	int rc;

	if (!size || size > UNPACKED_MAX || size / ratio > in.n ||
	    (size > FREE_BYTES && size / FREE_RATIO > in.n))
		return ERR_FORMAT;
	bytes = malloc((size_t)size);
	if (!bytes)
		return ERR_NOMEM;
	rc = zstd ? unpack_zstd(in, bytes, (size_t)size) : inflate_into(in, bytes, (size_t)size);
	if (rc < 0) {
		free(bytes);
		return rc;
	}
	*out = (struct span){bytes, (size_t)size};
	*owned = bytes;
	return 0;
}

static int unpack_flagged(const struct elf_section *s, struct span *out, void **owned)
{
	struct cursor c = cursor_at((struct span){s->data, (size_t)s->size}, 0);
	uint32_t type = cursor_u32(&c);
	uint64_t size;

	cursor_skip(&c, 4);
	size = cursor_u64(&c);
	cursor_skip(&c, 8); /* alignment */
	if (c.bad)
		return ERR_FORMAT;
	if (type != ELFCOMPRESS_ZLIB && type != TYPE_ZSTD)
		return ERR_UNSUPPORTED;
	return unpack((struct span){c.p, cursor_left(&c)}, size, type == TYPE_ZSTD, out, owned);
}

/* "ZLIB", the size in big-endian, and the stream. */
static int unpack_zdebug(const struct elf_section *s, struct span *out, void **owned)
{
	uint64_t size = 0;

	if (s->size < 12 || memcmp(s->data, "ZLIB", 4) != 0)
		return ERR_FORMAT;
	for (int i = 4; i < 12; i++)
		size = size << 8 | s->data[i];
	return unpack((struct span){s->data + 12, (size_t)s->size - 12}, size, 0, out, owned);
}

int section_unpack(const struct elf_file *elf, const char *name, struct span *out, void **owned)
{
	struct elf_section s;
	char old[48] = ".z";
	size_t n = strlen(name);

	*out = (struct span){NULL, 0};
	*owned = NULL;
	if (elf_section_named(elf, name, &s) && s.data && s.size) {
		if (s.flags & SHF_COMPRESSED)
			return unpack_flagged(&s, out, owned);
		*out = (struct span){s.data, (size_t)s.size};
		return 0;
	}
	if (n < 2 || n + 2 > sizeof old)
		return ERR_NOTFOUND;
	memcpy(old + 2, name + 1, n);
	if (elf_section_named(elf, old, &s) && s.data)
		return unpack_zdebug(&s, out, owned);
	return ERR_NOTFOUND;
}
