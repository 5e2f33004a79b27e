/* Tests of declared costs: what is read, what is refused, what terms are worth. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/complexity.h"
#include "prof/analyze/declare.h"

static void near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-12 * fabs(b)))
		fail_msg("%.17g is not %.17g", a, b);
}

static void reads(const char *text, const char *as)
{
	struct complexity c, again;
	char out[COMPLEXITY_TEXT], twice[COMPLEXITY_TEXT];
	struct err err = ERR_INIT;

	if (complexity_parse(&c, text, strlen(text), &err))
		fail_msg("'%s': %s", text, err.text);
	complexity_text(&c, out);
	assert_string_equal(out, as);
	assert_int_equal(complexity_parse(&again, out, strlen(out), &err), 0);
	complexity_text(&again, twice);
	assert_string_equal(twice, out);
}

static void forms_are_read(void **state)
{
	(void)state;
	reads("q*n*d + q*k", "q*n*d + q*k");
	reads(" q * n*d+q *k ", "q*n*d + q*k");
	reads("n*d*16", "16*n*d");
	reads("rows", "rows");
	reads("pairs*len^2", "pairs*len^2");
	reads("n*n", "n^2");
	reads("n*log(n)", "n*log(n)");
	reads("sqrt(n)", "n^0.5");
	reads("n/p", "n/p");
	reads("1/p", "1/p");
	reads("1", "1");
	reads("7 + n + 3", "n");
	reads("log(n)^2 + n^1.5", "log(n)^2 + n^1.5");
	reads("n/n", "1");
	reads("n^2*m/n", "n*m");
	reads("2e3*n", "2000*n");
	reads("log", "log"); /* a parameter of that name */
	reads("_a1*B2", "_a1*B2");
}

static void refuses(const char *text, size_t len, const char *why)
{
	struct complexity c;
	struct err err = ERR_INIT;

	assert_int_equal(complexity_parse(&c, text, len, &err), ERR_ARG);
	if (!strstr(err.text, why))
		fail_msg("'%s' was refused for: %s", text, err.text);
	assert_int_equal(c.n, 0);
	assert_int_equal(c.n_params, 0);
}

static void what_is_no_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",      "+",     "n+",      "n**d",   "n*",      "*n",    "n^",    "n^x",
		"n^9",   "n^-1",  "-n",      "n-1",    "(n)",     "log(n", "log()", "log(2)",
		"n n",   "n*0",   "0*n",     "n/0",    "1e999*n", "nan",   "n;d",   "n\xff",
		"n+d+n", "n^8*n", "1.2.3*n", "n^1e99", "q*n+n*q"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct complexity c;
		struct err err = ERR_INIT;

		if (strcmp(wrong[i], "nan") == 0)
			continue; /* a name like any other */
		if (complexity_parse(&c, wrong[i], strlen(wrong[i]), &err) != ERR_ARG)
			fail_msg("'%s' was taken", wrong[i]);
		assert_true(err.text[0]);
	}
	refuses("n\0m", 3, "byte 2");
	refuses("n+d+n", 5, "twice");
	refuses("a+b+c+d+e+f+g+h+i", 17, "too many terms");
	refuses("a*b*c*d*e*f*g*h*i", 17, "too many factors");
	refuses("abcdefghijabcdefghijabcdefghijab", 32, "too long a name");
}

static void long_texts_are_refused(void **state)
{
	char text[1000];
	struct complexity c;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, ' ', sizeof text);
	text[0] = 'n';
	assert_int_equal(complexity_parse(&c, text, 200, &err), 0);
	assert_int_equal(complexity_parse(&c, text, sizeof text, &err), ERR_ARG);
}

static void terms_have_values(void **state)
{
	const double v[] = {3, 5, 2};
	struct complexity c;

	(void)state;
	assert_int_equal(complexity_parse(&c, "q*n*d + 16*q/n", 14, NULL), 0);
	near(complexity_term(&c, 0, v), 30);
	near(complexity_term(&c, 1, v), 9.6);
	near(complexity_exponent(&c, 0, 1, v), 1);
	near(complexity_exponent(&c, 1, 1, v), -1);
	assert_int_equal(complexity_parse(&c, "n*log(n)", 8, NULL), 0);
	near(complexity_term(&c, 0, v), 6);
	near(complexity_exponent(&c, 0, 0, v), 1 + 3 / (4 * log(4)));
}

