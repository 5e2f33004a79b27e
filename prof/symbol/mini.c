/* Minidebuginfo: a small ELF file with the local functions, packed by xz in .gnu_debugdata. */
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "prof/symbol/files.h"

#define UNPACKED_MAX ((size_t)256 << 20)
#define DECODER_MAX  ((uint64_t)128 << 20) /* the largest preset needs 65 MiB */

/* Decodes all of `in`, growing `*out`. 0, ERR_NOMEM, ERR_FORMAT. */
static int decode(lzma_stream *z, uint8_t **out, size_t *len)
{
	size_t cap = 0;
	lzma_ret rc = LZMA_OK;

	while (rc == LZMA_OK) {
		if (*len == cap) {
			size_t want = cap ? 2 * cap : 4 * z->avail_in + 4096;
			uint8_t *more = want > UNPACKED_MAX ? NULL : realloc(*out, want);

			if (!more)
				return want > UNPACKED_MAX ? ERR_FORMAT : ERR_NOMEM;
			*out = more;
			cap = want;
		}
		z->next_out = *out + *len;
		z->avail_out = cap - *len;
		rc = lzma_code(z, LZMA_FINISH);
		*len = cap - z->avail_out;
	}
	if (rc == LZMA_MEM_ERROR)
		return ERR_NOMEM;
	return rc == LZMA_STREAM_END ? 0 : ERR_FORMAT;
}

int files_open_mini(struct files *f)
{
	lzma_stream z = LZMA_STREAM_INIT;
	struct elf_section s;
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc;

	if (!elf_section_named(&f->main, ".gnu_debugdata", &s) || !s.data || !s.size)
		return 0;
	if (lzma_stream_decoder(&z, DECODER_MAX, 0) != LZMA_OK)
		return ERR_NOMEM;
	z.next_in = s.data;
	z.avail_in = (size_t)s.size;
	rc = decode(&z, &bytes, &len);
	lzma_end(&z);
	if (rc == 0 && elf_from_bytes(&f->mini, bytes, len, ".gnu_debugdata", NULL) == 0) {
		f->have_mini = 1;
		f->mini_bytes = bytes;
		return 0;
	}
	free(bytes);
	if (rc != ERR_NOMEM)
		files_warn(f, "%s: .gnu_debugdata cannot be unpacked", f->main_path);
	return rc == ERR_NOMEM ? rc : 0;
}
