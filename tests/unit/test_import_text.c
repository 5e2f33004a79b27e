/* Folded stacks and perf script's text: what is kept, what is refused and how, packed bytes, what a file is by its
 * first bytes. */
#include "tests/unit/import_rig.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "prof/formats/perf_line.h"

static void folded(void **state)
{
	(void)state;
	rig_good(IMPORT_FOLDED, "main;f;g 42\nmain;f 1\n", PROFILE_CPU, "main;f 1\nmain;f;g 42\n");
	rig_good(IMPORT_FOLDED, "a b;c d\t 3\r\n\r\n# a remark\n#\na b;c d 4", PROFILE_CPU,
		 "a b;c d 7\n");
	rig_good(IMPORT_FOLDED, "\xef\xbb\xbfvfs_read_[k];x_[i] 2\n", PROFILE_CPU,
		 "vfs_read_[k];x_[i] 2\n");
	rig_good(IMPORT_FOLDED, "#main;operator new(int, char) 5\n", PROFILE_CPU,
		 "#main;operator new(int, char) 5\n");
	rig_good(IMPORT_FOLDED, "a;ab 1\na;a 2\na;abc;x 3\na 4\nab 5\na;ab;x 6\n", PROFILE_CPU,
		 "a 4\na;a 2\na;ab 1\na;ab;x 6\na;abc;x 3\nab 5\n");
	rig_good(IMPORT_FOLDED, ";a;;b; 9\nx 0\n", PROFILE_CPU,
		 "[unknown];a;[unknown];b;[unknown] 9\n");
	rig_good(IMPORT_FOLDED, "a;b 1.0\na;b 2\n", PROFILE_CPU, "a;b 3\n");
	rig_bad(IMPORT_FOLDED, "a;b 1.4\na;b 1.5\n", "the value 1.4 is no number of samples");
}

static void folded_units(void **state)
{
	struct rig r = {.o = {.kind = -1, .rate_hz = 100}};

	(void)state;
	assert_int_equal(rig_read(&r, -1, "a;b 3\n"), 0);
	rig_expect(&r, PROFILE_CPU, 0, "a;b 30000000\n");
	rig_expect(&r, PROFILE_CPU, 1, "a;b 3\n");
	assert_true(r.p.run.rate_hz == 100);
	assert_int_equal(r.notes.len, 0);
	rig_done(&r);
	r.o = (struct import_options){.kind = PROFILE_WALL, .unit = IMPORT_US};
	assert_int_equal(rig_read(&r, -1, "a;b 3\nc 2\nc 2.5\n"), 0);
	rig_expect(&r, PROFILE_WALL, 0, "a;b 3000\nc 4500\n");
	rig_expect(&r, PROFILE_WALL, 1, "a;b 1\nc 2\n");
	assert_string_equal(rig_text(&r.p, r.p.run.mode), "wall");
	rig_done(&r);
	r.o = (struct import_options){.kind = -1, .unit = IMPORT_NS};
	assert_int_equal(rig_read(&r, -1, "a;b 3\nc 0.4\n"), 0);
	assert_non_null(strstr(r.notes.data, "1 value of less than half a ns is left out"));
	rig_done(&r);
	r.o = (struct import_options){.kind = -1, .rate_hz = 1000};
	assert_int_equal(rig_read(&r, -1, "a;b 0.5\nc 0.25\n"), 0);
	rig_expect(&r, PROFILE_CPU, 0, "a;b 500000\nc 250000\n");
	rig_done(&r);
	r.o = (struct import_options){.kind = PROFILE_ALLOC};
	assert_int_equal(rig_read(&r, -1, "a;b 300000\n"), 0);
	rig_expect(&r, PROFILE_ALLOC, 0, "a;b 300000\n");
	assert_int_equal(r.notes.len, 0);
	rig_done(&r);
	r.o = (struct import_options){.kind = PROFILE_ALLOC, .unit = IMPORT_MS};
	assert_int_equal(rig_read(&r, IMPORT_FOLDED, "a;b 3\n"), ERR_ARG);
	rig_done(&r);
	r.o = (struct import_options){.kind = -1};
	assert_int_equal(rig_read(&r, -1, "a;b 2000000\n"), 0);
	assert_non_null(strstr(r.notes.data, "--unit ns"));
	assert_non_null(strstr(r.notes.data, "--rate HZ"));
	rig_done(&r);
}

