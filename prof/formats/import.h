/* Foreign profiles into a struct profile: which formats there are, which of them some bytes are, reading them. Each
 * format's own reader is a file of its own, *_read.c; they share the options and remarks below. */
#ifndef FORMATS_IMPORT_H
#define FORMATS_IMPORT_H

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/formats/bytes.h"
#include "prof/model/profile.h"

enum import_format {
	IMPORT_FOLDED,
	IMPORT_SPEEDSCOPE,
	IMPORT_PPROF,
	IMPORT_PERF, /* text of perf script */
	IMPORT_GECKO,
	IMPORT_CPUPROFILE,
	IMPORT_CALLGRIND,
	IMPORT_FORMATS
};
extern const char *const import_format_names[IMPORT_FORMATS + 1]; /* ends with NULL */

enum import_unit {
	IMPORT_AUTO, /* as the file says; where it does not, samples of a kind of time, bytes of the others */
	IMPORT_SAMPLES,
	IMPORT_NS,
	IMPORT_US,
	IMPORT_MS,
	IMPORT_S,
	IMPORT_BYTES,
	IMPORT_UNITS
};
extern const char
	*const import_unit_names[IMPORT_UNITS + 1]; /* "auto", "samples", "ns", …; ends with NULL */

struct import_options {
	int kind;              /* enum profile_kind; -1: as the file says */
	enum import_unit unit; /* of numbers whose unit the file does not say */
	double rate_hz;        /* samples per second, 0: as the file says */
	const char
		*only; /* of several events, sample types or profiles this one; NULL: what fits */
};

/* `format` -1: by content, told in *found. Fills `p` (modules, frames, stacks, samples, processes, threads, and of the
 * run what the file says); on failure it is empty. Remarks for the user, a line each, are put into `notes`. */
int import_read(struct profile *p, struct bytes *from, int format, const struct import_options *o,
		enum import_format *found, struct buf *notes, struct err *err);

/* The format of which these are the first bytes (`all`: there are no more), or ERR_FORMAT that says what they are. */
int import_detect(const char *head, size_t n, int all, struct err *err);

/* ---- for readers ---- */

/* How numbers of one kind become counts and values. */
struct import_scale {
	enum profile_kind kind;
	double factor; /* value of 1, in ns or bytes */
	int counts;    /* 1: numbers are samples; 0: each entry counts once */
};
/* `unit` is what the file says (IMPORT_AUTO: nothing), `kind` what is taken if the options name none. */
int import_scale(struct import_scale *s, const struct import_options *o, enum import_unit unit,
		 enum profile_kind kind, struct err *err);
/* A number in ns or bytes, rounded; ERR_FORMAT for what is negative, not a number or beyond 2^63, and for parts of samples
 * whose time nobody said: they would be nothing. */
int import_value(const struct import_scale *s, double number, uint64_t *count, int64_t *value,
		 struct err *err);
/* What the user should know of `n` numbers that were more than 0 and became 0. */
void import_note_small(const struct import_scale *s, uint64_t n, struct buf *notes);
/* What the user should know of samples whose period nobody said. */
void import_note_samples(const struct import_scale *s, struct buf *notes);

#endif
