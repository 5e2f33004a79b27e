/* Writing pprof's format: see pprof_write.h. Samples are made first, and note which places, functions, mappings and texts
 * they need; these follow. */
#include "prof/formats/pprof_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "prof/base/hash.h"
#include "prof/formats/proto_out.h"

#define PACK_BYTES 65536

struct place { /* frames of one address: the function that owns the code, and what was inlined there */
	uint32_t first, n; /* of the pool, outermost first */
};

struct writer {
	const struct profile *p;
	const struct export_options *o;
	struct err *err;
	struct export_row *rows; /* owned, all below */
	size_t n_rows;
	uint32_t *path;
	struct strtab *texts; /* of the file, "" is 0 */
	uint32_t *text_ids;   /* by string of the profile; UINT32_MAX: not there yet */
	struct place *places;
	uint32_t *pool;
	uint32_t n_places, cap_places, n_pool, cap_pool;
	struct hashidx same_place;
	struct idmap
		functions; /* name << 32 | file of the profile: place in the order of ids - 1 */
	uint8_t *modules;  /* used? */
	struct buf samples, lines, functions_out, one, label, valid, all;
};

static int no_memory(struct writer *w)
{
	return err_nomem(w->err, "a pprof profile");
}

static void append(struct buf *to, const struct buf *from)
{
	if (buf_failed(from) && !to->failed)
		to->failed = from->failed;
	buf_put(to, buf_str(from), from->len);
}

/* ---- texts ---- */

static uint32_t text(struct writer *w, const char *s)
{
	uint32_t id = 0;

	buf_clear(&w->valid);
	if (export_valid(&w->valid, s) || strtab_intern_text(w->texts, buf_str(&w->valid), &id))
		w->all.failed = ERR_NOMEM;
	return id;
}

static uint32_t own_text(struct writer *w, uint32_t string)
{
	if (w->text_ids[string] == UINT32_MAX)
		w->text_ids[string] = text(w, strtab_text(w->p->strings, string));
	return w->text_ids[string];
}

/* ---- places ---- */

struct sought {
	const struct writer *w;
	const uint32_t *frames;
	uint32_t n;
};

static int is_same(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct place *b = &s->w->places[id];

	return b->n == s->n &&
	       memcmp(s->frames, s->w->pool + b->first, s->n * sizeof(*s->frames)) == 0;
}

static int grow(void **array, uint32_t *cap, uint32_t n, size_t size)
{
	uint32_t next = *cap ? *cap : 256;
	void *more;

	if (n <= *cap)
		return 0;
	while (next < n)
		next *= 2;
	more = realloc(*array, next * size);
	if (!more)
		return -1;
	*array = more;
	*cap = next;
	return 0;
}

/* Id of the place with these frames. 0: no memory. */
static uint32_t place_id(struct writer *w, const uint32_t *frames, uint32_t n)
{
	struct sought s = {w, frames, n};
	uint64_t hash = hash_bytes(frames, n * sizeof(*frames), 1);
	uint32_t at = hashidx_find(&w->same_place, hash, is_same, &s);

	if (at != HASHIDX_NONE)
		return at + 1;
	if (grow((void **)(void *)&w->places, &w->cap_places, w->n_places + 1,
		 sizeof(*w->places)) ||
	    grow((void **)(void *)&w->pool, &w->cap_pool, w->n_pool + n, sizeof(*w->pool)) ||
	    hashidx_add(&w->same_place, hash, w->n_places))
		return 0;
	memcpy(w->pool + w->n_pool, frames, n * sizeof(*frames));
	w->places[w->n_places] = (struct place){w->n_pool, n};
	w->n_pool += n;
	return ++w->n_places;
}

/* How many frames from path[i] on belong to one address. */
static uint32_t inlined_from(const struct writer *w, uint32_t i, uint32_t n)
{
	const struct profile_frame *a = &w->p->frames[w->path[i]], *b;
	uint32_t k;

	for (k = i + 1; k < n; k++) {
		b = &w->p->frames[w->path[k]];
		if (b->inline_depth != a->inline_depth + (k - i) || b->module != a->module ||
		    b->rel_addr != a->rel_addr)
			break;
	}
	return k - i;
}

/* ---- samples ---- */

static void put_label(struct writer *w, const char *key, uint32_t string, int64_t number)
{
	buf_clear(&w->label);
	proto_put_number(&w->label, 1, text(w, key));
	proto_put_number(&w->label, 2, string);
	proto_put_number(&w->label, 3, (uint64_t)number);
	proto_put_message(&w->one, 3, &w->label);
}

