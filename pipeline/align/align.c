/* One pair: see align.h. Workspaces, checks, and values from counted columns. */
#include "pipeline/align/align_internal.h"

#include <stdlib.h>

struct align_workspace *align_workspace_new(size_t memory_bytes)
{
	struct align_workspace *w = calloc(1, sizeof *w);

	if (w)
		w->budget = (memory_bytes ? memory_bytes : ALIGN_DEFAULT_MEMORY) & ~(size_t)63;
	return w;
}

void align_workspace_free(struct align_workspace *w)
{
	if (!w)
		return;
	free(w->slab);
	free(w);
}

unsigned char *workspace_slab(struct align_workspace *w, size_t bytes)
{
	size_t size = w->slab_bytes;

	if (bytes <= size)
		return w->slab;
	/* at least doubled, so that pairs of rising length do not allocate one by one */
	size = bytes > 2 * size ? slab_size(bytes) : 2 * size;
	if (size > w->budget)
		size = w->budget > bytes ? w->budget : slab_size(bytes);
	free(w->slab);
	w->slab_bytes = 0;
	w->slab = aligned_alloc(64, size);
	if (w->slab)
		w->slab_bytes = size;
	return w->slab;
}

int align_check_texts(struct align_text query, struct align_text ref, struct err *err)
{
	size_t longest = query.len > ref.len ? query.len : ref.len;

	if (query.len == 0 || ref.len == 0)
		return err_set(err, ERR_ARG, "an empty text has no alignment");
	if (longest >= ALIGN_MAX_LEN)
		return err_set(err, ERR_LIMIT,
			       "a text of %zu residues is too long to align: the limit is %zu",
			       longest, ALIGN_MAX_LEN - 1);
	return 0;
}

int align_bad_path(struct align_text query, struct align_text ref, struct err *err)
{
	return err_set(
		err, ERR_INTERNAL,
		"the path of an alignment of %zu with %zu residues does not explain its "
		"score: please report it with both sequences (PROTEA_SIMD=portable may help)",
		query.len, ref.len);
}

int align_check_path(const struct align_walk *w, struct err *err)
{
	return walk_explains_score(w) ? 0 : align_bad_path(w->query, w->ref, err);
}

static double share(uint32_t part, uint32_t whole)
{
	return whole ? (double)part / (double)whole : 0.0;
}

/* A letter beyond ASCII is aligned byte by byte, but it is one character. */
static double characters(struct align_text t)
{
	size_t n = 0, i;

	for (i = 0; i < t.len; i++)
		n += ((unsigned char)t.bytes[i] & 0xc0) != 0x80;
	return (double)n;
}

void align_fill_values(const struct align_path *nw, const struct align_path *sw,
		       struct align_text query, struct align_text ref, struct align_values *out)
{
	*out = (struct align_values){
		.identity_nw = share(nw->identical, nw->columns),
		.similarity_nw = share(nw->similar, nw->columns),
		.score_nw = nw->score,
		.gaps_pct_nw = share(nw->gaps, nw->columns),
		.length_nw = nw->columns,
		.length_query = characters(query),
		.length_ref = characters(ref),
		.identity_sw = share(sw->identical, sw->columns),
		.similarity_sw = share(sw->similar, sw->columns),
		.score_sw = sw->columns ? sw->score : ALIGN_EMPTY_SW_SCORE,
		.gaps_pct_sw = share(sw->gaps, sw->columns),
		.length_sw = sw->columns,
	};
}

int align_pair(struct align_workspace *w, struct align_text query, struct align_text ref,
	       struct align_values *out, struct err *err)
{
	struct align_path nw, sw;
	int rc = align_check_texts(query, ref, err);

	if (rc == 0)
		rc = align_scalar(w, ALIGN_NW, query, ref, &nw, err);
	if (rc == 0)
		rc = align_scalar(w, ALIGN_SW, query, ref, &sw, err);
	if (rc == 0)
		align_fill_values(&nw, &sw, query, ref, out);
	return rc;
}
