/* The distinct text pairs of accession pairs: see align_work.h. */
#include "pipeline/job/align_work.h"

#include <stdlib.h>
#include <string.h>

int align_work_init(struct align_work *w, const struct context *c, struct err *err)
{
	*w = (struct align_work){.n_proteins = c->proteins.n};
	w->wanted = calloc((size_t)w->n_proteins + 1, 1);
	return w->wanted ? 0 : err_nomem(err, "sequences");
}

void align_work_release(struct align_work *w)
{
	free(w->wanted);
	align_texts_release(&w->own_texts);
	free(w->job);
	free(w->value);
	free(w->done);
	free(w->moved);
	idmap_release(&w->index);
	*w = (struct align_work){0};
}

/* ---- texts -------------------------------------------------------------------------------------------- */

void align_work_want(struct align_work *w, uint32_t protein)
{
	w->wanted[protein] = 1;
}

int align_work_load(struct align_work *w, struct context *c, int with_md5, struct err *err)
{
	w->texts = c->sharing ? &c->texts : &w->own_texts;
	return align_texts_load(w->texts, &c->proteins, c->source, w->wanted, with_md5, err);
}

/* ---- jobs --------------------------------------------------------------------------------------------- */

static int grow(struct align_work *w, struct err *err)
{
	size_t cap = w->cap ? w->cap + w->cap / 2 : 4096;
	struct align_job *job;

	if (w->n < w->cap)
		return 0;
	job = realloc(w->job, cap * sizeof *job);
	if (!job)
		return err_nomem(err, "alignments");
	w->job = job;
	w->cap = cap;
	return 0;
}

int align_work_add(struct align_work *w, uint32_t query, uint32_t ref, uint32_t *job, int *fresh,
		   struct err *err)
{
	uint32_t a = w->texts->text_of[query], b = w->texts->text_of[ref];

	*job = ALIGN_WORK_NONE;
	*fresh = 0;
	if (a == DICT_NONE || b == DICT_NONE)
		return 0;
	if (w->n >= UINT32_MAX - 1)
		return err_set(err, ERR_LIMIT, "more than 4 billion pairs of sequences");
	*job = idmap_intern(&w->index, (uint64_t)a << 32 | b, (uint32_t)w->n);
	if (*job == IDMAP_NONE || grow(w, err) != 0)
		return err_nomem(err, "alignments");
	*fresh = *job == w->n;
	if (*fresh)
		w->job[w->n++] = (struct align_job){a, b};
	return 0;
}

int align_work_room(struct align_work *w, struct err *err)
{
	w->value = malloc((w->n + 1) * sizeof *w->value);
	w->done = calloc(w->n + 1, 1);
	return w->value && w->done ? 0 : err_nomem(err, "alignments");
}

uint32_t align_work_find(const struct align_work *w, const struct idmap *text_of_sequence,
			 int64_t query, int64_t ref)
{
	uint32_t a = idmap_get(text_of_sequence, (uint64_t)query);
	uint32_t b = idmap_get(text_of_sequence, (uint64_t)ref);

	if (a == IDMAP_NONE || b == IDMAP_NONE)
		return ALIGN_WORK_NONE;
	return idmap_get(&w->index, (uint64_t)a << 32 | b);
}

static void exchange(struct align_work *w, size_t i, size_t j)
{
	struct align_job job = w->job[i];
	unsigned char done = w->done[i];

	w->job[i] = w->job[j];
	w->job[j] = job;
	w->done[i] = w->done[j];
	w->done[j] = done;
	/* Of the two only one has values. */
	w->value[j] = w->value[i];
	w->moved[i] = (uint32_t)j;
	w->moved[j] = (uint32_t)i;
}

int align_work_split(struct align_work *w, size_t *missing, struct err *err)
{
	size_t i, j = w->n, k;

	idmap_release(&w->index); /* its numbers end here */
	w->moved = malloc((w->n + 1) * sizeof *w->moved);
	if (!w->moved)
		return err_nomem(err, "alignments");
	for (k = 0; k < w->n; k++)
		w->moved[k] = (uint32_t)k;
	for (i = 0; i < j; i++) {
		if (!w->done[i])
			continue;
		do
			j--;
		while (j > i && w->done[j]);
		if (j > i)
			exchange(w, i, j);
	}
	for (k = 0; k < w->n && !w->done[k]; k++)
		;
	*missing = k;
	return 0;
}

void align_work_keep_values(struct align_work *w)
{
	struct align_work values = {
		.value = w->value, .done = w->done, .moved = w->moved, .n = w->n};

	w->value = NULL;
	w->done = NULL;
	w->moved = NULL;
	align_work_release(w);
	*w = values;
}

const struct align_values *align_work_value(const struct align_work *w, uint32_t job)
{
	uint32_t at = w->moved ? w->moved[job] : job;

	return w->done[at] ? &w->value[at] : NULL;
}

double align_work_cells(const struct align_work *w, struct align_job job)
{
	return 2.0 * (double)w->texts->view[job.query].len * (double)w->texts->view[job.ref].len;
}
