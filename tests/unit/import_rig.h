/* What tests of readers and writers of foreign formats share: bytes into a profile, a profile's stacks as text. */
#ifndef TESTS_IMPORT_RIG_H
#define TESTS_IMPORT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/export.h"
#include "prof/formats/folded.h"
#include "prof/formats/import.h"
#include "prof/formats/intake.h"

struct rig {
	struct profile p;
	struct buf notes;
	struct err err;
	enum import_format format;
	struct import_options o;
};

static inline int rig_read_bytes(struct rig *r, int format, const void *bytes, size_t n)
{
	struct bytes *from;
	int rc;

	buf_init(&r->notes, 65536);
	memset(&r->err, 0, sizeof(r->err));
	rc = bytes_from_memory(&from, bytes, n, &r->err);
	if (rc)
		return rc;
	rc = import_read(&r->p, from, format, &r->o, &r->format, &r->notes, &r->err);
	bytes_close(from);
	assert_int_equal(rc, r->err.code);
	return rc;
}

static inline int rig_read(struct rig *r, int format, const char *text)
{
	return rig_read_bytes(r, format, text, strlen(text));
}

static inline void rig_done(struct rig *r)
{
	profile_release(&r->p);
	buf_release(&r->notes);
}

/* The folded text of a kind, malloc'ed. */
static inline char *rig_folded(const struct profile *p, enum profile_kind kind, int count)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	assert_int_equal(
		folded_write(out, p, kind, count ? FOLDED_COUNT : FOLDED_VALUE, NULL, NULL, &err),
		0);
	fclose(out);
	return text;
}

static inline void rig_expect(struct rig *r, enum profile_kind kind, int count, const char *want)
{
	char *text = rig_folded(&r->p, kind, count);

	assert_string_equal(text, want);
	free(text);
}

/* Bytes that should be read as the format, with what should come out. */
static inline void rig_good(int format, const char *text, enum profile_kind kind, const char *want)
{
	struct rig r = {.o = {.kind = -1}};
	int rc = rig_read(&r, -1, text);

	if (rc)
		fail_msg("%s", r.err.text);
	assert_int_equal(r.format, format);
	rig_expect(&r, kind, 0, want);
	rig_done(&r);
}

/* Bytes that should be refused with a message that holds `word`. */
static inline void rig_bad(int format, const char *text, const char *word)
{
	struct rig r = {.o = {.kind = -1}};
	int rc = rig_read(&r, format, text);

	assert_true(rc < 0);
	if (!strstr(r.err.text, word))
		fail_msg("'%s' does not say '%s'", r.err.text, word);
	assert_null(r.p.strings);
	rig_done(&r);
}

static inline const char *rig_text(const struct profile *p, uint32_t id)
{
	return strtab_text(p->strings, id);
}

/* The one frame of that function; fails if there is none. */
static inline const struct profile_frame *rig_frame(const struct profile *p, const char *function)
{
	uint32_t i;

	for (i = 0; i < p->n_frames; i++)
		if (strcmp(rig_text(p, p->frames[i].function), function) == 0)
			return &p->frames[i];
	fail_msg("no frame '%s'", function);
	return NULL;
}

#endif
