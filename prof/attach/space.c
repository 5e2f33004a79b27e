/* One process's address space: see modules.h. Only mappings that were not there at the last look are looked
 * into. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/maps.h"
#include "prof/attach/modules.h"
#include "prof/attach/modules_internal.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define REFRESH_NS INT64_C(100000000)
#define SHARE      50 /* of our time, 1/50 at most goes into reading maps: 65,530 mappings take 30 ms */
#define JIT_NS     INT64_C(1000000000)
/* Samples are read up to that long after they were taken: code that was unmapped is known until then, or until other
 * code lies there. */
#define LINGER_NS INT64_C(2000000000)
#define MAPS_MAX  ((size_t)256 << 20) /* a process may have raised vm.max_map_count */
/* Some kernels keep a process from mapping memory for as long as they search it for the next mapping that is wanted;
 * text is read a page at a time. */
#define TEXT_LONG ((size_t)256 << 10) /* 3,000 mappings */
#define ASK_NS    INT64_C(2000000)

struct range { /* an executable mapping */
	uint64_t start, end, offset, bias;
	uint64_t device, inode, name; /* name: hash of its text */
	int64_t gone_ns;              /* when it was found to be unmapped; 0: it is there */
	uint32_t module;
};

struct ranges {
	struct range *rows; /* owned; by start */
	uint32_t n, cap;
};

struct attach_space {
	struct module_set *set;
	const struct proc *p; /* NULL: made by hand */
	struct proc view;     /* the same, or one of its threads where the first has ended */
	struct ranges now, next;
	struct unwind_module *unwind; /* owned */
	uint32_t unwind_cap;
	struct unwind_map map;
	struct buf text; /* of maps, where that is read */
	int as_text;
	int64_t read_ns, pause_ns; /* when maps were read last, and for how long that does */
	int64_t jit_ns;            /* when its compiler's map was looked for */
	int mapped;                /* `map` is of `now` */
	int lingers;               /* what was unmapped stays for a while */
};

struct attach_space *attach_space_new(struct module_set *set, const struct proc *p)
{
	struct attach_space *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->set = set;
	s->p = p;
	s->view.dir = -1;
	s->map.generation = 1;
	buf_init(&s->text, MAPS_MAX);
	return s;
}

static void leave_thread(struct attach_space *s)
{
	if (s->p && s->view.dir >= 0 && s->view.dir != s->p->dir)
		(void)close(s->view.dir);
	s->view.dir = -1;
}

void attach_space_free(struct attach_space *s)
{
	if (!s)
		return;
	leave_thread(s);
	free(s->now.rows);
	free(s->next.rows);
	free(s->unwind);
	buf_release(&s->text);
	free(s);
}

void attach_space_linger(struct attach_space *s)
{
	s->lingers = 1;
}

/* ---- rows ---- */

static int push(struct ranges *r, const struct range *row)
{
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? 2 * r->cap : 64;
		struct range *p = cap > r->cap ? realloc(r->rows, cap * sizeof *p) : NULL;

		if (!p)
			return ERR_NOMEM;
		r->rows = p;
		r->cap = cap;
	}
	r->rows[r->n++] = *row;
	return 0;
}

