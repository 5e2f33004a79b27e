/* Polls and points: see timeline.h.
 *
 * How often is a matter of what it costs: statm of each process at every step (2 us), status after a change near
 * the highest value so far (20 us), what makes the kernel walk page tables (smaps_rollup: 18 us per MiB resident; pagemap) so seldom that it
 * stays below a four-hundredth of the time. */
#include "prof/record/timeline.h"

#include <stdlib.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/recording.h"

#define STEP_NS     INT64_C(10000000) /* between polls of a process that changes */
#define IDLE_NS     INT64_C(50000000) /* of one that does not */
#define IDLE_POLLS  20
#define STEP_SHARE  200 /* a poll may take one part in so many of a step */
#define SLOW_NS     INT64_C(1000000000)
#define SLOW_SHARE  400
#define POINT_NS    INT64_C(50000000)
#define POINT_SHARE 1024 /* points are as far apart as this part of the time so far */

static const char *const names[TIMELINE_NAMES] = {
	[TIMELINE_RSS] = "rss_bytes",
	[TIMELINE_RSS_SHARED] = "rss_shared_bytes",
	[TIMELINE_PSS] = "pss_bytes",
	[TIMELINE_HEAP] = "heap_bytes",
	[TIMELINE_MAPPED] = "mapped_bytes",
	[TIMELINE_OWN] = "own_bytes",
	[TIMELINE_FAULTS_MINOR] = "page_faults_minor",
	[TIMELINE_FAULTS_MAJOR] = "page_faults_major",
	[TIMELINE_CGROUP] = "cgroup_bytes",
	[TIMELINE_CGROUP_LIMIT] = "cgroup_limit_bytes",
};

/* ---- points ---------------------------------------------------------------------------------- */

static int keeps_highest(enum timeline_name name)
{
	return name == TIMELINE_RSS || name == TIMELINE_RSS_SHARED || name == TIMELINE_HEAP ||
	       name == TIMELINE_MAPPED;
}

static void note(struct timeline *t, enum timeline_name name, int64_t t_ns, int64_t value)
{
	struct timeline_line *line = &t->lines[name];

	if (line->fresh && keeps_highest(name) && value < line->next.value)
		return;
	line->next = (struct timeline_value){t_ns, value};
	line->fresh = 1;
}

static void put(struct recording *r, enum timeline_name name, const struct timeline_value *v)
{
	struct timeline_line *line = &r->timeline.lines[name];

	if (!line->known && strtab_intern_text(r->known.strings, names[name], &line->name)) {
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
		return;
	}
	line->known = 1;
	line->written = v->value;
	batch_counter(&r->batch, v->t_ns, line->name, (double)v->value);
}

/* Of a flat line only both ends are written. */
static void write_line(struct recording *r, enum timeline_name name)
{
	struct timeline_line *line = &r->timeline.lines[name];

	if (!line->fresh)
		return;
	line->fresh = 0;
	if (line->known && line->next.value == line->written) {
		line->last = line->next;
		line->kept = 1;
		return;
	}
	if (line->kept)
		put(r, name, &line->last);
	line->kept = 0;
	put(r, name, &line->next);
}

static void write_points(struct recording *r)
{
	for (int i = 0; i < TIMELINE_NAMES; i++)
		write_line(r, (enum timeline_name)i);
}

/* ---- one process ----------------------------------------------------------------------------- */

static struct image_memory *make_memory(struct image *m)
{
	struct image_memory *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->statm_fd = procmem_open(m->space.pid, "statm");
	p->high_bytes = p->pss_bytes = -1;
	p->faults_base[0] = p->faults_base[1] = -1;
	m->memory = p;
	return p;
}

static void read_slow(const struct image *m, struct image_memory *p, int64_t now, uint32_t images)
{
	const struct heap_head *heap = m->heap ? m->heap->reader.head : NULL;
	int rollup = procmem_open(m->space.pid, "smaps_rollup");
	int pagemap = heap ? procmem_open(m->space.pid, "pagemap") : -1;
	int64_t cost;
	char text[2048];

	p->pss_bytes =
		procmem_read(rollup, text, sizeof text) > 0 ? procmem_field(text, "Pss") : -1;
	p->own_bytes = p->own_shared = 0;
	for (uint32_t i = 0; pagemap >= 0 && i < HEAP_OWN_RANGES; i++) {
		uint64_t bytes = atomic_load_explicit(&heap->own[i].bytes, memory_order_acquire);

		if (bytes)
			p->own_bytes += procmem_resident(
				pagemap,
				atomic_load_explicit(&heap->own[i].start, memory_order_relaxed),
				bytes, &p->own_shared);
	}
	if (rollup >= 0)
		(void)close(rollup);
	if (pagemap >= 0)
		(void)close(pagemap);
	cost = (clock_mono_ns() - now) * SLOW_SHARE * images;
	p->slow_ns = now + (cost > SLOW_NS ? cost : SLOW_NS);
}

