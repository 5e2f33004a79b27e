/* Parser half of parquet_meta.h: foreign footers and page headers. Counts are held against the bytes
 * that items of their kind need at least, so memory stays within a small multiple of the file.
 * Thread-safe as far as the arguments are. */
#include "pipeline/output/parquet_meta.h"

#include "pipeline/output/thrift.h"

/* Required fields alone take more than this. */
#define ELEMENT_MIN_BYTES 3
#define CHUNK_MIN_BYTES   16
#define GROUP_MIN_BYTES   8

struct parser {
	struct thrift_in in;
	struct parquet_meta *m;
	const char *what; /* first fault found, NULL none */
	int no_memory;
};

static void bad(struct parser *p, const char *what)
{
	if (!p->what)
		p->what = what;
	p->in.failed = 1;
	p->in.at = p->in.end;
}

/* Zeroed array for the items of a list; NULL after a failure or for an empty list. */
static void *list_array(struct parser *p, const struct thrift_field *f, size_t item_bytes,
			size_t min_bytes, size_t *n)
{
	size_t have = (size_t)(p->in.end - p->in.at);
	void *array;

	*n = thrift_get_list(&p->in, f, THRIFT_STRUCT);
	if (*n > have / min_bytes) {
		bad(p, "a list claims more items than the footer holds");
		*n = 0;
	}
	if (!*n)
		return NULL;
	array = arena_calloc(&p->m->arena, *n, item_bytes);
	if (!array) {
		p->no_memory = 1;
		bad(p, "no memory");
		*n = 0;
	}
	return array;
}

static void parse_element(struct parser *p, struct parquet_element *e)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f;

	*e = (struct parquet_element){.type = PARQUET_UNKNOWN,
				      .repetition = PARQUET_UNKNOWN,
				      .converted = PARQUET_UNKNOWN};
	thrift_enter_item(in, &f);
	while (thrift_next(in, &f)) {
		switch (f.id) {
		case 1:
			e->type = thrift_get_i32(in, &f);
			break;
		case 3:
			e->repetition = thrift_get_i32(in, &f);
			break;
		case 4:
			e->name = thrift_get_binary(in, &f, &e->name_len);
			break;
		case 5:
			e->n_children = thrift_get_i32(in, &f);
			break;
		case 6:
			e->converted = thrift_get_i32(in, &f);
			break;
		default:
			thrift_skip(in, &f);
		}
	}
	thrift_leave(in);
	if (!e->name || e->n_children < 0)
		bad(p, "a schema element has no name or a negative number of children");
}

static void parse_schema(struct parser *p, const struct thrift_field *f)
{
	struct parquet_meta *m = p->m;

	if (m->elements) {
		bad(p, "two schemas");
		return;
	}
	m->elements = list_array(p, f, sizeof *m->elements, ELEMENT_MIN_BYTES, &m->n_elements);
	for (size_t i = 0; i < m->n_elements && !p->in.failed; i++)
		parse_element(p, &m->elements[i]);
}

static void parse_stats(struct parser *p, const struct thrift_field *outer, struct parquet_stats *s)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f;

	thrift_enter(in, outer, &f);
	while (thrift_next(in, &f)) {
		switch (f.id) {
		case 3:
			s->null_count = thrift_get_int(in, &f);
			break;
		case 4:
			s->distinct_count = thrift_get_int(in, &f);
			break;
		case 5:
			s->max = thrift_get_binary(in, &f, &s->max_len);
			break;
		case 6:
			s->min = thrift_get_binary(in, &f, &s->min_len);
			break;
		default:
			thrift_skip(in, &f);
		}
	}
	thrift_leave(in);
}

static void parse_encodings(struct parser *p, const struct thrift_field *f, struct parquet_chunk *c)
{
	size_t n = thrift_get_list(&p->in, f, THRIFT_I32);

	for (size_t i = 0; i < n && !p->in.failed; i++) {
		int32_t e = thrift_get_item_i32(&p->in);

		if (e >= 0 && e < 32)
			c->encodings |= 1u << e;
	}
}

static void parse_page_counts(struct parser *p, const struct thrift_field *outer,
			      struct parquet_chunk *c)
{
	struct thrift_in *in = &p->in;
	size_t n = thrift_get_list(in, outer, THRIFT_STRUCT);

