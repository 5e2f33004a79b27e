/* The auxiliary files of a run: anc2vec, taxonomy, InterPro, IA weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/lines.h"
#include "pipeline/job/context.h"

static int load_vectors(struct context *c, struct err *err)
{
	int rc;

	if (c->has_vectors)
		return 0;
	if (!c->archive) {
		rc = anc2vec_open(&c->archive, c->settings->anc2vec_path, err);
		if (rc)
			return rc;
	}
	rc = term_vectors_build(&c->vectors, c->archive, &c->ontology, err);
	c->has_vectors = rc == 0;
	anc2vec_close(c->archive);
	c->archive = NULL;
	return rc;
}

static int take_weight(struct context *c, struct lines *in, char *text, struct err *err)
{
	char *field[2], *end;
	double w;
	uint32_t go;

	if (!*text)
		return 0;
	if (lines_split(text, '\t', field, 2) != 2 || !*field[0])
		return lines_bad(in, err, "expected a go_id, a tab and a weight");
	w = strtod(field[1], &end);
	while (*end == ' ')
		end++;
	if (end == field[1] || *end || !isfinite(w))
		return lines_bad(in, err, "'%s' is not a weight", field[1]);
	go = ontology_find(&c->ontology, field[0], strlen(field[0]));
	c->n_ia++;
	if (go != GO_NONE)
		c->ia[go] = w;
	return 0;
}

static int load_ia(struct context *c, const struct payload *p, struct events *e, struct err *err)
{
	char *path = fsio_resolve(c->settings->base_dir, p->ia_file);
	struct lines *in = NULL;
	char *text;
	size_t len;
	int rc;

	c->ia = calloc((size_t)c->ontology.n_go + 1, sizeof *c->ia);
	if (!path || !c->ia) {
		free(path);
		return err_nomem(err, "IA weights");
	}
	rc = lines_open(&in, path, LINES_MAX_BYTES, err);
	while (!rc && (rc = lines_next(in, &text, &len, err)) > 0)
		rc = take_weight(c, in, text, err);
	lines_close(in);
	if (!rc)
		events_emit(
			e, "info", "ia_loaded", NULL,
			json_pack("{s:s, s:I}", "ia_file", path, "n_terms", (json_int_t)c->n_ia));
	free(path);
	return rc;
}

int context_load_auxiliary(struct context *c, const struct payload *p, struct events *e,
			   struct err *err)
{
	struct events_stage stage;
	int rc;

	events_stage_begin(e, &stage, "load_files");
	rc = load_vectors(c, err);
	if (!rc && p->compute_taxonomy && !c->taxonomy)
		rc = taxonomy_open(&c->taxonomy, c->settings->taxonomy_path, err);
	if (!rc && p->profile == SCHEMA_V5_73 && c->settings->interpro_path && !c->has_interpro) {
		rc = interpro_load(&c->interpro, c->settings->interpro_path,
				   &c->proteins.accessions, &c->ontology, err);
		c->has_interpro = rc == 0;
	}
	if (!rc && p->ia_file && !c->ia)
		rc = load_ia(c, p, e, err);
	events_stage_end(&stage, rc ? NULL : "files_loaded",
			 json_pack("{s:I, s:I, s:I}", "anc2vec_dim", (json_int_t)c->vectors.dim,
				   "taxa",
				   (json_int_t)(c->taxonomy ? taxonomy_count(c->taxonomy) : 0),
				   "interpro_lines", (json_int_t)c->interpro.n_lines));
	return rc;
}
