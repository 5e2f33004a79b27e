/* What a stage's cost is said to be: a sum of products of its parameters, as in "q*n*d + q*k", "n*log(n)", "pairs*len^2".
 * Each product gets a coefficient by fitting, and there is always a constant besides. Parsing is strict: texts come from
 * files and command lines. Plain values, nothing is allocated. */
#ifndef ANALYZE_COMPLEXITY_H
#define ANALYZE_COMPLEXITY_H

#include <stddef.h>

#include "prof/base/err.h"

#define COMPLEXITY_TERMS   8
#define COMPLEXITY_FACTORS 8   /* of a term */
#define COMPLEXITY_PARAMS  12  /* of all terms together */
#define COMPLEXITY_NAME    32  /* bytes of a parameter's name, with its zero */
#define COMPLEXITY_TEXT    256 /* bytes of a text, with its zero */
#define COMPLEXITY_POWER   8.0 /* the largest exponent */

enum complexity_kind {
	COMPLEXITY_POWER_OF, /* x^power */
	COMPLEXITY_LOG_OF    /* log2(1 + x)^power: 0 for x = 0, 1 for x = 1 */
};

struct complexity_factor {
	unsigned param; /* place in params */
	enum complexity_kind kind;
	double power;
};

struct complexity_term {
	double scale; /* of the numbers in it: "n*d*16" */
	size_t n;
	struct complexity_factor factors[COMPLEXITY_FACTORS];
};

struct complexity {
	size_t n_params, n; /* n 0: the constant alone ("1") */
	char params[COMPLEXITY_PARAMS][COMPLEXITY_NAME];
	struct complexity_term terms[COMPLEXITY_TERMS];
};

/* expression = term { "+" term } ; term = factor { ("*" | "/") factor } ; factor = number | atom ["^" number] ;
 * atom = name | "log(" name ")" | "sqrt(" name ")". Blanks may stand between them. Terms that are numbers alone are the
 * constant, which is there anyway. ERR_ARG says what is wrong and where (in bytes from 1). */
int complexity_parse(struct complexity *c, const char *text, size_t len, struct err *err);
/* The same form in its shortest spelling, cut to fit. */
void complexity_text(const struct complexity *c, char out[COMPLEXITY_TEXT]);
void complexity_term_text(const struct complexity *c, size_t term, char out[COMPLEXITY_TEXT]);

/* A term for the values of `params` (0 or more each; NAN: not known). NAN or infinite if it has no value. */
double complexity_term(const struct complexity *c, size_t term, const double *values);
/* By which power of `param` a term grows where its parameters have those values: 2 for n in "n^2*d". */
double complexity_exponent(const struct complexity *c, size_t term, unsigned param,
			   const double *values);

#endif
