/* An empty profile, its end, and the names of kinds and states. */
#include "prof/model/profile.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

static const char *const kind_names[PROFILE_KINDS] = {
	"cpu",  "wall",      "offcpu", "alloc", "live", "peak",
	"leak", "temporary", "mmap",   "copy",  "sql",  "gpu",
};

static const char *const state_names[PROFILE_STATES] = {
	"running", "runnable", "sleeping", "disk", "stopped", "zombie",
};

int profile_init(struct profile *p)
{
	memset(p, 0, sizeof *p);
	p->strings = strtab_new();
	p->stacks = calloc(1, sizeof *p->stacks);
	if (!p->strings || !p->stacks) {
		profile_release(p);
		return ERR_NOMEM;
	}
	p->stacks[0].frame = PROFILE_NONE;
	p->n_stacks = 1;
	return 0;
}

void profile_release(struct profile *p)
{
	strtab_free(p->strings);
	free(p->modules);
	free(p->frames);
	free(p->stacks);
	free(p->samples);
	free(p->ticks);
	free(p->processes);
	free(p->threads);
	free(p->stages);
	free(p->counters);
	free(p->losses);
	free(p->snapshots);
	free(p->snapshot_rows);
	free(p->sql);
	memset(p, 0, sizeof *p);
}

static int find_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; name && i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int profile_has_failed(const struct profile *p)
{
	return p->run.signal || (p->run.has_exit_code && p->run.exit_code);
}

const char *profile_kind_name(enum profile_kind kind)
{
	return (unsigned)kind < PROFILE_KINDS ? kind_names[kind] : "?";
}

int profile_kind_parse(const char *name)
{
	return find_name(kind_names, PROFILE_KINDS, name);
}

int profile_kind_is_time(enum profile_kind kind)
{
	return kind == PROFILE_CPU || kind == PROFILE_WALL || kind == PROFILE_OFFCPU ||
	       kind == PROFILE_SQL || kind == PROFILE_GPU;
}

const char *profile_state_name(enum profile_state state)
{
	return (unsigned)state < PROFILE_STATES ? state_names[state] : "?";
}

int profile_state_parse(const char *name)
{
	return find_name(state_names, PROFILE_STATES, name);
}