static void put_labels(struct writer *w, const struct export_row *r)
{
	const struct profile *p = w->p;

	if (r->thread < p->n_threads) {
		const struct profile_thread *t = &p->threads[r->thread];

		if (t->name != STRTAB_EMPTY)
			put_label(w, "thread", own_text(w, t->name), 0);
		if (t->tid > 0)
			put_label(w, "tid", 0, t->tid);
		if (t->process < p->n_processes && p->processes[t->process].pid > 0)
			put_label(w, "pid", 0, p->processes[t->process].pid);
		if (t->process < p->n_processes && p->processes[t->process].name != STRTAB_EMPTY)
			put_label(w, "process", own_text(w, p->processes[t->process].name), 0);
	}
	if (r->stage != STRTAB_EMPTY)
		put_label(w, "stage", own_text(w, r->stage), 0);
}

static int put_sample(struct writer *w, const struct export_row *r)
{
	uint32_t n = export_path(w->p, r->stack, w->path), *ids = w->path, m = 0, i, k;

	/* Ids take the place of the frames that were read already. */
	for (i = 0; i < n; i += k) {
		k = inlined_from(w, i, n);
		ids[m] = place_id(w, w->path + i, k);
		if (!ids[m++])
			return no_memory(w);
	}
	buf_clear(&w->one);
	buf_clear(&w->label);
	while (m-- > 0)
		proto_put_varint(&w->label, ids[m]);
	proto_put_message(&w->one, 1, &w->label);
	buf_clear(&w->label);
	proto_put_varint(&w->label, r->count > INT64_MAX ? INT64_MAX : r->count);
	proto_put_varint(&w->label, (uint64_t)r->value);
	proto_put_message(&w->one, 2, &w->label);
	put_labels(w, r);
	proto_put_message(&w->samples, 2, &w->one);
	return buf_failed(&w->samples) || buf_failed(&w->all) ? no_memory(w) : 0;
}

/* ---- tables ---- */

static uint64_t function_id(struct writer *w, const struct profile_frame *f)
{
	uint32_t fresh = (uint32_t)w->functions.count;
	uint32_t at = idmap_intern(&w->functions, (uint64_t)f->function << 32 | f->file, fresh);

	if (at == IDMAP_NONE)
		w->all.failed = ERR_NOMEM;
	if (at != fresh)
		return (uint64_t)at + 1;
	buf_clear(&w->one);
	proto_put_number(&w->one, 1, (uint64_t)at + 1);
	proto_put_number(&w->one, 2, own_text(w, f->function));
	proto_put_number(&w->one, 3, own_text(w, f->function));
	proto_put_number(&w->one, 4, own_text(w, f->file));
	proto_put_message(&w->functions_out, 5, &w->one);
	return (uint64_t)at + 1;
}

/* Lines of a place: the innermost first. */
static void put_place(struct writer *w, uint32_t at)
{
	const struct place *l = &w->places[at];
	const struct profile_frame *f = &w->p->frames[w->pool[l->first]];
	uint32_t i;

	buf_clear(&w->lines);
	for (i = l->n; i-- > 0;) {
		const struct profile_frame *line = &w->p->frames[w->pool[l->first + i]];
		uint64_t function = function_id(w, line);

		buf_clear(&w->label);
		proto_put_number(&w->label, 1, function);
		proto_put_number(&w->label, 2, line->line);
		proto_put_message(&w->lines, 4, &w->label);
	}
	buf_clear(&w->one);
	proto_put_number(&w->one, 1, (uint64_t)at + 1);
	if (f->module < w->p->n_modules) {
		proto_put_number(&w->one, 2, (uint64_t)f->module + 1);
		w->modules[f->module] = 1;
	}
	proto_put_number(&w->one, 3, f->rel_addr);
	append(&w->one, &w->lines);
	proto_put_message(&w->all, 4, &w->one);
}

/* Addresses are in the file's own terms, so the mapping begins at 0. */
static void put_module(struct writer *w, uint32_t at)
{
	const struct profile_module *m = &w->p->modules[at];

	buf_clear(&w->one);
	proto_put_number(&w->one, 1, (uint64_t)at + 1);
	proto_put_number(&w->one, 3, INT64_MAX);
	proto_put_number(&w->one, 5, own_text(w, m->path));
	proto_put_number(&w->one, 6, own_text(w, m->build_id));
	proto_put_number(&w->one, 7, 1); /* functions, files, lines, inlined ones are told */
	proto_put_number(&w->one, 8, 1);
	proto_put_number(&w->one, 9, 1);
	proto_put_number(&w->one, 10, 1);
	proto_put_message(&w->all, 3, &w->one);
}

/* ---- what is measured ---- */

static void put_type(struct writer *w, uint32_t field, const char *type, const char *unit)
{
	buf_clear(&w->one);
	proto_put_number(&w->one, 1, text(w, type));
	proto_put_number(&w->one, 2, text(w, unit));
	proto_put_message(&w->all, field, &w->one);
}

