/* Compound arguments of `bundle create`, and ids derived from names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/bundle/create.h"
#include "pipeline/bundle/ids.h"
#include "pipeline/core/plm.h"

#define UUID "0f5d7fd1-182b-8c81-bafe-f3c7c99bc0fc"

static char text[256];

static char *copy(const char *from)
{
	memset(text, 'x', sizeof text);
	memcpy(text, from, strlen(from) + 1);
	return text;
}

static void an_ontology_may_force_its_id(void **state)
{
	struct err err = ERR_INIT;
	struct create_obo o;

	(void)state;
	assert_int_equal(create_parse_obo(copy("go.obo"), &o, &err), 0);
	assert_string_equal(o.path, "go.obo");
	assert_string_equal(o.id, "");
	assert_int_equal(
		create_parse_obo(copy("a=b.obo=0F5D7FD1-182B-8C81-BAFE-F3C7C99BC0FC"), &o, &err),
		0);
	assert_string_equal(o.path, "a=b.obo");
	assert_string_equal(o.id, UUID);
	assert_int_equal(create_parse_obo(copy("a=b.obo"), &o, &err), 0);
	assert_string_equal(o.path, "a=b.obo");
	assert_string_equal(o.id, "");
	assert_int_equal(create_parse_obo(copy("=" UUID), &o, &err), ERR_ARG);
	assert_int_equal(create_parse_obo(copy(""), &o, &err), ERR_ARG);
}

static void annotations_may_name_release_and_ontology(void **state)
{
	struct err err = ERR_INIT;
	struct create_gaf g;

	(void)state;
	assert_int_equal(create_parse_gaf(copy("x.gaf.gz"), &g, &err), 0);
	assert_string_equal(g.path, "x.gaf.gz");
	assert_int_equal(g.version, -1);
	assert_null(g.obo_version);
	assert_int_equal(create_parse_gaf(copy("me@home/x.gaf@160"), &g, &err), 0);
	assert_string_equal(g.path, "me@home/x.gaf");
	assert_int_equal(g.version, 160);
	assert_null(g.obo_version);
	assert_int_equal(create_parse_gaf(copy("x.gaf@160:releases/2013-07-05"), &g, &err), 0);
	assert_string_equal(g.path, "x.gaf");
	assert_string_equal(g.obo_version, "releases/2013-07-05");
	assert_int_equal(create_parse_gaf(copy("me@home/x.gaf"), &g, &err), 0);
	assert_string_equal(g.path, "me@home/x.gaf");
	assert_int_equal(create_parse_gaf(copy("x@160:"), &g, &err), ERR_ARG);
	assert_int_equal(create_parse_gaf(copy("@160"), &g, &err), ERR_ARG);
}

static void embeddings_name_model_matrix_and_list(void **state)
{
	struct err err = ERR_INIT;
	struct create_embeddings e;

	(void)state;
	assert_int_equal(create_parse_embeddings(copy("esm2_650m=a=b/e.npy"), &e, &err), 0);
	assert_string_equal(e.name, "esm2_650m");
	assert_string_equal(e.path, "a=b/e.npy");
	assert_null(e.accessions);
	assert_int_equal(create_parse_embeddings(copy("m=C:/e.npy:acc.txt"), &e, &err), 0);
	assert_string_equal(e.path, "C:/e.npy");
	assert_string_equal(e.accessions, "acc.txt");
	assert_int_equal(create_parse_embeddings(copy("m=e.npy:"), &e, &err), ERR_ARG);
	assert_int_equal(create_parse_embeddings(copy("=e.npy"), &e, &err), ERR_ARG);
	assert_int_equal(create_parse_embeddings(copy("e.npy"), &e, &err), ERR_ARG);
	assert_int_equal(create_parse_embeddings(copy("m="), &e, &err), ERR_ARG);
}

static void configs_pairs_and_notes_are_checked(void **state)
{
	struct err err = ERR_INIT;
	struct create_config c;
	struct create_pair p;
	struct create_note n;

	(void)state;
	assert_int_equal(create_parse_config(copy("a=b=" UUID), &c, &err), 0);
	assert_string_equal(c.name, "a=b");
	assert_string_equal(c.id, UUID);
	assert_int_equal(create_parse_config(copy("a=b"), &c, &err), ERR_ARG);
	assert_int_equal(create_parse_config(copy("=" UUID), &c, &err), ERR_ARG);
	assert_int_equal(create_parse_pair(copy("160:165"), &p, &err), 0);
	assert_int_equal(p.old_version, 160);
	assert_int_equal(p.new_version, 165);
	assert_int_equal(create_parse_pair(copy("165:160"), &p, &err), ERR_ARG);
	assert_int_equal(create_parse_pair(copy("160:160"), &p, &err), ERR_ARG);
	assert_int_equal(create_parse_pair(copy("160"), &p, &err), ERR_ARG);
	assert_int_equal(create_parse_pair(copy("160:x"), &p, &err), ERR_ARG);
	assert_int_equal(create_parse_pair(copy("1:9999999999999999999"), &p, &err), ERR_ARG);
	assert_int_equal(create_parse_note(copy("k=v=w"), &n, &err), 0);
	assert_string_equal(n.key, "k");
	assert_string_equal(n.value, "v=w");
	assert_int_equal(create_parse_note(copy("k="), &n, &err), 0);
	assert_string_equal(n.value, "");
	assert_int_equal(create_parse_note(copy("kv"), &n, &err), ERR_ARG);
	assert_int_equal(create_parse_note(copy("=v"), &n, &err), ERR_ARG);
}

static void models_of_the_grid_have_the_ids_of_the_original(void **state)
{
	size_t i;
	char id[UUID_TEXT];

	(void)state;
	for (i = 0; i < PLM_COUNT; i++) {
		assert_ptr_equal(plm_find(plm_list[i].short_name), &plm_list[i]);
		assert_ptr_equal(plm_find(plm_list[i].checkpoint), &plm_list[i]);
		assert_int_equal(uuid_normalise(plm_list[i].config_id, id), 0);
		assert_string_equal(id, plm_list[i].config_id);
	}
	assert_string_equal(plm_find("esm2_650m")->config_id,
			    "c2e9dda3-e505-4170-b50d-435a451761ac");
	assert_null(plm_find("esm2"));
}

/* Expected value: Python's hashlib.sha256(b"protea-bundle\nkind\nname"), version and variant set. */
static void derived_ids_are_version_8_uuids_of_sha256(void **state)
{
	struct err err = ERR_INIT;
	char id[UUID_TEXT], other[UUID_TEXT];

	(void)state;
	assert_int_equal(bundle_uuid("kind", "name", id, &err), 0);
	assert_string_equal(id, "e2505106-e096-8838-adf6-4699acc8474a");
	assert_int_equal(bundle_uuid("kind", "name2", other, &err), 0);
	assert_string_not_equal(id, other);
	assert_int_equal(uuid_normalise(other, other), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ontology_may_force_its_id),
		cmocka_unit_test(annotations_may_name_release_and_ontology),
		cmocka_unit_test(embeddings_name_model_matrix_and_list),
		cmocka_unit_test(configs_pairs_and_notes_are_checked),
		cmocka_unit_test(models_of_the_grid_have_the_ids_of_the_original),
		cmocka_unit_test(derived_ids_are_version_8_uuids_of_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