static void folded_refused(void **state)
{
	char *text = malloc(200001);

	(void)state;
	rig_bad(IMPORT_FOLDED, "a;b 1\nnonsense\n", "line 2: no number");
	rig_bad(IMPORT_FOLDED, "a;b -1\n", "line 1");
	rig_bad(IMPORT_FOLDED, " 42\n", "line 1");
	rig_bad(IMPORT_FOLDED, "42\n", "line 1");
	rig_bad(IMPORT_FOLDED, "a;b 1e3\n", "line 1");
	rig_bad(IMPORT_FOLDED, "a;b 1 2\nc 3 4\n", "difference of two profiles");
	rig_bad(IMPORT_FOLDED, "", "not one sample");
	rig_bad(IMPORT_FOLDED, "a 0\n", "not one sample");
	rig_bad(IMPORT_FOLDED, "a 99999999999999999999999\n", "out of all bounds");
	rig_bad(IMPORT_FOLDED, "a 9000000000000000000\na 9000000000000000000\n", "line 2");
	/* A number may end a name, if not in each line. */
	rig_good(IMPORT_FOLDED, "thread 1 2\nmain;f 3\n", PROFILE_CPU, "main;f 3\nthread 1 2\n");
	assert_non_null(text);
	memset(text, 'x', 70000);
	memcpy(text + 70000, " 1\n", 4);
	rig_bad(IMPORT_FOLDED, text, "64 KiB");
	for (size_t i = 0; i < 199990; i += 2)
		memcpy(text + i, "a;", 2);
	memcpy(text + 199990, "a 1\n", 5);
	rig_bad(IMPORT_FOLDED, text, "65536 calls");
	free(text);
}

static void no_text(void **state)
{
	static const char zero[] = "a;b 1\nc\0d 2\n";
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	assert_int_equal(rig_read_bytes(&r, IMPORT_FOLDED, zero, sizeof(zero) - 1), 0);
	rig_expect(&r, PROFILE_CPU, 0,
		   "a;b 1\nc?d 2\n"); /* a zero byte in a name is no end of it */
	rig_done(&r);
	assert_int_equal(rig_read_bytes(&r, IMPORT_FOLDED, "\0\0\0\0", 4), ERR_FORMAT);
	assert_non_null(strstr(r.err.text, "no text"));
	rig_done(&r);
}

/* ---- perf ---- */

#define CHAIN                                                                                      \
	"prog name 12/34 [001] 61465.156061:    2004008 cpu-clock:u: \n"                           \
	"\t            11d6 inner+0x36 (/tmp/a b/t)\n"                                             \
	"\t            124e std::vector<int>::at(unsigned long) const (inlined)\n"                 \
	"\t            124e outer(char*)+0x3e (/tmp/a b/t)\n"                                      \
	"\t    ffffffff8100 [unknown] ([kernel.kallsyms])\n\n"

