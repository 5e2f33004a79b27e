/* pprof's profiles, made here field by field: sample types to kinds, inlined functions, modules, labels, what is refused;
 * and the fields of messages themselves. */
#include "tests/unit/import_rig.h"

#include "prof/formats/proto_in.h"
#include "prof/formats/proto_out.h"

/* A message in the making. Texts are found again by their place in `texts`. */
struct made {
	struct buf all, one, sub;
	const char *texts[64];
	unsigned n_texts;
};

static void begin(struct made *m)
{
	memset(m, 0, sizeof(*m));
	buf_init(&m->all, BUF_NO_LIMIT);
	buf_init(&m->one, BUF_NO_LIMIT);
	buf_init(&m->sub, BUF_NO_LIMIT);
	m->texts[m->n_texts++] = "";
}

static uint64_t text(struct made *m, const char *s)
{
	unsigned i;

	for (i = 0; i < m->n_texts; i++)
		if (strcmp(m->texts[i], s) == 0)
			return i;
	assert_true(m->n_texts < 64);
	m->texts[m->n_texts] = s;
	return m->n_texts++;
}

static void pair(struct made *m, uint32_t field, const char *a, const char *b)
{
	buf_clear(&m->one);
	proto_put_number(&m->one, 1, text(m, a));
	proto_put_number(&m->one, 2, text(m, b));
	proto_put_message(&m->all, field, &m->one);
}

static void function(struct made *m, uint64_t id, const char *name, const char *file)
{
	buf_clear(&m->one);
	proto_put_number(&m->one, 1, id);
	proto_put_number(&m->one, 2, text(m, name));
	proto_put_number(&m->one, 4, text(m, file));
	proto_put_message(&m->all, 5, &m->one);
}

/* `lines`: function, line, function, line, …, 0; the innermost first. */
static void place(struct made *m, uint64_t id, uint64_t mapping, uint64_t address,
		  const uint64_t *lines)
{
	buf_clear(&m->one);
	proto_put_number(&m->one, 1, id);
	proto_put_number(&m->one, 2, mapping);
	proto_put_number(&m->one, 3, address);
	for (; lines && *lines; lines += 2) {
		buf_clear(&m->sub);
		proto_put_number(&m->sub, 1, lines[0]);
		proto_put_number(&m->sub, 2, lines[1]);
		proto_put_message(&m->one, 4, &m->sub);
	}
	proto_put_message(&m->all, 4, &m->one);
}

static void label(struct made *m, const char *key, const char *value, int64_t number)
{
	buf_clear(&m->sub);
	proto_put_number(&m->sub, 1, text(m, key));
	proto_put_number(&m->sub, 2, text(m, value));
	proto_put_number(&m->sub, 3, (uint64_t)number);
	proto_put_message(&m->one, 3, &m->sub);
}

/* Begins a sample with places, leaf first and ended by 0, and values. `packed`: as one field. */
static void sample(struct made *m, int packed, const uint64_t *places, const int64_t *values,
		   size_t n)
{
	size_t i;

	buf_clear(&m->one);
	buf_clear(&m->sub);
	for (; *places; places++)
		if (packed)
			proto_put_varint(&m->sub, *places);
		else
			proto_put_number(&m->one, 1, *places);
	if (packed)
		proto_put_message(&m->one, 1, &m->sub);
	buf_clear(&m->sub);
	for (i = 0; i < n; i++)
		proto_put_varint(&m->sub, (uint64_t)values[i]);
	proto_put_message(&m->one, 2, &m->sub);
}

static void end_sample(struct made *m)
{
	proto_put_message(&m->all, 2, &m->one);
}

static int read_made(struct made *m, struct rig *r, int format)
{
	unsigned i;
	int rc;

	for (i = 0; i < m->n_texts; i++)
		proto_put_bytes(&m->all, 6, m->texts[i], strlen(m->texts[i]));
	assert_int_equal(buf_failed(&m->all), 0);
	rc = rig_read_bytes(r, format, m->all.data, m->all.len);
	buf_release(&m->all);
	buf_release(&m->one);
	buf_release(&m->sub);
	return rc;
}

static void good(struct made *m, struct rig *r)
{
	if (read_made(m, r, -1))
		fail_msg("%s", r->err.text);
	assert_int_equal(r->format, IMPORT_PPROF);
}

/* main calls f, into whose place 2 g is inlined. */
static void program(struct made *m)
{
	static const uint64_t in_main[] = {1, 10, 0}, in_f[] = {3, 30, 2, 20, 0};

	buf_clear(&m->one);
	proto_put_number(&m->one, 1, 7);
	proto_put_number(&m->one, 2, 0x400000);
	proto_put_number(&m->one, 3, 0x500000);
	proto_put_number(&m->one, 4, 0x1000);
	proto_put_number(&m->one, 5, text(m, "/bin/p"));
	proto_put_number(&m->one, 6, text(m, "abcd"));
	proto_put_message(&m->all, 3, &m->one);
	function(m, 1, "main", "m.c");
	function(m, 2, "f", "f.c");
	function(m, 3, "g", "g.h");
	place(m, 1, 7, 0x400010, in_main);
	place(m, 2, 7, 0x400020, in_f);
	place(m, 3, 7, 0x400030, NULL);
}

