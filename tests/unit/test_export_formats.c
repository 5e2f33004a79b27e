/* Writers of foreign formats: what they write is read back as the same stacks, counts and places; hostile names; a full
 * disk; and a whole profile through the store. */
#include "tests/unit/import_rig.h"

#include <jansson.h>
#include <unistd.h>

#include "prof/store/read.h"
#include "prof/store/write_profile.h"
#include "tests/unit/made_profile.h"

static void make(struct profile *p)
{
	uint32_t stack, k;

	assert_int_equal(profile_init(p), 0);
	made_thread(p, "main", 100);
	made_thread(p, "worker", 101);
	made_stage(p, "knn", PROFILE_NONE, 10);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0,
		    "main@/bin/p:m.c:3;f@/bin/p:f.c:7;g@/bin/p:g.h:9", 3, 3000);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "main@/bin/p:m.c:3", 1, 1000);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 1, "main@/bin/p:m.c:3;read@/lib/libc.so.6", 2,
		    2500);
	made_sample(p, PROFILE_CPU, 0, 1, "main@/bin/p:m.c:3;read@/lib/libc.so.6", 1, 500);
	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "main@/bin/p:m.c:3;f@/bin/p:f.c:7", 5, 640);
	made_sample(p, PROFILE_PEAK, PROFILE_NONE, 0, "main@/bin/p:m.c:3", 1, 64);
	p->run.rate_hz = 1000;
	p->run.started_at = 1700000000000000000;
	p->run.duration_ns = 5000000;
	/* g is inlined into f. */
	stack = made_stack(p, "main@/bin/p:m.c:3;f@/bin/p:f.c:7;g@/bin/p:g.h:9");
	for (k = 0; k < 2; k++) {
		p->frames[p->stacks[stack].frame].rel_addr = 0x1234;
		p->frames[p->stacks[stack].frame].inline_depth = 1 - k;
		stack = p->stacks[stack].parent;
	}
}

static char *written(const struct profile *p, enum export_format format, enum profile_kind kind,
		     int count, size_t *n)
{
	struct export_options o = {.kind = kind, .count = count, .version = "protea-prof 1"};
	struct err err = ERR_INIT;
	char *text = NULL;
	FILE *out = open_memstream(&text, n);

	assert_non_null(out);
	assert_int_equal(export_write(out, p, format, &o, &err), 0);
	fclose(out);
	return text;
}

/* Written and read again, the folded text is the same. */
static void round_trip(const struct profile *p, enum export_format format, enum profile_kind kind,
		       int count, struct rig *r)
{
	size_t n;
	char *text = written(p, format, kind, count, &n), *want = rig_folded(p, kind, count);

	r->o.kind = -1;
	if (rig_read_bytes(r, -1, text, n))
		fail_msg("%s", r->err.text);
	rig_expect(r, kind, count, want);
	free(text);
	free(want);
}

static void speedscope(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	struct profile p;

	(void)state;
	make(&p);
	round_trip(&p, EXPORT_SPEEDSCOPE, PROFILE_CPU, 0, &r);
	assert_int_equal(r.p.n_threads, 2);
	assert_string_equal(rig_text(&r.p, r.p.threads[1].name), "worker 101");
	assert_int_equal(rig_frame(&r.p, "g")->line, 9);
	rig_done(&r);
	round_trip(&p, EXPORT_SPEEDSCOPE, PROFILE_CPU, 1, &r);
	rig_done(&r);
	round_trip(&p, EXPORT_SPEEDSCOPE, PROFILE_ALLOC, 0, &r);
	rig_done(&r);
	profile_release(&p);
}

