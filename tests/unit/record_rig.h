/* A session whose producer is this process, a store, and a recording between them. */
#ifndef TESTS_RECORD_RIG_H
#define TESTS_RECORD_RIG_H

#include "prof/record/loop.h"
#include "prof/record/recording.h"
#include "prof/store/read.h"
#include "tests/unit/scratch.h"
#include "tests/unit/spool_fixture.h"

#define RIG_START 0x400000u

struct record_rig {
	struct spool_rig spool;
	struct store *store;
	int64_t run;
	struct ring_writer w;
	struct recording r;
};

static inline void record_rig_run(struct record_rig *rig, const char *file)
{
	struct store_run run = {.id = "00000000-0000-4000-8000-000000000001",
				.name = "rig",
				.spool_path = rig->spool.path,
				.start_ns = 1};
	struct err err = ERR_INIT;

	if (store_open(&rig->store, scratch(file), STORE_CREATE, &err) ||
	    store_begin(rig->store, &err) || store_run_add(rig->store, &run, &rig->run, &err) ||
	    store_commit(rig->store, &err))
		fail_msg("%s", err.text);
}

static inline void record_rig_make(struct record_rig *rig, const char *file)
{
	memset(rig, 0, sizeof *rig);
	rig_make(&rig->spool, 65536);
	record_rig_run(rig, file);
	rig->spool.head->pid = getpid();
	rig->spool.head->start_ticks = 1; /* no process has that: nothing is asked of /proc */
	rig->spool.head->start_ns = 5;
	memcpy(rig->spool.head->name, "rig", 4);
	assert_int_equal(spool_claim(rig->spool.head, 77, &rig->w), 0);
	assert_int_equal(
		recording_init(&rig->r, rig->store, rig->run, rig->spool.session, rig->spool.path),
		0);
}

static inline void record_rig_drop(struct record_rig *rig)
{
	recording_release(&rig->r);
	store_close(rig->store);
	rig_drop(&rig->spool);
}

static inline void rig_write(struct record_rig *rig, enum spool_type type, uint32_t extra,
			     uint16_t flags, int64_t t, const void *a, size_t na, const void *b,
			     size_t nb)
{
	uint8_t *p = ring_begin(&rig->w, type, (uint32_t)(na + nb));

	assert_non_null(p);
	memcpy(p, a, na);
	if (nb)
		memcpy(p + na, b, nb);
	ring_commit(&rig->w, flags, extra, t, (uint32_t)(na + nb));
}

static inline void rig_thread(struct record_rig *rig, int tid, int64_t t, const char *name)
{
	struct spool_thread s = {.start_cpu_ns = 0};

	snprintf(s.name, sizeof s.name, "%s", name);
	rig_write(rig, SPOOL_THREAD_START, (uint32_t)tid, 0, t, &s, sizeof s, NULL, 0);
}

static inline void rig_module(struct record_rig *rig, int64_t t, uint64_t start, const char *path,
			      const char *build_id)
{
	struct spool_module m = {start, start + 0x10000, start, 0, ""};

	snprintf(m.build_id, sizeof m.build_id, "%s", build_id);
	rig_write(rig, SPOOL_MODULE_LOAD, 0, 0, t, &m, sizeof m, path, strlen(path) + 1);
}

static inline void rig_sample(struct record_rig *rig, int64_t t, int64_t value, uint64_t stage,
			      const uint64_t *addresses, uint32_t n)
{
	struct spool_sample s = {.value_ns = value, .stage_id = stage};

	rig_write(rig, SPOOL_SAMPLE, n, UNWIND_ROOT, t, &s, sizeof s, addresses, n * 8);
}

static inline void rig_begin(struct record_rig *rig, int64_t t, uint64_t id, uint64_t parent,
			     const char *name)
{
	struct spool_stage_begin b = {id, parent, 0};

	rig_write(rig, SPOOL_STAGE_BEGIN, 0, 0, t, &b, sizeof b, name, strlen(name) + 1);
}

static inline void rig_end(struct record_rig *rig, int64_t t, uint64_t id, int64_t cpu)
{
	struct spool_stage_end e = {id, cpu, 7, -1, -1, -1, -1};
	struct spool_param p = {"n", 5};

	rig_write(rig, SPOOL_STAGE_END, 1, 0, t, &e, sizeof e, &p, sizeof p);
}

static inline void rig_round(struct record_rig *rig)
{
	assert_int_equal(images_scan(&rig->r), 0);
	assert_int_equal(drain_round(&rig->r, 1), 0);
}

static inline void rig_flush(struct record_rig *rig)
{
	struct err err = ERR_INIT;

	if (recording_flush(&rig->r, 1, &err))
		fail_msg("%s", err.text);
}

static inline int64_t rig_sum(struct record_rig *rig, enum profile_kind kind, uint64_t *count)
{
	struct err err = ERR_INIT;
	struct profile p;
	int64_t sum = 0;

	if (store_read_run(rig->store, rig->run, STORE_READ_ALL, &p, &err))
		fail_msg("%s", err.text);
	*count = 0;
	for (size_t i = 0; i < p.n_samples; i++)
		if (p.samples[i].kind == (uint32_t)kind) {
			sum += p.samples[i].value;
			*count += p.samples[i].count;
		}
	profile_release(&p);
	return sum;
}

#endif
