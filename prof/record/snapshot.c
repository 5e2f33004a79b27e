/* Snapshots of live memory: see snapshot.h. */
#include "prof/record/snapshot.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/recording.h"

void snapshots_release(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->n_waiting; i++)
		free(s->waiting[i].rows);
	free(s->waiting);
	free(s->doomed);
	free(s->last.rows);
	idmap_release(&s->last.at);
	memset(s, 0, sizeof *s);
}

/* Room for one more after `n`. */
static int room(void **rows, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t next = *cap ? 2 * *cap : 16;
	void *p;

	if (n < *cap)
		return 0;
	p = realloc(*rows, (size_t)next * size);
	if (!p)
		return ERR_NOMEM;
	*rows = p;
	*cap = next;
	return 0;
}

/* ---- adding up */

static int64_t plus(int64_t sum, uint64_t bytes)
{
	int64_t more = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;

	return __builtin_add_overflow(sum, more, &sum) ? INT64_MAX : sum;
}

static int add_site(struct snapshot_sum *sum, uint32_t stack, const struct heap_sums *s)
{
	uint32_t at = idmap_get(&sum->at, stack);

	if (at == IDMAP_NONE) {
		if (room((void **)&sum->rows, sum->n, &sum->cap, sizeof *sum->rows) ||
		    idmap_set(&sum->at, stack, sum->n))
			return ERR_NOMEM;
		at = sum->n++;
		sum->rows[at] = (struct snapshot_row){.stack = stack};
	}
	sum->rows[at].count += s->live_count;
	sum->rows[at].value = plus(sum->rows[at].value, s->live_bytes);
	sum->heap_bytes = plus(sum->heap_bytes, s->live_bytes);
	return 0;
}

static int add_image(struct snapshot_sum *sum, const struct image *m)
{
	const struct image_heap *h = m->heap;
	struct heap_sums s;
	int rc = 0;

	for (uint32_t i = 1; i < h->sites && rc == 0; i++) {
		uint32_t stack;

		if (!heap_reader_site(&h->reader, i, 0, &s) || s.kind != HEAP_SITE_MALLOC ||
		    (s.live_bytes == 0 && s.live_count == 0))
			continue;
		stack = idmap_get(&h->stacks, s.stack);
		rc = add_site(sum, stack == IDMAP_NONE ? STACK_ROOT : stack, &s);
	}
	return rc;
}

static int add_images(struct snapshot_sum *sum, const struct recording *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		if (r->images[i]->heap && !r->images[i]->ended)
			rc = add_image(sum, r->images[i]);
	return rc;
}

/* ---- keeping */

static int by_value(const void *a, const void *b)
{
	const struct snapshot_row *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int by_stack(const void *a, const void *b)
{
	const struct snapshot_row *x = a, *y = b;

	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Takes the rows of `sum`, and releases it. */
static int keep(struct snapshots *s, struct snapshot_sum *sum, struct snapshot *about,
		uint32_t most)
{
	if (room((void **)&s->waiting, s->n_waiting, &s->cap_waiting, sizeof *s->waiting)) {
		free(sum->rows);
		idmap_release(&sum->at);
		return ERR_NOMEM;
	}
	if (sum->n > most)
		qsort(sum->rows, sum->n, sizeof *sum->rows, by_value);
	about->n = sum->n > most ? most : sum->n;
	if (about->n)
		qsort(sum->rows, about->n, sizeof *sum->rows, by_stack);
	about->rows = sum->rows;
	about->heap_bytes = sum->heap_bytes;
	s->waiting[s->n_waiting++] = *about;
	idmap_release(&sum->at);
	memset(sum, 0, sizeof *sum);
	return 0;
}

static int take(struct recording *r, struct snapshot about, uint32_t most)
{
	struct snapshot_sum sum = {0};
	int rc = add_images(&sum, r);

	if (rc) {
		free(sum.rows);
		idmap_release(&sum.at);
		return rc;
	}
	return keep(&r->snapshots, &sum, &about, most);
}

/* ---- automatic ones */

static void drop_waiting(struct snapshots *s, uint32_t number)
{
	for (uint32_t i = 0; i < s->n_waiting; i++)
		if (s->waiting[i].number == number) {
			free(s->waiting[i].rows);
			memmove(&s->waiting[i], &s->waiting[i + 1],
				(s->n_waiting - i - 1) * sizeof *s->waiting);
			s->n_waiting--;
			return;
		}
}

/* Every other one goes, the latest included: the next comes a whole new step after the one before it. */
static int thin_out(struct snapshots *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_autos; i++) {
		struct snapshot_auto *a = &s->autos[i];

		if (i % 2 == 0) {
			s->autos[n++] = *a;
			continue;
		}
		if (a->id == 0) {
			drop_waiting(s, a->number);
			continue;
		}
		if (room((void **)&s->doomed, s->n_doomed, &s->cap_doomed, sizeof *s->doomed))
			return ERR_NOMEM;
		s->doomed[s->n_doomed++] = a->id;
	}
	s->n_autos = n;
	s->step_ns *= 2;
	return 0;
}

static int look_auto(struct recording *r, int64_t now_ns)
{
	struct snapshots *s = &r->snapshots;
	struct snapshot about = {.t_ns = now_ns, .name = "auto"};
	int rc;

	if (s->next_ns == 0) {
		s->step_ns = SNAPSHOT_STEP_NS;
		s->next_ns = now_ns + s->step_ns;
	}
	if (now_ns < s->next_ns)
		return 0;
	if (s->n_autos == SNAPSHOT_AUTO_MAX && (rc = thin_out(s)) != 0)
		return rc;
	about.number = ++s->numbers;
	rc = take(r, about, SNAPSHOT_AUTO_ROWS);
	if (rc)
		return rc;
	s->autos[s->n_autos++] = (struct snapshot_auto){.number = about.number};
	s->next_ns += s->step_ns;
	if (s->next_ns <= now_ns) /* the machine slept, or we were held up */
		s->next_ns = now_ns + s->step_ns;
	return 0;
}

/* ---- asked for */

static int look_asked(struct recording *r, int64_t now_ns, int tracked)
{
	struct snapshots *s = &r->snapshots;
	struct snapshot about = {.t_ns = now_ns, .name = "asked"};
	uint32_t asked = atomic_load(&r->session->snapshot_asked);
	int rc = 0;

	if (asked == s->asked || r->recovering)
		return 0;
	if (!tracked && r->session->memory_mode != HEAP_OFF && !s->ending) {
		/* A program that has only just begun: its files were not looked for yet. */
		r->scanned_ns = 0;
		if (s->asked_ns == 0)
			s->asked_ns = now_ns;
		if (now_ns - s->asked_ns < SNAPSHOT_PATIENCE_NS)
			return 0;
	}
	s->asked_ns = 0;
	if (tracked) {
		memcpy(about.own, r->session->snapshot_name, sizeof about.own - 1);
		memset(r->session->snapshot_name, 0, sizeof r->session->snapshot_name);
		rc = take(r, about, UINT32_MAX);
	}
	if (rc == 0)
		s->asked = asked;
	return rc;
}

static int is_tracked(const struct recording *r)
{
	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->heap && !r->images[i]->ended)
			return 1;
	return 0;
}

