/* A profile that was read while its run goes on has addresses for names. Here they get names in memory, from the
 * files of the processes that still live, else by path and build id; the store stays as it is. */
#include <stdlib.h>
#include <string.h>

#include "prof/attach/proc.h"
#include "prof/record/livenames.h"

#define PROCESSES_MAX                                                                              \
	256 /* whose files are looked at; a run that has more has the same ones again */

struct chain { /* of a frame: outer ones at first, first + 1, …, the innermost takes its place */
	uint32_t first, n;
};

struct naming {
	struct profile *p;
	struct symbolizer *symbols;
	struct module_set *set;
	struct chain *chains; /* owned, by frame */
	uint32_t n_old;       /* frames before */
	uint32_t cap_frames;
};

/* ---- files of those who live ---- */

static void meet(struct module_set *set, int pid)
{
	struct attach_space *space;
	struct proc p;

	if (proc_open(&p, pid, NULL))
		return;
	space = attach_space_new(set, &p);
	if (space)
		(void)attach_space_refresh(space, 0, NULL);
	attach_space_free(space);
	proc_close(&p);
}

struct module_set *livenames_files(const struct profile *p)
{
	struct module_set *set = module_set_new(NULL);
	uint32_t met = 0;

	for (uint32_t i = 0; set && i < p->n_processes && met < PROCESSES_MAX; i++) {
		const struct profile_process *process = &p->processes[i];

		if (process->pid <= 0 || process->pid > INT32_MAX || process->end_ns > 0)
			continue;
		meet(set, (int)process->pid);
		met++;
	}
	return set;
}

static int64_t first_pid(const struct profile *p)
{
	return p->n_processes ? p->processes[0].pid : 0;
}

/* ---- frames ---- */

/* The reader's words for a frame that nobody named. */
static int has_no_name(const struct profile *p, const struct profile_frame *f)
{
	return f->module != PROFILE_NONE && f->file == STRTAB_EMPTY && f->inline_depth == 0 &&
	       strncmp(strtab_text(p->strings, f->function), "[unknown in ", 12) == 0;
}

static int grow_frames(struct naming *n, uint32_t more)
{
	struct profile *p = n->p;
	uint32_t cap = n->cap_frames ? n->cap_frames : p->n_frames;
	struct profile_frame *q;

	if (more > UINT32_MAX - 1 - p->n_frames)
		return ERR_NOMEM;
	if (p->n_frames + more <= cap)
		return 0;
	cap = cap < UINT32_MAX / 2 ? 2 * cap : UINT32_MAX;
	if (cap < p->n_frames + more)
		cap = p->n_frames + more;
	q = realloc(p->frames, cap * sizeof *q);
	if (!q)
		return ERR_NOMEM;
	p->frames = q;
	n->cap_frames = cap;
	return 0;
}

static void name_frame(struct profile_frame *f, const struct symbol_frame *name, uint32_t depth)
{
	f->function = name->function;
	f->file = name->file;
	f->language = name->language;
	f->line = name->line;
	f->inline_depth = depth;
}

static int take_chain(struct naming *n, uint32_t frame, const struct symbol_frame *names,
		      uint32_t len)
{
	struct profile *p = n->p;

	if (len == 0 || grow_frames(n, len - 1))
		return len ? ERR_NOMEM : 0;
	n->chains[frame] = (struct chain){p->n_frames, len - 1};
	for (uint32_t k = 0; k + 1 < len; k++) {
		p->frames[p->n_frames] = p->frames[frame];
		name_frame(&p->frames[p->n_frames++], &names[k], k);
	}
	name_frame(&p->frames[frame], &names[len - 1], len - 1);
	return 0;
}

static int name_module(struct naming *n, const uint32_t *frames, size_t count)
{
	const struct profile_module *m = &n->p->modules[n->p->frames[frames[0]].module];
	struct symbol_module module = {.path = strtab_text(n->p->strings, m->path),
				       .build_id = strtab_text(n->p->strings, m->build_id),
				       .pid = first_pid(n->p)};
	uint64_t *addrs = malloc(count * sizeof *addrs);
	struct symbol_answer a = {0};
	int rc = addrs ? 0 : ERR_NOMEM;

	for (size_t i = 0; i < count && addrs; i++)
		addrs[i] = n->p->frames[frames[i]].rel_addr;
	livenames_locate(n->set, &module);
	if (rc == 0)
		rc = symbolize(n->symbols, &module, addrs, count, &a, NULL, 0);
	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = take_chain(n, frames[i], a.frames + a.first[i], a.first[i + 1] - a.first[i]);
	symbol_answer_release(&a);
	free(addrs);
	return rc;
}

