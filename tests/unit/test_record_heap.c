/* Heap files into the store: every sum arrives once, under its stack, stage and thread, whoever reads it and
 * whatever fails on the way. Snapshots: test_record_snapshot.c. */
#include "prof/store/store.h"
#include "tests/unit/heap_rig.h"

static const uint64_t path_a[] = {RIG_START + 0x30, RIG_START + 0x20, RIG_START + 0x10};
static const uint64_t path_b[] = {RIG_START + 0x40, RIG_START + 0x20, RIG_START + 0x10};
static const uint64_t brk_path[] = {HEAP_LABEL_BRK};
static const uint64_t stack_path[] = {HEAP_LABEL_THREAD_STACK, RIG_START + 0x10};

struct sums {
	int64_t value[PROFILE_KINDS];
	uint64_t count[PROFILE_KINDS];
};

static void sum_profile(const struct profile *p, struct sums *s)
{
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < p->n_samples; i++) {
		s->value[p->samples[i].kind] += p->samples[i].value;
		s->count[p->samples[i].kind] += p->samples[i].count;
	}
}

static void check_sum(const struct sums *s, enum profile_kind kind, uint64_t count, int64_t value)
{
	if (s->value[kind] != value || s->count[kind] != count)
		fail_msg("%s: %llu blocks, %lld bytes", profile_kind_name(kind),
			 (unsigned long long)s->count[kind], (long long)s->value[kind]);
}

/* What the reader of the file says, kind by kind. */
static void sum_file(const char *path, struct sums *want)
{
	struct heap_reader r;
	struct heap_sums s;
	uint32_t n;

	memset(want, 0, sizeof *want);
	assert_int_equal(heap_reader_open(&r, path, NULL), 0);
	n = heap_reader_sites(&r);
	for (uint32_t i = 1; i < n; i++) {
		if (!heap_reader_site(&r, i, 0, &s))
			continue;
		if (s.kind != HEAP_SITE_MALLOC) {
			int map = s.kind == HEAP_SITE_MAP;
			enum profile_kind kind = map ? PROFILE_MMAP : PROFILE_COPY;

			want->value[kind] += (int64_t)(map ? s.peak_bytes : s.alloc_bytes);
			want->count[kind] += map ? s.peak_count : s.alloc_count;
			continue;
		}
		want->value[PROFILE_ALLOC] += (int64_t)s.alloc_bytes;
		want->count[PROFILE_ALLOC] += s.alloc_count;
		want->value[PROFILE_LIVE] += (int64_t)s.live_bytes;
		want->count[PROFILE_LIVE] += s.live_count;
		want->value[PROFILE_PEAK] += (int64_t)s.peak_bytes;
		want->count[PROFILE_PEAK] += s.peak_count;
		want->value[PROFILE_TEMPORARY] += (int64_t)s.temporary_bytes;
		want->count[PROFILE_TEMPORARY] += s.temporary_count;
	}
	want->value[PROFILE_LEAK] = want->value[PROFILE_LIVE];
	want->count[PROFILE_LEAK] = want->count[PROFILE_LIVE];
	heap_reader_close(&r);
}

static uint64_t next_random(uint64_t *state, uint64_t below)
{
	*state = hash_u64(*state + 0x9e3779b97f4a7c15u);
	return *state % below;
}

/* Sites of many stacks, stages and threads. */
static void fill_at_random(struct heap_rig *h, uint32_t sites, uint32_t rows)
{
	uint64_t state = 7;

	for (uint32_t i = 0; i < sites; i++) {
		uint64_t path[4] = {RIG_START + 8 * next_random(&state, 500), RIG_START + 0x2000,
				    RIG_START + 8 * next_random(&state, 7), RIG_START + 1};
		struct rig_where w = {
			.kind = (enum heap_site_kind)(1 + next_random(&state, 3)),
			.thread = (uint32_t)next_random(&state, rows + 1),
			.n = 2 + (uint32_t)next_random(&state, 3),
			.stage = next_random(&state, 4),
			.addresses = path,
		};
		struct heap_site *s = heap_rig_site(h, &w);
		uint64_t n = 1 + next_random(&state, 1000000);
		uint64_t freed = next_random(&state, n + 1);

		heap_rig_blocks(s, n, n * 33, freed, freed * 33, freed / 3);
		heap_rig_peak(h, s, next_random(&state, n), next_random(&state, n) * 40);
		if (i % 5 == 0) /* untouched since the last mark */
			atomic_store(&s->gen, atomic_load(&h->head->gen) + 1);
	}
}

