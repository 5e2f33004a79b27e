/* Stages out of their records: begun, ended, told as a whole or many at once, and what other threads did
 * on their behalf. */
#include <math.h>
#include <string.h>

#include "prof/record/jsontext.h"
#include "prof/record/recording.h"

#define STAGE_NAME_MAX 255

static uint32_t intern_name(struct recording *r, const char *name)
{
	uint32_t string;

	if (strtab_intern(r->known.strings, name, strnlen(name, STAGE_NAME_MAX), &string))
		return STRTAB_EMPTY;
	return string;
}

/* {"n": 5} of `n` parameters; STRTAB_EMPTY: none. */
static uint32_t intern_params(struct recording *r, const struct spool_param *params, uint32_t n)
{
	struct buf b = BUF_INIT;
	uint32_t string = STRTAB_EMPTY;

	if (n == 0)
		return STRTAB_EMPTY;
	for (uint32_t i = 0; i < n; i++) {
		buf_puts(&b, i ? ", " : "{");
		json_put_text(&b, params[i].name, strnlen(params[i].name, sizeof params[i].name));
		buf_puts(&b, ": ");
		json_put_number(&b, params[i].value);
	}
	buf_putc(&b, '}');
	if (buf_failed(&b) || strtab_intern(r->known.strings, b.data, b.len, &string))
		string = STRTAB_EMPTY;
	buf_release(&b);
	return string;
}

static uint32_t add(struct recording *r, struct image *m, uint32_t thread, uint64_t id,
		    uint64_t parent, int64_t start_ns, const char *name)
{
	uint32_t i = known_stage_add(&r->known, m->space.id, id);
	struct known_stage *s;

	if (i == KNOWN_NONE) {
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
		return i;
	}
	s = &r->known.stages[i];
	s->parent = known_stage_find(&r->known, m->space.id, parent);
	if (s->parent != KNOWN_NONE)
		s->parent_seq = r->known.stages[s->parent].seq;
	s->thread = thread;
	s->start_ns = start_ns;
	s->name = intern_name(r, name);
	s->end.alloc_bytes = s->end.alloc_count = -1;
	s->end.peak_heap_bytes = s->end.peak_rss_bytes = -1;
	s->end.folded = 1;
	return i;
}

int stage_begin(struct recording *r, struct image *m, uint32_t thread, int64_t t_ns,
		const struct spool_stage_begin *b, const char *name)
{
	if (b->id && known_stage_find(&r->known, m->space.id, b->id) == KNOWN_NONE)
		(void)add(r, m, thread, b->id, b->parent, t_ns, name);
	return 0;
}

/* Numbers of a damaged file may be anything: sums and differences stop at the ends of the type. */
static int64_t sum(int64_t a, int64_t b)
{
	int64_t c;

	return __builtin_add_overflow(a, b, &c) ? (b < 0 ? INT64_MIN : INT64_MAX) : c;
}

static int64_t between(int64_t from, int64_t to)
{
	int64_t c;

	return __builtin_sub_overflow(to, from, &c) ? (to < from ? INT64_MIN : INT64_MAX) : c;
}

static void finish(struct known_stage *s, int64_t wall_ns, int64_t cpu_ns, double items)
{
	s->state = STAGE_ENDED;
	s->end.wall_ns = wall_ns < 0 ? 0 : wall_ns;
	s->end.cpu_ns = sum(s->end.cpu_ns,
			    cpu_ns < 0 ? 0 : cpu_ns); /* what others did for it is in it already */
	s->end.items = isnan(items) ? 0 : items;
}

/* Sums of what was measured; -1: neither was. */
static int64_t plus(int64_t a, int64_t b)
{
	return b < 0 ? a : a < 0 ? b : sum(a, b);
}

/* What was polled while it was open. */
static void note_peak_rss(const struct image *m, struct known_stage *s, int64_t end_ns)
{
	int64_t seen = timeline_peak_rss(m, s->start_ns, end_ns);

	if (seen > s->end.peak_rss_bytes)
		s->end.peak_rss_bytes = seen;
}

