/* manifest.json (spec 5.3): see manifest.h. The bytes are those of Python's json.dumps(indent=2). */
#include "pipeline/output/manifest.h"

#include "pipeline/core/text.h"

#include <stdlib.h>

/* Adds one member; NULL `value` (no memory, or text that is not UTF-8) fails. */
static int add(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : -1;
}

static json_t *pairs(const struct manifest *m)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < m->n_train_snapshot_pairs; i++) {
		if (json_array_append_new(list, json_string(m->train_snapshot_pairs[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* Members in the order of spec 5.3; 0 or -1. */
static int build(json_t *o, const struct manifest *m)
{
	int bad = 0;

	bad |= add(o, "schema_version", json_string("v2"));
	bad |= add(o, "name", json_string(m->name));
	bad |= add(o, "k", json_integer(m->k));
	bad |= add(o, "embedding_config_id", json_string(m->embedding_config_id));
	bad |= add(o, "ontology_snapshot_id", json_string(m->ontology_snapshot_id));
	bad |= add(o, "annotation_source", json_string(m->annotation_source));
	bad |= add(o, "train_snapshot_pairs", pairs(m));
	bad |= add(o, "eval_snapshot_pair", json_string(m->eval_snapshot_pair));
	bad |= add(o, "schema_sha", json_string(m->schema_sha));
	bad |= add(o, "n_train_rows", json_integer(m->n_train_rows));
	bad |= add(o, "n_eval_rows", json_integer(m->n_eval_rows));
	bad |= add(o, "format", json_string("parquet"));
	bad |= add(o, "producer_version", json_string(m->producer_version));
	bad |= add(o, "producer_git_sha",
		   m->producer_git_sha ? json_string(m->producer_git_sha) : json_null());
	return bad;
}

int manifest_format(const struct manifest *m, struct buf *out, struct err *err)
{
	json_t *o = json_object();
	char *text = o && build(o, m) == 0 ? json_pretty_ascii(o) : NULL;
	int rc = 0;

	if (!text || buf_puts(out, text) != 0)
		rc = err_set(err, ERR_NOMEM, "no memory for the manifest of %s", m->name);
	free(text);
	json_decref(o);
	return rc;
}
