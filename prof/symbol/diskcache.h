/* What was found of a module, kept in DIR/sym/BUILDID: address to chain of names. A file is only read if
 * its checksum holds, replaced as a whole, and forgotten when a file turns up that would tell more. Two
 * processes may use one folder. Private to prof/symbol. */
#ifndef SYMBOL_DISKCACHE_H
#define SYMBOL_DISKCACHE_H

#include "prof/base/buf.h"
#include "prof/symbol/cursor.h"
#include "prof/symbol/result.h"

#define DISKCACHE_ADDRESSES   (1u << 16) /* of one module; then it starts anew */
#define DISKCACHE_FILE_BYTES  ((size_t)32 << 20)
#define DISKCACHE_TOTAL_BYTES ((uint64_t)256 << 20) /* of the folder; then the oldest go */

struct diskcache {
	void *bytes; /* owned: the whole file */
	size_t len;
	enum symbol_source source;
	uint32_t servers; /* debuginfod was asked */
	uint64_t setup;   /* what options it depends on */
	uint32_t n, n_frames, n_strings;
	const uint64_t *addrs;
	const uint32_t *first, *frames, *strings;
	const char *text;
	struct span missing; /* NUL-terminated paths */
};

/* What a save needs to know besides the result. */
struct diskcache_note {
	enum symbol_source source;
	uint32_t servers;
	uint64_t setup;
	struct span missing;
};

/* Takes the bytes of a file (malloc'ed, 8-byte aligned) if they make sense: 1 and they are owned, or 0. */
int diskcache_parse(struct diskcache *c, void *bytes, size_t len);
/* 1, or 0: nothing usable is there. ERR_NOMEM. */
int diskcache_open(struct diskcache *c, const char *dir, const char *build_id);
void diskcache_close(struct diskcache *c); /* a zeroed one is fine */
/* Would another look at the files find more than `c` has? */
int diskcache_is_stale(const struct diskcache *c, const struct diskcache_note *now);
/* Puts the chains that are there into `r`; `*left` becomes the number of addresses that are not. An
 * address that had no name is there too, without a chain. 0 or ERR_NOMEM. */
int diskcache_fill(const struct diskcache *c, struct strtab *strings, uint32_t fallback,
		   struct result *r, size_t *left);

/* diskcache_save.c: writes `r` and what `old` (may be NULL) has besides. Failures are silent: the names
 * were found, only the next run is slower. ERR_NOMEM or 0. */
int diskcache_save(const char *dir, const char *build_id, const struct diskcache *old,
		   const struct strtab *strings, const struct result *r,
		   const struct diskcache_note *note);

/* Layout of a file; all little-endian, in this order, each part 8-byte aligned but the texts. */
struct diskcache_header {
	char magic[8];
	uint64_t checksum; /* hash_bytes() of everything behind it */
	uint64_t setup;
	uint32_t source, servers;
	uint32_t n, n_frames, n_strings, missing_len;
	uint64_t text_len;
	/* uint64_t addrs[n]; uint32_t frames[4 * n_frames], first[n + 1], strings[n_strings + 1];
	 * char text[text_len], missing[missing_len] */
};
#define DISKCACHE_MAGIC "PPSYM\0\0\1"

#endif