int snapshots_look(struct recording *r, int64_t now_ns)
{
	int tracked = is_tracked(r);
	int rc = look_asked(r, now_ns, tracked);

	if (rc == 0 && tracked && !r->recovering)
		rc = look_auto(r, now_ns);
	if (rc)
		return rc;
	return r->snapshots.asked != atomic_load(&r->session->snapshot_done);
}

/* ---- the last one */

void snapshots_begin_end(struct recording *r)
{
	(void)look_asked(r, clock_mono_ns(), is_tracked(r));
	r->snapshots.ending = 1;
}

int snapshots_image_ended(struct recording *r, const struct image *m)
{
	if (!r->snapshots.ending || !m->heap)
		return 0;
	r->snapshots.ending = 2; /* there is memory to show, be it none */
	return add_image(&r->snapshots.last, m);
}

int snapshots_take_last(struct recording *r, int64_t now_ns)
{
	struct snapshot about = {.t_ns = now_ns, .name = "end"};

	if (!r->recovering) /* who asked in the last moment is answered by this one */
		r->snapshots.asked = atomic_load(&r->session->snapshot_asked);
	if (r->snapshots.ending != 2)
		return 0;
	r->snapshots.ending = 0;
	return keep(&r->snapshots, &r->snapshots.last, &about, UINT32_MAX);
}

/* ---- into the store */

static int write_one(struct recording *r, struct snapshot *s, struct err *err)
{
	int rc = store_snapshot_add(r->store, r->run, s->t_ns, s->own[0] ? s->own : s->name,
				    s->heap_bytes, &s->id, err);

	for (uint32_t i = 0; i < s->n && rc == 0; i++)
		rc = store_snapshot_row_add(r->store, s->id, r->known.stack_ids[s->rows[i].stack],
					    s->rows[i].count, s->rows[i].value, err);
	return rc;
}

int snapshots_write(struct recording *r, struct err *err)
{
	struct snapshots *s = &r->snapshots;
	int rc = 0;

	for (uint32_t i = 0; i < s->n_doomed && rc == 0; i++)
		rc = store_snapshot_remove(r->store, s->doomed[i], err);
	for (uint32_t i = 0; i < s->n_waiting && rc == 0; i++)
		rc = write_one(r, &s->waiting[i], err);
	return rc;
}

static void note_id(struct snapshots *s, const struct snapshot *written)
{
	for (uint32_t i = 0; i < s->n_autos; i++)
		if (s->autos[i].number == written->number)
			s->autos[i].id = written->id;
}

void snapshots_written(struct recording *r)
{
	struct snapshots *s = &r->snapshots;

	for (uint32_t i = 0; i < s->n_waiting; i++) {
		note_id(s, &s->waiting[i]);
		free(s->waiting[i].rows);
	}
	s->n_waiting = s->n_doomed = 0;
	if (r->recovering || s->asked == atomic_load(&r->session->snapshot_done))
		return;
	atomic_store(&r->session->snapshot_done, s->asked);
	(void)syscall(SYS_futex, &r->session->snapshot_done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
