/* What the sample tools share: a way to fail, memory that never fails, accession lists, growing
 * tables. The tools are small programs that build sample data; each reads files, writes one, and
 * ends with exit code 1 and one line on stderr if it cannot. */
#ifndef SAMPLES_TOOL_H
#define SAMPLES_TOOL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/dict.h"
#include "pipeline/core/lines.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"

static inline _Noreturn void tool_fail(const char *tool, const char *text)
{
	fprintf(stderr, "protea-prof: %s: %s\n", tool, text);
	exit(1);
}

static inline _Noreturn void tool_usage(const char *text)
{
	fprintf(stderr, "usage: %s\n", text);
	exit(2);
}

/* At least `n` elements of `size` bytes where `p` had `*cap`; keeps the contents. */
static inline void *tool_grow(const char *tool, void *p, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap : 1024;

	if (n <= *cap)
		return p;
	while (want < n)
		want *= 2;
	p = reallocarray(p, want, size);
	if (!p)
		tool_fail(tool, "no memory");
	*cap = want;
	return p;
}

static inline void *tool_zeroed(const char *tool, size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		tool_fail(tool, "no memory");
	return p;
}

static inline uint32_t tool_intern(const char *tool, struct dict *d, const char *text)
{
	uint32_t id = dict_intern(d, text, strlen(text));

	if (id == DICT_NONE)
		tool_fail(tool, "no memory");
	return id;
}

/* The first word of every line. */
static inline void tool_read_list(const char *tool, struct dict *d, const char *path)
{
	struct err err = ERR_INIT;
	struct lines *in;
	char *text;
	size_t len;
	int rc;

	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0)
		tool_fail(tool, err.text);
	while ((rc = lines_next(in, &text, &len, &err)) > 0) {
		text[strcspn(text, " \t")] = '\0';
		if (*text)
			tool_intern(tool, d, text);
	}
	if (rc < 0)
		tool_fail(tool, err.text);
	lines_close(in);
}

/* A number in [0, 1) that depends on nothing but the two texts and the purpose. */
static inline double tool_unit(const char *a, const char *b, uint64_t purpose)
{
	uint64_t h = hash_bytes(a, strlen(a), hash_u64(purpose));

	h = hash_u64(h ^ hash_bytes(b, strlen(b), purpose));
	return (double)(h >> 11) * 0x1p-53;
}

/* Ends the tool: what was printed must have reached its file. */
static inline int tool_done(const char *tool)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		tool_fail(tool, "cannot write to standard output");
	return 0;
}

#endif
