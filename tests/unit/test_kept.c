/* What a run keeps of its searches: it comes back as it was, as far as it goes, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "tests/unit/kept_rig.h"

static struct err err;
static struct rig rig;

static int setup(void **state)
{
	err = (struct err)ERR_INIT;
	if (scratch_make(state) != 0)
		return -1;
	rig_make(&rig);
	return 0;
}

static int teardown(void **state)
{
	rig_release(&rig);
	return scratch_remove(state);
}

static void open_kept(struct kept_neighbors *kept, const char *base)
{
	assert_int_equal(kept_neighbors_open(kept, &rig.split, scratch_dir, base, &err), 0);
}

/* Queries that come back for K. */
static uint32_t loaded(const char *base, uint32_t k)
{
	struct kept_neighbors kept;

	assert_int_equal(rig_room(&rig, k), 0);
	open_kept(&kept, base);
	assert_int_equal(kept_neighbors_load(&kept, &rig.split, &err), 0);
	kept_neighbors_close(&kept);
	return rig.split.n_found;
}

static void keep(uint32_t k, uint32_t from, uint32_t to)
{
	struct kept_neighbors kept;

	assert_int_equal(rig_room(&rig, k), 0);
	rig_find(&rig);
	open_kept(&kept, "base");
	assert_int_equal(kept_neighbors_save(&kept, &rig.split, from, to, &err), 0);
	kept_neighbors_close(&kept);
}

static const char *kept_file(uint32_t from)
{
	char name[128];

	snprintf(name, sizeof name, "%s.v1-v2.knn.%u", rig.payload.embedding_config_id, from);
	return scratch(name);
}

static void check_found(uint32_t k)
{
	const struct neighbors *n = &rig.split.own_neighbors;
	uint32_t q, i, most;
	int a;

	for (a = 0; a < ASPECTS; a++)
		for (q = 0; q < RIG_QUERIES; q++) {
			most = k < 4 - (uint32_t)a ? k : 4 - (uint32_t)a;
			assert_int_equal(n->count[a][q], most);
			for (i = 0; i < most; i++) {
				struct knn_hit want = rig_hit(a, q, i);

				assert_memory_equal(&n->hit[a][q * n->stride + i], &want,
						    sizeof want);
			}
		}
}

static void neighbours_come_back(void **state)
{
	(void)state;
	keep(4, 0, 3);
	assert_int_equal(loaded("base", 4), 3);
	keep(4, 3, RIG_QUERIES);
	assert_int_equal(loaded("base", 4), RIG_QUERIES);
	check_found(4);
}

static void a_large_k_serves_a_small_one(void **state)
{
	(void)state;
	keep(4, 0, RIG_QUERIES);
	assert_int_equal(loaded("base", 2), RIG_QUERIES);
	check_found(2);
	assert_int_equal(loaded("base", 5), 0);
}

static void other_inputs_find_nothing(void **state)
{
	(void)state;
	keep(4, 0, RIG_QUERIES);
	assert_int_equal(loaded("other", 4), 0);
	rig.payload.metric = KNN_L2;
	assert_int_equal(loaded("base", 4), 0);
	rig.payload.metric = KNN_COSINE;
	rig.payload.distance_threshold = 0.5;
	assert_int_equal(loaded("base", 4), 0);
	rig.payload.distance_threshold = 0;
	rig.queries[6]++;
	assert_int_equal(loaded("base", 4), 0);
	rig.queries[6]--;
	rig.rows[1]++;
	assert_int_equal(loaded("base", 4), 0);
	rig.rows[1]--;
	assert_int_equal(loaded("base", 4), RIG_QUERIES);
}

/* Every byte of a file is covered: changed, or the file cut there, it does not count. */
static void damaged_neighbours_do_not_count(void **state)
{
	struct buf file = BUF_INIT;
	size_t i;

	(void)state;
	keep(4, 0, RIG_QUERIES);
	assert_int_equal(fsio_read_all(kept_file(0), BUF_NO_LIMIT, &file, &err), 0);
	for (i = 0; i < file.len; i += 5) {
		file.data[i] ^= 1;
		assert_int_equal(fsio_write_file(kept_file(0), file.data, file.len, &err), 0);
		file.data[i] ^= 1;
		assert_int_equal(loaded("base", 4), 0);
		assert_int_equal(fsio_write_file(kept_file(0), file.data, i, &err), 0);
		assert_int_equal(loaded("base", 4), 0);
	}
	assert_int_equal(fsio_write_file(kept_file(0), file.data, file.len, &err), 0);
	assert_int_equal(loaded("base", 4), RIG_QUERIES);
	buf_release(&file);
}

