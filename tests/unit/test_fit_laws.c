/* Stages of which nothing is declared: the law that explains their cost is found, and none where there is none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/model.h"
#include "tests/unit/model_rig.h"
#include "tests/unit/model_world.h"

static void undeclared_stages_follow_a_parameter(void **state)
{
	struct world w;
	const struct fit *f;
	int i;

	(void)state;
	begin(&w, NULL, 12);
	for (i = 0; i < 12; i++) {
		struct profile p;
		char id[16], params[64];
		double n = 1000 * (1 + i), m = 1000 * (1 + (i * 7) % 12);

		snprintf(id, sizeof id, "%d", i);
		snprintf(params, sizeof params, "{\"m\": %g, \"n\": %g, \"not a name\": 1}", m, n);
		rig_run(&p, id, i);
		rig_stage(&p, "s", PROFILE_NONE, 1e5 * n * exp(0.05 * rig_normal(&w.seed)), params);
		rig_stage(&p, "c", PROFILE_NONE, 5e7 * exp(0.05 * rig_normal(&w.seed)), params);
		rig_add(&w.c, &w.d, &p);
	}
	f = fit_of(&w, "s", COST_WALL);
	assert_int_equal(f->by, DECLARED_NOT);
	assert_int_equal(f->form.n, 1);
	assert_string_equal(f->form.params[0], "n");
	assert_int_equal(fit_of(&w, "c", COST_WALL)->form.n, 0);
	end(&w);
}

static double squared(double n, double m)
{
	(void)m;
	return 20 * n * n;
}

static double cubed(double n, double m)
{
	(void)m;
	return n * n * n / 100;
}

static double product(double n, double m)
{
	return 3e6 + 30 * n * m;
}

static double constant(double n, double m)
{
	(void)n;
	(void)m;
	return 4e7;
}

/* Five runs with noise of 10 % are enough, and of 100 worlds in which the stage follows nothing few say that it does. */
static void undeclared_stages_follow_a_law(void **state)
{
	static const struct {
		double (*law)(double n, double m);
		const char *form;
		int runs, worlds, at_least, at_most;
	} laws[] = {
		{squared, "n^2", 5, 20, 15, 20},
		{cubed, "n^3", 5, 20, 15, 20},
		{product, "m*n", 10, 15, 13, 15},
		{constant, "", 5, 100, 97, 100},
	};
	size_t k;

	(void)state;
	for (k = 0; k < sizeof laws / sizeof *laws; k++) {
		int world, i, right = 0;

		for (world = 0; world < laws[k].worlds; world++) {
			char text[COMPLEXITY_TEXT];
			struct world w;

			begin(&w, NULL, (uint64_t)(1000 * (k + 1)) + (uint64_t)world * 7919);
			for (i = 0; i < laws[k].runs; i++) {
				double n = 1000 * (1 + i), m = 1000 * (1 + (i * 7) % 10);
				struct profile p;
				char id[16], params[64];

				snprintf(id, sizeof id, "%d", i);
				if (laws[k].law == product)
					snprintf(params, sizeof params, "{\"m\": %g, \"n\": %g}", m,
						 n);
				else
					snprintf(params, sizeof params, "{\"n\": %g}", n);
				rig_run(&p, id, i);
				rig_stage(&p, "s", PROFILE_NONE,
					  laws[k].law(n, m) * exp(0.1 * rig_normal(&w.seed)),
					  params);
				rig_add(&w.c, &w.d, &p);
			}
			complexity_text(&fit_of(&w, "s", COST_WALL)->form, text);
			right += strcmp(text, laws[k].form) == 0 ||
				 (!*laws[k].form && !fit_of(&w, "s", COST_WALL)->form.n);
			end(&w);
		}
		print_message("%s: %d of %d\n", *laws[k].form ? laws[k].form : "constant", right,
			      laws[k].worlds);
		assert_in_range(right, laws[k].at_least, laws[k].at_most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undeclared_stages_follow_a_parameter),
		cmocka_unit_test(undeclared_stages_follow_a_law),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
