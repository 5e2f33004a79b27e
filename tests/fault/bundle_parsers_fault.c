/* Every allocation of the readers of `bundle create` fails once: each says so and leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/cycles.h"
#include "pipeline/bundle/embeddings.h"
#include "pipeline/bundle/fasta.h"
#include "pipeline/bundle/gaf.h"
#include "pipeline/bundle/ids.h"
#include "pipeline/bundle/obo.h"
#include "pipeline/bundle/taxdump.h"
#include "tests/fault/fault.h"
#include "tests/unit/bundle_inputs.h"

typedef int trial(struct err *err);

/* Runs `once` with the n-th allocation failing, for every n, until it needs no more of them. */
static void fail_each(trial *once, size_t at_least)
{
	struct err err = ERR_INIT;
	size_t n;
	int rc;

	for (n = 1;; n++) {
		err = (struct err)ERR_INIT;
		fault_arm(n);
		rc = once(&err);
		if (!fault_fired())
			break;
		fault_disarm();
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_true(err.text[0] != '\0');
	}
	fault_disarm();
	if (rc != 0)
		fail_msg("%s", err.text);
	assert_true(n > at_least);
}

/* ---- readers ---------------------------------------------------------------------------------- */

static struct buf text = BUF_INIT;

static int open_text(struct lines **in, struct err *err)
{
	return lines_open_memory(in, "text", text.data, text.len, err);
}

static int obo_header_fn(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)ctx;
	(void)h;
	(void)err;
	return 0;
}

static int obo_term_fn(void *ctx, const struct obo_term *t, struct err *err)
{
	(void)ctx;
	(void)t;
	(void)err;
	return 0;
}

static int read_obo(struct err *err)
{
	static const struct obo_handler handler = {obo_header_fn, obo_term_fn};
	struct lines *in = NULL;
	int rc = open_text(&in, err);

	if (rc == 0)
		rc = obo_read(in, &handler, NULL, err);
	lines_close(in);
	return rc;
}

static void obo_fails_cleanly_at_every_allocation(void **state)
{
	int i;

	(void)state;
	buf_puts(&text, "format-version: 1.2\ndata-version: x\nontology: go\n");
	buf_puts(&text, "[Term]\nid: A\nname: one \\\ntwo\nrelationship: part_of B\n");
	for (i = 0; i < 40; i++)
		buf_printf(&text, "alt_id: B%d\nis_a: C%d\n", i, i);
	buf_puts(&text, "[Term]\nid: D\nis_a: E\n");
	fail_each(read_obo, 10);
	buf_clear(&text);
}

static int fasta_record_fn(void *ctx, const struct fasta_record *r, struct err *err)
{
	(void)ctx;
	(void)r;
	(void)err;
	return 0;
}

static int read_fasta(struct err *err)
{
	struct lines *in = NULL;
	int rc = open_text(&in, err);

	if (rc == 0)
		rc = fasta_read(in, fasta_record_fn, NULL, err);
	lines_close(in);
	return rc;
}

static void fasta_fails_cleanly_at_every_allocation(void **state)
{
	int i;

	(void)state;
	buf_puts(&text, ">sp|P1|X OS=Homo sapiens OX=9606\n");
	for (i = 0; i < 300; i++)
		buf_puts(&text, "MKVLAWGGMKVLAWGGMKVLAWGGMKVLAWGG\n");
	buf_puts(&text, ">P2\nM\n");
	fail_each(read_fasta, 4);
	buf_clear(&text);
}

static int gaf_header_fn(void *ctx, const struct gaf_header *h, struct err *err)
{
	(void)ctx;
	(void)h;
	(void)err;
	return 0;
}

static int gaf_record_fn(void *ctx, const struct gaf_record *r, struct err *err)
{
	(void)ctx;
	(void)r;
	(void)err;
	return 0;
}

static int read_gaf(struct err *err)
{
	static const struct gaf_handler handler = {gaf_header_fn, gaf_record_fn};
	struct lines *in = NULL;
	int rc = open_text(&in, err);

	if (rc == 0)
		rc = gaf_read(in, &handler, NULL, err);
	lines_close(in);
	return rc;
}

static void gaf_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	buf_puts(&text, input_gaf_165);
	fail_each(read_gaf, 2);
	buf_clear(&text);
}

static int name_fn(void *ctx, int64_t taxon, const char *name, const char *name_class,
		   struct err *err)
{
	(void)ctx;
	(void)taxon;
	(void)name;
	(void)name_class;
	(void)err;
	return 0;
}

static int read_names(struct err *err)
{
	struct lines *in = NULL;
	int rc = open_text(&in, err);

	if (rc == 0)
		rc = taxdump_read_names(in, name_fn, NULL, err);
	lines_close(in);
	return rc;
}

static void taxdump_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	buf_puts(&text, input_names);
	fail_each(read_names, 2);
	buf_clear(&text);
}

/* ---- the rest --------------------------------------------------------------------------------- */

static int find_cycle(struct err *err)
{
	static const struct cycle_edge edges[] = {{0, 1}, {1, 2}, {2, 0}};
	uint64_t n;
	uint32_t *path;
	size_t len;
	int rc = cycles_find(3, edges, 3, &n, &path, &len, err);

	assert_true(rc == 0 || !path);
	free(path);
	return rc;
}

static void cycles_fail_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(find_cycle, 6);
}

static int derive_id(struct err *err)
{
	char id[UUID_TEXT];

	return bundle_uuid("kind", "name", id, err);
}

static void ids_fail_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(derive_id, 1);
}

static char *list_path;

static int read_embeddings(struct err *err)
{
	struct embeddings *e = NULL;
	const void *row;
	int finite;
	int rc = embeddings_open(&e, scratch("e.npy"), list_path, err);

	assert_true(rc == 0 || !e);
	if (rc == 0)
		rc = embeddings_row(e, 4, &row, &finite, err);
	embeddings_close(e);
	return rc;
}

static void embeddings_fail_cleanly_at_every_allocation(void **state)
{
	static const uint32_t names[5] = {'A', 'B', 'C', 'D', 'E'};
	const uint64_t shape[1] = {5};
	struct buf npy = BUF_INIT;

	(void)state;
	input_npy("e.npy", "<f2", 5, 2, input_halves, sizeof input_halves);
	input_text("e.accessions.txt", input_accessions);
	fail_each(read_embeddings, 8);
	npy_write_header(&npy, "<U1", shape, 1);
	buf_put(&npy, names, sizeof names);
	scratch_write("list.npy", npy.data, npy.len);
	buf_release(&npy);
	list_path = input_path("list.npy");
	fail_each(read_embeddings, 8);
	free(list_path);
}

static int release_text(void **state)
{
	buf_release(&text);
	return scratch_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(obo_fails_cleanly_at_every_allocation),
		cmocka_unit_test(fasta_fails_cleanly_at_every_allocation),
		cmocka_unit_test(gaf_fails_cleanly_at_every_allocation),
		cmocka_unit_test(taxdump_fails_cleanly_at_every_allocation),
		cmocka_unit_test(cycles_fail_cleanly_at_every_allocation),
		cmocka_unit_test(ids_fail_cleanly_at_every_allocation),
		cmocka_unit_test(embeddings_fail_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, scratch_make, release_text);
}
