/* What the targets of foreign formats share: bytes are read as the format, packed by gzip or not; what comes out must be a
 * profile whose rows name each other rightly, that every writer can write, and pprof's reader can read again with the
 * same sums. The first byte chooses options. */
#ifndef FUZZ_IMPORT_FUZZ_H
#define FUZZ_IMPORT_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/export.h"
#include "prof/formats/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_must(int true_)
{
	if (!true_)
		abort();
}

static inline void fuzz_check_profile(const struct profile *p)
{
	uint32_t n = strtab_count(p->strings), i;
	size_t k;

	fuzz_must(p->n_samples > 0 && p->n_threads > 0);
	for (i = 0; i < p->n_modules; i++)
		fuzz_must(p->modules[i].path < n && p->modules[i].build_id < n);
	for (i = 0; i < p->n_frames; i++)
		fuzz_must(p->frames[i].function > 0 && p->frames[i].function < n &&
			  p->frames[i].file < n && p->frames[i].language < n &&
			  (p->frames[i].module == PROFILE_NONE ||
			   p->frames[i].module < p->n_modules));
	for (i = 1; i < p->n_stacks; i++)
		fuzz_must(p->stacks[i].parent < i && p->stacks[i].frame < p->n_frames &&
			  p->stacks[i].depth == p->stacks[p->stacks[i].parent].depth + 1);
	for (i = 0; i < p->n_threads; i++)
		fuzz_must(p->threads[i].process < p->n_processes && p->threads[i].name < n);
	for (k = 0; k < p->n_samples; k++) {
		const struct profile_sample *s = &p->samples[k];

		fuzz_must(s->kind < PROFILE_KINDS && s->thread < p->n_threads && s->stack > 0 &&
			  s->stack < p->n_stacks && s->value >= 0 && s->stage == PROFILE_NONE);
		fuzz_must(k == 0 || s[-1].kind < s->kind ||
			  (s[-1].kind == s->kind &&
			   (s[-1].thread < s->thread ||
			    (s[-1].thread == s->thread && s[-1].stack < s->stack))));
	}
}

static inline void fuzz_sums(const struct profile *p, int kind, uint64_t *count, uint64_t *value)
{
	size_t k;

	*count = *value = 0;
	for (k = 0; k < p->n_samples; k++)
		if ((int)p->samples[k].kind == kind) {
			*count += p->samples[k].count;
			*value += (uint64_t)p->samples[k].value;
		}
}

static inline void fuzz_read_again(const struct profile *p, const char *text, size_t n, int kind)
{
	struct import_options o = {.kind = kind};
	struct err err = ERR_INIT;
	struct buf notes = BUF_INIT;
	enum import_format found;
	uint64_t count, value, count2, value2;
	struct profile again;
	struct bytes *from;

	fuzz_sums(p, kind, &count, &value);
	fuzz_must(bytes_from_memory(&from, text, n, &err) == 0);
	if (import_read(&again, from, IMPORT_PPROF, &o, &found, &notes, &err) == 0) {
		fuzz_sums(&again, kind, &count2, &value2);
		fuzz_must(count == count2 && value == value2);
		profile_release(&again);
	} else {
		/* Names or stacks at a limit that differs, or sums of merged rows. */
		fuzz_must(err.code == ERR_LIMIT || err.code == ERR_FORMAT);
		fuzz_must(count > INT64_MAX / 4 || value > INT64_MAX / 4 || err.code == ERR_LIMIT ||
			  (count == 0 && value == 0));
	}
	bytes_close(from);
	buf_release(&notes);
}

static inline void fuzz_write(const struct profile *p)
{
	struct err err = ERR_INIT;
	int kind = (int)p->samples[0].kind, f;
	struct export_options o = {.kind = (enum profile_kind)kind};

	for (f = 0; f < EXPORT_FORMATS; f++) {
		char *text = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&text, &n);

		fuzz_must(out != NULL);
		fuzz_must(export_write(out, p, (enum export_format)f, &o, &err) == 0);
		fclose(out);
		if (f == EXPORT_PPROF)
			fuzz_read_again(p, text, n, kind);
		free(text);
	}
}

/* `format` -1: by content. */
static inline int fuzz_import(const uint8_t *data, size_t size, int format)
{
	static const int kinds[] = {
		-1, -1, -1, PROFILE_CPU, PROFILE_WALL, PROFILE_ALLOC, PROFILE_LIVE, PROFILE_SQL};
	struct import_options o = {
		.kind = size ? kinds[data[0] & 7] : -1,
		.unit = (enum import_unit)(size ? (data[0] >> 3 & 7) % IMPORT_UNITS : 0),
		.rate_hz = size && data[0] & 64 ? 99 : 0,
		.only = size && data[0] & 128 ? "a" : NULL};
	struct err err = ERR_INIT;
	struct buf notes = BUF_INIT;
	enum import_format found;
	struct profile p;
	struct bytes *from;
	int rc;

	if (size > 0) {
		data++;
		size--;
	}
	fuzz_must(bytes_from_memory(&from, data, size, &err) == 0);
	rc = import_read(&p, from, format, &o, &found, &notes, &err);
	fuzz_must(rc == err.code && rc <= 0 && rc != ERR_INTERNAL && (rc == 0 || err.text[0]));
	if (rc == 0) {
		fuzz_check_profile(&p);
		fuzz_write(&p);
	}
	profile_release(&p);
	bytes_close(from);
	buf_release(&notes);
	return 0;
}

#endif
