/* Threads by id or name: asked before they are read, so that no other one is stopped. */
#include <stdlib.h>
#include <string.h>

#include "prof/cli/dump.h"

struct dump_pattern {
	const char *text; /* borrowed */
	long tid;         /* -1: a name */
	regex_t re;
	uint32_t hits;
};

static int is_number(const char *text)
{
	return *text && strlen(text) < 10 && text[strspn(text, "0123456789")] == '\0';
}

int dump_filter_init(struct dump_filter *f, const struct opt_list *list, struct err *err)
{
	char why[128];

	f->n = 0;
	f->patterns = calloc(list->n ? list->n : 1, sizeof(*f->patterns));
	if (!f->patterns)
		return err_nomem(err, "what threads are asked for");
	for (; f->n < list->n; f->n++) {
		struct dump_pattern *p = &f->patterns[f->n];
		int rc;

		p->text = list->values[f->n];
		p->tid = is_number(p->text) ? strtol(p->text, NULL, 10) : -1;
		rc = regcomp(&p->re, p->text, REG_EXTENDED | REG_NOSUB);
		if (rc) {
			regerror(rc, &p->re, why, sizeof(why));
			return err_set(err, ERR_ARG, "--thread '%s' is no regular expression: %s",
				       p->text, why);
		}
	}
	return 0;
}

void dump_filter_release(struct dump_filter *f)
{
	while (f->n)
		regfree(&f->patterns[--f->n].re);
	free(f->patterns);
	f->patterns = NULL;
}

int dump_filter_wants(void *filter, const struct snap_thread *t)
{
	struct dump_filter *f = filter;
	int wanted = f->n == 0;
	size_t i;

	for (i = 0; i < f->n; i++) {
		struct dump_pattern *p = &f->patterns[i];

		if (p->tid >= 0 ? t->tid != p->tid && t->ns_tid != p->tid
				: regexec(&p->re, t->name, 0, NULL, 0) != 0)
			continue;
		p->hits++;
		wanted = 1;
	}
	return wanted;
}

void dump_filter_apply(struct dump_filter *f, struct snap *s)
{
	uint32_t i, kept = 0;

	for (i = 0; i < s->n; i++) {
		if (dump_filter_wants(f, &s->threads[i]))
			s->threads[kept++] = s->threads[i];
		else
			free(s->threads[i].addresses);
	}
	s->n = kept;
}

int dump_filter_check(const struct dump_filter *f, struct err *err)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (!f->patterns[i].hits)
			return err_set(err, ERR_NOTFOUND, "no thread is, or is named, '%s'",
				       f->patterns[i].text);
	return 0;
}
