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

/* ---- set-up --------------------------------------------------------------------------------------- */

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
	const struct interpro_hit *interpro; /* entries of the query */
	uint32_t n_interpro;
	uint32_t protein;
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
                      const struct candidate *c)
{
	o->number[COL_DISTANCE][at] = c->distance;
	o->number[COL_VOTE_COUNT][at] = c->vote_count;
	o->number[COL_K_POSITION][at] = c->k_position;
	o->number[COL_GO_TERM_FREQUENCY][at] = c->term_frequency;
	o->number[COL_REF_ANNOTATION_DENSITY][at] = c->ref_density;
	o->number[COL_NEIGHBOR_DISTANCE_STD][at] = c->knn_present ? r->group.distance_std : NAN;
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
	o->number[COL_ANC2VEC_QUERY_KNOWN_COUNT][at] = (double)r->group.n_known;
	o->string[COL_QUALIFIER][at] = c->pair == PAIR_NONE ? r->strings->empty : c->qualifier;
	o->string[COL_EVIDENCE_CODE][at] = c->pair == PAIR_NONE ? r->strings->empty : c->evidence;
}

static void put_query(const struct recorder *r, struct rows *o, size_t at)
{
	size_t have = r->in->pca ? r->in->pca->n_components : 0, j;

	for (j = 0; j < PCA_COMPONENTS; j++)
		o->number[COL_EMB_PCA_QUERY_0 + j][at] = j < have ? r->scores[j] : NAN;
}

static void put_lineage(const struct recorder *r, struct rows *o, size_t at, uint32_t go)
{
	struct lineage l;

	group_lineage(&r->group, go, &l);
	o->number[COL_LINEAGE_IS_ANCESTOR_OF_KNOWN][at] = l.is_ancestor;
	o->number[COL_LINEAGE_IS_DESCENDANT_OF_KNOWN][at] = l.is_descendant;
	o->number[COL_LINEAGE_ANCESTOR_OF_COUNT][at] = l.ancestor_of;
	o->number[COL_LINEAGE_DESCENDANT_OF_COUNT][at] = l.descendant_of;
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
		if (!(set->flags[i] & (ANN_NEGATED | ANN_EXPERIMENTAL)) &&
		    r->in->ontology->term_go[set->term[i]] == go)
			return 1;
	return 0;
}

/* The 17 columns that only the profile v5-73 has. */
static void put_v5(const struct recorder *r, struct rows *o, size_t at, const struct candidate *c,
                   const struct row_context *x)
{
	const struct interpro_hit *h = find_hit(x, c->go);
	struct association_score s = {NAN, NAN, NAN};
	int i;

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
	if (r->has_association)
		s = association_of(&r->association, c->go);
	o->number[COL_ASSOCIATION_TOTAL][at] = s.total;
	o->number[COL_ASSOCIATION_CROSS][at] = s.cross;
	o->number[COL_ASSOCIATION_PRESENT][at] = s.present;
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
	o->string[COL_PROTEIN_ACCESSION][at] = r->strings->protein[r->group.query];
	o->string[COL_GO_TERM_ID][at] = r->strings->go[c->go];
	o->small[COL_LABEL][at] = (int8_t)label;
	o->string[COL_CATEGORY][at] = r->strings->category[cat];
	o->string[COL_SNAPSHOT_PAIR][at] = r->strings->label;
	o->string[COL_ASPECT][at] = r->strings->aspect[r->group.aspect];
	put_pair(r, o, at, c->pair);
	put_votes(r, o, at, c);
	put_query(r, o, at);
	put_lineage(r, o, at, c->go);
	if (o->profile == SCHEMA_V5_73)
		put_v5(r, o, at, c, x);
	o->count++;
	return 0;
}

/* ---- one query ------------------------------------------------------------------------------------ */

/* Which aspects the protein gained something in, per category: bit per aspect. */
static void member_aspects(const struct recorder *r, uint32_t protein,
                           unsigned member[CATEGORIES])
{
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++) {
		const struct pairset *gained = &r->in->buckets->gained[cat];
		size_t end, i = pairset_range(gained, protein, &end);

		member[cat] = 0;
		for (; i < end; i++) {
			int a = aspect_index(r->in->ontology->aspect_by_go[PAIR_GO(gained->key[i])]);

			if (a >= 0)
				member[cat] |= 1u << a;
		}
	}
}

static int put_candidate(const struct recorder *r, struct rows out[CATEGORIES],
                         const unsigned member[CATEGORIES], const struct candidate *c,
                         const struct row_context *x, struct record_counts *counts,
                         struct err *err)
{
	int cat;

	counts->candidates++;
	if (!r->in->ontology->pivot_aspect[c->go])
		return 0;
	counts->unlabeled++;
	for (cat = 0; cat < CATEGORIES; cat++) {
		int label, rc;

		if (!(member[cat] >> r->group.aspect & 1))
			continue;
		label = pairset_has(&r->in->buckets->gained[cat], PAIR_KEY(x->protein, c->go));
		if (label)
			counts->positives[cat]++;
		else
			counts->negatives[cat]++;
		rc = put_row(r, &out[cat], (enum category)cat, label, c, x, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void count_self(const struct recorder *r, int aspect, struct record_counts *counts)
{
	const struct feature_inputs *in = r->in;
	const struct knn_hit *hits;

	if (!neighbors_at(in->neighbors, aspect, r->group.query, in->k, &hits))
		return;
	counts->groups++;
	counts->self_neighbors +=
		in->refs->aspect[aspect].row[hits[0].ref] == in->query_row[r->group.query];
}

int recorder_query(struct recorder *r, uint32_t query, struct rows out[CATEGORIES],
                   struct record_counts *counts, struct err *err)
{
	const struct feature_inputs *in = r->in;
	struct row_context x = {.protein = in->pool->protein[in->query_row[query]]};
	unsigned member[CATEGORIES];
	int rc, aspect;

	member_aspects(r, x.protein, member);
	if (in->interpro)
		x.interpro = interpro_of(in->interpro, x.protein, &x.n_interpro);
	rc = group_query(&r->group, query, err);
	if (rc)
		return rc;
	if (in->pca)
		pca_project(in->pca, pool_at(in->pool, in->query_row[query]), r->scores);
	if (r->has_association)
		association_table_query(&r->association, r->group.known, r->group.n_known);
	for (aspect = 0; aspect < ASPECTS; aspect++) {
		struct group *g = &r->group;
		uint32_t i;

		count_self(r, aspect, counts);
		rc = group_aspect(g, aspect, err);
		counts->leaves += g->n_leaves;
		for (i = 0; !rc && i < g->n_rows; i++)
			rc = put_candidate(r, out, member, &g->leaf[i], &x, counts, err);
		for (i = 0; !rc && i < g->n_ancestors; i++)
			rc = put_candidate(r, out, member, &g->ancestor[i], &x, counts, err);
		if (rc)
			return rc;
	}
	return 0;
}