/* Names that pprof's users know; import reads them back. */
static void put_types(struct writer *w)
{
	enum profile_kind kind = w->o->kind;
	const char *name = kind == PROFILE_LIVE ? "inuse" : profile_kind_name(kind);
	char objects[64], space[64];

	if (profile_kind_is_time(kind)) {
		put_type(w, 1, "samples", "count");
		put_type(w, 1, profile_kind_name(kind), "nanoseconds");
		proto_put_number(&w->all, 14,
				 text(w, w->o->count ? "samples" : profile_kind_name(kind)));
		return;
	}
	snprintf(objects, sizeof(objects), "%s_objects", name);
	snprintf(space, sizeof(space), "%s_space", name);
	put_type(w, 1, objects, "count");
	put_type(w, 1, space, "bytes");
	proto_put_number(&w->all, 14, text(w, w->o->count ? objects : space));
}

static void put_run(struct writer *w)
{
	const struct profile_run *run = &w->p->run;

	if (run->started_at > 0)
		proto_put_number(&w->all, 9, (uint64_t)run->started_at);
	if (run->duration_ns > 0)
		proto_put_number(&w->all, 10, (uint64_t)run->duration_ns);
	if (run->rate_hz > 1e-6 && run->rate_hz < 1e9 && profile_kind_is_time(w->o->kind)) {
		put_type(w, 11, profile_kind_name(w->o->kind), "nanoseconds");
		proto_put_number(&w->all, 12, (uint64_t)(1e9 / run->rate_hz + 0.5));
	}
	if (run->command != STRTAB_EMPTY)
		proto_put_number(&w->all, 13, own_text(w, run->command));
}

/* ---- the whole ---- */

static int make(struct writer *w)
{
	size_t i;
	uint32_t k;
	int rc = 0;

	put_types(w);
	for (i = 0; rc == 0 && i < w->n_rows; i++)
		rc = put_sample(w, &w->rows[i]);
	if (rc)
		return rc;
	append(&w->all, &w->samples);
	for (k = 0; k < w->n_places; k++)
		put_place(w, k);
	for (k = 0; k < w->p->n_modules; k++)
		if (w->modules[k])
			put_module(w, k);
	put_run(w);
	append(&w->all, &w->functions_out);
	for (k = 0; k < strtab_count(w->texts); k++)
		proto_put_bytes(&w->all, 6, strtab_text(w->texts, k), strtab_len(w->texts, k));
	return buf_failed(&w->all) ? no_memory(w) : 0;
}

static int pack(struct writer *w, FILE *out)
{
	unsigned char *bytes = malloc(PACK_BYTES);
	z_stream z = {0};
	int rc;

	if (!bytes || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8,
				   Z_DEFAULT_STRATEGY) != Z_OK) {
		free(bytes);
		return no_memory(w);
	}
	z.next_in = (unsigned char *)w->all.data;
	do {
		size_t left = w->all.len - (size_t)(z.next_in - (unsigned char *)w->all.data);

		z.avail_in = left > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)left;
		z.next_out = bytes;
		z.avail_out = PACK_BYTES;
		rc = deflate(&z, left == z.avail_in ? Z_FINISH : Z_NO_FLUSH);
		fwrite(bytes, 1, PACK_BYTES - z.avail_out, out);
	} while (rc == Z_OK && !ferror(out));
	deflateEnd(&z);
	free(bytes);
	if (ferror(out))
		return err_sys(w->err, ERR_IO, "cannot write");
	return rc == Z_STREAM_END ? 0 : err_set(w->err, ERR_INTERNAL, "cannot pack the profile");
}

static int begin(struct writer *w)
{
	struct buf *bufs[] = {&w->samples, &w->lines, &w->functions_out, &w->one, &w->label,
			      &w->valid,   &w->all};
	size_t i, strings = strtab_count(w->p->strings);

	for (i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
		buf_init(bufs[i], BUF_NO_LIMIT);
	w->path = malloc(((size_t)export_deepest(w->p) + 1) * sizeof(*w->path));
	w->texts = strtab_new();
	w->text_ids = malloc((strings + 1) * sizeof(*w->text_ids));
	w->modules = calloc((size_t)w->p->n_modules + 1, 1);
	if (!w->path || !w->texts || !w->text_ids || !w->modules)
		return no_memory(w);
	memset(w->text_ids, 0xff, (strings + 1) * sizeof(*w->text_ids));
	return 0;
}

int pprof_write(FILE *out, const struct profile *p, const struct export_options *o, struct err *err)
{
	struct writer w = {.p = p, .o = o, .err = err};
	struct buf *bufs[] = {&w.samples, &w.lines, &w.functions_out, &w.one, &w.label,
			      &w.valid,   &w.all};
	size_t i;
	int rc = begin(&w);

	if (rc == 0)
		rc = export_rows(p, o, &w.rows, &w.n_rows, err);
	if (rc == 0)
		rc = make(&w);
	if (rc == 0)
		rc = pack(&w, out);
	for (i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
		buf_release(bufs[i]);
	hashidx_release(&w.same_place);
	idmap_release(&w.functions);
	strtab_free(w.texts);
	free(w.rows);
	free(w.path);
	free(w.text_ids);
	free(w.places);
	free(w.pool);
	free(w.modules);
	return rc;
}