static const uint64_t leaf_f[] = {2, 1, 0}, leaf_main[] = {1, 0}, leaf_none[] = {3, 1, 0};

static void cpu(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	const struct profile_frame *f;
	struct made m;

	(void)state;
	begin(&m);
	pair(&m, 1, "samples", "count");
	pair(&m, 1, "cpu", "nanoseconds");
	program(&m);
	sample(&m, 1, leaf_f, (const int64_t[]){2, 20000000}, 2);
	label(&m, "thread", "worker", 0);
	label(&m, "tid", "", 45);
	label(&m, "pid", "44", 0);
	label(&m, "other", "x", 0);
	end_sample(&m);
	sample(&m, 0, leaf_main, (const int64_t[]){1, 10000000}, 2);
	end_sample(&m);
	sample(&m, 0, leaf_none, (const int64_t[]){1, 5}, 2);
	end_sample(&m);
	pair(&m, 11, "cpu", "nanoseconds");
	proto_put_number(&m.all, 12, 10000000);
	proto_put_number(&m.all, 9, 1700000000000000000);
	proto_put_number(&m.all, 10, 3000000000);
	good(&m, &r);
	rig_expect(&r, PROFILE_CPU, 0,
		   "main 10000000\nmain;[unknown in p+0x1030] 5\nmain;f;g 20000000\n");
	rig_expect(&r, PROFILE_CPU, 1, "main 1\nmain;[unknown in p+0x1030] 1\nmain;f;g 2\n");
	f = rig_frame(&r.p, "g");
	assert_int_equal(f->inline_depth, 1);
	assert_int_equal(f->line, 30);
	assert_int_equal(f->rel_addr, 0x1020);
	assert_string_equal(rig_text(&r.p, r.p.modules[f->module].build_id), "abcd");
	assert_int_equal(rig_frame(&r.p, "f")->inline_depth, 0);
	assert_int_equal(r.p.n_frames, 4);
	assert_true(r.p.run.rate_hz == 100);
	assert_int_equal(r.p.run.duration_ns, 3000000000);
	assert_int_equal(r.p.run.started_at, 1700000000000000000);
	assert_int_equal(r.p.n_threads, 2);
	assert_int_equal(r.p.threads[0].tid, 45);
	assert_int_equal(r.p.processes[r.p.threads[0].process].pid, 44);
	assert_string_equal(rig_text(&r.p, r.p.threads[0].name), "worker");
	rig_done(&r);
}

static void heap_types(struct made *m)
{
	begin(m);
	pair(m, 1, "alloc_objects", "count");
	pair(m, 1, "alloc_space", "bytes");
	pair(m, 1, "inuse_objects", "count");
	pair(m, 1, "inuse_space", "bytes");
	pair(m, 1, "mystery", "count");
	program(m);
	sample(m, 1, leaf_main, (const int64_t[]){3, 300, 1, 100, 9}, 5);
	end_sample(m);
}

static void heap(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	struct made m;

	(void)state;
	heap_types(&m);
	good(&m, &r);
	rig_expect(&r, PROFILE_ALLOC, 0, "main 300\n");
	rig_expect(&r, PROFILE_ALLOC, 1, "main 3\n");
	rig_expect(&r, PROFILE_LIVE, 0, "main 100\n");
	rig_expect(&r, PROFILE_LIVE, 1, "main 1\n");
	assert_non_null(strstr(r.notes.data, "left out: mystery (count)"));
	rig_done(&r);
	r.o.kind = PROFILE_LIVE;
	heap_types(&m);
	good(&m, &r);
	assert_int_equal(r.p.n_samples, 1);
	rig_expect(&r, PROFILE_LIVE, 0, "main 100\n");
	rig_done(&r);
	r.o = (struct import_options){.kind = PROFILE_SQL, .only = "mystery"};
	heap_types(&m);
	good(&m, &r);
	rig_expect(&r, PROFILE_SQL, 1, "main 9\n");
	rig_done(&r);
	r.o = (struct import_options){.kind = -1, .only = "nosuch"};
	heap_types(&m);
	assert_int_equal(read_made(&m, &r, -1), ERR_NOTFOUND);
	assert_non_null(strstr(r.err.text, "inuse_space (bytes)"));
	rig_done(&r);
}

