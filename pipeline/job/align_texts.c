/* The texts that alignments are made of: see align_texts.h. */
#include "pipeline/job/align_texts.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/source/source.h"

static int cmp_sequence(const void *a, const void *b)
{
	const struct sequence_of *x = a, *y = b;

	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return (x->protein > y->protein) - (x->protein < y->protein);
}

struct sequence_of *align_texts_list(const struct proteins *p, const unsigned char *wanted,
				     const unsigned char *but, size_t *n)
{
	struct sequence_of *list;
	uint32_t i, count = 0;

	for (i = 0; i < p->n; i++)
		count += wanted[i] && p->sequence_id[i] >= 0 && !(but && but[i]);
	*n = 0;
	list = malloc(((size_t)count + 1) * sizeof *list);
	for (i = 0; list && i < p->n; i++)
		if (wanted[i] && p->sequence_id[i] >= 0 && !(but && but[i]))
			list[(*n)++] = (struct sequence_of){p->sequence_id[i], i};
	if (list)
		qsort(list, *n, sizeof *list, cmp_sequence);
	return list;
}

struct loading {
	struct align_texts *t;
	const struct sequence_of *list;
	size_t n, at;
};

/* Sequences come in ascending id; proteins that share one follow each other. */
static int take_text(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	struct loading *l = ctx;
	uint32_t number;

	if (len == 0)
		return 0;
	number = dict_intern(&l->t->dict, text, len);
	if (number == DICT_NONE)
		return err_nomem(err, "sequences");
	while (l->at < l->n && l->list[l->at].sequence < id)
		l->at++;
	for (; l->at < l->n && l->list[l->at].sequence == id; l->at++)
		l->t->text_of[l->list[l->at].protein] = number;
	return 0;
}

static int read_texts(struct loading *l, struct source *source, struct err *err)
{
	int64_t *ids = malloc((l->n + 1) * sizeof *ids);
	size_t i, n = 0;
	int rc;

	if (!ids)
		return err_nomem(err, "sequence ids");
	for (i = 0; i < l->n; i++)
		if (n == 0 || l->list[i].sequence != ids[n - 1])
			ids[n++] = l->list[i].sequence;
	rc = n ? source_sequences(source, ids, n, take_text, l, err) : 0;
	free(ids);
	return rc;
}

static int make_room(struct align_texts *t, uint32_t n_proteins, struct err *err)
{
	size_t bytes = ((size_t)n_proteins + 1) * sizeof *t->text_of;

	if (t->text_of)
		return 0;
	t->text_of = malloc(bytes);
	t->seen = calloc((size_t)n_proteins + 1, 1);
	if (!t->text_of || !t->seen) {
		align_texts_release(t);
		return err_nomem(err, "sequences");
	}
	memset(t->text_of, 0xff, bytes);
	t->n_proteins = n_proteins;
	return 0;
}

static int grow_views(struct align_texts *t)
{
	size_t n = (size_t)t->dict.count + 1;
	struct align_text *view = realloc(t->view, n * sizeof *view);
	int64_t *sequence;

	if (!view)
		return -1;
	t->view = view;
	sequence = realloc(t->sequence, n * sizeof *sequence);
	if (!sequence)
		return -1;
	t->sequence = sequence;
	return 0;
}

static int view_texts(struct align_texts *t, const struct loading *l, struct err *err)
{
	size_t i;

	if (t->view && t->n_views == t->dict.count)
		return 0;
	if (grow_views(t) != 0)
		return err_nomem(err, "sequences");
	for (; t->n_views < t->dict.count; t->n_views++)
		t->view[t->n_views] =
			(struct align_text){t->dict.text[t->n_views], t->dict.len[t->n_views]};
	for (i = 0; i < l->n; i++)
		if (t->text_of[l->list[i].protein] != DICT_NONE)
			t->sequence[t->text_of[l->list[i].protein]] = l->list[i].sequence;
	return 0;
}

static int digest_texts(struct align_texts *t, struct err *err)
{
	char(*md5)[MD5_HEX] = realloc(t->md5, ((size_t)t->dict.count + 1) * sizeof *md5);

	if (!md5)
		return err_nomem(err, "sequences");
	t->md5 = md5;
	for (; t->n_md5s < t->dict.count; t->n_md5s++)
		if (md5_hex(t->dict.text[t->n_md5s], t->dict.len[t->n_md5s], md5[t->n_md5s]) != 0)
			return err_set(err, ERR_INTERNAL, "cannot digest a sequence");
	return 0;
}

int align_texts_load(struct align_texts *t, const struct proteins *p, struct source *source,
		     const unsigned char *wanted, int with_md5, struct err *err)
{
	struct loading l = {.t = t};
	int rc = make_room(t, p->n, err);
	size_t i;

	if (rc)
		return rc;
	l.list = align_texts_list(p, wanted, t->seen, &l.n);
	rc = l.list ? read_texts(&l, source, err) : err_nomem(err, "sequence ids");
	if (!rc)
		rc = view_texts(t, &l, err);
	for (i = 0; !rc && i < l.n; i++)
		t->seen[l.list[i].protein] = 1;
	if (!rc && with_md5)
		rc = digest_texts(t, err);
	free((void *)(uintptr_t)l.list);
	return rc;
}

void align_texts_release(struct align_texts *t)
{
	dict_release(&t->dict);
	free(t->text_of);
	free(t->seen);
	free(t->view);
	free(t->sequence);
	free(t->md5);
	*t = (struct align_texts){0};
}