	for (size_t i = 0; i < n && !in->failed; i++) {
		int32_t value[4] = {0};
		struct thrift_field f;

		thrift_enter_item(in, &f);
		while (thrift_next(in, &f)) {
			if (f.id >= 1 && f.id <= 3)
				value[f.id] = thrift_get_i32(in, &f);
			else
				thrift_skip(in, &f);
		}
		thrift_leave(in);
		if (value[1] == PARQUET_DATA_PAGE) {
			c->data_encoding = value[2];
			c->n_data_pages = value[3];
		}
	}
}

static void parse_chunk_meta(struct parser *p, const struct thrift_field *outer,
			     struct parquet_chunk *c)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f;

	thrift_enter(in, outer, &f);
	while (thrift_next(in, &f)) {
		switch (f.id) {
		case 1:
			c->type = thrift_get_i32(in, &f);
			break;
		case 2:
			parse_encodings(p, &f, c);
			break;
		case 4:
			c->codec = thrift_get_i32(in, &f);
			break;
		case 5:
			c->n_values = thrift_get_int(in, &f);
			break;
		case 6:
			c->raw_bytes = thrift_get_int(in, &f);
			break;
		case 7:
			c->file_bytes = thrift_get_int(in, &f);
			break;
		case 9:
			c->data_offset = thrift_get_int(in, &f);
			break;
		case 11:
			c->dictionary_offset = thrift_get_int(in, &f);
			break;
		case 12:
			parse_stats(p, &f, &c->stats);
			break;
		case 13:
			parse_page_counts(p, &f, c);
			break;
		default:
			thrift_skip(in, &f);
		}
	}
	thrift_leave(in);
}

static void parse_chunk(struct parser *p, struct parquet_chunk *c)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f;

	*c = (struct parquet_chunk){.type = PARQUET_UNKNOWN,
				    .codec = PARQUET_UNKNOWN,
				    .n_values = PARQUET_UNKNOWN,
				    .raw_bytes = PARQUET_UNKNOWN,
				    .file_bytes = PARQUET_UNKNOWN,
				    .data_offset = PARQUET_UNKNOWN,
				    .dictionary_offset = PARQUET_UNKNOWN,
				    .data_encoding = PARQUET_UNKNOWN,
				    .stats = {PARQUET_UNKNOWN, PARQUET_UNKNOWN, NULL, NULL, 0, 0}};
	thrift_enter_item(in, &f);
	while (thrift_next(in, &f)) {
		if (f.id == 3)
			parse_chunk_meta(p, &f, c);
		else
			thrift_skip(in, &f);
		if (f.id == 1 || f.id == 8) /* file_path, crypto_metadata */
			c->external = 1;
	}
	thrift_leave(in);
	if (c->external)
		return;
	if (c->type < 0 || c->codec < 0 || c->n_values < 0 || c->raw_bytes < 0 ||
	    c->file_bytes < 0 || c->data_offset < 0)
		bad(p, "a column chunk lacks a required field");
}

static void parse_group(struct parser *p, struct parquet_group *g)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f;

	g->n_rows = PARQUET_UNKNOWN;
	thrift_enter_item(in, &f);
	while (thrift_next(in, &f)) {
		if (f.id == 1 && !g->chunks) {
			g->chunks =
				list_array(p, &f, sizeof *g->chunks, CHUNK_MIN_BYTES, &g->n_chunks);
			for (size_t i = 0; i < g->n_chunks && !in->failed; i++)
				parse_chunk(p, &g->chunks[i]);
		} else if (f.id == 2) {
			g->raw_bytes = thrift_get_int(in, &f);
		} else if (f.id == 3) {
			g->n_rows = thrift_get_int(in, &f);
		} else {
			thrift_skip(in, &f);
		}
	}
	thrift_leave(in);
	if (g->n_rows < 0)
		bad(p, "a row group lacks its number of rows");
}

static void parse_groups(struct parser *p, const struct thrift_field *f)
{
	struct parquet_meta *m = p->m;

	if (m->groups) {
		bad(p, "two lists of row groups");
		return;
	}
	m->groups = list_array(p, f, sizeof *m->groups, GROUP_MIN_BYTES, &m->n_groups);
	for (size_t i = 0; i < m->n_groups && !p->in.failed; i++)
		parse_group(p, &m->groups[i]);
}