/* Without what is ours. */
static int64_t theirs(const struct image_memory *p, int64_t rss)
{
	return rss > p->own_bytes ? rss - p->own_bytes : 0;
}

/* A mark of the kernel's that has risen was reached between this poll and the one before: beside the higher one
 * of them. */
static void note_high(struct image *m, struct image_memory *p, int64_t before, int64_t now)
{
	int fd = procmem_open(m->space.pid, "status");
	char text[4096];
	int64_t high = procmem_read(fd, text, sizeof text) > 0 ? procmem_field(text, "VmHWM") : -1;

	if (fd >= 0)
		(void)close(fd);
	if (p->high_bytes >= 0 && high > p->high_bytes && high > p->rss_bytes && high > before)
		rsshist_add(&p->history, before > p->rss_bytes ? p->polled_ns : now,
			    theirs(p, high));
	if (high > p->high_bytes)
		p->high_bytes = high;
}

/* Where the resident set is far below its mark, a new mark in between is unlikely, and looked for less often. */
static int high_is_due(const struct image_memory *p, int64_t rss, int64_t now)
{
	return rss >= p->high_bytes - p->high_bytes / 8 || now - p->high_ns >= POINT_NS;
}

static void note_max_rss(struct recording *r, const struct image *m, const struct image_memory *p)
{
	struct known_process *known = &r->known.processes[m->process];
	int64_t max = p->rss_bytes > p->high_bytes ? p->rss_bytes : p->high_bytes;

	if (r->attached) /* the mark may be older than the recording */
		max = p->rss_bytes;
	if (max > known->row.max_rss_bytes) {
		known->row.max_rss_bytes = max;
		known->changed = 1;
	}
}

/* 1: its resident set is another one now; 0: as before; -1: the process is gone. */
static int poll_rss(struct recording *r, struct image *m, struct image_memory *p, int64_t now)
{
	int64_t before = p->rss_bytes, rss;
	char text[256];
	int changed;

	rss = procmem_read(p->statm_fd, text, sizeof text) > 0 ? procmem_statm_rss(text) : -1;
	if (rss <= 0) /* a zombie has none */
		return -1;
	changed = rss != before || p->polled_ns == 0;
	p->rss_bytes = rss;
	p->shared_bytes = procmem_statm_shared(text);
	if (changed && high_is_due(p, rss, now)) {
		note_high(m, p, before, now);
		note_max_rss(r, m, p);
		p->high_ns = now;
	}
	rsshist_add(&p->history, now, theirs(p, rss));
	p->polled_ns = now;
	return changed;
}

static void read_faults(const struct recording *r, const struct image *m, struct image_memory *p)
{
	int fd = procmem_open(m->space.pid, "stat");
	int64_t n[2];
	char text[1024];

	if (procmem_read(fd, text, sizeof text) > 0 && procmem_faults(text, &n[0], &n[1]) == 0)
		for (int i = 0; i < 2; i++) {
			if (p->faults_base[i] < 0)
				p->faults_base[i] = r->attached ? n[i] : 0;
			p->faults[i] = n[i] - p->faults_base[i];
		}
	if (fd >= 0)
		(void)close(fd);
}

