/* Which texts the work in a staging folder was made of: see staged_texts.h. The list is a header, ids, and 64
 * digits over all that, in native byte order, told by the header's first number. */
#include "pipeline/job/staged_texts.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/workers.h"
#include "pipeline/source/source_readers.h"

#define NAME  "sequences"
#define MAGIC UINT64_C(0x3130514553545250)
#define PART  8192 /* texts of an item */

struct head {
	uint64_t magic, n;
};

/* ---- digest ------------------------------------------------------------------------------------------- */

/* Of texts by ascending id, in parts of a fixed size, so that the threads do not show. Empty ones are as if
 * there were none, which alignments do not tell apart. */
struct digesting {
	const int64_t *id;
	size_t n;
	char (*sha)[SHA256_HEX]; /* owned: one per part */
	/* where the texts are: */
	const struct align_texts *texts; /* here, */
	const uint32_t *number;          /* the one of each id; */
	struct source_readers readers;   /* or there */
};

static int put_text(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	int64_t head[2] = {id, (int64_t)len};

	(void)err;
	if (len) {
		sha256_update(ctx, head, sizeof head);
		sha256_update(ctx, text, len);
	}
	return 0;
}

static int put_part(struct digesting *t, struct sha256 *d, size_t worker, size_t from, size_t n,
		    struct err *err)
{
	size_t i;

	if (!t->texts)
		return source_sequences(source_reader(&t->readers, worker), t->id + from, n,
					put_text, d, err);
	for (i = from; i < from + n; i++)
		if (t->number[i] != DICT_NONE)
			(void)put_text(d, t->id[i], t->texts->view[t->number[i]].bytes,
				       t->texts->view[t->number[i]].len, err);
	return 0;
}

static int digest_part(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct digesting *t = ctx;
	size_t from = item * PART, n = t->n - from < PART ? t->n - from : PART;
	struct sha256 *d = sha256_new();
	int rc;

	if (!d)
		return err_nomem(err, "a digest");
	rc = put_part(t, d, worker, from, n, err);
	if (!rc && sha256_finish(d, t->sha[item]) != 0)
		rc = err_set(err, ERR_INTERNAL, "cannot digest sequences");
	sha256_free(d);
	return rc;
}

/* Fingerprint and texts make the content. */
static int set_content(struct staging *s, const struct digesting *t, size_t parts, struct err *err)
{
	struct sha256 *d = sha256_new();
	int rc = d ? 0 : err_nomem(err, "a digest");

	if (rc)
		return rc;
	sha256_update(d, s->fingerprint, sizeof s->fingerprint);
	sha256_update(d, t->sha, parts * sizeof *t->sha);
	if (sha256_finish(d, s->content) != 0)
		rc = err_set(err, ERR_INTERNAL, "cannot digest sequences");
	sha256_free(d);
	return rc;
}

static int digest_all(struct staging *s, struct digesting *t, size_t n_workers, struct err *err)
{
	size_t parts = (t->n + PART - 1) / PART;
	int rc;

	t->sha = calloc(parts + 1, sizeof *t->sha);
	if (!t->sha)
		return err_nomem(err, "a digest");
	rc = workers_run(n_workers, parts, digest_part, t, err);
	if (!rc)
		rc = set_content(s, t, parts, err);
	free(t->sha);
	return rc;
}

/* ---- the list ----------------------------------------------------------------------------------------- */

static int save_list(const struct staging *s, const int64_t *id, size_t n, struct err *err)
{
	struct head h = {MAGIC, n};
	struct buf file = BUF_INIT;
	char sha[SHA256_HEX], *path = staging_path(s, NAME);
	int rc = path ? 0 : ERR_NOMEM;

	if (!rc &&
	    (buf_put(&file, &h, sizeof h) < 0 || buf_put(&file, id, n * sizeof *id) < 0 ||
	     sha256_hex(file.data, file.len, sha) != 0 || buf_put(&file, sha, SHA256_HEX - 1) < 0))
		rc = ERR_NOMEM;
	rc = rc ? err_nomem(err, "a list of sequences")
		: fsio_write_file(path, file.data, file.len, err);
	buf_release(&file);
	free(path);
	return rc;
}