static void parse_footer(struct parser *p)
{
	struct thrift_in *in = &p->in;
	struct thrift_field f = {0};

	p->m->n_rows = PARQUET_UNKNOWN;
	while (thrift_next(in, &f)) {
		switch (f.id) {
		case 2:
			parse_schema(p, &f);
			break;
		case 3:
			p->m->n_rows = thrift_get_int(in, &f);
			break;
		case 4:
			parse_groups(p, &f);
			break;
		default:
			thrift_skip(in, &f);
		}
	}
	if (!in->failed && (!p->m->n_elements || p->m->n_rows < 0))
		bad(p, "the schema or the number of rows is missing");
}

int parquet_meta_parse(struct parquet_meta *m, const void *bytes, size_t n, const char *name,
		       struct err *err)
{
	struct parser p = {.m = m};

	*m = (struct parquet_meta){0};
	thrift_open(&p.in, bytes, n);
	parse_footer(&p);
	if (!p.in.failed)
		return 0;
	parquet_meta_release(m);
	if (p.no_memory)
		return err_nomem(err, "a Parquet footer");
	return err_set(err, ERR_FORMAT, "%s: corrupt Parquet footer: %s", name,
		       p.what ? p.what : "malformed or truncated Thrift data");
}

void parquet_meta_release(struct parquet_meta *m)
{
	arena_release(&m->arena);
	*m = (struct parquet_meta){0};
}

static void parse_page_body(struct thrift_in *in, const struct thrift_field *outer, int version,
			    struct parquet_page *p)
{
	struct thrift_field f;

	thrift_enter(in, outer, &f);
	while (thrift_next(in, &f)) {
		if (f.id == 1)
			p->n_values = thrift_get_i32(in, &f);
		else if (f.id == 2 && version == 2)
			p->n_nulls = thrift_get_i32(in, &f);
		else if (f.id == (version == 2 ? 4 : 2))
			p->encoding = thrift_get_i32(in, &f);
		else if (f.id == 3 && version == 1)
			p->level_encoding = thrift_get_i32(in, &f);
		else if (f.id == 5 && version == 2)
			p->definition_bytes = thrift_get_i32(in, &f);
		else if (f.id == 6 && version == 2)
			p->repetition_bytes = thrift_get_i32(in, &f);
		else if (f.id == 7 && version == 2)
			p->compressed = thrift_get_bool(in, &f);
		else
			thrift_skip(in, &f);
	}
	thrift_leave(in);
}

static void parse_page_field(struct thrift_in *in, const struct thrift_field *f,
			     struct parquet_page *p)
{
	switch (f->id) {
	case 1:
		p->type = thrift_get_i32(in, f);
		break;
	case 2:
		p->raw_bytes = thrift_get_i32(in, f);
		break;
	case 3:
		p->file_bytes = thrift_get_i32(in, f);
		break;
	case 4:
		p->crc = (uint32_t)thrift_get_i32(in, f);
		p->has_crc = 1;
		break;
	case 5:
		parse_page_body(in, f, 1, p);
		break;
	case 7:
		parse_page_body(in, f, 0, p);
		break;
	case 8:
		parse_page_body(in, f, 2, p);
		break;
	default:
		thrift_skip(in, f);
	}
}

size_t parquet_page_parse(struct parquet_page *p, const void *bytes, size_t n)
{
	struct thrift_field f = {0};
	struct thrift_in in;

	*p = (struct parquet_page){.type = PARQUET_UNKNOWN,
				   .raw_bytes = PARQUET_UNKNOWN,
				   .file_bytes = PARQUET_UNKNOWN,
				   .n_values = PARQUET_UNKNOWN,
				   .encoding = PARQUET_UNKNOWN,
				   .level_encoding = PARQUET_RLE,
				   .compressed = 1};
	thrift_open(&in, bytes, n);
	while (thrift_next(&in, &f))
		parse_page_field(&in, &f, p);
	if (in.failed || p->type < 0 || p->raw_bytes < 0 || p->file_bytes < 0)
		return 0;
	if (p->n_nulls < 0 || p->definition_bytes < 0 || p->repetition_bytes < 0)
		return 0;
	return (size_t)(in.at - (const unsigned char *)bytes);
}
