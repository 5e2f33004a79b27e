/* Alignments of a pair (spec 4.7.1, 8): texts, distinct text pairs, the cache, the kernel. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/job/split.h"
#include "prof/base/clock.h"

/* A chunk is aligned and handed to the cache before the next is begun. Spec 8 wants a commit every
 * 10,000 rows or 30 s: at some 1e9 cells a second and worker a chunk is done in seconds, and pairs of
 * ordinary length still come in thousands, which fills the kernel's lanes. */
#define CHUNK_PAIRS 10000
#define CHUNK_CELLS 4e9 /* of NW and SW together, per worker */

struct texts {
	struct dict dict;  /* text -> number */
	int64_t *sequence; /* owned: distinct sequence ids, ascending */
	uint32_t *text;    /* owned: per sequence id, number or DICT_NONE (absent or empty) */
	size_t n, at;
	struct align_text *view; /* owned: per text */
	char (*md5)[MD5_HEX];    /* owned: per text, only with a cache */
};

static int cmp_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t sequence_of(const struct split *s, uint32_t pool_row_no)
{
	return s->c->proteins.sequence_id[s->c->pool.protein[pool_row_no]];
}

static int collect_ids(const struct split *s, struct texts *t, struct err *err)
{
	const struct pair_list *p = &s->pairs;
	size_t i, n = 0, at = 0;

	t->sequence = malloc(((size_t)p->n + s->n_queries + 1) * sizeof *t->sequence);
	if (!t->sequence)
		return err_nomem(err, "sequence ids");
	for (i = 0; i < s->n_queries; i++)
		t->sequence[n++] = sequence_of(s, s->query_row[i]);
	for (i = 0; i < p->n; i++)
		t->sequence[n++] = sequence_of(s, p->ref_row[i]);
	qsort(t->sequence, n, sizeof *t->sequence, cmp_i64);
	for (i = 0; i < n; i++)
		if (t->sequence[i] >= 0 && (at == 0 || t->sequence[i] != t->sequence[at - 1]))
			t->sequence[at++] = t->sequence[i];
	t->n = at;
	t->text = malloc((at + 1) * sizeof *t->text);
	if (!t->text)
		return err_nomem(err, "sequence ids");
	memset(t->text, 0xff, (at + 1) * sizeof *t->text);
	return 0;
}

static int take_text(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	struct texts *t = ctx;

	while (t->at < t->n && t->sequence[t->at] < id)
		t->at++;
	if (t->at == t->n || t->sequence[t->at] != id || len == 0)
		return 0;
	t->text[t->at] = dict_intern(&t->dict, text, len);
	return t->text[t->at] == DICT_NONE ? err_nomem(err, "sequences") : 0;
}

static int load_texts(const struct split *s, struct texts *t, int with_md5, struct err *err)
{
	uint32_t i;
	int rc = collect_ids(s, t, err);

	if (!rc)
		rc = source_sequences(s->c->source, t->sequence, t->n, take_text, t, err);
	if (rc)
		return rc;
	t->view = malloc(((size_t)t->dict.count + 1) * sizeof *t->view);
	t->md5 = with_md5 ? malloc(((size_t)t->dict.count + 1) * sizeof *t->md5) : NULL;
	if (!t->view || (with_md5 && !t->md5))
		return err_nomem(err, "sequences");
	for (i = 0; !rc && i < t->dict.count; i++) {
		t->view[i] = (struct align_text){t->dict.text[i], t->dict.len[i]};
		if (with_md5 && md5_hex(t->dict.text[i], t->dict.len[i], t->md5[i]) != 0)
			rc = err_set(err, ERR_INTERNAL, "cannot digest a sequence");
	}
	return rc;
}

static void release_texts(struct texts *t)
{
	dict_release(&t->dict);
	free(t->sequence);
	free(t->text);
	free(t->view);
	free(t->md5);
}

static uint32_t text_of(const struct texts *t, int64_t sequence)
{
	const int64_t *hit =
		sequence < 0 ? NULL
			     : bsearch(&sequence, t->sequence, t->n, sizeof sequence, cmp_i64);

	return hit ? t->text[hit - t->sequence] : DICT_NONE;
}

/* ---- distinct text pairs ------------------------------------------------------------------------------ */

struct work {
	struct align_job *job;      /* owned: distinct text pairs */
	struct align_values *value; /* owned */
	unsigned char *done;        /* owned */
	uint32_t *of_pair;          /* owned: accession pair -> job, or UINT32_MAX */
	size_t n;
};

