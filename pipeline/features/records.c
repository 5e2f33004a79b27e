/* From candidates to output rows: see records.h. */
#include "pipeline/features/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- strings -------------------------------------------------------------------------------------- */

static int put(struct dict *d, const char *text, uint32_t *id)
{
	*id = dict_intern(d, text, strlen(text));
	return *id == DICT_NONE;
}

int record_strings_make(struct record_strings *s, struct dict *strings,
			const struct feature_inputs *in, const struct proteins *proteins,
			const char *pair_label, struct err *err)
{
	uint32_t i;
	int bad = 0;

	*s = (struct record_strings){0};
	s->protein = malloc(((size_t)in->n_queries + 1) * sizeof *s->protein);
	s->go = malloc(((size_t)in->ontology->n_go + 1) * sizeof *s->go);
	if (!s->protein || !s->go)
		bad = 1;
	for (i = 0; !bad && i < in->n_queries; i++)
		bad |= put(strings,
			   dict_text(&proteins->accessions, in->pool->protein[in->query_row[i]]),
			   &s->protein[i]);
	for (i = 0; !bad && i < in->ontology->n_go; i++)
		bad |= put(strings, in->ontology->go_id[i], &s->go[i]);
	for (i = 0; !bad && i < CATEGORIES; i++)
		bad |= put(strings, category_name[i], &s->category[i]);
	for (i = 0; !bad && i < TAX_RELATIONS; i++)
		bad |= put(strings, tax_relation_name((enum tax_relation)i), &s->relation[i]);
	for (i = 0; !bad && i < ASPECTS; i++)
		bad |= put(strings, aspect_export[i], &s->aspect[i]);
	if (!bad)
		bad = put(strings, pair_label, &s->label) | put(strings, "", &s->empty);
	if (bad) {
		record_strings_release(s);
		return err_nomem(err, "row texts");
	}
	return 0;
}

void record_strings_release(struct record_strings *s)
{
	free(s->protein);
	free(s->go);
	*s = (struct record_strings){0};
}

/* ---- blocks and set-up --------------------------------------------------------------------------------------- */

int block_init(struct block *b, enum schema_profile profile, struct dict *strings, struct err *err)
{
	int cat, rc = 0;

	*b = (struct block){0};
	for (cat = 0; !rc && cat < CATEGORIES; cat++)
		rc = rows_init(&b->rows[cat], profile, strings, 1024, err);
	if (rc)
		block_release(b);
	return rc;
}

void block_clear(struct block *b, uint32_t from, uint32_t to)
{
	int cat;

	b->from = from;
	b->to = to;
	b->n_candidates = b->n_marks = 0;
	b->counts = (struct record_counts){0};
	for (cat = 0; cat < CATEGORIES; cat++)
		b->rows[cat].count = 0;
}

void block_release(struct block *b)
{
	int cat;

	free(b->candidate);
	free(b->mark);
	for (cat = 0; cat < CATEGORIES; cat++)
		rows_release(&b->rows[cat]);
	*b = (struct block){0};
}

int recorder_init(struct recorder *r, const struct feature_inputs *in,
		  const struct record_strings *strings, struct err *err)
{
	int rc;

	*r = (struct recorder){.in = in, .strings = strings};
	rc = group_init(&r->group, in, err);
	if (!rc && in->association) {
		rc = association_table_init(&r->association, in->association, err);
		r->has_association = rc == 0;
	}
	if (rc)
		recorder_release(r);
	return rc;
}

void recorder_release(struct recorder *r)
{
	group_release(&r->group);
	if (r->has_association)
		association_table_release(&r->association);
	r->has_association = 0;
}

/* ---- one row -------------------------------------------------------------------------------------- */

struct row_context {
	const struct block_mark *mark;
	const struct interpro_hit *interpro; /* entries of the query */
	uint32_t n_interpro;
	uint32_t protein;
	unsigned member[CATEGORIES]; /* aspects the protein gained something in */
};

