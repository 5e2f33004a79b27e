/* Sessions and process files: made, claimed, mapped, refused; a producer killed at any moment loses nothing
 * that it published; foreign bytes in a file are refused or survived. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/spool_fixture.h"

static void a_session_is_private_and_found_again(void **state)
{
	struct spool_session config = {.ring_bytes = 65536, .rate_hz = 999, .cache_dir = "/c"};
	struct spool_session *made, *mapped;
	char path[SPOOL_PATH_MAX];
	struct err err = ERR_INIT;
	struct stat st;
	mode_t mask = umask(0);

	(void)state;
	assert_int_equal(session_make(&made, path, &config, "/tmp", &err), 0);
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(session_map(&mapped, path, &err), 0);
	assert_int_equal(mapped->rate_hz, 999);
	assert_string_equal(mapped->cache_dir, "/c");
	atomic_store(&mapped->state, SPOOL_STOP_ASKED); /* one memory */
	assert_int_equal(atomic_load(&made->state), SPOOL_STOP_ASKED);
	session_unmap(mapped);
	session_unmap(made);
	assert_int_equal(session_remove(path, &err), 0);
	assert_int_equal(session_map(&mapped, path, &err), ERR_NOTFOUND);
	assert_int_equal(session_remove(path, &err), 0); /* nothing to do */
}

static void ring_sizes_that_cannot_be_are_refused(void **state)
{
	struct spool_session config = {.ring_bytes = 65536}, *made;
	char path[SPOOL_PATH_MAX];
	struct err err = ERR_INIT;

	(void)state;
	config.ring_bytes = 5000;
	assert_int_equal(session_make(&made, path, &config, NULL, &err), ERR_ARG);
	config.ring_bytes = 128u << 20;
	assert_int_equal(session_make(&made, path, &config, NULL, NULL), ERR_ARG);
}

static void only_our_files_are_removed(void **state)
{
	struct spool_rig rig;
	char other[SPOOL_PATH_MAX + 16];
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	rig_make(&rig, 4096);
	snprintf(other, sizeof other, "%s/keep", rig.path);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(session_remove(rig.path, &err), ERR_IO);
	assert_int_equal(access(other, F_OK), 0);
	assert_int_equal(unlink(other), 0);
	rig_drop(&rig);
}

static void damaged_sessions_are_refused(void **state)
{
	struct spool_session *mapped;
	struct spool_rig rig;
	struct err err = ERR_INIT;

	(void)state;
	rig_make(&rig, 4096);
	rig.session->version = 9;
	assert_int_equal(session_map(&mapped, rig.path, &err), ERR_UNSUPPORTED);
	rig.session->version = SPOOL_VERSION;
	memset(rig.session->cache_dir, 'x', sizeof rig.session->cache_dir);
	assert_int_equal(session_map(&mapped, rig.path, &err), ERR_FORMAT);
	rig.session->cache_dir[0] = '\0';
	rig.session->cache_dir[sizeof rig.session->cache_dir - 1] = '\0';
	rig.session->magic ^= 1;
	assert_int_equal(session_map(&mapped, rig.path, &err), ERR_FORMAT);
	rig.session->magic ^= 1;
	assert_int_equal(session_map(&mapped, rig.path, &err), 0);
	session_unmap(mapped);
	rig_drop(&rig);
}