static int is_whole(const struct buf *file)
{
	size_t body = file->len - (SHA256_HEX - 1);
	char sha[SHA256_HEX];
	struct head h;

	if (file->len < sizeof h + SHA256_HEX - 1)
		return 0;
	memcpy(&h, file->data, sizeof h);
	return h.magic == MAGIC && (body - sizeof h) % sizeof(int64_t) == 0 &&
	       h.n == (body - sizeof h) / sizeof(int64_t) &&
	       sha256_hex(file->data, body, sha) == 0 &&
	       memcmp(sha, file->data + body, SHA256_HEX - 1) == 0;
}

/* The ids that the folder lists into s->text; none when there is no list, or it is not whole. */
static int load_list(struct staging *s, struct err *err)
{
	struct buf file = BUF_INIT;
	char *path = staging_path(s, NAME);
	int rc = path ? 0 : err_nomem(err, "a list of sequences");

	if (!rc && fsio_exists(path) && fsio_read_all(path, BUF_NO_LIMIT, &file, NULL) == 0 &&
	    is_whole(&file)) {
		s->n_texts = (file.len - sizeof(struct head) - (SHA256_HEX - 1)) / sizeof(int64_t);
		s->text = malloc((s->n_texts + 1) * sizeof *s->text);
		if (s->text)
			memcpy(s->text, file.data + sizeof(struct head),
			       s->n_texts * sizeof *s->text);
		else
			rc = err_nomem(err, "a list of sequences");
	}
	buf_release(&file);
	free(path);
	return rc;
}

int staged_texts_check(struct staging *s, struct source *source, size_t n_workers, struct err *err)
{
	struct digesting t = {0};
	int rc = load_list(s, err);

	if (rc || !s->text)
		return rc;
	t.id = s->text;
	t.n = s->n_texts;
	rc = source_readers_open(&t.readers, source, n_workers, err);
	if (!rc)
		rc = digest_all(s, &t, t.readers.n, err);
	source_readers_close(&t.readers);
	return rc;
}

/* Has the list that was checked all of these? Both ascend. */
static int has_all(const struct staging *s, const struct sequence_of *list, size_t n)
{
	size_t i, at = 0;

	for (i = 0; s->text && i < n; i++) {
		while (at < s->n_texts && s->text[at] < list[i].sequence)
			at++;
		if (at == s->n_texts || s->text[at] != list[i].sequence)
			return 0;
	}
	return s->text != NULL;
}

static int note(struct staging *s, const struct align_texts *t, const struct sequence_of *list,
		size_t n_list, size_t n_workers, struct err *err)
{
	int64_t *id = malloc((n_list + 1) * sizeof *id);
	uint32_t *number = malloc((n_list + 1) * sizeof *number);
	struct digesting d = {.id = id, .texts = t, .number = number};
	size_t i;
	int rc = id && number ? 0 : err_nomem(err, "a list of sequences");

	for (i = 0; !rc && i < n_list; i++)
		if (d.n == 0 || list[i].sequence != id[d.n - 1]) {
			id[d.n] = list[i].sequence;
			number[d.n++] = t->text_of[list[i].protein];
		}
	if (!rc)
		rc = digest_all(s, &d, n_workers, err);
	if (!rc)
		rc = save_list(s, id, d.n, err);
	free(id);
	free(number);
	return rc;
}

int staged_texts_note(struct staging *s, const struct align_texts *t, const struct proteins *p,
		      const unsigned char *wanted, size_t n_workers, struct err *err)
{
	struct sequence_of *list;
	size_t n;
	int rc = 0;

	list = align_texts_list(p, wanted, NULL, &n);
	if (!list)
		return err_nomem(err, "a list of sequences");
	if (!has_all(s, list, n))
		rc = note(s, t, list, n, n_workers, err);
	free(list);
	return rc;
}