static void put_alignment(struct rows *o, size_t at, const struct align_values *v, int sane)
{
	double score_sw = v ? v->score_sw : NAN;

	if (v && sane && v->length_sw == 0.0)
		score_sw = 0.0;
	o->number[COL_IDENTITY_NW][at] = v ? v->identity_nw : NAN;
	o->number[COL_SIMILARITY_NW][at] = v ? v->similarity_nw : NAN;
	o->number[COL_ALIGNMENT_SCORE_NW][at] = v ? v->score_nw : NAN;
	o->number[COL_GAPS_PCT_NW][at] = v ? v->gaps_pct_nw : NAN;
	o->number[COL_ALIGNMENT_LENGTH_NW][at] = v ? v->length_nw : NAN;
	o->number[COL_IDENTITY_SW][at] = v ? v->identity_sw : NAN;
	o->number[COL_SIMILARITY_SW][at] = v ? v->similarity_sw : NAN;
	o->number[COL_ALIGNMENT_SCORE_SW][at] = score_sw;
	o->number[COL_GAPS_PCT_SW][at] = v ? v->gaps_pct_sw : NAN;
	o->number[COL_ALIGNMENT_LENGTH_SW][at] = v ? v->length_sw : NAN;
	o->number[COL_LENGTH_QUERY][at] = v ? v->length_query : NAN;
	o->number[COL_LENGTH_REF][at] = v ? v->length_ref : NAN;
}

static void put_pair(const struct recorder *r, struct rows *o, size_t at, uint32_t pair)
{
	const struct feature_inputs *in = r->in;
	const struct align_values *v = NULL;
	const struct tax_pair *t = NULL;

	if (pair != PAIR_NONE) {
		v = in->align && in->has_align[pair] ? &in->align[pair] : NULL;
		t = in->tax ? &in->tax[pair] : NULL;
	}
	put_alignment(o, at, v, in->sane_empty_sw);
	o->number[COL_TAXONOMIC_DISTANCE][at] = t && t->distance >= 0 ? (double)t->distance : NAN;
	o->number[COL_TAXONOMIC_COMMON_ANCESTORS][at] = t ? (double)t->common_ancestors : NAN;
	o->string[COL_TAXONOMIC_RELATION][at] = r->strings->relation[t ? t->relation : TAX_NONE];
}

static void put_votes(const struct recorder *r, struct rows *o, size_t at,
		      const struct candidate *c, const struct block_mark *mark)
{
	o->number[COL_DISTANCE][at] = c->distance;
	o->number[COL_VOTE_COUNT][at] = c->vote_count;
	o->number[COL_K_POSITION][at] = c->k_position;
	o->number[COL_GO_TERM_FREQUENCY][at] = c->term_frequency;
	o->number[COL_REF_ANNOTATION_DENSITY][at] = c->ref_density;
	o->number[COL_NEIGHBOR_DISTANCE_STD][at] = c->knn_present ? mark->distance_std : NAN;
	o->number[COL_NEIGHBOR_VOTE_FRACTION][at] = c->vote_fraction;
	o->number[COL_NEIGHBOR_MIN_DISTANCE][at] = c->min_distance;
	o->number[COL_NEIGHBOR_MEAN_DISTANCE][at] = c->mean_distance;
	o->number[COL_TAX_VOTERS_SAME_FRAC][at] = c->voters_same;
	o->number[COL_TAX_VOTERS_CLOSE_FRAC][at] = c->voters_close;
	o->number[COL_TAX_VOTERS_MEAN_COMMON_ANCESTORS][at] = c->voters_mean_common;
	o->number[COL_ANC2VEC_NEIGHBOR_COS][at] = c->neighbor_cos;
	o->number[COL_ANC2VEC_NEIGHBOR_MAXCOS][at] = c->neighbor_maxcos;
	o->number[COL_ANC2VEC_HAS_EMB][at] = c->has_emb;
	o->number[COL_ANC2VEC_QUERY_KNOWN_COS][at] = c->known_cos;
	o->number[COL_ANC2VEC_QUERY_KNOWN_MAXCOS][at] = c->known_maxcos;
	o->number[COL_ANC2VEC_QUERY_KNOWN_COUNT][at] = mark->n_known;
	o->string[COL_QUALIFIER][at] = c->pair == PAIR_NONE ? r->strings->empty : c->qualifier;
	o->string[COL_EVIDENCE_CODE][at] = c->pair == PAIR_NONE ? r->strings->empty : c->evidence;
}

static void put_query(const struct recorder *r, struct rows *o, size_t at, uint32_t query)
{
	const double *scores = r->in->pca_scores ? r->in->pca_scores[query] : NULL;
	size_t j;

	for (j = 0; j < PCA_COMPONENTS; j++)
		o->number[COL_EMB_PCA_QUERY_0 + j][at] = scores ? scores[j] : NAN;
}