static int make_work(const struct split *s, const struct texts *t, struct work *w, struct err *err)
{
	const struct pair_list *p = &s->pairs;
	struct idmap seen = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	w->job = malloc(((size_t)p->n + 1) * sizeof *w->job);
	w->of_pair = malloc(((size_t)p->n + 1) * sizeof *w->of_pair);
	if (!w->job || !w->of_pair)
		return err_nomem(err, "alignments");
	for (i = 0; !rc && i < p->n; i++) {
		uint32_t a = text_of(t, sequence_of(s, s->query_row[p->query[i]]));
		uint32_t b = text_of(t, sequence_of(s, p->ref_row[i])), at;

		w->of_pair[i] = UINT32_MAX;
		if (a == DICT_NONE || b == DICT_NONE)
			continue;
		at = idmap_intern(&seen, (uint64_t)a << 32 | b, (uint32_t)w->n);
		if (at == IDMAP_NONE)
			rc = err_nomem(err, "alignments");
		else if (at == w->n)
			w->job[w->n++] = (struct align_job){a, b};
		w->of_pair[i] = at;
	}
	idmap_release(&seen);
	if (rc)
		return rc;
	w->value = malloc((w->n + 1) * sizeof *w->value);
	w->done = calloc(w->n + 1, 1);
	return w->value && w->done ? 0 : err_nomem(err, "alignments");
}

static void release_work(struct work *w)
{
	free(w->job);
	free(w->value);
	free(w->done);
	free(w->of_pair);
}

/* ---- cache and kernel --------------------------------------------------------------------------------- */

#define LOOKUP_KEYS 8000

static int look_up(const struct texts *t, struct work *w, struct align_cache *cache, size_t *hits,
		   struct err *err)
{
	char(*query)[MD5_HEX] = malloc(LOOKUP_KEYS * sizeof *query);
	char(*ref)[MD5_HEX] = malloc(LOOKUP_KEYS * sizeof *ref);
	size_t from, i;
	int rc = 0;

	*hits = 0;
	if (!query || !ref)
		rc = err_nomem(err, "alignment keys");
	for (from = 0; !rc && from < w->n; from += LOOKUP_KEYS) {
		size_t n = w->n - from < LOOKUP_KEYS ? w->n - from : LOOKUP_KEYS;

		for (i = 0; i < n; i++) {
			memcpy(query[i], t->md5[w->job[from + i].query], MD5_HEX);
			memcpy(ref[i], t->md5[w->job[from + i].ref], MD5_HEX);
		}
		*hits += align_cache_lookup(cache, (const char(*)[MD5_HEX])query,
					    (const char(*)[MD5_HEX])ref, n, w->value + from,
					    w->done + from);
		rc = cancel_check(err);
	}
	free(query);
	free(ref);
	return rc;
}

static void add_progress(void *ctx, size_t done)
{
	events_progress_add(ctx, done);
}

struct chunk {
	struct align_job *job;      /* owned: what is missing of one chunk */
	struct align_values *value; /* owned */
	unsigned char *done;        /* owned */
	size_t *at;                 /* owned: place in the whole work */
	size_t n;
};

static int align_chunk(const struct split *s, const struct texts *t, struct work *w,
		       struct chunk *c, struct align_cache *cache, struct err *err)
{
	struct align_options options = {
		.n_workers = split_workers(s),
		.progress = add_progress,
		.progress_ctx = s->events,
	};
	size_t i;
	int rc;

	memset(c->done, 0, c->n);
	rc = align_batch(t->view, c->job, c->n, &options, c->value, c->done, err);
	/* A cancelled run keeps in the cache what it has finished. */
	for (i = 0; i < c->n; i++) {
		if (!c->done[i])
			continue;
		w->value[c->at[i]] = c->value[i];
		w->done[c->at[i]] = 1;
		if (cache)
			align_cache_insert(cache, t->md5[c->job[i].query], t->md5[c->job[i].ref],
					   &c->value[i]);
	}
	return rc;
}

static double cells_of(const struct texts *t, struct align_job job)
{
	return 2.0 * (double)t->view[job.query].len * (double)t->view[job.ref].len;
}

/* What the cache does not hold, as the kernel sees it. */
static double cells_missing(const struct texts *t, const struct work *w)
{
	double cells = 0;
	size_t i;

	for (i = 0; i < w->n; i++)
		cells += w->done[i] ? 0 : cells_of(t, w->job[i]);
	return cells;
}

