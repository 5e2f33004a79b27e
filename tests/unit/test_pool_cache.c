/* The pool cache: what is a hit, what is stale, files of the original, damaged files, and several
 * processes at one folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/npy.h"
#include "pipeline/pool/pool_cache.h"
#include "tests/unit/at_once.h"
#include "tests/unit/numbers.h"
#include "tests/unit/world.h"

#define NAME CONFIG_H "__00000000-0000-0000-0000-000000000000_"

static struct proteins proteins;
static struct pool pool;
static struct pool_cache_key key;
static char cache[PATH_MAX + 16];
static struct err err;

static void count_rows(struct pool_cache_key *k)
{
	assert_int_equal(pool_cache_key(k, world.source, CONFIG_H, &proteins, pool.n, &err), 0);
}

/* Proteins P1, P2 (two chunks), P3 (not finite), P4; the pool has three rows of two values. */
static void begin(void)
{
	static const struct pool_options options = {0};

	world_begin(SNAP_1, SNAP_1);
	for (int i = 1; i <= 4; i++)
		world_protein((char[]){'P', (char)('0' + i), 0}, i);
	world_embedding(CONFIG_H, 1, 0, 2, "01000200");
	world_embedding(CONFIG_H, 2, 0, 2, "03000400");
	world_embedding(CONFIG_H, 2, 9, 2, "ff00ff00");
	world_embedding(CONFIG_H, 3, 0, 2, "007c0000");
	world_embedding(CONFIG_H, 4, 0, 2, "05000600");
	world_open();
	snprintf(cache, sizeof cache, "%s/cache", world.dir);
	assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
	assert_int_equal(pool_load(&pool, world.source, CONFIG_H, &proteins, &options, &err), 0);
	count_rows(&key);
}

static void finish(void)
{
	pool_release(&pool);
	proteins_release(&proteins);
	world_close();
}

static void store(void)
{
	struct pool_cache_file file;

	assert_int_equal(pool_cache_store(&pool, cache, &proteins, &key, -1, &file, &err), 0);
	assert_non_null(strstr(file.path, NAME "embeddings.npy"));
	assert_int_equal(file.rows, 3);
	assert_int_equal(file.bytes, 128 + 12);
	free(file.path);
}

/* Loads; on a hit the pool must be the one of begin(). */
static int load(const struct pool_cache_key *k)
{
	struct pool_cache_file file;
	struct pool got;
	int rc;

	err.text[0] = '\0';
	rc = pool_cache_load(&got, cache, CONFIG_H, &proteins, k, &file, &err);
	free(file.path);
	if (rc == POOL_CACHE_HIT || rc == POOL_CACHE_HIT_FOREIGN) {
		assert_int_equal(got.n, pool.n);
		assert_int_equal(got.dim, pool.dim);
		assert_string_equal(got.config_id, CONFIG_H);
		assert_memory_equal(got.values, pool.values, pool.n * pool.dim * 2);
		assert_memory_equal(got.protein, pool.protein, pool.n * sizeof *pool.protein);
		assert_int_equal(got.n_proteins, pool.n_proteins);
		assert_memory_equal(got.row_of, pool.row_of, pool.n_proteins * sizeof *pool.row_of);
	} else {
		assert_null(got.values);
		assert_null(got.protein);
	}
	if (rc == POOL_CACHE_HIT) {
		assert_int_equal(got.duplicate_rows, pool.duplicate_rows);
		assert_int_equal(got.dropped_non_finite, pool.dropped_non_finite);
	}
	pool_release(&got);
	return rc;
}

static const char *in_cache(const char *what)
{
	static char path[PATH_MAX + 128];

	snprintf(path, sizeof path, "%s/" NAME "%s", cache, what);
	return path;
}

/* The whole file of the cache; the caller releases it. */
static struct buf read_file(const char *what)
{
	struct buf b = BUF_INIT;

	assert_int_equal(fsio_read_all(in_cache(what), 1 << 20, &b, &err), 0);
	return b;
}