static void check_all_arrived(enum heap_mode mode, const char *file)
{
	struct sums want, got;
	struct heap_rig h;
	struct profile p;

	heap_rig_make(&h, file, mode);
	for (int tid = 77; tid < 87; tid++)
		assert_true(heap_thread_row_add(h.head, tid, 15) > 0);
	rig_begin(&h.rig, 12, 1, 0, "one");
	rig_begin(&h.rig, 13, 2, 1, "two");
	rig_begin(&h.rig, 14, 3, 1, "three");
	fill_at_random(&h, 3000, 10);
	sum_file(h.path, &want);
	heap_rig_end(&h);
	heap_rig_read(&h, &p);
	sum_profile(&p, &got);
	assert_memory_equal(&got, &want, sizeof got);
	assert_int_equal(p.n_threads, 11); /* "[no thread]" is for row 0 */
	for (size_t i = 0; i < p.n_samples; i++)
		assert_true(p.samples[i].value || p.samples[i].count);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void kinds_add_up_to_what_the_file_says(void **state)
{
	(void)state;
	check_all_arrived(HEAP_FULL, "sums.sqlite");
	check_all_arrived(HEAP_SAMPLED, "sampled.sqlite");
}

static const char *function_of(const struct profile *p, uint32_t stack)
{
	return strtab_text(p->strings, p->frames[p->stacks[stack].frame].function);
}

static void a_sum_is_found_under_its_stack_stage_and_thread(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 5, path_a};
	const struct profile_sample *s;
	struct heap_rig h;
	struct profile p;

	(void)state;
	heap_rig_make(&h, "where.sqlite", HEAP_FULL);
	rig_begin(&h.rig, 12, 5, 0, "stage");
	w.thread = heap_thread_row_add(h.head, 77, 12);
	heap_rig_blocks(heap_rig_site(&h, &w), 10, 1000, 4, 400, 0);
	rig_round(&h.rig);
	rig_flush(&h.rig);
	rig_end(&h.rig, 300, 5, 40); /* ended, stored and forgotten long before the process ends */
	rig_round(&h.rig);
	rig_flush(&h.rig);
	assert_int_equal(known_stage_find(&h.rig.r.known, 0, 5), KNOWN_NONE);
	heap_rig_end(&h);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_samples, 3); /* alloc, live, leak; there was no mark */
	s = &p.samples[0];
	assert_int_equal(s->kind, PROFILE_ALLOC);
	assert_int_equal(s->stage, 0);
	assert_int_equal(s->thread, 0);
	assert_int_equal(p.stacks[s->stack].depth, 3);
	assert_int_equal(p.frames[p.stacks[s->stack].frame].rel_addr, 0x30);
	assert_int_equal(p.frames[p.stacks[s->stack].frame].module, 0);
	assert_int_equal(p.samples[1].value, 600);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void labels_stand_for_words_and_cut_stacks_say_so(void **state)
{
	struct rig_where brk = {HEAP_SITE_MAP, 0, 1, 0, 0, brk_path};
	struct rig_where stack = {HEAP_SITE_MAP, 0, 2, 0, 0, stack_path};
	struct rig_where cut = {HEAP_SITE_COPY, 0, 3, SPOOL_SAMPLE_TRUNCATED, 0, path_a};
	struct heap_site *full;
	struct heap_rig h;
	struct profile p;
	uint32_t up;
	int seen = 0;

	(void)state;
	heap_rig_make(&h, "labels.sqlite", HEAP_FULL);
	heap_rig_peak(&h, heap_rig_site(&h, &brk), 1, 4096);
	heap_rig_peak(&h, heap_rig_site(&h, &stack), 1, 8192);
	atomic_store(&heap_rig_site(&h, &cut)->alloc_bytes, 7);
	full = heap_site_at(h.head, heap_site_last_resort(0, HEAP_SITE_MALLOC));
	heap_rig_blocks(full, 1, 5, 0, 0, 0);
	atomic_store(&full->kind, HEAP_SITE_MALLOC);
	heap_rig_end(&h);
	heap_rig_read(&h, &p);
	for (size_t i = 0; i < p.n_samples; i++) {
		const struct profile_sample *s = &p.samples[i];

		if (s->value == 4096 && ++seen)
			assert_string_equal(function_of(&p, s->stack), "[brk]");
		if (s->value == 8192 && ++seen) {
			assert_string_equal(function_of(&p, s->stack), "[thread stack]");
			assert_int_equal(p.stacks[s->stack].depth, 2);
		}
		if (s->kind == PROFILE_ALLOC && ++seen)
			assert_string_equal(function_of(&p, s->stack), "[site table full]");
		if (s->kind == PROFILE_COPY && ++seen) {
			for (up = s->stack; p.stacks[up].depth > 1;)
				up = p.stacks[up].parent;
			assert_string_equal(function_of(&p, up), "[truncated]");
		}
	}
	assert_int_equal(seen, 4);
	assert_int_equal(p.n_losses, 1); /* the cut stack counts once: by the file */
	assert_string_equal(strtab_text(p.strings, p.losses[0].reason), "truncated");
	assert_int_equal(p.losses[0].count, 1);
	profile_release(&p);
	heap_rig_drop(&h);
}

