/* A list of everything that is wrong: see problems.h. */
#include "pipeline/job/problems.h"

#include "prof/base/buf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Keeps `text`, which it owns from here on; NULL or no memory counts as lost. */
static void keep(struct problems *p, int code, char *text)
{
	if (text && p->count == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 8;
		struct problem *list = realloc(p->list, cap * sizeof *list);

		if (!list) {
			free(text);
			text = NULL;
		} else {
			p->list = list;
			p->cap = cap;
		}
	}
	if (!text) {
		p->lost = 1;
		return;
	}
	p->list[p->count++] = (struct problem){code, text};
}

void problems_add(struct problems *p, int code, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	keep(p, code, buf_steal(&text, NULL));
	buf_release(&text);
}

void problems_add_err(struct problems *p, const struct err *err)
{
	keep(p, err->code, strdup(err->text));
}

void problems_release(struct problems *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		free(p->list[i].text);
	free(p->list);
	*p = (struct problems)PROBLEMS_INIT;
}

char *problems_text(const struct problems *p)
{
	struct buf all = BUF_INIT;
	char *text;
	size_t i;

	for (i = 0; i < p->count; i++) {
		if (i)
			buf_puts(&all, "; ");
		buf_puts(&all, p->list[i].text);
	}
	if (p->lost)
		buf_puts(&all, "; and more, for which there was no memory");
	text = p->count && !buf_failed(&all) ? buf_steal(&all, NULL) : NULL;
	buf_release(&all);
	return text;
}

int problems_result(const struct problems *p, struct err *err)
{
	char *text;
	int code;

	if (p->count == 0)
		return p->lost ? err_nomem(err, "the list of problems") : 0;
	text = problems_text(p);
	code = err_set(err, p->list[0].code, "%s", text ? text : p->list[0].text);
	free(text);
	return code;
}

int problems_of_payload(const struct problems *problems)
{
	size_t i;

	for (i = 0; i < problems->count; i++)
		if (problems->list[i].code != ERR_ARG && problems->list[i].code != ERR_EXISTS)
			return 0;
	return problems->count > 0;
}