/* Missing pairs from *from on, up to the budget, at least one. */
static void next_chunk(const struct split *s, const struct texts *t, const struct work *w,
		       size_t *from, struct chunk *c)
{
	double cells = 0, budget = CHUNK_CELLS * (double)split_workers(s);

	for (c->n = 0; *from < w->n && c->n < CHUNK_PAIRS && cells < budget; ++*from) {
		if (w->done[*from])
			continue;
		cells += cells_of(t, w->job[*from]);
		c->job[c->n] = w->job[*from];
		c->at[c->n++] = *from;
	}
}

static int align_missing(const struct split *s, const struct texts *t, struct work *w,
			 struct align_cache *cache, struct err *err)
{
	struct chunk c = {0};
	size_t i = 0;
	int rc = 0;

	c.job = malloc(CHUNK_PAIRS * sizeof *c.job);
	c.value = malloc(CHUNK_PAIRS * sizeof *c.value);
	c.done = malloc(CHUNK_PAIRS);
	c.at = malloc(CHUNK_PAIRS * sizeof *c.at);
	if (!c.job || !c.value || !c.done || !c.at)
		rc = err_nomem(err, "alignments");
	while (!rc && i < w->n) {
		next_chunk(s, t, w, &i, &c);
		if (c.n)
			rc = align_chunk(s, t, w, &c, cache, err);
	}
	free(c.job);
	free(c.value);
	free(c.done);
	free(c.at);
	return rc;
}

/* Values per accession pair. */
static int spread(struct split *s, const struct work *w, struct err *err)
{
	uint32_t i;

	s->align = malloc(((size_t)s->pairs.n + 1) * sizeof *s->align);
	s->has_align = calloc((size_t)s->pairs.n + 1, 1);
	if (!s->align || !s->has_align)
		return err_nomem(err, "alignments");
	for (i = 0; i < s->pairs.n; i++)
		if (w->of_pair[i] != UINT32_MAX) {
			s->align[i] = w->value[w->of_pair[i]];
			s->has_align[i] = 1;
		}
	return 0;
}

static struct align_cache *open_cache(const struct split *s)
{
	const char *dir = s->c->settings->align_cache_dir;

	return dir ? align_cache_open(dir) : NULL;
}

static void close_cache(const struct split *s, struct align_cache *cache)
{
	if (cache)
		align_cache_flush(cache); /* its trouble is seen here, that of closing is not */
	if (cache && align_cache_trouble(cache))
		events_warn(s->events, "align_cache",
			    json_pack("{s:s}", "path", align_cache_path(cache)),
			    "the alignment cache is not used: %s", align_cache_trouble(cache));
	align_cache_close(cache);
}

int split_align(struct split *s, struct err *err)
{
	struct align_cache *cache = open_cache(s);
	struct events_stage stage;
	struct texts texts = {0};
	struct work work = {0};
	size_t hits = 0;
	int64_t start_ns;
	double seconds;
	int rc;

	events_stage_begin(s->events, &stage, "alignment");
	rc = load_texts(s, &texts, cache != NULL, err);
	if (!rc)
		rc = make_work(s, &texts, &work, err);
	if (!rc && cache)
		rc = look_up(&texts, &work, cache, &hits, err);
	pp_stage_items(&stage.mark, work.n);
	pp_stage_param(&stage.mark, "pairs", (double)(work.n - hits));
	if (!rc)
		pp_stage_param(&stage.mark, "cells", cells_missing(&texts, &work));
	if (cache) {
		pp_stage_param(&stage.mark, "cache_lookups", (double)work.n);
		pp_stage_param(&stage.mark, "cache_hits", (double)hits);
	}
	start_ns = clock_mono_ns();
	events_progress_begin(s->events, "alignment", "pairs", work.n - hits);
	if (!rc)
		rc = align_missing(s, &texts, &work, cache, err);
	events_progress_end(s->events);
	seconds = (double)(clock_mono_ns() - start_ns) / 1e9;
	if (!rc)
		rc = spread(s, &work, err);
	s->align_hits = hits;
	s->align_computed = work.n - hits;
	close_cache(s, cache);
	events_stage_end(
		&stage, rc ? NULL : "alignment_done",
		json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "split", split_name(s), "pairs",
			  (json_int_t)s->pairs.n, "cache_hits", (json_int_t)hits, "computed",
			  (json_int_t)(work.n - hits), "workers", (json_int_t)split_workers(s),
			  "pairs_per_s",
			  json_rounded(seconds > 0 ? (double)(work.n - hits) / seconds : 0, 1)));
	release_texts(&texts);
	release_work(&work);
	return rc;
}