/* -d, pp_stop(): the process lives on. */
static void what_lives_when_only_the_recording_ends_is_no_leak(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 0, path_a};
	struct heap_rig h;
	struct profile p;
	struct sums s;
	uint32_t alive;

	(void)state;
	heap_rig_make(&h, "alive.sqlite", HEAP_FULL);
	h.rig.spool.head->start_ticks = 0; /* any process will do: this one */
	h.rig.spool.head->start_ns = 1;
	heap_rig_blocks(heap_rig_site(&h, &w), 3, 300, 1, 100, 1);
	assert_int_equal(loop_drain_all(&h.rig.r, &alive), 0);
	assert_int_equal(alive, 1);
	rig_flush(&h.rig);
	heap_rig_read(&h, &p);
	sum_profile(&p, &s);
	check_sum(&s, PROFILE_LIVE, 2, 200);
	check_sum(&s, PROFILE_TEMPORARY, 1, 2);
	check_sum(&s, PROFILE_LEAK, 0, 0);
	assert_int_equal(p.n_snapshots, 1);
	assert_string_equal(strtab_text(p.strings, p.snapshots[0].name), "end");
	assert_int_equal(p.snapshots[0].heap_bytes, 200);
	assert_int_equal(p.snapshot_rows[0].count, 2);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void variance_and_lives_are_sums(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 0, path_a};
	const double variance = 12.5;
	struct heap_site *s;
	struct heap_rig h;
	struct profile p;
	uint64_t bits;

	(void)state;
	heap_rig_make(&h, "lives.sqlite", HEAP_FULL);
	s = heap_rig_site(&h, &w);
	heap_rig_blocks(s, 4, 400, 4, 400, 0);
	atomic_store(&s->born, 10);
	atomic_store(&s->died, 50); /* ten ticks of 2^16 ns each in the mean */
	memcpy(&bits, &variance, sizeof bits);
	atomic_store(&s->variance, bits);
	heap_rig_peak(&h, s, 1, 100);
	heap_rig_end(&h);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_samples, 2);
	assert_int_equal(p.samples[0].kind, PROFILE_ALLOC);
	assert_true(p.samples[0].variance == 12.5);
	assert_true(p.samples[0].life_ns == 40.0 * 65536);
	assert_int_equal(p.samples[1].kind, PROFILE_PEAK);
	assert_true(p.samples[1].variance == 12.5 / 4 && p.samples[1].life_ns == 0);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void a_failed_flush_neither_loses_nor_doubles(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 5, path_a};
	struct err err = ERR_INIT;
	struct store *other;
	struct heap_rig h;
	struct profile p;
	struct sums s;

	(void)state;
	heap_rig_make(&h, "busy.sqlite", HEAP_FULL);
	rig_begin(&h.rig, 12, 5, 0, "stage");
	heap_rig_blocks(heap_rig_site(&h, &w), 3, 300, 0, 0, 0);
	assert_int_equal(store_open(&other, scratch("busy.sqlite"), STORE_WRITE, &err), 0);
	assert_int_equal(store_begin(other, &err), 0);
	snapshots_begin_end(&h.rig.r);
	for (int i = 0; i < 4; i++) {
		rig_round(&h.rig);
		assert_int_equal(images_watch(&h.rig.r), 0);
		assert_int_not_equal(recording_flush(&h.rig.r, 1, &err), 0);
	}
	assert_int_equal(snapshots_take_last(&h.rig.r, 500), 0);
	store_rollback(other);
	store_close(other);
	rig_flush(&h.rig);
	assert_int_equal(h.rig.r.n_images, 0);
	assert_int_not_equal(access(h.path, F_OK), 0); /* only now */
	rig_flush(&h.rig);
	heap_rig_read(&h, &p);
	sum_profile(&p, &s);
	check_sum(&s, PROFILE_ALLOC, 3, 300);
	assert_int_equal(p.samples[0].stage, 0);
	assert_int_equal(p.n_snapshots, 1);
	profile_release(&p);
	heap_rig_drop(&h);
}