static void perf_chain(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	const struct profile_frame *f;

	(void)state;
	if (rig_read(&r, -1, CHAIN CHAIN))
		fail_msg("%s", r.err.text);
	assert_int_equal(r.format, IMPORT_PERF);
	rig_expect(&r, PROFILE_CPU, 0,
		   "[unknown in "
		   "[kernel.kallsyms]+0xffffffff8100];outer(char*);std::vector<int>::at(unsigned "
		   "long) const;inner 4008016\n");
	rig_expect(&r, PROFILE_CPU, 1,
		   "[unknown in "
		   "[kernel.kallsyms]+0xffffffff8100];outer(char*);std::vector<int>::at(unsigned "
		   "long) const;inner 2\n");
	f = rig_frame(&r.p, "std::vector<int>::at(unsigned long) const");
	assert_int_equal(f->inline_depth, 1);
	assert_int_equal(f->rel_addr, 0x124e);
	assert_string_equal(rig_text(&r.p, r.p.modules[f->module].path), "/tmp/a b/t");
	assert_int_equal(r.p.n_threads, 1);
	assert_int_equal(r.p.threads[0].tid, 34);
	assert_string_equal(rig_text(&r.p, r.p.threads[0].name), "prog name");
	assert_int_equal(r.p.processes[r.p.threads[0].process].pid, 12);
	rig_done(&r);
}

static void perf_variants(void **state)
{
	(void)state;
	/* Without call chains: one line each. */
	rig_good(IMPORT_PERF,
		 "               t 30583 61468.957605:    2004008 cpu-clock:      5597969b01dd "
		 "inner+0x3d (/tmp/x/t)\n"
		 "               t 30583 61468.959616:          8 cpu-clock:      5597969b01d6 "
		 "inner+0x36 (/tmp/x/t)\n",
		 PROFILE_CPU, "inner 2004016\n");
	/* Places in the source. */
	rig_good(IMPORT_PERF,
		 "t 1/2 1.000001: 7 task-clock:ppp: \n\t 11d6 a (/t)\n  t.c:4\n\t 2 b (/t)\n  "
		 "t[2]\n\n",
		 PROFILE_CPU, "b;a 7\n");
	/* No head at all. */
	rig_good(IMPORT_PERF, "\n\t   11d6 inner\n\t   124e outer\n\n\n\t   11d6 inner\n\n",
		 PROFILE_CPU, "inner 1\nouter;inner 1\n");
	/* Only a name and a number; CRLF. */
	rig_good(IMPORT_PERF, "a 1:b 77 cycles: \r\n\t  1f f+0x1 (/x (deleted))\r\n\r\n",
		 PROFILE_CPU, "f 1\n");
	/* Without a symbol, or a module. */
	rig_good(IMPORT_PERF, "t 5 1.000000: cycles:\n\t 10 (/bin/x)\n\t 20 g\n\n", PROFILE_CPU,
		 "g;[unknown in x+0x10] 1\n");
	/* Blanks where perf has a tab. */
	rig_good(IMPORT_PERF,
		 "G\t25122 [007] 115539.936601:\t\t1000000 task-clock:u:\n        "
		 "b3cea6c4\tLock::unlock() "
		 "(/system/lib/libc.so)\n        b3cea535\tmain (/system/bin/a)\n\n",
		 PROFILE_CPU, "main;Lock::unlock() 1000000\n");
	/* A place in the file rather than in memory. */
	rig_good(IMPORT_PERF,
		 "t 5 1.000000: cycles:\n\t 7f0000000010 [unknown] (/lib/x.so+0x10)\n\n",
		 PROFILE_CPU, "[unknown in x.so+0x10] 1\n");
}

static void perf_place_lines(void **state)
{
	struct rig r = {.o = {.kind = -1}};
	const struct profile_frame *f;

	(void)state;
	assert_int_equal(rig_read(&r, IMPORT_PERF,
				  "t 1/2 1.000001: 7 task-clock:ppp: \n\t 11d6 a (/t)\n  "
				  "dir/t.c:41 (discriminator 3)\n"
				  "\t 2 b (/t)\n  ??:0\n\n"),
			 0);
	f = rig_frame(&r.p, "a");
	assert_int_equal(f->line, 41);
	assert_string_equal(rig_text(&r.p, f->file), "dir/t.c");
	assert_int_equal(rig_frame(&r.p, "b")->line, 0);
	rig_done(&r);
}