static void put_lineage(struct rows *o, size_t at, const struct candidate *c)
{
	o->number[COL_LINEAGE_IS_ANCESTOR_OF_KNOWN][at] = c->lineage_above > 0 ? 1.0 : 0.0;
	o->number[COL_LINEAGE_IS_DESCENDANT_OF_KNOWN][at] = c->lineage_below > 0 ? 1.0 : 0.0;
	o->number[COL_LINEAGE_ANCESTOR_OF_COUNT][at] = c->lineage_above;
	o->number[COL_LINEAGE_DESCENDANT_OF_COUNT][at] = c->lineage_below;
}

static const struct interpro_hit *find_hit(const struct row_context *x, uint32_t go)
{
	uint32_t lo = 0, hi = x->n_interpro;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->interpro[mid].go < go)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n_interpro && x->interpro[lo].go == go ? &x->interpro[lo] : NULL;
}

/* Does the query carry the term among its non-experimental, non-negated annotations? */
static int self_prior(const struct recorder *r, uint32_t protein, uint32_t go)
{
	const struct annset *set = r->in->refs->set;
	uint32_t from, to, i;

	annset_rows(set, protein, &from, &to);
	for (i = from; i < to; i++)
		if (!(annset_kind(set, i)->flags & (ANN_NEGATED | ANN_EXPERIMENTAL)) &&
		    r->in->ontology->term_go[set->term[i]] == go)
			return 1;
	return 0;
}

/* The 17 columns that only the profile v5-73 has. */
static void put_v5(const struct recorder *r, struct rows *o, size_t at, const struct candidate *c,
		   const struct row_context *x)
{
	const struct interpro_hit *h = find_hit(x, c->go);
	int on = r->has_association, i;

	o->small[COL_INTERPRO_HIT][at] = h != NULL;
	o->small[COL_INTERPRO_PRESENT][at] = h != NULL;
	o->number[COL_INTERPRO_SCORE][at] = h ? h->score : 0.0;
	o->number[COL_INTERPRO_N_SIGNATURES][at] = h ? (double)h->count : 0.0;
	for (i = 0; i < IPR_DBS; i++)
		o->small[COL_INTERPRO_DB_PFAM + i][at] = h && (h->dbs >> i & 1);
	o->small[COL_KNN_PRESENT][at] = (int8_t)c->knn_present;
	o->number[COL_CLASSIFIER_SCORE][at] = NAN;
	o->number[COL_CLASSIFIER_PRESENT][at] = NAN;
	o->number[COL_SELF_PRIOR_SCORE][at] =
		r->in->self_prior ? (double)self_prior(r, x->protein, c->go) : NAN;
	o->number[COL_ASSOCIATION_TOTAL][at] = on ? c->association_total : NAN;
	o->number[COL_ASSOCIATION_CROSS][at] = on ? c->association_cross : NAN;
	o->number[COL_ASSOCIATION_PRESENT][at] = on ? (double)(c->association_total > 0) : NAN;
}

static int put_row(const struct recorder *r, struct rows *o, enum category cat, int label,
		   const struct candidate *c, const struct row_context *x, struct err *err)
{
	size_t at = o->count;

	if (at == o->cap) {
		int rc = rows_reserve(o, o->cap ? 2 * o->cap : 1024, err);

		if (rc)
			return rc;
	}
	o->string[COL_PROTEIN_ACCESSION][at] = r->strings->protein[x->mark->query];
	o->string[COL_GO_TERM_ID][at] = r->strings->go[c->go];
	o->small[COL_LABEL][at] = (int8_t)label;
	o->string[COL_CATEGORY][at] = r->strings->category[cat];
	o->string[COL_SNAPSHOT_PAIR][at] = r->strings->label;
	o->string[COL_ASPECT][at] = r->strings->aspect[x->mark->aspect];
	put_pair(r, o, at, c->pair);
	put_votes(r, o, at, c, x->mark);
	put_query(r, o, at, x->mark->query);
	put_lineage(o, at, c);
	if (o->profile == SCHEMA_V5_73)
		put_v5(r, o, at, c, x);
	o->count++;
	return 0;
}

/* ---- candidates of a block ------------------------------------------------------------------------- */

static void count_self(const struct recorder *r, uint32_t query, int aspect,
		       struct record_counts *counts)
{
	const struct feature_inputs *in = r->in;
	const struct knn_hit *hits;