/* ---- another supervisor */

static void recover(struct heap_rig *h, const char *file, int want)
{
	struct err err = ERR_INIT;
	int runs = 0;

	recording_release(&h->rig.r);
	if (record_recover(scratch(file), &runs, &err))
		fail_msg("%s", err.text);
	assert_int_equal(runs, want);
}

static void drop_recovered(struct heap_rig *h)
{
	heap_rig_unmake_file(h);
	store_close(h->rig.store);
	spool_unmap(&h->rig.spool.file);
	spool_drop(h->rig.spool.head);
	session_unmap(h->rig.spool.session);
}

static void another_supervisor_completes_what_one_left(void **state)
{
	struct rig_where a = {HEAP_SITE_MALLOC, 1, 3, 0, 5, path_a};
	struct rig_where b = {HEAP_SITE_MALLOC, 1, 3, 0, 0, path_b};
	struct heap_rig h;
	struct profile p;
	struct sums s;

	(void)state;
	heap_rig_make(&h, "recover.sqlite", HEAP_FULL);
	assert_int_equal(heap_thread_row_add(h.head, 77, 12), 1);
	rig_begin(&h.rig, 12, 5, 0, "stage");
	heap_rig_blocks(heap_rig_site(&h, &a), 3, 300, 0, 0, 0);
	rig_end(&h.rig, 20, 5, 1);
	rig_round(&h.rig);
	rig_flush(&h.rig); /* the stage is in the store; then the supervisor dies */
	heap_rig_blocks(heap_rig_site(&h, &b), 1, 50, 1, 50, 0);
	recover(&h, "recover.sqlite", 1);
	assert_int_not_equal(access(h.path, F_OK), 0);
	heap_rig_read(&h, &p);
	sum_profile(&p, &s);
	check_sum(&s, PROFILE_ALLOC, 4, 350);
	check_sum(&s, PROFILE_LEAK, 3, 300);
	assert_int_equal(p.n_threads, 1);
	for (size_t i = 0; i < p.n_samples; i++) {
		const struct profile_sample *at = &p.samples[i];

		assert_int_equal(at->thread, 0);
		assert_int_not_equal(p.frames[p.stacks[at->stack].frame].module, PROFILE_NONE);
		if (at->kind == PROFILE_ALLOC)
			assert_int_equal(at->stage, at->value == 300 ? 0 : PROFILE_NONE);
	}
	assert_int_equal(p.n_snapshots, 1);
	assert_int_equal(p.snapshots[0].heap_bytes, 300);
	profile_release(&p);
	drop_recovered(&h);
}

/* The sums are in the store, the file is still there. */
static void another_supervisor_adds_nothing_twice(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 0, path_a};
	char kept[sizeof((struct heap_rig *)0)->path + 8];
	char image[sizeof((struct heap_rig *)0)->path];
	struct heap_rig h;
	struct profile p;
	struct sums s;

	(void)state;
	heap_rig_make(&h, "twice.sqlite", HEAP_FULL);
	heap_rig_blocks(heap_rig_site(&h, &w), 3, 300, 0, 0, 0);
	atomic_store(&h.head->losses[HEAP_LOSS_IN_HANDLER], 2);
	snprintf(kept, sizeof kept, "%s.kept", h.path);
	snprintf(image, sizeof image, "%s.kept", h.rig.spool.head->file);
	assert_int_equal(link(h.path, kept), 0);
	assert_int_equal(link(h.rig.spool.head->file, image), 0);
	heap_rig_end(&h);
	assert_int_equal(rename(kept, h.path), 0);
	assert_int_equal(rename(image, h.rig.spool.head->file), 0);
	recover(&h, "twice.sqlite", 1);
	heap_rig_read(&h, &p);
	sum_profile(&p, &s);
	check_sum(&s, PROFILE_ALLOC, 3, 300);
	check_sum(&s, PROFILE_LEAK, 3, 300);
	assert_int_equal(p.n_losses, 1);
	assert_int_equal(p.losses[0].count, 2);
	profile_release(&p);
	drop_recovered(&h);
}

/* ---- damage */