int stage_end(struct recording *r, struct image *m, const struct spool_view *v)
{
	const struct spool_stage_end *e = (const void *)v->payload;
	uint32_t i = known_stage_find(&r->known, m->space.id, e->id);
	struct known_stage *s;

	if (i == KNOWN_NONE)
		return 0;
	s = &r->known.stages[i];
	s->shared = v->flags & SPOOL_STAGE_SHARED;
	finish(s, between(s->start_ns, v->t_ns), e->cpu_ns, e->items);
	s->end.alloc_bytes = plus(s->end.alloc_bytes, e->alloc_bytes);
	s->end.alloc_count = plus(s->end.alloc_count, e->alloc_count);
	s->end.peak_heap_bytes = e->peak_heap_bytes;
	s->end.peak_rss_bytes = e->peak_rss_bytes;
	note_peak_rss(m, s, v->t_ns);
	s->params = intern_params(r, (const void *)(v->payload + sizeof *e), v->extra);
	return 0;
}

int stage_whole(struct recording *r, struct image *m, uint32_t thread, const struct spool_view *v)
{
	const struct spool_stage_whole *w = (const void *)v->payload;
	const struct spool_param *params = (const void *)(v->payload + sizeof *w);
	uint32_t i = add(r, m, thread, w->id, w->parent, between(w->wall_ns, v->t_ns),
			 (const char *)(params + v->extra));
	struct known_stage *s;

	if (i == KNOWN_NONE)
		return 0;
	s = &r->known.stages[i];
	s->shared = v->flags & SPOOL_STAGE_SHARED;
	finish(s, w->wall_ns, w->cpu_ns, w->items);
	s->end.alloc_bytes = w->alloc_bytes;
	s->end.alloc_count = w->alloc_count;
	s->end.peak_heap_bytes = w->peak_heap_bytes;
	s->end.peak_rss_bytes = w->peak_rss_bytes;
	note_peak_rss(m, s, v->t_ns);
	s->params = intern_params(r, params, v->extra);
	return 0;
}

int stage_fold(struct recording *r, struct image *m, uint32_t thread, const struct spool_view *v)
{
	const struct spool_stage_fold *f = (const void *)v->payload;
	uint32_t i = add(r, m, thread, 0, f->parent, f->first_ns, (const char *)(f + 1));
	struct known_stage *s;

	if (i == KNOWN_NONE)
		return 0;
	s = &r->known.stages[i];
	finish(s, f->wall_ns, f->cpu_ns, f->items);
	s->end.alloc_bytes = f->alloc_bytes;
	s->end.alloc_count = f->alloc_count;
	s->end.peak_heap_bytes = f->peak_heap_bytes;
	s->end.folded = f->count;
	return 0;
}

int stage_add(struct recording *r, struct image *m, const struct spool_view *v)
{
	const struct spool_stage_add *a = (const void *)v->payload;
	uint32_t i = known_stage_find(&r->known, m->space.id, a->id);

	for (int depth = 0; i != KNOWN_NONE && depth < 4096; depth++) {
		struct known_stage *s = &r->known.stages[i];

		s->more = s->state == STAGE_LATE;
		s->end.cpu_ns = sum(s->end.cpu_ns, a->cpu_ns < 0 ? 0 : a->cpu_ns);
		s->end.alloc_bytes = plus(s->end.alloc_bytes, a->alloc_bytes);
		s->end.alloc_count = plus(s->end.alloc_count, a->alloc_count);
		i = known_stage_parent(&r->known, i);
	}
	return 0;
}

void stages_close(struct recording *r, const struct image *m, int64_t t_ns)
{
	for (uint32_t i = 0; i < r->known.n_stages; i++) {
		struct known_stage *s = &r->known.stages[i];

		if (s->space == m->space.id)
			s->shared = 0; /* all was read */
		if (s->state == STAGE_OPEN && s->space == m->space.id) {
			finish(s, between(s->start_ns, t_ns), 0, NAN);
			note_peak_rss(m, s, t_ns);
		}
	}
}
