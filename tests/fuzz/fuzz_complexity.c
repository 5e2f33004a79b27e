/* Any bytes as a declared cost: what is taken keeps to its bounds, is the same when its own text is read again, and its
 * terms have values. The first byte chooses: a form, the option of a command line, or a file of declarations. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/declare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct complexity *c)
{
	double values[COMPLEXITY_PARAMS];
	size_t i, k;

	if (c->n > COMPLEXITY_TERMS || c->n_params > COMPLEXITY_PARAMS)
		abort();
	for (i = 0; i < COMPLEXITY_PARAMS; i++)
		values[i] = 2 + (double)i;
	for (i = 0; i < c->n; i++) {
		if (c->terms[i].n == 0 || c->terms[i].n > COMPLEXITY_FACTORS ||
		    !(c->terms[i].scale > 0))
			abort();
		for (k = 0; k < c->terms[i].n; k++)
			if (c->terms[i].factors[k].param >= c->n_params ||
			    !(fabs(c->terms[i].factors[k].power) <= COMPLEXITY_POWER))
				abort();
		if (isnan(complexity_term(c, i, values)))
			abort();
	}
	for (i = 0; i < c->n_params; i++)
		if (!c->params[i][0] || !memchr(c->params[i], '\0', COMPLEXITY_NAME))
			abort();
}

static void form(const char *text, size_t n)
{
	struct complexity c, again;
	struct err err = ERR_INIT;
	char out[COMPLEXITY_TEXT];

	if (complexity_parse(&c, text, n, &err)) {
		if (err.code != ERR_ARG || !err.text[0] || c.n)
			abort();
		return;
	}
	check(&c);
	complexity_text(&c, out);
	/* A long text is cut: then it need not be a form. */
	if (strlen(out) + 1 < COMPLEXITY_TEXT &&
	    (complexity_parse(&again, out, strlen(out), &err) || again.n != c.n))
		abort();
}

static void declarations(int file, const char *text, size_t n)
{
	struct declarations d = {0};
	struct err err = ERR_INIT;
	char *copy = malloc(n + 1);
	size_t i;
	int rc;

	if (!copy)
		return;
	if (n)
		memcpy(copy, text, n);
	copy[n] = '\0';
	rc = file ? declare_text(&d, copy, n, "f", &err) : declare_option(&d, copy, &err);
	if (rc && rc != (file ? ERR_FORMAT : ERR_ARG))
		abort();
	for (i = 0; i < d.n; i++) {
		check(&d.items[i].form);
		if (!declare_find(&d, d.items[i].stage, d.items[i].metric, 0))
			abort();
	}
	declarations_release(&d);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] == 'f' || data[0] == 'o')
		declarations(data[0] == 'f', (const char *)data + 1, n - 1);
	else
		form((const char *)data + 1, n - 1);
	return 0;
}
