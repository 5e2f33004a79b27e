/* Writing speedscope's format: see speedscope_write.h. */
#include "prof/formats/speedscope_write.h"

#include <inttypes.h>
#include <stdlib.h>

#include "prof/base/hash.h"

struct writer {
	FILE *out;
	const struct profile *p;
	const struct export_options *o;
	struct err *err;
	struct export_row *rows; /* owned, all below */
	size_t n_rows;
	uint32_t *path;
	uint32_t *place; /* of each frame of the profile in shared.frames; UINT32_MAX: not used */
	uint32_t *used;  /* frames that stand for shared.frames[0], [1], … */
	uint32_t n_used;
	struct hashidx same; /* of name, file and line alike */
	struct buf text;
};

static int put_text(struct writer *w, const char *text)
{
	const char *c;

	buf_clear(&w->text);
	if (export_valid(&w->text, text))
		return err_nomem(w->err, "a name");
	fputc('"', w->out);
	for (c = buf_str(&w->text); *c; c++)
		if (*c == '"' || *c == '\\')
			fprintf(w->out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			fprintf(w->out, "\\u%04x", (unsigned char)*c);
		else
			fputc(*c, w->out);
	fputc('"', w->out);
	return 0;
}

/* ---- frames ---- */

struct sought {
	const struct writer *w;
	const struct profile_frame *f;
};

static int is_same(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct profile_frame *a = s->f, *b = &s->w->p->frames[s->w->used[id]];

	return a->function == b->function && a->file == b->file && a->line == b->line;
}

static int use_frame(struct writer *w, uint32_t frame)
{
	const struct profile_frame *f = &w->p->frames[frame];
	struct sought s = {w, f};
	uint64_t hash = hash_u64(((uint64_t)f->function << 32 | f->file) ^ hash_u64(f->line));
	uint32_t at;

	if (w->place[frame] != UINT32_MAX)
		return 0;
	at = hashidx_find(&w->same, hash, is_same, &s);
	if (at == HASHIDX_NONE) {
		at = w->n_used;
		w->used[at] = frame;
		if (hashidx_add(&w->same, hash, at))
			return err_nomem(w->err, "frames");
		w->n_used++;
	}
	w->place[frame] = at;
	return 0;
}

static int use_frames(struct writer *w)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < w->n_rows; i++) {
		uint32_t n = export_path(w->p, w->rows[i].stack, w->path);

		for (k = 0; k < n; k++)
			if (use_frame(w, w->path[k]))
				return ERR_NOMEM;
	}
	return 0;
}

static int put_frames(struct writer *w)
{
	const struct strtab *t = w->p->strings;
	uint32_t i;
	int rc = 0;

	fputs("\"shared\":{\"frames\":[", w->out);
	for (i = 0; rc == 0 && i < w->n_used; i++) {
		const struct profile_frame *f = &w->p->frames[w->used[i]];

		fputs(i ? ",\n{\"name\":" : "\n{\"name\":", w->out);
		rc = put_text(w, strtab_text(t, f->function));
		if (rc == 0 && f->file != STRTAB_EMPTY) {
			fputs(",\"file\":", w->out);
			rc = put_text(w, strtab_text(t, f->file));
		}
		if (f->line)
			fprintf(w->out, ",\"line\":%" PRIu32, f->line);
		fputc('}', w->out);
	}
	fputs("\n]},\n", w->out);
	return rc;
}

/* ---- threads ---- */

static int put_thread_name(struct writer *w, uint32_t thread)
{
	const struct profile *p = w->p;
	struct buf name = BUF_INIT;
	int rc;

	if (thread < p->n_threads) {
		buf_puts(&name, strtab_text(p->strings, p->threads[thread].name));
		if (p->threads[thread].tid)
			buf_printf(&name, "%s%" PRId64, name.len ? " " : "",
				   p->threads[thread].tid);
	}
	rc = buf_failed(&name) ? err_nomem(w->err, "a name") : put_text(w, buf_str(&name));
	buf_release(&name);
	return rc;
}