static void pprof(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	const struct profile_frame *f;
	struct profile p;
	char *a, *b;
	size_t n, m;

	(void)state;
	make(&p);
	round_trip(&p, EXPORT_PPROF, PROFILE_CPU, 0, &r);
	f = rig_frame(&r.p, "g");
	assert_int_equal(f->inline_depth, 1);
	assert_int_equal(f->rel_addr, 0x1234);
	assert_int_equal(f->line, 9);
	assert_string_equal(rig_text(&r.p, r.p.modules[f->module].path), "/bin/p");
	assert_int_equal(rig_frame(&r.p, "f")->rel_addr, 0x1234);
	assert_int_equal(r.p.n_threads, 2);
	assert_int_equal(r.p.threads[1].tid, 101);
	assert_int_equal(r.p.processes[r.p.threads[0].process].pid, 100);
	assert_true(r.p.run.rate_hz == 1000);
	assert_int_equal(r.p.run.started_at, p.run.started_at);
	assert_int_equal(r.p.run.duration_ns, 5000000);
	assert_int_equal(r.notes.len, 0);
	rig_done(&r);
	round_trip(&p, EXPORT_PPROF, PROFILE_CPU, 1, &r);
	rig_done(&r);
	round_trip(&p, EXPORT_PPROF, PROFILE_ALLOC, 1, &r);
	rig_done(&r);
	round_trip(&p, EXPORT_PPROF, PROFILE_PEAK, 0, &r);
	rig_done(&r);
	a = written(&p, EXPORT_PPROF, PROFILE_CPU, 0, &n);
	b = written(&p, EXPORT_PPROF, PROFILE_CPU, 0, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
	profile_release(&p);
}

static void hostile_names(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	struct profile p;
	json_t *json;
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_thread(&p, "\"]}\n\\", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0,
		    "a\"\\\n\x01</script>\x7f;\xff\xc0\xaf\xed\xa0\x80 \xe2\x82\xac", 1, 7);
	text = written(&p, EXPORT_SPEEDSCOPE, PROFILE_CPU, 0, &n);
	json = json_loadb(text, n, 0, NULL);
	assert_non_null(json);
	json_decref(json);
	free(text);
	text = written(&p, EXPORT_PPROF, PROFILE_CPU, 0, &n);
	assert_int_equal(rig_read_bytes(&r, -1, text, n), 0);
	rig_expect(
		&r, PROFILE_CPU, 0,
		"a\"\\?"
		"?</"
		"script>?;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
		"\xe2\x82\xac 7\n");
	rig_done(&r);
	free(text);
	profile_release(&p);
}

static void nothing_and_full(void **state)
{
	struct export_options o = {.kind = PROFILE_GPU};
	struct err err = ERR_INIT;
	struct profile p;
	int f;

	(void)state;
	make(&p);
	for (f = EXPORT_SPEEDSCOPE; f < EXPORT_FORMATS; f++) {
		FILE *full = fopen("/dev/full", "w");
		size_t n;

		free(written(&p, (enum export_format)f, PROFILE_GPU, 0, &n));
		assert_true(n > 20);
		if (!full)
			continue;
		setvbuf(full, NULL, _IONBF, 0);
		o.kind = PROFILE_CPU;
		assert_int_equal(export_write(full, &p, (enum export_format)f, &o, &err), ERR_IO);
		fclose(full);
	}
	profile_release(&p);
}

/* ---- the store ---- */

static void through_the_store(void **state)
{
	char path[] = "/tmp/protea-import.XXXXXX", *want, *got;
	const struct store_run run = {.id = "11111111-2222-3333-4444-555555555555",
				      .name = "n",
				      .engine = "import",
				      .mode = "cpu",
				      .rate_hz = 5};
	const struct store_run_end end = {.duration_ns = 77};
	struct err err = ERR_INIT;
	struct store *s = NULL;
	struct profile p, again;
	int64_t key;

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_int_equal(chdir(path), 0);
	make(&p);
	assert_int_equal(store_open(&s, "s.sqlite", STORE_CREATE, &err), 0);
	if (store_write_profile(s, &p, &run, &end, &key, &err))
		fail_msg("%s", err.text);
	/* The same id again: refused, and nothing of it stays. */
	p.samples[0].count += 1;
	assert_int_equal(store_write_profile(s, &p, &run, &end, &key, &err), ERR_DATABASE);
	p.samples[0].count -= 1;
	p.samples[1].stack = p.n_stacks;
	assert_int_equal(store_write_profile(
				 s, &p,
				 &(struct store_run){.id = "21111111-2222-3333-4444-555555555555"},
				 &end, &key, &err),
			 ERR_ARG);
	p.samples[1].stack = 1;
	store_close(s);
	assert_int_equal(store_open(&s, "s.sqlite", STORE_READ, &err), 0);
	assert_int_equal(store_find_run(s, NULL, &key, &err), 0);
	assert_int_equal(store_read_run(s, key, STORE_READ_ALL, &again, &err), 0);
	store_close(s);
	want = rig_folded(&p, PROFILE_CPU, 0);
	got = rig_folded(&again, PROFILE_CPU, 0);
	assert_string_equal(got, want);
	assert_int_equal(again.n_samples, p.n_samples);
	assert_int_equal(again.n_stages, 1);
	assert_string_equal(rig_text(&again, again.stages[0].name), "knn");
	assert_int_equal(again.stages[0].samples, 1);
	assert_int_equal(rig_frame(&again, "g")->inline_depth, 1);
	assert_int_equal(rig_frame(&again, "g")->rel_addr, 0x1234);
	assert_int_equal(again.run.finished, 1);
	assert_int_equal(again.run.duration_ns, 77);
	assert_true(again.run.rate_hz == 5);
	free(want);
	free(got);
	profile_release(&p);
	profile_release(&again);
	unlink("s.sqlite");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speedscope),        cmocka_unit_test(pprof),
		cmocka_unit_test(hostile_names),     cmocka_unit_test(nothing_and_full),
		cmocka_unit_test(through_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
