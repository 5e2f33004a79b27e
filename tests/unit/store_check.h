/* Is a profile whole: does every place that a row names exist? For tests and fuzzing of readers. */
#ifndef TESTS_STORE_CHECK_H
#define TESTS_STORE_CHECK_H

#include "prof/model/profile.h"

static inline int store_check_string(const struct profile *p, uint32_t string)
{
	return string < strtab_count(p->strings);
}

static inline int store_check_profile(const struct profile *p)
{
	int ok = p->n_stacks >= 1 && p->stacks[0].frame == PROFILE_NONE && p->stacks[0].depth == 0;

	for (uint32_t i = 0; i < p->n_frames; i++)
		ok &= (p->frames[i].module == PROFILE_NONE || p->frames[i].module < p->n_modules) &&
		      p->frames[i].function != STRTAB_EMPTY &&
		      store_check_string(p, p->frames[i].function) &&
		      store_check_string(p, p->frames[i].file);
	for (uint32_t i = 1; i < p->n_stacks; i++)
		ok &= p->stacks[i].parent < i && p->stacks[i].frame < p->n_frames &&
		      p->stacks[i].depth == p->stacks[p->stacks[i].parent].depth + 1;
	for (size_t i = 0; i < p->n_samples; i++)
		ok &= p->samples[i].kind < PROFILE_KINDS && p->samples[i].thread < p->n_threads &&
		      p->samples[i].stack < p->n_stacks &&
		      (p->samples[i].stage == PROFILE_NONE || p->samples[i].stage < p->n_stages) &&
		      p->samples[i].variance >= 0 && p->samples[i].life_ns >= 0;
	for (size_t i = 0; i < p->n_ticks; i++)
		ok &= p->ticks[i].thread < p->n_threads && p->ticks[i].stack < p->n_stacks &&
		      p->ticks[i].state < PROFILE_STATES &&
		      (i == 0 || p->ticks[i - 1].t_ns <= p->ticks[i].t_ns);
	for (uint32_t i = 0; i < p->n_threads; i++)
		ok &= p->threads[i].process < p->n_processes &&
		      store_check_string(p, p->threads[i].name);
	for (uint32_t i = 0; i < p->n_stages; i++)
		ok &= (p->stages[i].parent == PROFILE_NONE || p->stages[i].parent < i) &&
		      p->stages[i].thread < p->n_threads &&
		      store_check_string(p, p->stages[i].name);
	for (size_t i = 0; i < p->n_counters; i++)
		ok &= store_check_string(p, p->counters[i].name);
	for (size_t i = 0; i < p->n_snapshots; i++)
		ok &= store_check_string(p, p->snapshots[i].name) &&
		      p->snapshots[i].n <= p->n_snapshot_rows &&
		      p->snapshots[i].first <= p->n_snapshot_rows - p->snapshots[i].n &&
		      (i == 0 || p->snapshots[i - 1].t_ns <= p->snapshots[i].t_ns);
	for (size_t i = 0; i < p->n_snapshot_rows; i++)
		ok &= p->snapshot_rows[i].stack < p->n_stacks;
	return ok;
}

#endif