static void values_that_are_none(void **state)
{
	double v[] = {0};
	struct complexity c;

	(void)state;
	assert_int_equal(complexity_parse(&c, "n*log(n) + 1/n", 14, NULL), 0);
	near(complexity_term(&c, 0, v), 0);
	assert_true(isinf(complexity_term(&c, 1, v)));
	v[0] = NAN;
	assert_true(isnan(complexity_term(&c, 0, v)));
	v[0] = -1;
	assert_true(isnan(complexity_term(&c, 0, v)));
}

/* ---- declarations ---- */

static const struct complexity *found(const struct declarations *d, const char *stage,
				      enum cost_metric m, int inside)
{
	const struct declaration *x = declare_find(d, stage, m, inside);

	return x ? &x->form : NULL;
}

static void says(const struct declarations *d, const char *stage, enum cost_metric m, int inside,
		 const char *want)
{
	char text[COMPLEXITY_TEXT];

	assert_non_null(found(d, stage, m, inside));
	complexity_text(found(d, stage, m, inside), text);
	assert_string_equal(text, want);
}

static void declarations_replace_each_other(void **state)
{
	static const char file[] = "{\"stages\": {\"knn\": {\"wall\": \"q*n\", \"memory\": \"n\"}, "
				   "\"a:b\": {\"cpu\": \"x\"}}}";
	struct declarations d = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(declare_builtin(&d, &err), 0);
	says(&d, "knn", COST_WALL, 1, "q*n*d + n*d + q*k");
	assert_null(found(&d, "knn", COST_WALL, 0)); /* another program's stage of that name */
	assert_int_equal(declare_option(&d, "knn:wall=q^2", &err), 0);
	assert_int_equal(declare_text(&d, file, strlen(file), "f", &err), 0);
	says(&d, "knn", COST_WALL, 0, "q^2"); /* the command line goes before */
	says(&d, "knn", COST_CPU, 0, "q^2");
	says(&d, "knn", COST_PEAK_HEAP, 0, "n");
	says(&d, "knn", COST_PEAK_RSS, 0, "n");
	says(&d, "a:b", COST_CPU, 0, "x");
	assert_null(found(&d, "a:b", COST_WALL, 0));
	assert_int_equal(declare_option(&d, "a:b:wall=y", &err), 0);
	says(&d, "a:b", COST_WALL, 0, "y");
	declarations_release(&d);
}

static void builtin_forms_are_forms(void **state)
{
	const struct declared_stage *s;

	(void)state;
	for (s = declared_export; s->stage; s++) {
		struct complexity c;

		assert_int_equal(complexity_parse(&c, s->wall, strlen(s->wall), NULL), 0);
		assert_true(c.n > 0);
		if (s->memory)
			assert_int_equal(complexity_parse(&c, s->memory, strlen(s->memory), NULL),
					 0);
	}
}

static void wrong_files_are_refused(void **state)
{
	static const char *const wrong[] = {"",
					    "[]",
					    "{}",
					    "{\"stages\": []}",
					    "{\"stages\": {\"a\": 1}}",
					    "{\"stages\": {\"a\": {\"wall\": 1}}}",
					    "{\"stages\": {\"a\": {\"wall\": \"n*\"}}}",
					    "{\"stages\": {\"a\": {\"walls\": \"n\"}}}",
					    "{\"stages\": {}, \"more\": 1}",
					    "{\"stages\": {\"a\": {\"wall\": \"n\"}, \"a\": {}}}",
					    "{\"stages\": {}} x"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct declarations d = {0};
		struct err err = ERR_INIT;

		if (declare_text(&d, wrong[i], strlen(wrong[i]), "a.json", &err) != ERR_FORMAT)
			fail_msg("'%s' was taken", wrong[i]);
		assert_int_equal(err.code, ERR_FORMAT);
		if (!strstr(err.text, "a.json"))
			fail_msg("'%s': %s", wrong[i], err.text);
		declarations_release(&d);
	}
}

static void wrong_options_are_refused(void **state)
{
	static const char *const wrong[] = {"knn",      "knn=q",        ":wall=q",
					    "knn:wall", "knn:wall=",    "knn:x=q",
					    "knn:=q",   "knn:wall=q q", "=knn:wall=q"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct declarations d = {0};
		struct err err = ERR_INIT;

		if (declare_option(&d, wrong[i], &err) != ERR_ARG)
			fail_msg("'%s' was taken", wrong[i]);
		declarations_release(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_read),
		cmocka_unit_test(what_is_no_form_is_refused),
		cmocka_unit_test(long_texts_are_refused),
		cmocka_unit_test(terms_have_values),
		cmocka_unit_test(values_that_are_none),
		cmocka_unit_test(declarations_replace_each_other),
		cmocka_unit_test(builtin_forms_are_forms),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