static void counts_alone(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	struct made m;

	(void)state;
	begin(&m);
	pair(&m, 1, "samples", "count");
	program(&m);
	sample(&m, 1, leaf_main, (const int64_t[]){3}, 1);
	end_sample(&m);
	pair(&m, 11, "cpu", "nanoseconds");
	proto_put_number(&m.all, 12, 1000);
	good(&m, &r);
	rig_expect(&r, PROFILE_CPU, 0, "main 3000\n");
	rig_expect(&r, PROFILE_CPU, 1, "main 3\n");
	rig_done(&r);
	begin(&m);
	pair(&m, 1, "contentions", "count");
	pair(&m, 1, "delay", "microseconds");
	program(&m);
	sample(&m, 1, leaf_main, (const int64_t[]){3, 7}, 2);
	end_sample(&m);
	good(&m, &r);
	rig_expect(&r, PROFILE_OFFCPU, 0, "main 7000\n");
	rig_done(&r);
	begin(&m);
	pair(&m, 1, "goroutine", "count");
	program(&m);
	sample(&m, 1, leaf_main, (const int64_t[]){3}, 1);
	end_sample(&m);
	assert_int_equal(read_made(&m, &r, -1), ERR_FORMAT);
	assert_non_null(strstr(r.err.text, "goroutine (count)"));
	rig_done(&r);
}

/* One thing is wrong with each. */
enum wrong {
	TWO_VALUES,
	NEGATIVE,
	NO_PLACE,
	NO_FUNCTION,
	NO_MAPPING,
	TWICE,
	ZERO_ID,
	NO_TEXT,
	NO_TYPES,
	WRONGS
};

static void refused(void **state)
{
	static const char *const words[WRONGS] = {"as many values",
						  "negative",
						  "a place that is not",
						  "a function that is not",
						  "a mapping that is not",
						  "there twice",
						  "id is 0",
						  "a text that is not",
						  "no sample type"};
	static const uint64_t nowhere[] = {99, 0}, nobody[] = {99, 1, 0};
	int wrong;

	(void)state;
	for (wrong = 0; wrong < WRONGS; wrong++) {
		struct rig r = {.o = {.kind = -1}};
		struct made m;

		begin(&m);
		if (wrong != NO_TYPES)
			pair(&m, 1, "cpu", "nanoseconds");
		program(&m);
		if (wrong == NO_FUNCTION)
			place(&m, 9, 7, 0, nobody);
		if (wrong == NO_MAPPING)
			place(&m, 9, 8, 0, NULL);
		if (wrong == TWICE || wrong == ZERO_ID)
			place(&m, wrong == TWICE ? 1 : 0, 7, 0, NULL);
		sample(&m, 1, wrong == NO_PLACE ? nowhere : leaf_main,
		       wrong == NEGATIVE ? (const int64_t[]){-5, 1} : (const int64_t[]){5, 1},
		       wrong == TWO_VALUES ? 2 : 1);
		end_sample(&m);
		if (wrong == NO_TEXT) {
			buf_clear(&m.one);
			proto_put_number(&m.one, 1, 50);
			proto_put_number(&m.one, 2, 60);
			proto_put_message(&m.all, 5, &m.one);
		}
		assert_int_equal(read_made(&m, &r, IMPORT_PPROF), ERR_FORMAT);
		if (!strstr(r.err.text, words[wrong]))
			fail_msg("'%s' does not say '%s'", r.err.text, words[wrong]);
		rig_done(&r);
	}
	rig_bad(IMPORT_PPROF, "hello", "no pprof profile");
	rig_bad(IMPORT_PPROF, "", "no sample type");
}

static void messages(void **state)
{
	static const unsigned char good_bytes[] = {8, 0x96, 1, 0x11, 1,   2,    3, 4, 5, 6, 7,
						   8, 0x1a, 2, 'h',  'i', 0x25, 1, 0, 0, 0};
	static const struct {
		unsigned char b[12];
		size_t n;
	} bad[] = {{{8}, 1},
		   {{8, 0x80}, 2},
		   {{0, 1}, 2},
		   {{0x0b}, 1},
		   {{0x1a, 5, 'x'}, 3},
		   {{0x11, 1, 2}, 3},
		   {{8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, 11}};
	struct proto_in in = {good_bytes, good_bytes + sizeof(good_bytes)};
	struct proto_field f;
	uint64_t v;
	size_t i;

	(void)state;
	assert_int_equal(proto_next(&in, &f), 1);
	assert_int_equal(f.number, 1);
	assert_int_equal(f.value, 150);
	assert_int_equal(proto_next(&in, &f), 1);
	assert_int_equal(f.value, 0x0807060504030201);
	assert_int_equal(proto_next(&in, &f), 1);
	assert_true(f.is_bytes && f.in.end - f.in.at == 2);
	assert_int_equal(proto_next(&in, &f), 1);
	assert_int_equal(f.value, 1);
	assert_int_equal(proto_number(&f, &v), 1);
	assert_int_equal(v, 1);
	assert_int_equal(proto_number(&f, &v), 0);
	assert_int_equal(proto_next(&in, &f), 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		in = (struct proto_in){bad[i].b, bad[i].b + bad[i].n};
		assert_int_equal(proto_next(&in, &f), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu),          cmocka_unit_test(heap),
		cmocka_unit_test(counts_alone), cmocka_unit_test(refused),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