/* A target may scribble over its own file: anything may come out, but it comes out whole. */
static void a_damaged_file_harms_nobody(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct heap_rig h;
		struct profile p;
		char name[32];
		uint64_t end;

		snprintf(name, sizeof name, "damaged%d.sqlite", i);
		heap_rig_make(&h, name, i % 2 ? HEAP_SAMPLED : HEAP_FULL);
		for (int tid = 77; tid < 80; tid++)
			(void)heap_thread_row_add(h.head, tid, 15);
		fill_at_random(&h, 200, 3);
		rig_round(&h.rig);
		assert_int_equal(heap_look_all(&h.rig.r),
				 0); /* opened: what follows is not refused */
		end = h.head->stacks_offset + 8 * atomic_load(&h.head->stacks_used);
		for (int k = 0; k < 400; k++) {
			uint64_t at = next_random(&random, 3) ? h.head->sites_offset : 0;
			uint64_t span = at ? 200 * sizeof(struct heap_site) : 64 << 10;

			if (k % 4 == 0) {
				at = h.head->stacks_offset;
				span = end - at;
			}
			at += HEAP_HEAD_BYTES + next_random(&random, span);
			if (at < end)
				((uint8_t *)h.head)[at] = (uint8_t)next_random(&random, 256);
		}
		if (i % 3 == 0) {
			atomic_store(&h.head->sites_used, UINT32_MAX);
			atomic_store(&h.head->threads_used, UINT32_MAX);
			atomic_store(&h.head->stacks_used, UINT64_MAX);
		}
		heap_rig_end(&h);
		assert_int_equal(h.rig.r.n_images, 0);
		heap_rig_read(&h, &p);
		for (size_t k = 0; k < p.n_samples; k++)
			assert_true(p.samples[k].value >= 0 && p.samples[k].stack < p.n_stacks);
		profile_release(&p);
		heap_rig_drop(&h);
	}
}

/* ---- threads */

static void a_number_used_again_is_another_thread(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 0, path_a};
	const int64_t second = 1000000000;
	uint64_t cpu = 5;
	struct heap_rig h;
	struct profile p;

	(void)state;
	heap_rig_make(&h, "tids.sqlite", HEAP_FULL);
	rig_write(&h.rig, SPOOL_THREAD_END, 0, 0, second, &cpu, sizeof cpu, NULL, 0);
	w.thread = heap_thread_row_add(h.head, 77, 9); /* a moment before its ring */
	heap_rig_blocks(heap_rig_site(&h, &w), 1, 100, 0, 0, 0);
	w.thread = heap_thread_row_add(h.head, 77, 2 * second); /* no ring ever tells of this one */
	heap_rig_blocks(heap_rig_site(&h, &w), 1, 10, 0, 0, 0);
	w.thread = heap_thread_row_add(h.head, 77, second + 1000); /* the first, in a destructor */
	heap_rig_blocks(heap_rig_site(&h, &w), 1, 1, 0, 0, 0);
	heap_rig_end(&h);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_threads, 2);
	assert_int_equal(p.threads[0].start_ns, 10);
	for (size_t i = 0; i < p.n_samples; i++)
		assert_int_equal(p.samples[i].value, p.samples[i].thread == 0 ? 101 : 10);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void a_process_whose_memory_is_not_tracked_is_counted(void **state)
{
	struct heap_rig h;
	struct profile p;

	(void)state;
	heap_rig_make(&h, "untracked.sqlite", HEAP_FULL);
	assert_int_equal(unlink(h.path), 0); /* as if there had been no room for it */
	heap_rig_end(&h);
	assert_int_equal(h.rig.r.totals.untracked, 1);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_losses, 1);
	assert_string_equal(strtab_text(p.strings, p.losses[0].reason), "table_full");
	profile_release(&p);
	heap_rig_drop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_add_up_to_what_the_file_says),
		cmocka_unit_test(a_sum_is_found_under_its_stack_stage_and_thread),
		cmocka_unit_test(labels_stand_for_words_and_cut_stacks_say_so),
		cmocka_unit_test(what_lives_when_only_the_recording_ends_is_no_leak),
		cmocka_unit_test(variance_and_lives_are_sums),
		cmocka_unit_test(a_failed_flush_neither_loses_nor_doubles),
		cmocka_unit_test(another_supervisor_completes_what_one_left),
		cmocka_unit_test(another_supervisor_adds_nothing_twice),
		cmocka_unit_test(a_damaged_file_harms_nobody),
		cmocka_unit_test(a_number_used_again_is_another_thread),
		cmocka_unit_test(a_process_whose_memory_is_not_tracked_is_counted),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