static void perf_head_of_file(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	assert_int_equal(
		rig_read(&r, -1,
			 "# ========\n# hostname : box\n# os release : 6.1\n# cpudesc : Chip\n"
			 "# cmdline : perf record -F 200 ./t\n"
			 "# event : name = cycles, , id = { 1 }, { sample_period, sample_freq } = "
			 "200, freq = 1\n#\n"
			 "t 1 10.500000:   123456 cycles: \n\t 1 f (/t)\n\n"
			 "t 1 12.500000:   123456 cycles: \n\t 1 f (/t)\n\n"),
		0);
	rig_expect(&r, PROFILE_CPU, 0, "f 10000000\n");
	assert_string_equal(rig_text(&r.p, r.p.run.host), "box");
	assert_string_equal(rig_text(&r.p, r.p.run.cpu_model), "Chip");
	assert_string_equal(rig_text(&r.p, r.p.run.command), "perf record -F 200 ./t");
	assert_true(r.p.run.rate_hz == 200);
	assert_int_equal(r.p.run.duration_ns, 2000000000);
	rig_done(&r);
}

#define TWO_EVENTS                                                                                 \
	"t 1 1.000000: 1 cycles:u: \n\t 1 f (/t)\n\nt 1 1.000000: 1 faults: \n\t 2 g (/t)\n\n"     \
	"t 1 1.000000: 1 faults: \n\t 2 g (/t)\n\nt 1 1.000000: 1 cycles:u: \n\n"

static void perf_events(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	assert_int_equal(rig_read(&r, -1, TWO_EVENTS), 0);
	rig_expect(&r, PROFILE_CPU, 0, "f 1\n");
	assert_non_null(strstr(r.notes.data, "2 samples of event 'faults'"));
	assert_non_null(strstr(r.notes.data, "1 samples have no stack"));
	rig_done(&r);
	r.o.only = "faults";
	assert_int_equal(rig_read(&r, -1, TWO_EVENTS), 0);
	rig_expect(&r, PROFILE_CPU, 1, "g 2\n");
	rig_done(&r);
	r.o.only = "cycles";
	assert_int_equal(rig_read(&r, -1, TWO_EVENTS), 0);
	rig_expect(&r, PROFILE_CPU, 1, "f 1\n");
	rig_done(&r);
	r.o.only = "cyc";
	assert_int_equal(rig_read(&r, -1, TWO_EVENTS), ERR_NOTFOUND);
	rig_done(&r);
}

static void perf_refused(void **state)
{
	(void)state;
	rig_bad(IMPORT_PERF, "t 1 1.000000: cycles: \n\t zz\n", "line 2");
	rig_bad(IMPORT_PERF, "no head here\n", "line 1");
	rig_bad(IMPORT_PERF, "t 1 1.000000: cycles: \n\n", "not one sample");
	rig_bad(IMPORT_PERF, "  t.c:4\n", "line 1");
}

static void perf_words(void **state)
{
	struct perf_head h;
	struct perf_frame f;

	(void)state;
	assert_true(perf_head("12 34/56 1.000000: ev: x", 24, &h));
	assert_int_equal(h.tid, 56);
	assert_int_equal(h.comm.n, 2);
	assert_true(perf_head(":-1 -1 1.000000: 5 sched:sched_switch: prev_comm=x", 50, &h));
	assert_int_equal(h.tid, -1);
	assert_int_equal(h.period, 5);
	assert_memory_equal(h.event.at, "sched:sched_switch", h.event.n);
	assert_false(perf_head("", 0, &h));
	assert_false(perf_head("12", 2, &h));
	assert_true(perf_frame("ff f(int (*)(int)) (a (b))", 26, &f));
	assert_memory_equal(f.symbol.at, "f(int (*)(int))", f.symbol.n);
	assert_memory_equal(f.module.at, "a (b)", f.module.n);
	assert_true(perf_frame("ff )", 4, &f));
	assert_false(perf_frame("11112222333344445 f", 19, &f));
}