/* Places of frames without names, those of a module together: a counting sort. */
static uint32_t *by_module(const struct profile *p, size_t *total)
{
	uint32_t *starts = calloc((size_t)p->n_modules + 1, sizeof *starts);
	uint32_t *list = malloc(((size_t)p->n_frames + 1) * sizeof *list);
	uint32_t sum = 0;

	for (uint32_t i = 0; starts && list && i < p->n_frames; i++)
		if (has_no_name(p, &p->frames[i]))
			starts[p->frames[i].module]++;
	for (uint32_t m = 0; starts && list && m < p->n_modules; m++) {
		uint32_t n = starts[m];

		starts[m] = sum;
		sum += n;
	}
	for (uint32_t i = 0; starts && list && i < p->n_frames; i++)
		if (has_no_name(p, &p->frames[i]))
			list[starts[p->frames[i].module]++] = i;
	if (!starts) {
		free(list);
		list = NULL;
	}
	free(starts);
	*total = sum;
	return list;
}

static int name_frames(struct naming *n)
{
	size_t total, len;
	uint32_t *list = by_module(n->p, &total);
	int rc = list ? 0 : ERR_NOMEM;

	for (size_t i = 0; i < total && rc == 0; i += len) {
		uint32_t module = n->p->frames[list[i]].module;

		for (len = 1; i + len < total && n->p->frames[list[i + len]].module == module;)
			len++;
		rc = name_module(n, list + i, len);
	}
	free(list);
	return rc;
}

/* ---- stacks ---- */

static void move_stacks(struct profile *p, const uint32_t *place)
{
	for (size_t i = 0; i < p->n_samples; i++)
		p->samples[i].stack = place[p->samples[i].stack];
	for (size_t i = 0; i < p->n_ticks; i++)
		p->ticks[i].stack = place[p->ticks[i].stack];
	for (size_t i = 0; i < p->n_snapshot_rows; i++)
		p->snapshot_rows[i].stack = place[p->snapshot_rows[i].stack];
}

static uint64_t count_rows(const struct naming *n)
{
	uint64_t rows = n->p->n_stacks;

	for (uint32_t i = 1; i < n->p->n_stacks; i++)
		if (n->p->stacks[i].frame < n->n_old)
			rows += n->chains[n->p->stacks[i].frame].n;
	return rows;
}

/* Rows for outer functions between each row with inlined ones and its parent; parents stay before children,
 * and the order of rows what it was. */
static void splice(const struct naming *n, struct profile_stack *rows, uint32_t *place)
{
	const struct profile *p = n->p;
	uint32_t at = 1;

	rows[0] = p->stacks[0];
	place[0] = 0;
	for (uint32_t i = 1; i < p->n_stacks; i++) {
		struct profile_stack row = p->stacks[i];
		struct chain none = {0, 0}, c = row.frame < n->n_old ? n->chains[row.frame] : none;
		uint32_t parent = place[row.parent];

		for (uint32_t k = 0; k <= c.n; k++) {
			rows[at].parent = parent;
			rows[at].frame = k < c.n ? c.first + k : row.frame;
			rows[at].depth = rows[parent].depth + 1;
			parent = at++;
		}
		place[i] = parent;
	}
}

static int splice_stacks(struct naming *n)
{
	struct profile *p = n->p;
	uint64_t count = count_rows(n);
	struct profile_stack *rows;
	uint32_t *place;

	if (count == p->n_stacks)
		return 0;
	rows = count < UINT32_MAX ? malloc((size_t)count * sizeof *rows) : NULL;
	place = malloc((size_t)p->n_stacks * sizeof *place);
	if (!rows || !place) {
		free(rows);
		free(place);
		return ERR_NOMEM;
	}
	splice(n, rows, place);
	move_stacks(p, place);
	free(place);
	free(p->stacks);
	p->stacks = rows;
	p->n_stacks = (uint32_t)count;
	return 0;
}

int livenames_profile(struct profile *p, const char *cache_dir)
{
	const char *servers = getenv("PROTEA_PROF_DEBUGINFOD");
	struct symbol_options options = {.cache_dir = cache_dir,
					 .debuginfod = servers && strcmp(servers, "1") == 0};
	struct naming n = {.p = p, .n_old = p->n_frames};
	int rc = ERR_NOMEM;

	n.symbols = symbolizer_new(p->strings, &options);
	n.set = livenames_files(p);
	n.chains = calloc((size_t)p->n_frames + 1, sizeof *n.chains);
	if (n.symbols && n.set && n.chains)
		rc = name_frames(&n);
	if (rc == 0)
		rc = splice_stacks(&n);
	free(n.chains);
	module_set_free(n.set);
	symbolizer_free(n.symbols);
	return rc;
}
