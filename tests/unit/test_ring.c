/* Rings: what goes in comes out, in order, around the end, and under a handler that interrupts; what is
 * damaged is refused. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "prof/spool/crc32c.h"
#include "tests/unit/spool_fixture.h"

static void the_sum_is_crc32c(void **state)
{
	uint8_t bytes[32];

	(void)state;
	for (int pass = 0; pass < 2; pass++) {  /* before and after the instruction is looked for */
		memset(bytes, 0, sizeof bytes); /* RFC 3720, B.4 */
		assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
		memset(bytes, 0xff, sizeof bytes);
		assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
		for (int i = 0; i < 32; i++)
			bytes[i] = (uint8_t)i;
		assert_int_equal(crc32c(0, bytes, 32), 0x46dd794eu);
		assert_int_equal(crc32c(crc32c(0, bytes, 13), bytes + 13, 19), 0x46dd794eu);
		assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
		crc32c_init();
	}
}

static void records_come_out_as_they_went_in_around_the_end(void **state)
{
	uint64_t put = 0, got = 0;
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < round % 11; i++)
			if (rig_put(&w, put, (uint32_t)(put * 37 % 300)))
				put++;
		ring_reader_refresh(&r);
		while (ring_next(&r, &v) == 1) {
			rig_check(&v, got, (uint32_t)(got * 37 % 300));
			got++;
		}
		ring_consume(&r);
	}
	assert_int_equal(put, got);
	assert_true(put > 10000);
	assert_int_equal(r.bad, 0);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void a_full_ring_refuses_and_counts_and_keeps_what_it_has(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;
	uint64_t put = 0, got = 0;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	while (rig_put(&w, put, 100))
		put++;
	assert_int_equal(put, 4096 / 136);
	assert_int_equal(atomic_load(&w.ring->losses[SPOOL_LOSS_RING_FULL]), 1);
	assert_true(ring_room(&w) < 136);
	assert_null(ring_begin(&w, SPOOL_COUNTER, 5000)); /* never fits */
	assert_null(ring_begin(&w, SPOOL_COUNTER, UINT32_MAX));
	assert_int_equal(atomic_load(&w.ring->losses[SPOOL_LOSS_RING_FULL]), 3);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	assert_int_equal(ring_next(&r, &v), 0); /* nothing before the first refresh */
	ring_reader_refresh(&r);
	while (ring_next(&r, &v) == 1)
		rig_check(&v, got++, 100);
	assert_int_equal(got, put);
	assert_int_equal(rig_put(&w, put, 100), 0); /* read, but not given back */
	ring_consume(&r);
	assert_true(ring_room(&w) >= 136);
	assert_int_equal(rig_put(&w, put, 100), 1);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void room_is_what_a_record_may_take(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t room = ring_room(&w), head = (uint32_t)sizeof(struct spool_record);

		if (room >= head + 8) {
			assert_null(ring_begin(&w, SPOOL_COUNTER, room - head + 1));
			assert_non_null(ring_begin(&w, SPOOL_COUNTER, room - head));
			ring_abandon(&w);
		}
		(void)rig_put(&w, i, i * 13 % 400);
		if (i % 5 == 0) {
			ring_reader_refresh(&r);
			while (ring_next(&r, &v) == 1)
				;
			ring_consume(&r);
		}
	}
	assert_int_equal(r.bad, 0);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void a_record_may_be_shorter_than_reserved(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;
	double *value;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	value = ring_begin(&w, SPOOL_COUNTER, 4000);
	assert_non_null(value);
	memset(value, 0x5a, 4000);
	*value = 1;
	memcpy(value + 1, "rows", 5);
	ring_commit(&w, 0, 0, 5, 13);
	assert_int_equal(atomic_load(&w.ring->head), 24 + 16);
	value = ring_begin(&w, SPOOL_COUNTER, 8);
	*value = 2;
	ring_commit(&w, 0, 0, 6, 9); /* more than asked for is refused */
	assert_int_equal(atomic_load(&w.ring->losses[SPOOL_LOSS_RECORD_DROPPED]), 1);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	ring_reader_refresh(&r);
	assert_int_equal(ring_next(&r, &v), 1);
	assert_string_equal((const char *)v.payload + 8, "rows");
	assert_int_equal(ring_next(&r, &v), 0);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void a_writer_that_is_interrupted_is_left_alone(void **state)
{
	struct ring_writer w;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_non_null(ring_begin(&w, SPOOL_COUNTER, 8));
	assert_null(ring_begin(&w, SPOOL_COUNTER, 8));
	assert_int_equal(ring_room(&w), 0);
	assert_int_equal(atomic_load(&w.ring->losses[SPOOL_LOSS_RECORD_DROPPED]), 1);
	ring_abandon(&w);
	assert_int_equal(atomic_load(&w.ring->head), 0);
	assert_int_equal(rig_put(&w, 0, 8), 1);
	rig_drop(&rig);
}

static struct ring_writer *busy_writer;
static volatile uint64_t from_handler;

static void on_timer(int signo)
{
	(void)signo;
	if (rig_put(busy_writer, 1, 20))
		from_handler = from_handler + 1;
}

static void handlers_and_their_thread_share_a_ring(void **state)
{
	const struct itimerval fast = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
	uint64_t put = 0, got[2] = {0, 0};
	struct sigaction act = {.sa_handler = on_timer, .sa_flags = SA_RESTART}, old;
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 65536);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	busy_writer = &w;
	from_handler = 0;
	assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &fast, NULL), 0);
	for (int round = 0; round < 4000 || from_handler < 200; round++) {
		for (int i = 0; i < 20; i++)
			put += (uint64_t)rig_put(&w, 0, 150);
		ring_reader_refresh(&r);
		while (ring_next(&r, &v) == 1) {
			rig_check(&v, v.t_ns == 1, v.t_ns == 1 ? 20 : 150);
			got[v.t_ns == 1]++;
		}
		ring_consume(&r);
	}
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	ring_reader_refresh(&r);
	while (ring_next(&r, &v) == 1)
		got[v.t_ns == 1]++;
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	assert_int_equal(got[0], put);
	assert_int_equal(got[1], from_handler);
	assert_int_equal(r.bad, 0);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void *drain(void *arg)
{
	struct ring_reader *r = arg;
	struct spool_view v;
	uint64_t got = 0;

	while (got < 200000) {
		ring_reader_refresh(r);
		while (ring_next(r, &v) == 1) {
			if ((uint64_t)v.t_ns != got)
				return (void *)1;
			got++;
		}
		ring_consume(r);
	}
	return r->bad ? (void *)1 : NULL;
}