/* The first row that ends beyond the address; n: none does. */
static uint32_t lower(const struct ranges *r, uint64_t address)
{
	uint32_t lo = 0, hi = r->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (r->rows[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct range *find(const struct ranges *r, uint64_t address)
{
	uint32_t i = lower(r, address);

	return i < r->n && address >= r->rows[i].start ? &r->rows[i] : NULL;
}

static int same_mapping(const struct range *a, const struct range *b)
{
	return a->start == b->start && a->end == b->end && a->offset == b->offset &&
	       a->device == b->device && a->inode == b->inode && a->name == b->name;
}

static void space_changed(struct attach_space *s)
{
	s->map.generation++;
	if (s->map.generation == 0)
		s->map.generation = 1;
	s->mapped = 0;
}

/* ---- looking ---- */

/* Its module, known from the last look or found now. */
static int meet(struct attach_space *s, struct range *row, const struct procmap *m)
{
	const struct range *old = find(&s->now, row->start);
	char path[PATH_MAX + 16];
	size_t len = strlen(m->path);
	struct module_mapping mapping = {.start = m->start,
					 .end = m->end,
					 .offset = m->offset,
					 .device = m->device,
					 .inode = m->inode,
					 .path = path};
	int rc;

	if (old && same_mapping(old, row)) {
		*row = *old;
		row->gone_ns = 0;
		return 0;
	}
	if (len >= sizeof path)
		len = sizeof path - 1;
	memcpy(path, m->path, len);
	path[len] = '\0';
	mapping.deleted = proc_plain_length(path) < len;
	path[proc_plain_length(path)] = '\0';
	rc = module_meet(s->set, &s->view, &mapping, &row->module);
	if (rc == 0)
		row->bias = module_bias(s->set, row->module, row->start, row->offset);
	return rc;
}

/* Text that a program copied into larger pages has lost its file; it lies where that had been, beside what is left
 * of it. */
static int take_moved(const struct attach_space *s, struct range *row, const struct range *beside)
{
	if (row->inode || !beside || (beside->end != row->start && beside->start != row->end) ||
	    !module_has_code(s->set, beside->module, row->start - beside->bias,
			     row->end - beside->bias))
		return 0;
	row->module = beside->module;
	row->bias = beside->bias;
	return 1;
}

static void take_moved_backwards(struct attach_space *s)
{
	for (uint32_t i = s->next.n; i-- > 1;)
		(void)take_moved(s, &s->next.rows[i - 1], &s->next.rows[i]);
}

static int take_mapping(void *ctx, const struct procmap *m)
{
	struct attach_space *s = ctx;
	const struct range *before = s->next.n ? &s->next.rows[s->next.n - 1] : NULL;
	struct range row = {.start = m->start,
			    .end = m->end,
			    .offset = m->offset,
			    .device = m->device,
			    .inode = m->inode};
	int rc;

	/* Maps that change while they are read may tell one range twice. */
	if (before && row.start < before->end)
		return 0;
	row.name = hash_bytes(m->path, strlen(m->path), 0);
	rc = take_moved(s, &row, before) ? 0 : meet(s, &row, m);
	return rc ? rc : push(&s->next, &row);
}

/* Adds to the rows of this look those of the one before that are no more, in order. */
static int take_gone(struct attach_space *s, int64_t now)
{
	uint32_t there = s->next.n, left = 0, i, at = there;

	for (i = 0; i < s->now.n; i++) {
		struct range row = s->now.rows[i];
		uint32_t over = 0, hi = there;

		while (over < hi) { /* the first of this look that ends beyond its start */
			uint32_t mid = over + (hi - over) / 2;

			if (s->next.rows[mid].end <= row.start)
				over = mid + 1;
			else
				hi = mid;
		}
		if ((over < there && s->next.rows[over].start < row.end) ||
		    (row.gone_ns && now - row.gone_ns > LINGER_NS))
			continue;
		if (!row.gone_ns)
			row.gone_ns = now;
		if (push(&s->next, &row))
			return ERR_NOMEM;
		left++;
	}
	for (; left > 0; left--, at++) { /* few, and each to its place */
		struct range row = s->next.rows[at];
		uint32_t to = at;

		for (; to > 0 && s->next.rows[to - 1].start > row.start; to--)
			s->next.rows[to] = s->next.rows[to - 1];
		s->next.rows[to] = row;
	}
	return 0;
}

static int is_changed(const struct attach_space *s)
{
	if (s->now.n != s->next.n)
		return 1;
	for (uint32_t i = 0; i < s->now.n; i++)
		if (!same_mapping(&s->now.rows[i], &s->next.rows[i]) ||
		    s->now.rows[i].module != s->next.rows[i].module)
			return 1;
	return 0;
}

static int look(struct attach_space *s, struct err *err)
{
	int rc;

	if (!s->read_ns)
		s->as_text = 1; /* all at once, and to see how much it is */
	s->next.n = 0;
	rc = maps_each(&s->view, MAPS_EXECUTABLE, &s->as_text, &s->text, take_mapping, s, err);
	if (!s->read_ns)
		s->as_text = s->text.len > TEXT_LONG;
	if (rc == 0)
		take_moved_backwards(s);
	return rc;
}

/* A process whose first thread has ended shows its memory by the others only. */
static int look_by_threads(struct attach_space *s)
{
	uint32_t n = 0, cap = 0;
	int *tids = NULL, rc = ERR_NOTFOUND;

	if (proc_tasks(s->p, &tids, &n, &cap))
		n = 0;
	for (uint32_t i = 0; i < n && rc == ERR_NOTFOUND; i++) {
		char name[32];

		snprintf(name, sizeof name, "task/%d", tids[i]);
		leave_thread(s);
		s->view.dir = proc_openat(s->p, name, O_RDONLY | O_DIRECTORY);
		if (s->view.dir >= 0 && tids[i] != s->p->pid)
			rc = look(s, NULL);
	}
	free(tids);
	return rc;
}

static int has_jit(const struct attach_space *s)
{
	for (uint32_t i = 0; i < s->now.n; i++)
		if (module_get(s->set, s->now.rows[i].module)->source == MODULE_JIT)
			return 1;
	return 0;
}

static void take_over(struct attach_space *s, int64_t begin_ns)
{
	struct ranges swap = s->now;
	int64_t took;

	if (is_changed(s))
		space_changed(s);
	s->now = s->next;
	s->next = swap;
	s->read_ns = clock_mono_ns();
	took = s->read_ns - begin_ns;
	s->pause_ns = took * SHARE > REFRESH_NS ? took * SHARE : REFRESH_NS;
	if (took > ASK_NS)
		s->as_text = 1;
	if ((!s->jit_ns || s->read_ns - s->jit_ns > JIT_NS) && has_jit(s)) {
		module_find_maps(s->set, &s->view);
		s->jit_ns = s->read_ns;
	}
}

int attach_space_refresh(struct attach_space *s, int64_t now_ns, struct err *err)
{
	int64_t begin = clock_mono_ns();
	int rc;

	if (!s->p || (now_ns && s->read_ns && now_ns - s->read_ns < s->pause_ns))
		return 0;
	leave_thread(s);
	s->view = *s->p;
	rc = look(s, err);
	if (rc == ERR_NOTFOUND && proc_is_alive(s->p)) {
		int other = look_by_threads(s);

		rc = other == 0 || other == ERR_NOMEM ? other : rc;
	}
	if (rc == 0 && s->lingers)
		rc = take_gone(s, begin);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "the modules of a process");
	if (rc == 0)
		take_over(s, begin);
	return rc;
}

int attach_space_told(struct attach_space *s, const struct attach_told *t)
{
	struct range row = {.start = t->start,
			    .end = t->end,
			    .offset = t->offset,
			    .device = t->device,
			    .inode = t->inode};
	struct module_mapping m = {.start = t->start,
				   .end = t->end,
				   .offset = t->offset,
				   .device = t->device,
				   .inode = t->inode,
				   .path = t->path};
	uint32_t first, last;
	int rc;

	if (!s->p || !t->path || t->path[0] != '/' || t->path[1] == '/' || !t->inode ||
	    t->end <= t->start)
		return ERR_NOTFOUND;
	row.name = hash_bytes(t->path, strlen(t->path), 0);
	first = lower(&s->now, row.start);
	if (first < s->now.n && same_mapping(&s->now.rows[first], &row)) {
		s->now.rows[first].gone_ns = 0;
		return 0;
	}
	rc = module_meet_told(s->set, s->p, &m, &row.module);
	if (rc == 0)
		rc = push(&s->now, &row); /* makes room */
	if (rc)
		return rc;
	row.bias = module_bias(s->set, row.module, row.start, row.offset);
	s->now.n--;
	for (last = first; last < s->now.n && s->now.rows[last].start < row.end; last++)
		;
	memmove(&s->now.rows[first + 1], &s->now.rows[last], (s->now.n - last) * sizeof row);
	s->now.n = s->now.n - (last - first) + 1;
	s->now.rows[first] = row;
	space_changed(s);
	return 0;
}

int attach_space_exec(struct attach_space *s)
{
	s->now.n = 0;
	s->read_ns = 0;
	space_changed(s);
	return 0;
}

static int meet_part(struct attach_space *s, const struct attach_part *part,
		     const struct module_mapping *m, uint32_t *id)
{
	struct module_entry *e;
	int rc = ERR_FORMAT;

	if (part->image)
		rc = module_meet_image(s->set, 0, m, part->source, part->image, part->image_len, id,
				       NULL);
	else if (part->file)
		return module_meet_path(s->set, m, part->file, id);
	if (rc == 0 || rc == ERR_NOMEM)
		return rc;
	rc = module_meet_plain(s->set, 0, m, part->image ? MODULE_UNKNOWN : part->source, id);
	e = rc == 0 ? s->set->entries[*id] : NULL;
	if (e && part->build_id && !e->pub.build_id[0])
		snprintf(e->pub.build_id, sizeof e->pub.build_id, "%s", part->build_id);
	return rc;
}

int attach_space_add(struct attach_space *s, const struct attach_part *part, struct err *err)
{
	struct range row = {.start = part->start, .end = part->end, .offset = part->offset};
	struct module_mapping m = {
		.start = part->start, .end = part->end, .offset = part->offset, .path = part->path};
	uint32_t at = lower(&s->now, part->start);

	if (row.end <= row.start || (at < s->now.n && s->now.rows[at].start < row.end))
		return err_set(err, ERR_ARG, "%s: its addresses are taken by another module",
			       part->path);
	if (meet_part(s, part, &m, &row.module) || push(&s->now, &row))
		return err_nomem(err, "a module");
	row.bias = part->has_bias ? part->bias
				  : module_bias(s->set, row.module, row.start, row.offset);
	memmove(&s->now.rows[at + 1], &s->now.rows[at], (s->now.n - 1 - at) * sizeof row);
	s->now.rows[at] = row;
	space_changed(s);
	return 0;
}

/* ---- what is asked of a space ---- */

static int make_map(struct attach_space *s)
{
	if (s->now.n > s->unwind_cap) {
		struct unwind_module *p = realloc(s->unwind, s->now.n * sizeof *p);

		if (!p)
			return ERR_NOMEM;
		s->unwind = p;
		s->unwind_cap = s->now.n;
	}
	for (uint32_t i = 0; i < s->now.n; i++) {
		const struct range *r = &s->now.rows[i];

		s->unwind[i] = (struct unwind_module){.start = r->start,
						      .end = r->end,
						      .bias = r->bias,
						      .table = module_table(s->set, r->module),
						      .id = r->module};
	}
	s->map.modules = s->unwind;
	s->map.n = s->now.n;
	return 0;
}

const struct unwind_map *attach_space_map(struct attach_space *s)
{
	if (!s->mapped) {
		s->map.n = 0;
		s->mapped = make_map(s) == 0;
	}
	return &s->map;
}

int attach_space_is_code(struct attach_space *s, uint64_t address)
{
	return find(&s->now, address) != NULL;
}

struct attach_frame attach_space_frame(struct attach_space *s, uint64_t address)
{
	const struct range *r = find(&s->now, address);

	if (!r)
		return (struct attach_frame){MODULE_NONE, address};
	return (struct attach_frame){r->module, address - r->bias};
}