static void is_stale_because(const char *words)
{
	assert_int_equal(load(&key), POOL_CACHE_STALE);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static void what_was_stored_is_a_hit(void **state)
{
	(void)state;
	begin();
	assert_int_equal(load(&key), POOL_CACHE_ABSENT); /* not even the folder */
	store();
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	store(); /* over itself */
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	finish();
}

static void other_data_makes_it_stale(void **state)
{
	struct pool_cache_key other = key;

	(void)state;
	begin();
	store();
	other = key;
	other.rows++;
	assert_int_equal(load(&other), POOL_CACHE_STALE);
	other = key;
	other.n_proteins--;
	assert_int_equal(load(&other), POOL_CACHE_STALE);
	other = key;
	other.proteins_sha256[63] ^= 1;
	assert_int_equal(load(&other), POOL_CACHE_STALE);
	other = key;
	other.vectors_sha256[0] ^= 1;
	assert_int_equal(load(&other), POOL_CACHE_STALE);
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	finish();
}

/* The key follows every byte of the embeddings and the proteins' sequences. */
static void the_key_follows_the_data(void **state)
{
	static const char *const changes[] = {
		"UPDATE sequence_embedding SET embedding = x'01000300' WHERE sequence_id = 1",
		"UPDATE sequence_embedding SET chunk_index_s = 10 WHERE chunk_index_s = 9",
		"UPDATE sequence_embedding SET id = 1000 WHERE sequence_id = 4",
		"UPDATE protein SET sequence_id = 1 WHERE accession = 'P2'",
		"DELETE FROM sequence_embedding WHERE sequence_id = 3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct pool_cache_key now;

		begin();
		source_close(world.source);
		fixture_sql(world.path, changes[i]);
		assert_int_equal(source_open(&world.source, world.path, SOURCE_READ, &err), 0);
		proteins_release(&proteins);
		assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
		count_rows(&now);
		if (strcmp(now.vectors_sha256, key.vectors_sha256) == 0 &&
		    strcmp(now.proteins_sha256, key.proteins_sha256) == 0)
			fail_msg("the key is blind to: %s", changes[i]);
		finish();
	}
}

/* ---- files of the original -------------------------------------------------------------------- */

static void files_without_a_sidecar_are_trusted_if_they_fit(void **state)
{
	struct pool_cache_key other;

	(void)state;
	begin();
	store();
	assert_int_equal(unlink(in_cache("embeddings.json")), 0);
	assert_int_equal(load(&key), POOL_CACHE_HIT_FOREIGN);
	other = key;
	other.rows = 4;
	assert_int_equal(load(&other), POOL_CACHE_STALE);
	finish();
}

/* The original's rows in the order of its database, and what NumPy itself writes. */
static void numpys_files_in_any_order_are_read(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	if (access("/usr/bin/python3", X_OK) != 0 ||
	    system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
		print_message("no python3 with numpy here\n");
		skip();
	}
	begin();
	store();
	snprintf(command, sizeof command,
		 "cd '%s' && /usr/bin/python3 -c 'import numpy as np, os\n"
		 "e = np.load(\"" NAME "embeddings.npy\"); a = np.load(\"" NAME
		 "accessions.npy\")\n"
		 "assert e.dtype == np.float16 and e.shape == (3, 2), (e.dtype, e.shape)\n"
		 "assert e.view(np.uint16).tolist() == [[1, 2], [3, 4], [5, 6]], e\n"
		 "assert a.tolist() == [\"P1\", \"P2\", \"P4\"], a\n"
		 "np.save(\"" NAME "embeddings.npy\", e[[2, 0, 1]])\n"
		 "np.save(\"" NAME "accessions.npy\", np.array([\"P4\", \"P1\", \"P2\"]))\n"
		 "os.remove(\"" NAME "embeddings.json\")'",
		 cache);
	assert_int_equal(system(command), 0);
	assert_int_equal(load(&key), POOL_CACHE_HIT_FOREIGN);
	finish();
}

/* Writes the embeddings anew with a header of the test's, without the sidecar. */
static void rewrite(const char *descr, uint64_t rows, uint64_t cols, const void *data, size_t n)
{
	uint64_t shape[2] = {rows, cols};
	struct buf b = BUF_INIT;

	unlink(in_cache("embeddings.json"));
	assert_int_equal(npy_write_header(&b, descr, shape, cols ? 2 : 1), 0);
	buf_put(&b, data, n);
	fixture_write(in_cache("embeddings.npy"), b.data, b.len);
	buf_release(&b);
}

static void only_a_complete_float16_matrix_is_taken(void **state)
{
	static const unsigned char zeros[64];
	static const uint16_t inf[6] = {0, 0, 0, 0, 0, 0x7c00};

	(void)state;
	begin();
	store();
	rewrite("<f2", 3, 2, pool.values, 12);
	assert_int_equal(load(&key), POOL_CACHE_HIT_FOREIGN);
	rewrite("<f4", 3, 2, zeros, 24);
	is_stale_because("float16");
	rewrite("<f2", 6, 0, zeros, 12);
	is_stale_because("float16");
	rewrite("<f2", 3, 2, zeros, 11);
	is_stale_because("float16");
	rewrite("<f2", 3, 2, zeros, 14);
	is_stale_because("float16");
	rewrite("<f2", 2, 2, zeros, 8);
	is_stale_because("2 rows");
	rewrite(">f2", 3, 2, pool.values, 12);
	is_stale_because("float16");
	rewrite("<f2", 3, 2, inf, 12);
	is_stale_because("finite");
	rewrite("<f2", UINT64_C(1) << 62, 2, zeros, 12);
	assert_int_equal(load(&key), POOL_CACHE_STALE);
	rewrite("<f2", 3, UINT64_C(1) << 61, zeros, 12);
	assert_int_equal(load(&key), POOL_CACHE_STALE);
	finish();
}

/* A header of odd length puts the numbers at odd addresses: not read in place. */
static void an_odd_header_is_no_trap(void **state)
{
	struct buf b;

	(void)state;
	begin();
	store();
	unlink(in_cache("embeddings.json"));
	b = read_file("embeddings.npy");
	assert_int_equal(buf_putc(&b, 0), 0);
	memmove(b.data + 128, b.data + 127, b.len - 128); /* one more blank before the newline */
	b.data[126] = b.data[127] = ' ';
	b.data[128] = '\n';
	b.data[8]++;
	fixture_write(in_cache("embeddings.npy"), b.data, b.len);
	buf_release(&b);
	assert_in_range(load(&key), POOL_CACHE_HIT_FOREIGN, POOL_CACHE_STALE);
	finish();
}

static void rewrite_accessions(const char *a, const char *b, const char *c)
{
	const char *const texts[3] = {a, b, c};
	char cells[3][3] = {{0}};
	uint64_t shape = 3;
	struct buf out = BUF_INIT;

	for (int i = 0; i < 3; i++)
		memccpy(cells[i], texts[i], '\0', sizeof cells[i]);
	assert_int_equal(npy_write_header(&out, "|S3", &shape, 1), 0);
	buf_put(&out, cells, sizeof cells);
	fixture_write(in_cache("accessions.npy"), out.data, out.len);
	buf_release(&out);
}

static void accessions_must_be_the_sources(void **state)
{
	(void)state;
	begin();
	store();
	rewrite_accessions("P1", "P2", "P4");
	assert_int_equal(load(&key), POOL_CACHE_HIT); /* bytes instead of unicode */
	rewrite_accessions("P1", "P2", "P9");
	is_stale_because("P9");
	rewrite_accessions("P1", "P1", "P4");
	is_stale_because("twice");
	rewrite_accessions("P1", "", "P4");
	is_stale_because("unknown");
	fixture_write(in_cache("accessions.npy"), "", 0);
	is_stale_because("empty");
	assert_int_equal(unlink(in_cache("accessions.npy")), 0);
	is_stale_because("accessions.npy");
	finish();
}

/* ---- damage ----------------------------------------------------------------------------------- */

static void every_truncation_is_stale(void **state)
{
	static const char *const files[] = {"embeddings.npy", "accessions.npy", "embeddings.json"};

	(void)state;
	begin();
	store();
	for (size_t f = 0; f < 3; f++) {
		struct buf whole = read_file(files[f]);

		for (size_t n = 0; n < whole.len; n++) {
			int rc;

			fixture_write(in_cache(files[f]), whole.data, n);
			rc = load(&key);
			/* The sidecar says all it has to before its last bytes. */
			if (rc != POOL_CACHE_STALE && !(f == 2 && n + 3 >= whole.len))
				fail_msg("%s cut to %zu bytes is %d", files[f], n, rc);
		}
		fixture_write(in_cache(files[f]), whole.data, whole.len);
		assert_int_equal(load(&key), POOL_CACHE_HIT);
		buf_release(&whole);
	}
	finish();
}

/* One byte changed: never a crash, and where the numbers themselves are not touched, the right pool. */
static void no_flipped_byte_is_fatal(void **state)
{
	static const char *const files[] = {"embeddings.npy", "accessions.npy", "embeddings.json"};

	(void)state;
	begin();
	store();
	for (size_t f = 0; f < 3; f++) {
		struct buf whole = read_file(files[f]);
		size_t end = f == 0 ? 128 : whole.len; /* numbers may be any */
		uint64_t s = f;

		for (size_t i = 0; i < end; i++) {
			char was = whole.data[i];

			whole.data[i] = (char)(was ^ (1 << splitmix(&s) % 8));
			fixture_write(in_cache(files[f]), whole.data, whole.len);
			whole.data[i] = was;
			if (f == 2) { /* its counts of dropped rows may be any too */
				struct pool_cache_file file;
				struct pool got;

				pool_cache_load(&got, cache, CONFIG_H, &proteins, &key, &file,
						&err);
				free(file.path);
				pool_release(&got);
			} else {
				assert_in_range(load(&key), POOL_CACHE_HIT, POOL_CACHE_STALE);
			}
		}
		fixture_write(in_cache(files[f]), whole.data, whole.len);
		buf_release(&whole);
	}
	finish();
}

/* A sidecar that is there and cannot be read is not the same as none. */
static void an_unreadable_sidecar_is_stale(void **state)
{
	(void)state;
	begin();
	store();
	assert_int_equal(unlink(in_cache("embeddings.json")), 0);
	assert_int_equal(mkdir(in_cache("embeddings.json"), 0700), 0);
	assert_int_equal(load(&key), POOL_CACHE_STALE);
	finish();
}

static void a_folder_that_cannot_be_written_is_an_error_with_its_name(void **state)
{
	struct pool_cache_file file;

	(void)state;
	begin();
	fixture_write(cache, "a file", 6);
	assert_true(pool_cache_store(&pool, cache, &proteins, &key, -1, &file, &err) < 0);
	assert_non_null(strstr(err.text, cache));
	free(file.path);
	finish();
}

/* ---- several processes ------------------------------------------------------------------------ */

/* 0: all loads were right. Writers and readers take turns. */
static int work(int nth)
{
	for (int i = 0; i < 30; i++) {
		struct pool_cache_file file = {0};
		struct pool got;
		int rc;

		if (nth % 2) {
			rc = pool_cache_store(&pool, cache, &proteins, &key, -1, &file, &err);
			free(file.path);
			if (rc)
				return 1;
			continue;
		}
		rc = pool_cache_load(&got, cache, CONFIG_H, &proteins, &key, &file, &err);
		free(file.path);
		if (rc < 0)
			return 2;
		if ((rc == POOL_CACHE_HIT || rc == POOL_CACHE_HIT_FOREIGN) &&
		    (got.n != pool.n ||
		     memcmp(got.values, pool.values, pool.n * pool.dim * 2) != 0))
			return 3;
		pool_release(&got);
	}
	return 0;
}

static void writers_and_readers_do_not_disturb_each_other(void **state)
{
	int count[4];

	(void)state;
	begin();
	at_once(work, count);
	assert_int_equal(count[0], N_PROCESSES);
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	finish();
}

/* What a reader finds after a writer was killed: the pool or nothing. */
static void a_killed_writer_leaves_no_wrong_pool(void **state)
{
	uint64_t seed = 11;
	int killed = 0;

	(void)state;
	begin();
	store();
	for (int i = 0; i < 60; i++) {
		struct timespec pause = {.tv_nsec = (long)(splitmix(&seed) % 3000000)};
		int status, rc;
		pid_t pid = fork();

		assert_true(pid >= 0);
		while (pid == 0) {
			struct pool_cache_file file = {0};
			(void)pool_cache_store(&pool, cache, &proteins, &key, -1, &file, &err);
			free(file.path);
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		rc = load(&key); /* compares a hit with the pool */
		assert_true(rc == POOL_CACHE_HIT || rc == POOL_CACHE_ABSENT);
	}
	assert_int_equal(killed, 60);
	fixture_write(in_cache("embeddings.npy.tmp.1.1"), "cut", 3);
	store();
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	assert_false(fsio_exists(in_cache("embeddings.npy.tmp.1.1"))); /* nor what they had begun */
	finish();
}

/* One makes the pool, the others wait for the right to do so and find it made. */
static int make_or_find(int nth)
{
	struct pool_cache_file file;
	struct pool got;
	struct err why = ERR_INIT;
	int fd, rc;

	(void)nth;
	do
		fd = pool_cache_lock(cache, CONFIG_H, &why);
	while (fd == ERR_EXISTS && sched_yield() == 0);
	if (fd < 0)
		return 3;
	rc = pool_cache_load(&got, cache, CONFIG_H, &proteins, &key, &file, &why);
	free(file.path);
	pool_release(&got);
	if (rc == POOL_CACHE_ABSENT) {
		rc = pool_cache_store(&pool, cache, &proteins, &key, fd, &file, &why) ? 2 : 1;
		free(file.path);
	}
	fsio_unlock(fd);
	return rc == POOL_CACHE_HIT ? 0 : rc;
}

static void of_many_at_once_one_makes_the_pool(void **state)
{
	int count[4];

	(void)state;
	begin();
	at_once(make_or_find, count);
	assert_int_equal(count[1], 1);
	assert_int_equal(count[0], N_PROCESSES - 1);
	assert_int_equal(load(&key), POOL_CACHE_HIT);
	finish();
}

/* A run that loads the rows gets the key on the way. */
static void the_key_is_the_same_while_loading(void **state)
{
	struct sha256 *d = sha256_new();
	struct pool_options options = {.rows = d};
	struct pool_cache_key got;
	struct pool again;

	(void)state;
	begin();
	assert_int_equal(pool_load(&again, world.source, CONFIG_H, &proteins, &options, &err), 0);
	assert_int_equal(pool_cache_key_of(&got, d, &proteins, pool.n, &err), 0);
	assert_memory_equal(&got, &key, sizeof got);
	sha256_free(d);
	pool_release(&again);
	finish();
}

static void a_hit_tells_the_digest_of_its_values(void **state)
{
	struct pool_cache_file file;
	struct pool got;

	(void)state;
	begin();
	assert_int_equal(pool_digest(&pool, 2, &err), 0);
	store();
	assert_int_equal(pool_cache_load(&got, cache, CONFIG_H, &proteins, &key, &file, &err),
			 POOL_CACHE_HIT);
	assert_string_equal(file.values_sha256, pool.values_sha256);
	assert_int_equal(got.values_sha256[0], 0); /* nobody has looked at them yet */
	free(file.path);
	pool_release(&got);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_stored_is_a_hit),
		cmocka_unit_test(other_data_makes_it_stale),
		cmocka_unit_test(the_key_follows_the_data),
		cmocka_unit_test(files_without_a_sidecar_are_trusted_if_they_fit),
		cmocka_unit_test(numpys_files_in_any_order_are_read),
		cmocka_unit_test(only_a_complete_float16_matrix_is_taken),
		cmocka_unit_test(an_odd_header_is_no_trap),
		cmocka_unit_test(accessions_must_be_the_sources),
		cmocka_unit_test(every_truncation_is_stale),
		cmocka_unit_test(no_flipped_byte_is_fatal),
		cmocka_unit_test(an_unreadable_sidecar_is_stale),
		cmocka_unit_test(a_folder_that_cannot_be_written_is_an_error_with_its_name),
		cmocka_unit_test(writers_and_readers_do_not_disturb_each_other),
		cmocka_unit_test(a_killed_writer_leaves_no_wrong_pool),
		cmocka_unit_test(of_many_at_once_one_makes_the_pool),
		cmocka_unit_test(the_key_is_the_same_while_loading),
		cmocka_unit_test(a_hit_tells_the_digest_of_its_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