/* What is live; or, if the heap was higher since the last look, how high. */
static int64_t heap_high(const struct heap_head *h, struct image_memory *p)
{
	uint64_t gen = atomic_load_explicit(&h->gen, memory_order_relaxed);
	int64_t peak = atomic_load_explicit(&h->peak_bytes, memory_order_relaxed), live = 0;

	for (int i = 0; i < HEAP_SHARDS; i++)
		live += atomic_load_explicit(&h->shards[i].live_bytes, memory_order_relaxed);
	if (gen != p->heap_gen && peak > live)
		live = peak;
	p->heap_gen = gen;
	return live > 0 ? live : 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct sums {
	int64_t value[TIMELINE_NAMES];
	uint32_t images, changed, heaps, pss;
};

/* exec: until the new program's file is there, there is nothing to look at that is still the old one's. */
static int is_alive(const struct image *m)
{
	return m->file.head && !m->gone && !m->ended && m->space.pid > 0 &&
	       atomic_load_explicit(&m->file.head->ended, memory_order_relaxed) == 0;
}

static void add_image(struct recording *r, struct image *m, int64_t now, int is_point,
		      struct sums *s)
{
	struct image_memory *p = m->memory ? m->memory : make_memory(m);
	const struct heap_head *heap = m->heap ? m->heap->reader.head : NULL;
	int changed;

	if (!p)
		return;
	if (now >= p->slow_ns)
		read_slow(m, p, now, r->n_images);
	changed = poll_rss(r, m, p, now);
	if (changed < 0)
		return;
	if (is_point)
		read_faults(r, m, p);
	s->images++;
	s->changed += (uint32_t)changed;
	s->value[TIMELINE_RSS] += theirs(p, p->rss_bytes);
	if (p->shared_bytes > p->own_shared)
		s->value[TIMELINE_RSS_SHARED] += p->shared_bytes - p->own_shared;
	s->value[TIMELINE_OWN] += p->own_bytes;
	s->value[TIMELINE_PSS] += p->pss_bytes > 0 ? p->pss_bytes : 0;
	s->pss += p->pss_bytes >= 0;
	s->value[TIMELINE_FAULTS_MINOR] += p->faults[0];
	s->value[TIMELINE_FAULTS_MAJOR] += p->faults[1];
	if (heap) {
		s->heaps++;
		s->value[TIMELINE_HEAP] += heap_high(heap, p);
		s->value[TIMELINE_MAPPED] +=
			atomic_load_explicit(&heap->mapped_bytes, memory_order_relaxed);
	}
}

/* Its page faults were the run's. Those of a program that another one replaces are counted on by that one. */
static void add_ended(const struct image *m, struct sums *s)
{
	if (!m->memory || !m->file.head || m->replaced ||
	    atomic_load_explicit(&m->file.head->ended, memory_order_relaxed) == 2)
		return;
	s->value[TIMELINE_FAULTS_MINOR] += m->memory->faults[0];
	s->value[TIMELINE_FAULTS_MAJOR] += m->memory->faults[1];
}

static void note_cgroup(struct recording *r, const struct image *first, int64_t now)
{
	struct timeline *t = &r->timeline;
	int64_t usage;

	if (!t->cgroup && !t->no_cgroup) {
		t->cgroup = calloc(1, sizeof *t->cgroup);
		t->no_cgroup = t->cgroup && cgroup_open(t->cgroup, first->space.pid) != 0;
		t->limit_ns = now;
	}
	if (!t->cgroup || t->no_cgroup)
		return;
	if (now - t->limit_ns > SLOW_NS) {
		t->limit_ns = now;
		cgroup_look(t->cgroup);
	}
	usage = cgroup_usage(t->cgroup);
	if (usage >= 0)
		note(t, TIMELINE_CGROUP, now, usage);
	if (t->cgroup->limit_bytes >= 0)
		note(t, TIMELINE_CGROUP_LIMIT, now, t->cgroup->limit_bytes);
}

/* Never less than before: in the middle of an exec a process is not looked at. */
static void note_faults(struct timeline *t, enum timeline_name name, int64_t now, int64_t value)
{
	const struct timeline_line *line = &t->lines[name];

	note(t, name, now, line->known && value < line->written ? line->written : value);
}

static void note_sums(struct timeline *t, int64_t now, int is_point, const struct sums *s)
{
	note(t, TIMELINE_RSS, now, s->value[TIMELINE_RSS]);
	note(t, TIMELINE_RSS_SHARED, now, s->value[TIMELINE_RSS_SHARED]);
	if (s->heaps) {
		note(t, TIMELINE_HEAP, now, s->value[TIMELINE_HEAP]);
		note(t, TIMELINE_MAPPED, now, s->value[TIMELINE_MAPPED]);
		note(t, TIMELINE_OWN, now, s->value[TIMELINE_OWN]);
	}
	if (s->pss)
		note(t, TIMELINE_PSS, now, s->value[TIMELINE_PSS]);
	if (!is_point)
		return;
	note_faults(t, TIMELINE_FAULTS_MINOR, now,
		    t->faults_minor + s->value[TIMELINE_FAULTS_MINOR]);
	note_faults(t, TIMELINE_FAULTS_MAJOR, now,
		    t->faults_major + s->value[TIMELINE_FAULTS_MAJOR]);
}

static int point_is_due(struct timeline *t, int64_t now)
{
	int64_t apart = (now - t->start_ns) / POINT_SHARE;

	return t->point_ns == 0 || now - t->point_ns >= (apart > POINT_NS ? apart : POINT_NS);
}

void timeline_poll(struct recording *r)
{
	struct timeline *t = &r->timeline;
	int64_t now = clock_mono_ns();
	const struct image *first = NULL;
	struct sums s = {.images = 0};
	int is_point;

	if (r->recovering)
		return;
	t->start_ns = t->start_ns ? t->start_ns : now;
	t->polled_ns = now;
	is_point = point_is_due(t, now);
	for (uint32_t i = 0; i < r->n_images; i++)
		if (is_alive(r->images[i])) {
			first = first ? first : r->images[i];
			add_image(r, r->images[i], now, is_point, &s);
		} else {
			add_ended(r->images[i], &s);
		}
	if (s.images == 0)
		return;
	note_sums(t, now, is_point, &s);
	if (is_point) {
		note_cgroup(r, first, now);
		write_points(r);
		t->point_ns = now;
	}
	t->unchanged = s.changed ? 0 : t->unchanged + 1;
	t->cost_ns += (clock_mono_ns() - now - t->cost_ns) / 8;
}

int timeline_pause_ms(const struct recording *r, int left_ms)
{
	const struct timeline *t = &r->timeline;
	int64_t step = t->unchanged > IDLE_POLLS ? IDLE_NS : STEP_NS;

	if (t->cost_ns * STEP_SHARE > step)
		step = t->cost_ns * STEP_SHARE;
	return left_ms < step / 1000000 ? left_ms : (int)(step / 1000000);
}

void timeline_settle(struct recording *r)
{
	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->memory)
			rsshist_settle(&r->images[i]->memory->history, r->round_ns);
}

