/* What is in a bundle, as text for people: the second half of info.h. */
#include "pipeline/bundle/info.h"

#include <string.h>

#include "prof/base/units.h"

/* Texts of the file, whose control bytes must not reach a terminal. */
static void put_text(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_putc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

/* A field after `before`; "-" for NULL. */
static void put_field(struct buf *out, const char *before, const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	buf_puts(out, before);
	put_text(out, text ? text : "-");
}

static uint64_t int_of(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	return n < 0 ? 0 : (uint64_t)n;
}

/* A number between two words. */
static void put_count(struct buf *out, const char *before, const json_t *row, const char *key,
		      const char *after)
{
	char text[UNITS_TEXT];

	buf_printf(out, "%s%s%s", before, units_count(text, int_of(row, key)), after);
}

/* ---- one line each ---------------------------------------------------------------------------- */

static void put_snapshot(struct buf *out, const json_t *row)
{
	put_field(out, "  ", row, "id");
	put_field(out, "  ", row, "obo_version");
	put_count(out, ": ", row, "terms", " terms, ");
	put_count(out, "", row, "terms_with_aspect", " with an aspect, ");
	put_count(out, "", row, "edges", " edges\n");
}

static void put_annotation_set(struct buf *out, const json_t *row)
{
	put_field(out, "  ", row, "id");
	put_field(out, "  ", row, "source");
	put_field(out, " ", row, "version");
	put_count(out, ": ", row, "rows", " rows");
	put_count(out, " of ", row, "proteins", " proteins");
	put_field(out, ", made with ", row, "obo_version");
	put_field(out, ", ", row, "created_at");
	buf_putc(out, '\n');
}

static void put_embedding(struct buf *out, const json_t *row)
{
	char bytes[UNITS_TEXT];

	put_field(out, "  ", row, "config");
	put_field(out, "  ", row, "model");
	put_count(out, ": ", row, "rows", " rows");
	if (int_of(row, "dim")) {
		buf_printf(out, " of dimension %llu", (unsigned long long)int_of(row, "dim"));
		put_field(out, ", ", row, "precision");
		buf_printf(out, ", %s", units_bytes(bytes, int_of(row, "bytes")));
	}
	if (int_of(row, "rows") > int_of(row, "sequences") && int_of(row, "sequences"))
		put_count(out, ", in chunks of ", row, "sequences", " sequences");
	buf_putc(out, '\n');
}

static void put_evaluation_set(struct buf *out, const json_t *row)
{
	put_field(out, "  ", row, "id");
	put_field(out, "  from ", row, "old");
	put_field(out, " to ", row, "new");
	put_field(out, ", pivot ", row, "pivot");
	if (json_is_string(json_object_get(row, "groundtruth_uri")))
		put_field(out, ", ground truth ", row, "groundtruth_uri");
	else
		buf_puts(out, ", ground truth to be computed");
	buf_putc(out, '\n');
}

static void put_dataset(struct buf *out, const json_t *row)
{
	put_field(out, "  ", row, "id");
	put_field(out, "  ", row, "name");
	put_count(out, ": k ", row, "k", "");
	put_count(out, ", ", row, "train_rows", " train rows");
	put_count(out, ", ", row, "eval_rows", " eval rows");
	put_field(out, ", ", row, "created_at");
	buf_putc(out, '\n');
}

/* ---- parts ------------------------------------------------------------------------------------ */

static void put_list(struct buf *out, const json_t *info, const char *key, const char *title,
		     void (*put)(struct buf *out, const json_t *row))
{
	const json_t *list = json_object_get(info, key);
	const json_t *row;
	size_t i;

	buf_printf(out, "%s\n", title);
	if (json_array_size(list) == 0)
		buf_puts(out, "  none\n");
	json_array_foreach(list, i, row) put(out, row);
}

static void put_proteins(struct buf *out, const json_t *info)
{
	const json_t *proteins = json_object_get(info, "proteins");
	const json_t *sequences = json_object_get(info, "sequences");

	put_count(out, "proteins\n  ", proteins, "total", " proteins, ");
	put_count(out, "", proteins, "with_sequence", " with a sequence, ");
	put_count(out, "", proteins, "with_taxon", " with a taxon\n");
	put_count(out, "  ", sequences, "total", " sequences of ");
	put_count(out, "", sequences, "residues", " residues, ");
	put_count(out, "", sequences, "longest", " in the longest\n");
}

static void put_jobs(struct buf *out, const json_t *jobs)
{
	const char *status;
	json_t *count;

	if (json_object_size(jobs) == 0)
		return;
	buf_puts(out, "jobs\n ");
	json_object_foreach((json_t *)jobs, status, count)
	{
		buf_putc(out, ' ');
		put_text(out, status);
		buf_printf(out, " %lld", (long long)json_integer_value(count));
	}
	buf_putc(out, '\n');
}

static void put_notes(struct buf *out, const json_t *notes)
{
	const char *key;
	json_t *value;

	buf_puts(out, "notes (how it was made, what in it is derived)\n");
	if (json_object_size(notes) == 0)
		buf_puts(out, "  none\n");
	json_object_foreach((json_t *)notes, key, value)
	{
		buf_puts(out, "  ");
		put_text(out, key);
		buf_puts(out, ": ");
		put_text(out, json_is_string(value) ? json_string_value(value) : "-");
		buf_putc(out, '\n');
	}
}

void bundle_info_text(const json_t *info, struct buf *out)
{
	char bytes[UNITS_TEXT];

	put_field(out, "bundle ", info, "path");
	buf_printf(out, "  %s\n", units_bytes(bytes, int_of(info, "bytes")));
	put_list(out, info, "snapshots", "ontology snapshots", put_snapshot);
	put_list(out, info, "annotation_sets", "annotation sets", put_annotation_set);
	put_proteins(out, info);
	put_list(out, info, "embeddings", "embeddings", put_embedding);
	put_list(out, info, "evaluation_sets", "evaluation sets", put_evaluation_set);
	put_jobs(out, json_object_get(info, "jobs"));
	put_list(out, info, "datasets", "data sets", put_dataset);
	put_notes(out, json_object_get(info, "notes"));
}
