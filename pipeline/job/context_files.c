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

/* A line of the IA file; 1 a weight, 0 an empty line. */
static int parse_weight(struct lines *in, char *text, const char **go_id, double *weight,
			struct err *err)
{
	char *field[2], *end;

	if (!*text)
		return 0;
	if (lines_split(text, '\t', field, 2) != 2 || !*field[0])
		return lines_bad(in, err, "expected a go_id, a tab and a weight");
	*go_id = field[0];
	*weight = strtod(field[1], &end);
	while (*end == ' ')
		end++;
	if (end == field[1] || *end || !isfinite(*weight) || strpbrk(field[1], "xX"))
		return lines_bad(in, err, "'%s' is not a weight", field[1]);
	return 1;
}

/* Reads the whole file; `ia` NULL: only to see that it can be read. */
static int read_ia(const char *path, const struct ontology *o, double *ia, size_t *n,
		   struct err *err)
{
	struct lines *in = NULL;
	const char *go_id = NULL;
	double weight = 0;
	char *text;
	size_t len;
	int rc = lines_open(&in, path, LINES_MAX_BYTES, err);

	*n = 0;
	while (!rc && (rc = lines_next(in, &text, &len, err)) > 0) {
		rc = parse_weight(in, text, &go_id, &weight, err);
		if (rc > 0 && ia) {
			uint32_t go = ontology_find(o, go_id, strlen(go_id));

			if (go != GO_NONE)
				ia[go] = weight;
		}
		*n += rc > 0;
		rc = rc < 0 ? rc : 0;
	}
	lines_close(in);
	return rc;
}

int context_check_ia(const char *path, struct err *err)
{
	size_t n;

	return read_ia(path, NULL, NULL, &n, err);
}

static int load_ia(struct context *c, const struct payload *p, struct events *e, struct err *err)
{
	char *path = fsio_resolve(c->settings->base_dir, p->ia_file);
	int rc = 0;

	if (!path)
		return err_nomem(err, "IA weights");
	if (!c->ia) {
		c->ia = calloc((size_t)c->ontology.n_go + 1, sizeof *c->ia);
		rc = c->ia ? read_ia(path, &c->ontology, c->ia, &c->n_ia, err)
			   : err_nomem(err, "IA weights");
	}
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
	if (!rc && p->ia_file)
		rc = load_ia(c, p, e, err);
	pp_stage_param(&stage.mark, "terms", (double)c->ontology.n_terms);
	pp_stage_param(&stage.mark, "taxa", c->taxonomy ? (double)taxonomy_count(c->taxonomy) : 0);
	events_stage_end(&stage, rc ? NULL : "files_loaded",
			 json_pack("{s:I, s:I, s:I}", "anc2vec_dim", (json_int_t)c->vectors.dim,
				   "taxa",
				   (json_int_t)(c->taxonomy ? taxonomy_count(c->taxonomy) : 0),
				   "interpro_lines", (json_int_t)c->interpro.n_lines));
	return rc;
}