/* ---- bytes ---- */

static size_t pack(const char *text, size_t n, unsigned char *to, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)text;
	z.avail_in = (uInt)n;
	z.next_out = to;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void packed(void **state)
{
	unsigned char bytes[1024];
	size_t n = pack("a;b 1\n", 6, bytes, sizeof(bytes)), m;
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	m = pack("c 2\n", 4, bytes + n, sizeof(bytes) - n);
	assert_int_equal(rig_read_bytes(&r, -1, bytes, n + m), 0);
	rig_expect(&r, PROFILE_CPU, 0, "a;b 1\nc 2\n");
	rig_done(&r);
	assert_int_equal(rig_read_bytes(&r, -1, bytes, n - 3), ERR_FORMAT);
	assert_non_null(strstr(r.err.text, "cut short"));
	rig_done(&r);
	bytes[n / 2] ^= 0xff;
	assert_int_equal(rig_read_bytes(&r, -1, bytes, n), ERR_FORMAT);
	rig_done(&r);
}

/* A pipe that gives a byte at a time, and lines longer than any window. */
static void pipes(void **state)
{
	struct err err = ERR_INIT;
	struct bytes *b;
	const char *line;
	size_t n;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "ab\n\n", 4), 4);
	close(fd[1]);
	assert_int_equal(bytes_from_fd(&b, fd[0], &err), 0);
	assert_int_equal(bytes_line(b, &line, &n, &err), 1);
	assert_memory_equal(line, "ab", n);
	assert_int_equal(bytes_line(b, &line, &n, &err), 1);
	assert_int_equal(n, 0);
	assert_int_equal(bytes_line(b, &line, &n, &err), 0);
	assert_int_equal(bytes_line_number(b), 2);
	bytes_close(b);
	close(fd[0]);
	fd[0] = open("/dev/zero", O_RDONLY);
	assert_int_equal(bytes_from_fd(&b, fd[0], &err), 0);
	assert_int_equal(bytes_line(b, &line, &n, &err), ERR_LIMIT);
	bytes_close(b);
	close(fd[0]);
	fd[0] = open("/", O_RDONLY);
	assert_int_equal(bytes_from_fd(&b, fd[0], &err), 0);
	assert_int_equal(bytes_line(b, &line, &n, &err), ERR_IO);
	bytes_close(b);
	close(fd[0]);
}

static void others(void **state)
{
	(void)state;
	rig_bad(-1, "PERFILE2\1\2", "perf script -i");
	rig_bad(-1, "SQLite format 3", "--store");
	rig_bad(-1, "<svg version", "folded stacks");
	rig_bad(-1, "", "empty");
	rig_bad(-1, " \n ", "empty");
	rig_bad(-1, "{\"traceEvents\":[]}", "trace events");
	rig_bad(-1, "[{\"ph\":\"X\"}]", "trace events");
	rig_bad(-1, "{\"head\":{}}", "heap profile");
	rig_bad(-1, "{\"a\":1}", "none of the known");
	rig_bad(-1, "{", "none of the known");
	rig_bad(-1, "once upon a time\n", "none of the known");
	rig_bad(-1, "\x28\xb5\x2f\xfd", "zstd");
	rig_bad(-1,
		"\xff\xfe"
		"a",
		"UTF-16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded),
		cmocka_unit_test(folded_units),
		cmocka_unit_test(folded_refused),
		cmocka_unit_test(no_text),
		cmocka_unit_test(perf_chain),
		cmocka_unit_test(perf_variants),
		cmocka_unit_test(perf_place_lines),
		cmocka_unit_test(perf_head_of_file),
		cmocka_unit_test(perf_events),
		cmocka_unit_test(perf_refused),
		cmocka_unit_test(perf_words),
		cmocka_unit_test(packed),
		cmocka_unit_test(pipes),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
