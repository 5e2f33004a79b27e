/* Reading the disk cache: see diskcache.h. */
#include "prof/symbol/diskcache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "prof/symbol/elfsym.h"

#define REFRESH_NS (INT64_C(86400) * 1000000000) /* files used within a day are young enough */

/* Offsets ascend and stay inside. */
static int ascends(const uint32_t *v, uint32_t n, uint64_t end)
{
	for (uint32_t i = 0; i < n; i++) {
		if (v[i] > v[i + 1])
			return 0;
	}
	return v[0] == 0 && v[n] == end;
}

static int is_sound(const struct diskcache *c, uint64_t text_len)
{
	if (!ascends(c->first, c->n, c->n_frames) || !ascends(c->strings, c->n_strings, text_len))
		return 0;
	for (uint32_t i = 1; i < c->n; i++) {
		if (c->addrs[i] <= c->addrs[i - 1])
			return 0;
	}
	for (uint64_t i = 0; i < (uint64_t)c->n_frames * 4; i++) {
		if (i % 4 != 2 && c->frames[i] >= c->n_strings)
			return 0;
	}
	return !c->missing.n || !c->missing.p[c->missing.n - 1];
}

int diskcache_parse(struct diskcache *c, void *bytes, size_t len)
{
	const size_t behind = offsetof(struct diskcache_header, setup);
	struct diskcache_header h;
	const char *p = bytes;
	uint64_t want;

	memset(c, 0, sizeof *c);
	if (len < sizeof h || len > DISKCACHE_FILE_BYTES)
		return 0;
	memcpy(&h, bytes, sizeof h);
	if (memcmp(h.magic, DISKCACHE_MAGIC, sizeof h.magic) != 0 || h.source > SYMBOL_DEBUG ||
	    h.text_len > len || h.checksum != hash_bytes(p + behind, len - behind, 0))
		return 0;
	want = sizeof h + (uint64_t)h.n * 8 + (uint64_t)h.n_frames * 16 + ((uint64_t)h.n + 1) * 4 +
	       ((uint64_t)h.n_strings + 1) * 4 + h.text_len + h.missing_len;
	if (want != len)
		return 0;
	*c = (struct diskcache){.len = len,
				.source = (enum symbol_source)h.source,
				.servers = h.servers,
				.setup = h.setup,
				.n = h.n,
				.n_frames = h.n_frames,
				.n_strings = h.n_strings};
	c->addrs = (const uint64_t *)(const void *)(p + sizeof h);
	c->frames = (const uint32_t *)(const void *)(c->addrs + h.n);
	c->first = c->frames + 4 * (size_t)h.n_frames;
	c->strings = c->first + h.n + 1;
	c->text = (const char *)(c->strings + h.n_strings + 1);
	c->missing = (struct span){(const uint8_t *)c->text + h.text_len, h.missing_len};
	if (!is_sound(c, h.text_len))
		return 0;
	c->bytes = bytes;
	return 1;
}

/* The file whole; NULL if it cannot be had. */
static void *read_file(int fd, size_t len, int *rc)
{
	char *bytes = malloc(len + 1);
	size_t have = 0;

	if (!bytes)
		*rc = ERR_NOMEM;
	while (bytes && have < len) {
		ssize_t n = read(fd, bytes + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(bytes);
			return NULL;
		}
		have += (size_t)n;
	}
	return bytes;
}

int diskcache_open(struct diskcache *c, const char *dir, const char *build_id)
{
	char path[PATH_MAX];
	struct stat st;
	void *bytes = NULL;
	int fd, rc = 0;

	memset(c, 0, sizeof *c);
	if (snprintf(path, sizeof path, "%s/sym/%s", dir, build_id) >= (int)sizeof path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	/* Names from another user's file would be that user's choice. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_size > 0 && (uint64_t)st.st_size <= DISKCACHE_FILE_BYTES)
		bytes = read_file(fd, (size_t)st.st_size, &rc);
	if (bytes && diskcache_parse(c, bytes, (size_t)st.st_size)) {
		rc = 1;
		if (clock_real_ns() - (int64_t)st.st_mtime * 1000000000 > REFRESH_NS)
			futimens(fd, NULL);
	} else {
		free(bytes);
	}
	close(fd);
	return rc;
}

void diskcache_close(struct diskcache *c)
{
	free(c->bytes);
	memset(c, 0, sizeof *c);
}

int diskcache_is_stale(const struct diskcache *c, const struct diskcache_note *now)
{
	const char *p = (const char *)c->missing.p, *end = p + c->missing.n;

	if (c->source < SYMBOL_DEBUG && (now->setup != c->setup || now->servers > c->servers))
		return 1;
	for (; p < end; p += strlen(p) + 1) {
		if (*p && access(p, F_OK) == 0)
			return 1;
	}
	return 0;
}

/* The caller's id of a string, asked once. */
static int string_id(const struct diskcache *c, struct strtab *strings, uint32_t *ids, uint32_t i,
		     uint32_t fallback, uint32_t *id)
{
	int rc = 0;

	if (ids[i] == UINT32_MAX) {
		rc = strtab_intern(strings, c->text + c->strings[i],
				   c->strings[i + 1] - c->strings[i], &ids[i]);
		if (rc == ERR_LIMIT) {
			ids[i] = UINT32_MAX;
			*id = fallback;
			return 0;
		}
	}
	*id = ids[i];
	return rc;
}

static int fill_one(const struct diskcache *c, struct strtab *strings, uint32_t *ids,
		    uint32_t fallback, size_t at, struct result *r, size_t i)
{
	uint32_t n = c->first[at + 1] - c->first[at];
	struct symbol_frame *f = n ? result_put(r, i, n) : NULL;
	int rc = 0;

	if (n && !f)
		return ERR_NOMEM;
	for (uint32_t k = 0; k < n && rc == 0; k++, f++) {
		const uint32_t *in = c->frames + 4 * (size_t)(c->first[at] + k);

		rc = string_id(c, strings, ids, in[0], fallback, &f->function);
		if (rc == 0)
			rc = string_id(c, strings, ids, in[1], STRTAB_EMPTY, &f->file);
		f->line = in[2];
		if (rc == 0)
			rc = string_id(c, strings, ids, in[3], STRTAB_EMPTY, &f->language);
		if (f->function == STRTAB_EMPTY)
			f->function = fallback;
	}
	return rc;
}

int diskcache_fill(const struct diskcache *c, struct strtab *strings, uint32_t fallback,
		   struct result *r, size_t *left)
{
	uint32_t *ids = malloc(((size_t)c->n_strings + 1) * sizeof *ids);
	int rc = ids ? 0 : ERR_NOMEM;

	*left = 0;
	if (ids)
		memset(ids, 0xff, ((size_t)c->n_strings + 1) * sizeof *ids);
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		size_t at = elfsym_lower(c->addrs, c->n, r->addrs[i]);

		if (at < c->n && c->addrs[at] == r->addrs[i])
			rc = fill_one(c, strings, ids, fallback, at, r, i);
		else
			(*left)++;
	}
	free(ids);
	return rc;
}
