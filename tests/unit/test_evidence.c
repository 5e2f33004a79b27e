/* What an annotation row says: every code of spec 4.3 and those that look like them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/ontology/evidence.h"

static void the_experimental_codes_are_these(void **state)
{
	static const char *const pairs[][2] = {
		{"EXP", "ECO:0000269"}, {"IDA", "ECO:0000314"}, {"IPI", "ECO:0000353"},
		{"IMP", "ECO:0000315"}, {"IGI", "ECO:0000316"}, {"IEP", "ECO:0000270"},
		{"HTP", "ECO:0006056"}, {"HDA", "ECO:0007005"}, {"HMP", "ECO:0007001"},
		{"HGI", "ECO:0007003"}, {"HEP", "ECO:0007007"}, {"IC", "ECO:0000305"},
		{"TAS", "ECO:0000304"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_true(evidence_is_experimental(pairs[i][0]));
		assert_true(evidence_is_experimental(pairs[i][1]));
	}
}

static void nothing_else_is_experimental(void **state)
{
	/* every other code of GO, the ECO ids of some of them, and near misses */
	static const char *const others[] = {
		"IEA",         "ISS",         "ISO",         "ISA",         "ISM",
		"IGC",         "IBA",         "IBD",         "IKR",         "IRD",
		"RCA",         "NAS",         "ND",          "NR",          "",
		"exp",         "Ida",         " EXP",        "EXP ",        "EX",
		"EXPX",        "I",           "ICX",         "ECO:0000501", "ECO:0000250",
		"ECO:0000318", "ECO:0000303", "ECO:0000307", "ECO:000026",  "ECO:00002690",
		"eco:0000269", "0000269",     "ECO_0000269",
	};

	(void)state;
	assert_false(evidence_is_experimental(NULL));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (evidence_is_experimental(others[i]))
			fail_msg("'%s' counts as experimental", others[i]);
}

/* A substring, case-sensitive, anywhere: 'CANNOT' negates, 'not' does not. */
static void not_anywhere_negates(void **state)
{
	static const char *const negated[] = {
		"NOT",        "NOT|enables", "enables|NOT", "CANNOT", "acts_upstream_ofNOT",
		"NOTENABLES", "xNOTx",       "NNOT",        "NONOT"};
	static const char *const positive[] = {"",     "enables", "not", "Not|enables",   "N|O|T",
					       "NO T", "NO",      "NTO", "contributes_to"};

	(void)state;
	assert_false(qualifier_is_negated(NULL));
	for (size_t i = 0; i < sizeof negated / sizeof *negated; i++)
		assert_true(qualifier_is_negated(negated[i]));
	for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
		assert_false(qualifier_is_negated(positive[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_experimental_codes_are_these),
		cmocka_unit_test(nothing_else_is_experimental),
		cmocka_unit_test(not_anywhere_negates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
