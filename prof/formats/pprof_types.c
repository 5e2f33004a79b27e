/* Sample types to kinds: see pprof_types.h. */
#include "prof/formats/pprof_types.h"

#include <stdio.h>
#include <string.h>

struct meaning {
	int kind; /* -1: none; PROFILE_KINDS: counts samples of whatever kind there is */
	int counts;
};

/* "alloc_space" with end "_space": the kind alloc. */
static int kind_before(const char *type, const char *end)
{
	char name[32];
	size_t n = strlen(type), m = strlen(end);

	if (n <= m || n - m >= sizeof(name) || strcmp(type + n - m, end) != 0)
		return -1;
	memcpy(name, type, n - m);
	name[n - m] = '\0';
	return profile_kind_parse(name);
}

static struct meaning meaning_of(const struct pprof_type *t)
{
	static const struct {
		const char *type;
		struct meaning m;
	} known[] = {
		{"samples", {PROFILE_KINDS, 1}},       {"sample", {PROFILE_KINDS, 1}},
		{"inuse_space", {PROFILE_LIVE, 0}},    {"inuse_objects", {PROFILE_LIVE, 1}},
		{"space", {PROFILE_LIVE, 0}},          {"objects", {PROFILE_LIVE, 1}},
		{"delay", {PROFILE_OFFCPU, 0}},        {"contentions", {PROFILE_OFFCPU, 1}},
		{"cpu-time", {PROFILE_CPU, 0}},        {"cpu-samples", {PROFILE_CPU, 1}},
		{"wall-time", {PROFILE_WALL, 0}},      {"wall-samples", {PROFILE_WALL, 1}},
		{"alloc-size", {PROFILE_ALLOC, 0}},    {"alloc-samples", {PROFILE_ALLOC, 1}},
		{"heap-live-size", {PROFILE_LIVE, 0}},
	};
	size_t i;
	int kind;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].type, t->type) == 0)
			return known[i].m;
	kind = profile_kind_parse(t->type);
	if (kind >= 0)
		return (struct meaning){kind, strcmp(t->unit, "count") == 0};
	kind = kind_before(t->type, "_space");
	if (kind >= 0)
		return (struct meaning){kind, 0};
	return (struct meaning){kind_before(t->type, "_objects"), 1};
}

static int unit_of(const char *name, enum import_unit *unit)
{
	static const struct {
		const char *name;
		enum import_unit unit;
	} units[] = {
		{"count", IMPORT_SAMPLES}, {"nanoseconds", IMPORT_NS},
		{"ns", IMPORT_NS},         {"microseconds", IMPORT_US},
		{"us", IMPORT_US},         {"milliseconds", IMPORT_MS},
		{"ms", IMPORT_MS},         {"seconds", IMPORT_S},
		{"s", IMPORT_S},           {"bytes", IMPORT_BYTES},
		{"byte", IMPORT_BYTES},    {"", IMPORT_AUTO},
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(units[i].name, name) == 0) {
			*unit = units[i].unit;
			return 0;
		}
	return -1;
}

static void list(char *out, size_t size, const struct pprof_type *types, unsigned n,
		 const unsigned char *not_these)
{
	size_t used = 0;
	unsigned i;

	out[0] = '\0';
	for (i = 0; i < n && used < size; i++)
		if (!not_these || !not_these[i])
			used += (size_t)snprintf(out + used, size - used, "%s%.60s (%.30s)",
						 used ? ", " : "", types[i].type, types[i].unit);
}

static struct pprof_column *column(struct pprof_columns *c, enum profile_kind kind)
{
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (c->at[i].kind == kind)
			return &c->at[i];
	c->at[c->n] = (struct pprof_column){kind, -1, -1, 1, 1};
	return &c->at[c->n++];
}

/* One type as one kind, as the options say. */
static int take_one(struct pprof_columns *c, const struct pprof_type *t, int at, double period_ns,
		    const struct import_options *o, struct buf *notes, struct err *err)
{
	struct meaning m = meaning_of(t);
	enum import_unit unit;
	struct import_scale s;
	struct pprof_column *col;
	int rc;

	if (unit_of(t->unit, &unit))
		return err_set(err, ERR_FORMAT,
			       "sample type '%s' is in '%s', which is no time, bytes or count",
			       t->type, t->unit);
	if (m.kind < 0 || m.kind == PROFILE_KINDS)
		m.kind = unit == IMPORT_BYTES ? PROFILE_ALLOC : PROFILE_CPU;
	rc = import_scale(&s, o, unit, (enum profile_kind)m.kind, err);
	if (rc)
		return rc;
	col = column(c, s.kind);
	if (s.counts) {
		col->count = at;
		if (period_ns > 0 && s.factor == 1 && profile_kind_is_time(s.kind))
			s.factor = period_ns;
		col->count_factor = s.factor;
		import_note_samples(&s, notes);
	} else {
		col->value = at;
		col->value_factor = s.factor;
	}
	return 0;
}