static uint64_t weight(const struct writer *w, const struct export_row *r)
{
	return w->o->count ? r->count : (uint64_t)r->value;
}

static void put_samples(struct writer *w, const struct export_row *rows, size_t n)
{
	uint32_t k, depth;
	size_t i;

	fputs(",\"samples\":[", w->out);
	for (i = 0; i < n; i++) {
		depth = export_path(w->p, rows[i].stack, w->path);
		fputs(i ? ",\n[" : "\n[", w->out);
		for (k = 0; k < depth; k++)
			fprintf(w->out, k ? ",%" PRIu32 : "%" PRIu32, w->place[w->path[k]]);
		fputc(']', w->out);
	}
	fputs("],\n\"weights\":[", w->out);
	for (i = 0; i < n; i++)
		fprintf(w->out, i ? ",%" PRIu64 : "%" PRIu64, weight(w, &rows[i]));
	fputc(']', w->out);
}

static int put_thread(struct writer *w, const struct export_row *rows, size_t n)
{
	const char *unit = w->o->count                        ? "none"
			   : profile_kind_is_time(w->o->kind) ? "nanoseconds"
							      : "bytes";
	uint64_t sum = 0;
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		if (__builtin_add_overflow(sum, weight(w, &rows[i]), &sum))
			sum = UINT64_MAX;
	fputs("{\"type\":\"sampled\",\"name\":", w->out);
	rc = put_thread_name(w, rows->thread);
	fprintf(w->out, ",\"unit\":\"%s\",\"startValue\":0,\"endValue\":%" PRIu64, unit, sum);
	put_samples(w, rows, n);
	fputc('}', w->out);
	return rc;
}

static int put_all(struct writer *w)
{
	const struct profile_run *run = &w->p->run;
	size_t i, k;
	int rc;

	fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n\"exporter\":",
	      w->out);
	rc = put_text(w, w->o->version ? w->o->version : "protea-prof");
	fputs(",\"name\":", w->out);
	if (rc == 0)
		rc = put_text(w, strtab_text(w->p->strings, run->name ? run->name : run->id));
	fputs(",\"activeProfileIndex\":0,\n", w->out);
	if (rc == 0)
		rc = put_frames(w);
	fputs("\"profiles\":[", w->out);
	for (i = 0; rc == 0 && i < w->n_rows; i = k) {
		for (k = i; k < w->n_rows && w->rows[k].thread == w->rows[i].thread; k++)
			;
		fputs(i ? ",\n" : "\n", w->out);
		rc = put_thread(w, &w->rows[i], k - i);
	}
	fputs("\n]}\n", w->out);
	return rc == 0 && ferror(w->out) ? err_sys(w->err, ERR_IO, "cannot write") : rc;
}

int speedscope_write(FILE *out, const struct profile *p, const struct export_options *o,
		     struct err *err)
{
	struct writer w = {.out = out, .p = p, .o = o, .err = err};
	uint32_t i;
	int rc = export_rows(p, o, &w.rows, &w.n_rows, err);

	buf_init(&w.text, BUF_NO_LIMIT);
	w.path = malloc(((size_t)export_deepest(p) + 1) * sizeof(*w.path));
	w.place = malloc(((size_t)p->n_frames + 1) * sizeof(*w.place));
	w.used = malloc(((size_t)p->n_frames + 1) * sizeof(*w.used));
	if (rc == 0 && (!w.path || !w.place || !w.used))
		rc = err_nomem(err, "the frames");
	for (i = 0; rc == 0 && i < p->n_frames; i++)
		w.place[i] = UINT32_MAX;
	if (rc == 0)
		rc = use_frames(&w);
	if (rc == 0)
		rc = put_all(&w);
	hashidx_release(&w.same);
	buf_release(&w.text);
	free(w.rows);
	free(w.path);
	free(w.place);
	free(w.used);
	return rc;
}