static void producer_and_consumer_run_at_the_same_time(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_rig rig;
	pthread_t thread;
	void *bad;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain, &r), 0);
	for (uint64_t n = 0; n < 200000;)
		n += (uint64_t)rig_put(&w, n, (uint32_t)(n % 90));
	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	ring_reader_release(&r);
	rig_drop(&rig);
}

/* Every single byte of a published record, spoiled in every bit: never read as something else. */
static void each_spoiled_byte_is_noticed(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;
	size_t bytes;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(rig_put(&w, 3, 30), 1);
	bytes = atomic_load(&w.ring->head);
	for (size_t i = 0; i < bytes; i++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *p = w.bytes + i;

			*p ^= (uint8_t)(1 << bit);
			assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
			ring_reader_refresh(&r);
			/* no single bit makes PAD of the type: nothing is skipped in silence */
			assert_int_equal(ring_next(&r, &v), 0);
			assert_int_equal(r.bad, 1);
			ring_reader_release(&r);
			*p ^= (uint8_t)(1 << bit);
		}
	}
	rig_drop(&rig);
}

static void a_spoiled_record_costs_the_rest_and_reading_goes_on(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(rig_put(&w, i, 8), 1);
	w.bytes[2 * 40 + 30] ^= 1;
	ring_reader_refresh(&r);
	assert_int_equal(ring_next(&r, &v), 1);
	assert_int_equal(ring_next(&r, &v), 1);
	assert_int_equal(ring_next(&r, &v), 0);
	assert_int_equal(r.bad, 1);
	ring_consume(&r);
	assert_int_equal(rig_put(&w, 9, 8), 1);
	ring_reader_refresh(&r);
	assert_int_equal(ring_next(&r, &v), 1);
	rig_check(&v, 9, 8);
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void words_that_cannot_be_are_survived(void **state)
{
	const uint64_t heads[] = {1, 7, 4097, 1u << 20, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
		atomic_store(&w.ring->head, heads[i]);
		ring_reader_refresh(&r);
		while (ring_next(&r, &v) == 1)
			;
		ring_consume(&r);
		for (uint64_t n = 0; n < 200; n++) { /* the producer stays inside its ring */
			(void)rig_put(&w, n, 60);
			atomic_store(&w.ring->tail, atomic_load(&w.ring->head) & ~7ull);
		}
		atomic_store(&w.ring->tail, heads[i] ^ 0x123456789); /* more than a ring away */
		assert_int_equal(rig_put(&w, 0, 8), 0);
		atomic_store(&w.ring->tail, 0);
		atomic_store(&w.ring->head, 0);
		ring_reader_release(&r);
	}
	rig_drop(&rig);
}

static void a_record_too_short_for_its_type_is_refused(void **state)
{
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;

	(void)state;
	rig_make(&rig, 65536);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	for (int type = 1; type < 40; type++) {
		void *p = ring_begin(&w, (enum spool_type)type, 0);

		assert_non_null(p);
		ring_commit(&w, 0, type == SPOOL_SAMPLE ? UINT32_MAX : 0, 0, 0);
		ring_reader_refresh(&r);
		assert_int_equal(ring_next(&r, &v), type == SPOOL_FORK || type == SPOOL_ENV);
	}
	ring_reader_release(&r);
	rig_drop(&rig);
}

static void a_raw_sample_holds_its_stack(void **state)
{
	struct {
		struct spool_sample s;
		uint64_t pc[2];
		struct spool_raw raw;
		uint8_t stack[64];
	} payload = {.pc = {1, 2}, .raw.stack_bytes = 64};
	struct ring_reader r;
	struct ring_writer w;
	struct spool_view v;
	struct spool_rig rig;
	void *p;

	(void)state;
	rig_make(&rig, 4096);
	assert_int_equal(spool_claim(rig.head, 7, &w), 0);
	assert_int_equal(ring_reader_init(&r, &rig.file, 0), 0);
	for (uint32_t bytes = 64; bytes < 80; bytes += 8) {
		payload.raw.stack_bytes = bytes;
		p = ring_begin(&w, SPOOL_SAMPLE_RAW, sizeof payload);
		assert_non_null(p);
		memcpy(p, &payload, sizeof payload);
		ring_commit(&w, 0, 2, 0, sizeof payload);
		ring_reader_refresh(&r);
		assert_int_equal(ring_next(&r, &v), bytes == 64);
	}
	ring_reader_release(&r);
	rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_is_crc32c),
		cmocka_unit_test(records_come_out_as_they_went_in_around_the_end),
		cmocka_unit_test(a_full_ring_refuses_and_counts_and_keeps_what_it_has),
		cmocka_unit_test(room_is_what_a_record_may_take),
		cmocka_unit_test(a_record_may_be_shorter_than_reserved),
		cmocka_unit_test(a_writer_that_is_interrupted_is_left_alone),
		cmocka_unit_test(handlers_and_their_thread_share_a_ring),
		cmocka_unit_test(producer_and_consumer_run_at_the_same_time),
		cmocka_unit_test(each_spoiled_byte_is_noticed),
		cmocka_unit_test(a_spoiled_record_costs_the_rest_and_reading_goes_on),
		cmocka_unit_test(words_that_cannot_be_are_survived),
		cmocka_unit_test(a_record_too_short_for_its_type_is_refused),
		cmocka_unit_test(a_raw_sample_holds_its_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