/* The value or count of its kind; 1: taken. */
static int take_known(struct pprof_columns *c, const struct pprof_type *t, int at,
		      const struct meaning *m, const struct import_options *o)
{
	enum profile_kind kind = (enum profile_kind)m->kind;
	struct pprof_column *col;
	enum import_unit unit;
	struct import_scale s;

	if (o->kind >= 0 && o->kind != m->kind)
		return 0;
	if (m->counts) {
		col = column(c, kind);
		if (col->count >= 0)
			return 0;
		col->count = at;
		return 1;
	}
	if (unit_of(t->unit, &unit) || unit == IMPORT_SAMPLES ||
	    import_scale(&s, o, unit == IMPORT_AUTO ? IMPORT_NS : unit, kind, NULL))
		return 0;
	col = column(c, kind);
	if (col->value >= 0)
		return 0;
	col->value = at;
	col->value_factor = s.factor;
	return 1;
}

/* "samples" count those of the one kind of time there is. */
static void take_samples(struct pprof_columns *c, int at, double period_ns,
			 const struct import_options *o, struct buf *notes)
{
	struct import_scale s = {PROFILE_CPU, 1, 1};
	struct pprof_column *col = NULL;
	unsigned i;

	for (i = 0; i < c->n && !col; i++)
		if (profile_kind_is_time(c->at[i].kind) && c->at[i].count < 0)
			col = &c->at[i];
	if (!col && c->n > 0)
		return;
	if (!col)
		col = column(c, o->kind >= 0 ? (enum profile_kind)o->kind : PROFILE_CPU);
	col->count = at;
	if (col->value >= 0)
		return;
	col->count_factor = o->rate_hz > 0 ? 1e9 / o->rate_hz : period_ns > 0 ? period_ns : 1;
	s.kind = col->kind;
	s.factor = col->count_factor;
	import_note_samples(&s, notes);
}

static int take_all(struct pprof_columns *c, const struct pprof_type *types, unsigned n,
		    double period_ns, const char *fallback, const struct import_options *o,
		    struct buf *notes, struct err *err)
{
	unsigned char taken[PPROF_TYPES_MAX] = {0};
	int samples = -1, rc = 0;
	char text[1024];
	unsigned i;

	for (i = 0; i < n; i++) {
		struct meaning m = meaning_of(&types[i]);

		if (m.kind == PROFILE_KINDS && samples < 0) {
			samples = (int)i;
			taken[i] = 1;
		} else if (m.kind >= 0 && m.kind < PROFILE_KINDS) {
			taken[i] = (unsigned char)take_known(c, &types[i], (int)i, &m, o);
		}
	}
	if (samples >= 0)
		take_samples(c, samples, period_ns, o, notes);
	if (c->n == 0 &&
	    o->kind >= 0) { /* nothing of that kind by name: what pprof itself would show */
		for (i = n; i-- > 1;)
			if (strcmp(types[i].type, fallback) == 0)
				break;
		i = *fallback && strcmp(types[i].type, fallback) == 0 ? i : n - 1;
		rc = take_one(c, &types[i], (int)i, period_ns, o, notes, err);
		taken[i] = 1;
	}
	list(text, sizeof(text), types, n, taken);
	if (rc == 0 && c->n == 0)
		rc = err_set(err, ERR_FORMAT,
			     "none of its sample types is of a known kind: %.600s; --only TYPE "
			     "--kind KIND "
			     "takes one",
			     text);
	if (rc == 0 && *text && o->kind < 0)
		buf_printf(notes, "left out: %s; --only TYPE takes one\n", text);
	return rc;
}

int pprof_choose(struct pprof_columns *c, const struct pprof_type *types, unsigned n,
		 double period_ns, const char *fallback, const struct import_options *o,
		 struct buf *notes, struct err *err)
{
	char text[1024];
	unsigned i;

	memset(c, 0, sizeof(*c));
	if (n == 0)
		return err_set(err, ERR_FORMAT,
			       "there is no sample type: this is no pprof profile");
	if (!o->only)
		return take_all(c, types, n, period_ns, fallback, o, notes, err);
	for (i = 0; i < n; i++)
		if (strcmp(types[i].type, o->only) == 0)
			return take_one(c, &types[i], (int)i, period_ns, o, notes, err);
	list(text, sizeof(text), types, n, NULL);
	return err_set(err, ERR_NOTFOUND, "no sample type is '%s'; there are: %.900s", o->only,
		       text);
}
