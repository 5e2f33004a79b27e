/* The table of foreign formats, and what their readers share: see import.h. */
#include "prof/formats/import.h"

#include <math.h>
#include <string.h>

#include "prof/formats/callgrind.h"
#include "prof/formats/cpuprofile_read.h"
#include "prof/formats/folded_read.h"
#include "prof/formats/gecko_read.h"
#include "prof/formats/perf_read.h"
#include "prof/formats/pprof_read.h"
#include "prof/formats/speedscope_read.h"

const char *const import_format_names[IMPORT_FORMATS + 1] = {
	"folded", "speedscope", "pprof", "perf", "gecko", "cpuprofile", "callgrind", NULL,
};

const char *const import_unit_names[IMPORT_UNITS + 1] = {
	"auto", "samples", "ns", "us", "ms", "s", "bytes", NULL,
};

static int read_callgrind(struct profile *p, struct bytes *from, const struct import_options *o,
			  struct buf *notes, struct err *err)
{
	const char *data;
	size_t n;
	int rc = bytes_all(from, &data, &n, err);

	if (rc == 0)
		rc = callgrind_read(data, n, o->only, p, err);
	if (rc == 0 && strncmp(strtab_text(p->strings, p->run.mode), "Time", 4) != 0)
		buf_printf(notes, "numbers are of event %s: 1 is shown as 1 ns\n",
			   strtab_text(p->strings, p->run.mode));
	if (rc == 0)
		buf_puts(notes, "callgrind has no stacks: they are estimated from its calls\n");
	return rc;
}

typedef int read_fn(struct profile *p, struct bytes *from, const struct import_options *o,
		    struct buf *notes, struct err *err);

static read_fn *const readers[IMPORT_FORMATS] = {
	[IMPORT_FOLDED] = folded_read,       [IMPORT_SPEEDSCOPE] = speedscope_read,
	[IMPORT_PPROF] = pprof_read,         [IMPORT_PERF] = perf_read,
	[IMPORT_GECKO] = gecko_read,         [IMPORT_CPUPROFILE] = cpuprofile_read,
	[IMPORT_CALLGRIND] = read_callgrind,
};

int import_read(struct profile *p, struct bytes *from, int format, const struct import_options *o,
		enum import_format *found, struct buf *notes, struct err *err)
{
	const char *head;
	size_t n;
	int all, rc = 0;

	memset(p, 0, sizeof(*p));
	if (format < 0) {
		rc = bytes_head(from, &head, &n, &all, err);
		if (rc == 0)
			rc = format = import_detect(head, n, all, err);
		if (rc < 0)
			return rc;
	}
	*found = (enum import_format)format;
	if (o->only && (format == IMPORT_FOLDED || format == IMPORT_CPUPROFILE))
		return err_set(err, ERR_ARG,
			       "a %s file is one profile: there is no '%s' to choose in it",
			       import_format_names[format], o->only);
	rc = readers[format](p, from, o, notes, err);
	if (rc)
		profile_release(p);
	return rc;
}

/* ---- numbers ---- */

static double unit_factor(enum import_unit unit)
{
	static const double factors[IMPORT_UNITS] = {
		[IMPORT_AUTO] = 1, [IMPORT_SAMPLES] = 1, [IMPORT_NS] = 1,    [IMPORT_US] = 1e3,
		[IMPORT_MS] = 1e6, [IMPORT_S] = 1e9,     [IMPORT_BYTES] = 1,
	};

	return factors[unit];
}

int import_scale(struct import_scale *s, const struct import_options *o, enum import_unit unit,
		 enum profile_kind kind, struct err *err)
{
	int is_time;

	s->kind = o->kind < 0 ? kind : (enum profile_kind)o->kind;
	is_time = profile_kind_is_time(s->kind);
	if (unit == IMPORT_AUTO)
		unit = o->unit;
	if (unit == IMPORT_AUTO)
		unit = is_time ? IMPORT_SAMPLES : IMPORT_BYTES;
	if (unit != IMPORT_SAMPLES && (unit == IMPORT_BYTES) == is_time)
		return err_set(
			err, ERR_ARG, "%s do not make samples of kind %s: --kind names another",
			unit == IMPORT_BYTES ? "bytes" : "times", profile_kind_name(s->kind));
	s->counts = unit == IMPORT_SAMPLES;
	s->factor = s->counts && is_time && o->rate_hz > 0 ? 1e9 / o->rate_hz : unit_factor(unit);
	return 0;
}

int import_value(const struct import_scale *s, double number, uint64_t *count, int64_t *value,
		 struct err *err)
{
	double scaled = number * s->factor;

	if (!isfinite(scaled) || scaled >= 9.2e18 || number >= 9.2e18)
		return err_set(err, ERR_FORMAT, "the value %g is out of all bounds", number);
	if (number < 0)
		return err_set(
			err, ERR_FORMAT,
			"the value %g is negative: a difference of two profiles is no profile",
			number);
	if (s->counts && s->factor <= 1 && number > floor(number))
		return err_set(
			err, ERR_FORMAT,
			"the value %g is no number of samples: if these are times, --unit ns "
			"(us, ms, s) says so; if samples were scaled, --rate HZ gives them "
			"their time",
			number);
	*value = (int64_t)nearbyint(scaled);
	*count = s->counts ? (uint64_t)nearbyint(number) : *value > 0;
	return 0;
}

void import_note_small(const struct import_scale *s, uint64_t n, struct buf *notes)
{
	if (n)
		buf_printf(notes,
			   "%llu value%s of less than half a %s left out: --unit names a larger "
			   "unit\n",
			   (unsigned long long)n, n == 1 ? "" : "s",
			   profile_kind_is_time(s->kind) ? n == 1 ? "ns is" : "ns are"
			   : n == 1                      ? "byte is"
							 : "byte are");
}

void import_note_samples(const struct import_scale *s, struct buf *notes)
{
	if (s->counts && s->factor == 1 && profile_kind_is_time(s->kind))
		buf_puts(notes, "the file counts samples and does not say how often they were "
				"taken: each is shown as 1 ns; --rate HZ gives them their time\n");
}