void timeline_end(struct recording *r)
{
	write_points(r);
	for (int i = 0; i < TIMELINE_NAMES; i++)
		if (r->timeline.lines[i].kept) {
			r->timeline.lines[i].kept = 0;
			put(r, (enum timeline_name)i, &r->timeline.lines[i].last);
		}
}

void timeline_release(struct recording *r)
{
	if (r->timeline.cgroup)
		cgroup_close(r->timeline.cgroup);
	free(r->timeline.cgroup);
	r->timeline.cgroup = NULL;
}

int64_t timeline_peak_rss(const struct image *m, int64_t from_ns, int64_t to_ns)
{
	return m->memory ? rsshist_max(&m->memory->history, from_ns, to_ns) : -1;
}

void timeline_image_ended(struct recording *r, const struct image *m)
{
	const struct heap_head *h = m->heap ? m->heap->reader.head : NULL;
	struct timeline *t = &r->timeline;
	int64_t at;

	if (!h || r->recovering ||
	    (m->memory &&
	     m->memory->heap_gen == atomic_load_explicit(&h->gen, memory_order_relaxed)))
		return;
	at = atomic_load_explicit(&h->peak_ns, memory_order_relaxed);
	if (at < t->point_ns)
		at = t->point_ns;
	note(t, TIMELINE_HEAP, at, atomic_load_explicit(&h->peak_bytes, memory_order_relaxed));
	note(t, TIMELINE_MAPPED, at,
	     atomic_load_explicit(&h->peak_mapped_bytes, memory_order_relaxed));
}

void timeline_forget(struct recording *r, struct image *m)
{
	struct image_memory *p = m->memory;

	if (!p)
		return;
	if (!m->replaced || r->attached) { /* after exec the process counts on */
		r->timeline.faults_minor += p->faults[0];
		r->timeline.faults_major += p->faults[1];
	}
	if (p->statm_fd >= 0)
		(void)close(p->statm_fd);
	free(p);
	m->memory = NULL;
}