/* ---- alignments --------------------------------------------------------------------------------------- */

/* Marks every third job done, brings them behind the others, and looks for each under its old number. */
static void jobs_that_are_done_go_behind(void **state)
{
	struct align_job before[12];
	size_t missing = 0, i;

	(void)state;
	assert_int_equal(rig_work(&rig), 0);
	assert_int_equal(rig.work.n, 12);
	memcpy(before, rig.work.job, sizeof before);
	for (i = 0; i < 12; i++) {
		rig.work.done[i] = i % 3 != 1;
		rig.work.value[i] = rig_value(before[i]);
	}
	assert_int_equal(align_work_split(&rig.work, &missing, &err), 0);
	assert_int_equal(missing, 4);
	for (i = 0; i < 12; i++) {
		const struct align_values *v = align_work_value(&rig.work, (uint32_t)i);

		assert_int_equal(rig.work.done[i], i >= 4);
		assert_int_equal(v != NULL, i % 3 != 1);
		if (v) {
			assert_true(v->identity_nw == before[i].query);
			assert_true(v->length_sw == before[i].ref);
		}
	}
}

static void keep_alignments(size_t from, size_t to, int *file)
{
	struct align_keep *k = NULL;
	uint32_t i;

	assert_int_equal(align_keep_start(&k, &rig.work, NULL, &rig.staging, *file, &err), 0);
	for (i = (uint32_t)from; i < to; i++) {
		rig.work.value[i] = rig_value(rig.work.job[i]);
		align_keep_push(k, &i, 1);
	}
	assert_int_equal(align_keep_stop(k, file, &err), 0);
}

static size_t taken(int *file)
{
	size_t n = 0, i, done = 0;

	align_work_release(&rig.work);
	assert_int_equal(rig_work(&rig), 0);
	assert_int_equal(align_keep_load(&rig.work, &rig.staging, &n, file, &err), 0);
	for (i = 0; i < rig.work.n; i++)
		if (rig.work.done[i]) {
			struct align_values want = rig_value(rig.work.job[i]);

			assert_memory_equal(&rig.work.value[i], &want, sizeof want);
			done++;
		}
	assert_int_equal(n, done);
	return done;
}

static void alignments_come_back(void **state)
{
	int file = 0;

	(void)state;
	assert_int_equal(rig_work(&rig), 0);
	keep_alignments(0, 5, &file);
	assert_int_equal(file, 1);
	assert_int_equal(taken(&file), 5);
	keep_alignments(5, 12, &file);
	assert_int_equal(file, 2);
	assert_int_equal(taken(&file), 12);
	rig.staging.content[0] = 'e';
	assert_int_equal(taken(&file), 0);
	assert_int_equal(file, 2); /* the next file has a name of its own all the same */
}

static void damaged_alignments_do_not_count(void **state)
{
	struct buf bytes = BUF_INIT;
	int file = 0;
	size_t i;

	(void)state;
	assert_int_equal(rig_work(&rig), 0);
	keep_alignments(0, 5, &file);
	keep_alignments(5, 12, &file);
	assert_int_equal(fsio_read_all(scratch("alignments.0"), BUF_NO_LIMIT, &bytes, &err), 0);
	for (i = 0; i < bytes.len; i += 13) {
		bytes.data[i] ^= 4;
		assert_int_equal(
			fsio_write_file(scratch("alignments.0"), bytes.data, bytes.len, &err), 0);
		bytes.data[i] ^= 4;
		assert_int_equal(taken(&file), 7);
		assert_int_equal(fsio_write_file(scratch("alignments.0"), bytes.data, i, &err), 0);
		assert_int_equal(taken(&file), 7);
	}
	buf_release(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(neighbours_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_k_serves_a_small_one, setup, teardown),
		cmocka_unit_test_setup_teardown(other_inputs_find_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_neighbours_do_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(jobs_that_are_done_go_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(alignments_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_alignments_do_not_count, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