	if (!neighbors_at(in->neighbors, aspect, query, in->k, &hits))
		return;
	counts->groups++;
	counts->self_neighbors += in->refs->aspect[aspect].row[hits[0].ref] == in->query_row[query];
}

static int keep(struct recorder *r, struct block *b, const struct candidate *list, uint32_t n,
		struct err *err)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct candidate *c;
		int rc = group_grow(&b->candidate, &b->candidate_cap, b->n_candidates,
				    sizeof *b->candidate, err);

		if (rc)
			return rc;
		c = &b->candidate[b->n_candidates++];
		*c = list[i];
		group_lineage(&r->group, c);
		if (r->has_association) {
			struct association_score s = association_of(&r->association, c->go);

			c->association_total = s.total;
			c->association_cross = s.cross;
		}
	}
	return 0;
}

static int transfer_aspect(struct recorder *r, struct block *b, int aspect, struct err *err)
{
	struct group *g = &r->group;
	int rc;

	count_self(r, g->query, aspect, &b->counts);
	rc = group_aspect(g, aspect, err);
	if (!rc)
		rc = group_grow(&b->mark, &b->mark_cap, b->n_marks, sizeof *b->mark, err);
	if (!rc)
		rc = keep(r, b, g->leaf, g->n_rows, err);
	if (!rc)
		rc = keep(r, b, g->ancestor, g->n_ancestors, err);
	if (rc)
		return rc;
	b->mark[b->n_marks++] = (struct block_mark){
		.query = g->query,
		.aspect = aspect,
		.n = g->n_rows + g->n_ancestors,
		.distance_std = g->distance_std,
		.n_known = (double)g->n_known,
	};
	b->counts.candidates += g->n_rows + g->n_ancestors;
	return 0;
}

int recorder_transfer(struct recorder *r, struct block *b, struct err *err)
{
	uint32_t q;
	int rc = 0, aspect;

	for (q = b->from; !rc && q < b->to; q++) {
		rc = group_query(&r->group, q, err);
		if (!rc && r->has_association)
			association_table_query(&r->association,
						r->in->pool->protein[r->in->query_row[q]]);
		for (aspect = 0; !rc && aspect < ASPECTS; aspect++)
			rc = transfer_aspect(r, b, aspect, err);
	}
	return rc;
}

/* ---- rows of a block --------------------------------------------------------------------------------- */

/* Which aspects the protein gained something in, per category: bit per aspect. */
static void member_aspects(const struct recorder *r, struct row_context *x)
{
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++) {
		const struct pairset *gained = &r->in->buckets->gained[cat];
		size_t end, i = pairset_range(gained, x->protein, &end);

		x->member[cat] = 0;
		for (; i < end; i++) {
			int a = aspect_index(
				r->in->ontology->aspect_by_go[PAIR_GO(gained->key[i])]);

			if (a >= 0)
				x->member[cat] |= 1u << a;
		}
	}
}

static int put_candidate(const struct recorder *r, struct block *b, const struct candidate *c,
			 const struct row_context *x, struct err *err)
{
	int cat;

	if (!r->in->ontology->pivot_aspect[c->go])
		return 0;
	b->counts.unlabeled++;
	for (cat = 0; cat < CATEGORIES; cat++) {
		int label, rc;

		if (!(x->member[cat] >> x->mark->aspect & 1))
			continue;
		label = pairset_has(&r->in->buckets->gained[cat], PAIR_KEY(x->protein, c->go));
		if (label)
			b->counts.positives[cat]++;
		else
			b->counts.negatives[cat]++;
		rc = put_row(r, &b->rows[cat], (enum category)cat, label, c, x, err);
		if (rc)
			return rc;
	}
	return 0;
}

int recorder_rows(struct recorder *r, struct block *b, struct err *err)
{
	const struct feature_inputs *in = r->in;
	const struct candidate *c = b->candidate;
	uint32_t m, i;

	for (m = 0; m < b->n_marks; m++) {
		struct row_context x = {.mark = &b->mark[m]};

		x.protein = in->pool->protein[in->query_row[x.mark->query]];
		member_aspects(r, &x);
		if (in->interpro)
			x.interpro = interpro_of(in->interpro, x.protein, &x.n_interpro);
		for (i = 0; i < x.mark->n; i++, c++) {
			int rc = put_candidate(r, b, c, &x, err);

			if (rc)
				return rc;
		}
	}
	return 0;
}