static void damaged_heads_are_refused(void **state)
{
	struct spool_rig rig;
	struct spool_file file;
	struct err err = ERR_INIT;
	char path[sizeof rig.head->file];
	uint8_t *bytes;

	(void)state;
	rig_make(&rig, 4096);
	bytes = (uint8_t *)rig.head;
	memcpy(path, rig.head->file, sizeof path);
	for (size_t i = 0; i < offsetof(struct spool_head, rings_used); i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			if (spool_map(&file, path, &err) == 0)
				fail_msg("byte %zu, bit %d: accepted", i, bit);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(truncate(path, SPOOL_PAGE), 0);
	assert_int_equal(spool_map(&file, path, &err), ERR_FORMAT);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(spool_map(&file, path, &err), ERR_FORMAT);
	assert_int_equal(spool_map(&file, "/dev/null", &err), ERR_FORMAT);
	assert_int_equal(spool_map(&file, "/nowhere/at/all", &err), ERR_NOTFOUND);
	assert_null(file.head);
	(void)munmap(rig.head, rig.file.bytes);
	spool_unmap(&rig.file);
	session_unmap(rig.session);
	assert_int_equal(session_remove(rig.path, NULL), 0);
}

static void rings_are_claimed_released_and_claimed_again(void **state)
{
	struct ring_reader r;
	struct ring_writer w[40];
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(spool_claim(rig.head, 100 + i, &w[i]), 0);
		assert_int_equal(rig_put(&w[i], (uint64_t)i, 8), 1);
	}
	assert_int_equal(spool_rings(&rig.file), 40);
	spool_release(rig.head, &w[7]);
	assert_int_equal(ring_reader_init(&r, &rig.file, 7), 0);
	assert_int_equal(ring_recycle(&r), 0); /* not drained */
	ring_reader_refresh(&r);
	assert_int_equal(ring_next(&r, &v), 1);
	rig_check(&v, 7, 8);
	assert_int_equal(ring_recycle(&r), 0); /* not given back */
	ring_consume(&r);
	assert_int_equal(ring_recycle(&r), 1);
	assert_int_equal(ring_recycle(&r), 0);
	assert_int_equal(spool_claim(rig.head, 999, &w[7]), 0);
	assert_int_equal(spool_rings(&rig.file), 40);
	assert_int_equal(atomic_load(&spool_ring_at(&rig.file, 7)->tid), 999);
	assert_int_equal(atomic_load(&spool_ring_at(&rig.file, 7)->opened), 2);
	assert_int_equal(rig_put(&w[7], 3, 8), 1);
	ring_reader_refresh(&r); /* the same reader goes on */
	assert_int_equal(ring_next(&r, &v), 1);
	rig_check(&v, 3, 8);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void no_ring_left_is_counted(void **state)
{
	struct ring_writer w;
	struct spool_rig rig;
	uint32_t n = 0;

	(void)state;
	rig_make(&rig, 4096);
	while (spool_claim(rig.head, 1, &w) == 0)
		n++;
	assert_int_equal(n, SPOOL_RINGS_MAX);
	assert_int_equal(spool_claim(rig.head, 1, &w), ERR_LIMIT);
	assert_int_equal(atomic_load(&rig.head->losses[SPOOL_LOSS_THREAD_LIMIT]), 2);
	assert_null(ring_begin(&w, SPOOL_COUNTER, 8)); /* a writer without a ring */
	ring_loss(&w, SPOOL_LOSS_TORN, 1);
	rig_drop(&rig);
}

#define CLAIMERS 8
static _Atomic int claimed[SPOOL_RINGS_MAX];

static void *claim_many(void *arg)
{
	struct spool_rig *rig = arg;
	const struct spool_ring *first =
		(const void *)((const uint8_t *)rig->head + SPOOL_HEAD_BYTES);
	struct ring_writer w;

	for (int i = 0; i < 200; i++) {
		if (spool_claim(rig->head, 1, &w))
			return (void *)1;
		if (atomic_fetch_add(&claimed[w.ring - first], 1))
			return (void *)1; /* somebody else's */
	}
	return NULL;
}

static void threads_never_share_a_ring(void **state)
{
	pthread_t thread[CLAIMERS];
	struct spool_rig rig;
	void *bad;

	(void)state;
	rig_make(&rig, 4096);
	for (int i = 0; i < CLAIMERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, claim_many, &rig), 0);
	for (int i = 0; i < CLAIMERS; i++) {
		assert_int_equal(pthread_join(thread[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(spool_rings(&rig.file), CLAIMERS * 200);
	rig_drop(&rig);
}

/* In a child: with this limit, a file is made, or refused, but the process lives. */
static int under_limit(struct spool_rig *rig, __rlimit_resource_t resource, rlim_t bytes)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct rlimit limit = {bytes, bytes};
		struct spool_head *head;
		struct ring_writer w;

		if (setrlimit(resource, &limit))
			_exit(9);
		if (spool_make(&head, rig->path, rig->session, NULL))
			_exit(1);
		_exit(spool_claim(head, 1, &w) || !rig_put(&w, 1, 8) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void limits_of_the_program_are_kept(void **state)
{
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 65536);
	assert_int_equal(under_limit(&rig, RLIMIT_FSIZE, 1000), 1);
	assert_int_equal(under_limit(&rig, RLIMIT_FSIZE, 4u << 20), 0);
#if !defined(__SANITIZE_ADDRESS__)
	assert_int_equal(under_limit(&rig, RLIMIT_AS, 1u << 30), 0);
#endif
	rig_drop(&rig);
}

static void produce_until_killed(struct spool_rig *rig)
{
	struct spool_head *head;
	struct ring_writer w;

	if (spool_make(&head, rig->path, rig->session, NULL) || spool_claim(head, getpid(), &w))
		_exit(1);
	for (uint64_t n = 0;;)
		n += (uint64_t)rig_put(&w, n, (uint32_t)(n * 11 % 200));
}

/* Reads what there is; checks order and content. */
static void drain(struct ring_reader *r, uint64_t *got)
{
	struct spool_view v;

	ring_reader_refresh(r);
	while (ring_next(r, &v) == 1) {
		rig_check(&v, *got, (uint32_t)(*got * 11 % 200));
		++*got;
	}
	ring_consume(r);
}

static void a_killed_producer_loses_nothing_it_published(void **state)
{
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 65536);
	for (int round = 0; round < 25; round++) {
		const struct timespec pause = {.tv_nsec = 300000L * (round % 9 + 1)};
		char file[SPOOL_PATH_MAX + 64];
		struct spool_file mapped = {0};
		struct ring_reader r;
		uint64_t got = 0, head;
		pid_t pid = fork();

		if (pid == 0)
			produce_until_killed(&rig);
		snprintf(file, sizeof file, "%s/%d.%d", rig.path, (int)pid, round + 1);
		while (spool_map(&mapped, file, NULL) || spool_rings(&mapped) == 0)
			spool_unmap(&mapped);
		assert_int_equal(ring_reader_init(&r, &mapped, 0), 0);
		for (int i = 0; i < round; i++)
			drain(&r, &got);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		head = atomic_load(&r.ring->head);
		drain(&r, &got);
		assert_int_equal(r.at, head); /* to the last published byte */
		assert_int_equal(r.bad, 0);
		ring_reader_release(&r);
		spool_unmap(&mapped);
	}
	rig_drop(&rig);
}

static volatile int scribble_on;

static void *scribble(void *arg)
{
	struct spool_rig *rig = arg;
	uint64_t *words = (uint64_t *)(void *)rig->head;
	uint64_t x = 88172645463325252u;

	while (scribble_on) {
		size_t n = (SPOOL_HEAD_BYTES + 2 * sizeof(struct spool_ring)) / 8;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[sizeof(uint64_t) + x % (n - 8)] = x; /* head and first descriptors */
		((uint64_t *)(void *)((uint8_t *)rig->head +
				      rig->head->rings_offset % (1u << 21)))[x % 512] = x;
	}
	return NULL;
}

static void a_producer_that_scribbles_is_survived(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;
	pthread_t thread;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	scribble_on = 1;
	assert_int_equal(pthread_create(&thread, NULL, scribble, &rig), 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t rings = spool_rings(&rig.file);

		assert_true(rings <= rig.file.rings_max);
		assert_int_equal(ring_reader_init(&r, &rig.file, rings ? (uint32_t)i % 2 : 0), 0);
		ring_reader_refresh(&r);
		while (ring_next(&r, &v) == 1)
			assert_true(v.payload_bytes <= 4096);
		ring_reader_release(&r);
	}
	scribble_on = 0;
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)munmap(rig.head, rig.file.bytes);
	spool_unmap(&rig.file);
	session_unmap(rig.session);
	assert_int_equal(session_remove(rig.path, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_private_and_found_again),
		cmocka_unit_test(ring_sizes_that_cannot_be_are_refused),
		cmocka_unit_test(only_our_files_are_removed),
		cmocka_unit_test(damaged_sessions_are_refused),
		cmocka_unit_test(damaged_heads_are_refused),
		cmocka_unit_test(rings_are_claimed_released_and_claimed_again),
		cmocka_unit_test(no_ring_left_is_counted),
		cmocka_unit_test(threads_never_share_a_ring),
		cmocka_unit_test(limits_of_the_program_are_kept),
		cmocka_unit_test(a_killed_producer_loses_nothing_it_published),
		cmocka_unit_test(a_producer_that_scribbles_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
