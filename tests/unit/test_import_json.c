/* speedscope, Firefox and V8 profiles: what is kept, and what is refused with which words. */
#include "tests/unit/import_rig.h"

#include "prof/formats/json_in.h"

#define SHARED                                                                                     \
	"\"shared\":{\"frames\":[{\"name\":\"main\",\"file\":\"m.c\",\"line\":3,\"col\":1},{"      \
	"\"name\":\"f\"}]}"
#define SPEEDSCOPE(profile)                                                                        \
	"{\"$schema\":\"https://www.speedscope.app/"                                               \
	"file-format-schema.json\",\"profiles\":[" profile "]," SHARED "}"

static void speedscope_sampled(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	rig_good(
		IMPORT_SPEEDSCOPE,
		SPEEDSCOPE(
			"{\"type\":\"sampled\",\"name\":\"t\",\"unit\":\"milliseconds\","
			"\"startValue\":0,"
			"\"endValue\":4,\"samples\":[[0,1],[0],[],[0,1]],\"weights\":[1.5,1,5,2]}"),
		PROFILE_CPU, "main 1000000\nmain;f 3500000\n");
	rig_good(IMPORT_SPEEDSCOPE,
		 SPEEDSCOPE("{\"weights\":[3],\"samples\":[[1]],\"type\":\"sampled\",\"name\":"
			    "\"t\",\"unit\":\"bytes\"}"),
		 PROFILE_ALLOC, "f 3\n");
	assert_int_equal(rig_read(&r, -1,
				  SPEEDSCOPE("{\"type\":\"sampled\",\"name\":\"a\",\"unit\":"
					     "\"none\",\"samples\":[[1]],"
					     "\"weights\":[3]},{\"type\":\"sampled\",\"name\":"
					     "\"b\",\"unit\":\"none\","
					     "\"samples\":[[0]],\"weights\":[4]}")),
			 0);
	rig_expect(&r, PROFILE_CPU, 1, "f 3\nmain 4\n");
	assert_int_equal(r.p.n_threads, 2);
	assert_int_equal(rig_frame(&r.p, "main")->line, 3);
	assert_string_equal(rig_text(&r.p, rig_frame(&r.p, "main")->file), "m.c");
	assert_non_null(strstr(r.notes.data, "--rate"));
	rig_done(&r);
	r.o.only = "b";
	assert_int_equal(rig_read(&r, -1,
				  SPEEDSCOPE("{\"type\":\"sampled\",\"name\":\"a\",\"unit\":"
					     "\"none\",\"samples\":[[1]],"
					     "\"weights\":[3]},{\"type\":\"sampled\",\"name\":"
					     "\"b\",\"unit\":\"none\","
					     "\"samples\":[[0]],\"weights\":[4]}")),
			 0);
	rig_expect(&r, PROFILE_CPU, 1, "main 4\n");
	rig_done(&r);
	r.o.only = "c";
	assert_int_equal(rig_read(&r, -1, SPEEDSCOPE("")), ERR_NOTFOUND);
	rig_done(&r);
}

#define EVENT(type, frame, at) "{\"type\":\"" type "\",\"frame\":" frame ",\"at\":" at "}"
#define EVENTED(unit, events)                                                                      \
	SPEEDSCOPE("{\"type\":\"evented\",\"name\":\"t\",\"unit\":\"" unit                         \
		   "\",\"startValue\":0,\"endValue\":9,"                                           \
		   "\"events\":[" events "]}")

static void speedscope_evented(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	rig_good(IMPORT_SPEEDSCOPE,
		 EVENTED("microseconds",
			 EVENT("O", "0", "1") "," EVENT("O", "1", "2.5") "," EVENT(
				 "C", "1", "4") "," EVENT("C", "0",
							  "4.5") "," EVENT("O", "1",
									   "7") "," EVENT("C", "1",
											  "8")),
		 PROFILE_CPU, "f 1000\nmain 2000\nmain;f 1500\n");
	assert_int_equal(
		rig_read(&r, -1, EVENTED("none", EVENT("O", "0", "1") "," EVENT("O", "1", "3"))),
		0);
	rig_expect(&r, PROFILE_CPU, 1, "main 2\n");
	assert_non_null(strstr(r.notes.data, "never closed"));
	rig_done(&r);
}

static void speedscope_refused(void **state)
{
	(void)state;
	rig_bad(-1, "{\"$schema\":1,\"profiles\":[]}", "shared.frames");
	rig_bad(-1, SPEEDSCOPE("{\"type\":\"other\"}"), "sampled or evented");
	rig_bad(-1, SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"furlongs\"}"), "a unit is");
	rig_bad(-1,
		SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"none\",\"samples\":[[2]],\"weights\":["
			   "1]}"),
		"not in shared.frames");
	rig_bad(-1,
		SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"none\",\"samples\":[[1]],\"weights\":["
			   "-1]}"),
		"negative");
	rig_bad(-1,
		SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"none\",\"samples\":[[1],[1]],"
			   "\"weights\":[1]}"),
		"more samples");
	rig_bad(-1,
		SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"none\",\"samples\":[[1]],\"weights\":["
			   "1,2]}"),
		"more weights");
	rig_bad(-1,
		SPEEDSCOPE("{\"type\":\"sampled\",\"unit\":\"none\",\"samples\":[[1]],\"weights\":["
			   "1e400]}"),
		"out of all bounds");
	rig_bad(-1, EVENTED("none", EVENT("C", "1", "4")), "innermost");
	rig_bad(-1, EVENTED("none", EVENT("O", "1", "4") "," EVENT("C", "0", "5")), "innermost");
	rig_bad(-1, EVENTED("none", EVENT("O", "1", "4") "," EVENT("C", "1", "3")),
		"before the one");
	rig_bad(-1, EVENTED("none", "{\"type\":\"O\",\"frame\":0}"), "an event has");
	rig_bad(-1, SPEEDSCOPE("") "x", "column");
	rig_bad(IMPORT_SPEEDSCOPE, "{\"profiles\":\n [", "line 2");
	rig_bad(IMPORT_SPEEDSCOPE, "[]", "object");
	rig_bad(-1, SPEEDSCOPE(""), "not one sample");
}

/* ---- JSON itself ---- */

static int skip_text(const char *text)
{
	struct err err = ERR_INIT;
	struct json_in j;
	int rc;

	json_in_begin(&j, text, strlen(text), &err);
	rc = json_in_skip(&j);
	if (rc == 0)
		rc = json_in_done(&j);
	json_in_end(&j);
	return rc;
}

static void json_is_strict(void **state)
{
	static const char *const good[] = {"0",
					   "-1.5e+3",
					   "[]",
					   "[1, 2 ,3]",
					   "{}",
					   "{\"a\" : {\"b\":[null,true,false]}}",
					   "\"\\ud83d\\ude00\\n\\/\"",
					   " \t\r\n1 ",
					   "1E5",
					   "[[[[]]]]"};
	static const char *const bad[] = {
		"",        "01",    "+1",      ".5",        "1.",      "1e",         "[1,]",
		"[,1]",    "[1 2]", "{\"a\"}", "{\"a\":}",  "{a:1}",   "{\"a\":1,}", "nul",
		"\"\\x\"", "\"a",   "\"\n\"",  "\"\\u12\"", "[1]]",    "1 2",        "-",
		"NaN",     "'a'",   "{",       "[",         "{\"a\":1"};
	char deep[400];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (skip_text(good[i]))
			fail_msg("'%s' was refused", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (skip_text(bad[i]) != ERR_FORMAT)
			fail_msg("'%s' was taken", bad[i]);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = '\0';
	assert_int_equal(skip_text(deep), ERR_FORMAT);
}

static void json_strings(void **state)
{
	static const char text[] =
		"[\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\", \"\\ud83d!\", \"\\udc00\"]";
	static const char *const want[] = {"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xef\xbf\xbd!",
					   "\xef\xbf\xbd"};
	struct err err = ERR_INIT;
	struct json_in j;
	const char *s;
	size_t n, i;

	(void)state;
	json_in_begin(&j, text, sizeof(text) - 1, &err);
	assert_int_equal(json_in_array(&j), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(json_in_item(&j), 1);
		assert_int_equal(json_in_string(&j, &s, &n), 0);
		assert_string_equal(s, want[i]);
		assert_int_equal(n, strlen(want[i]));
	}
	assert_int_equal(json_in_item(&j), 0);
	json_in_end(&j);
}

/* ---- V8 ---- */

#define NODE(id, name, more)                                                                       \
	"{\"id\":" id ",\"callFrame\":{\"functionName\":\"" name                                   \
	"\",\"scriptId\":\"0\",\"url\":\"file:///a.js\","                                          \
	"\"lineNumber\":4,\"columnNumber\":2},\"hitCount\":1" more "}"

static void cpuprofile(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	assert_int_equal(
		rig_read(&r, -1,
			 "{\"nodes\":[" NODE("1", "(root)", ",\"children\":[2,3]") "," NODE(
				 "2", "",
				 ",\"children\":[4]") "," NODE("3", "(idle)",
							       "") "," NODE("4", "g",
									    "") "],"
										"\"startTime\":"
										"1000,\"endTime\":"
										"1100,\"samples\":["
										"2,4,4,3,2],"
										"\"timeDeltas\":["
										"10,20,30,-5,25]}"),
		0);
	assert_int_equal(r.format, IMPORT_CPUPROFILE);
	/* At 1010, 1030, 1060, (1055) and 1080, until 1100. */
	rig_expect(&r, PROFILE_WALL, 0, "(anonymous) 40000\n(anonymous);g 30000\n(idle) 20000\n");
	assert_int_equal(rig_frame(&r.p, "g")->line, 5);
	assert_int_equal(r.p.run.duration_ns, 100000);
	assert_string_equal(rig_text(&r.p, r.p.run.mode), "wall");
	rig_done(&r);
	/* Parents instead of children, and no times. */
	assert_int_equal(rig_read(&r, -1,
				  "{\"nodes\":[" NODE("7", "b", ",\"parent\":1") "," NODE("1", "a",
											  "") "]}"),
			 0);
	rig_expect(&r, PROFILE_WALL, 1, "a 1\na;b 1\n");
	rig_done(&r);
}

static void cpuprofile_refused(void **state)
{
	(void)state;
	rig_bad(-1, "{\"nodes\":[" NODE("1", "a", ",\"children\":[2]") "]}", "no node");
	rig_bad(-1,
		"{\"nodes\":[" NODE("1", "a", ",\"parent\":2") "," NODE("2", "b",
									",\"parent\":1") "]}",
		"each other");
	rig_bad(-1, "{\"nodes\":[" NODE("1", "a", ",\"parent\":9") "]}",
		"parent that is not there");
	rig_bad(-1, "{\"nodes\":[" NODE("1", "a", "") "," NODE("1", "a", "") "]}", "twice");
	rig_bad(-1, "{\"nodes\":[" NODE("1", "a", "") "],\"samples\":[5],\"timeDeltas\":[1]}",
		"not there");
	rig_bad(-1, "{\"nodes\":[" NODE("1", "a", "") "],\"samples\":[1,1],\"timeDeltas\":[1]}",
		"more samples");
	rig_bad(-1, "{\"timeDeltas\":[]}", "no nodes");
	rig_bad(-1, "{\"nodes\":[{\"id\":1}]}", "no callFrame");
}

/* ---- Firefox ---- */

#define TABLES                                                                                     \
	"\"stackTable\":{\"frame\":[0,1,2],\"prefix\":[null,0,1],\"length\":3},"                   \
	"\"frameTable\":{\"func\":[0,1,1],\"line\":[null,7,8],\"address\":[-1,4660,4660],"         \
	"\"inlineDepth\":[0,0,1],\"length\":3},"                                                   \
	"\"funcTable\":{\"name\":[0,1],\"resource\":[-1,0],\"fileName\":[null,2],\"length\":2},"   \
	"\"resourceTable\":{\"lib\":[0],\"name\":[1],\"length\":1}"
#define META                                                                                       \
	"{\"meta\":{\"interval\":2,\"startTime\":1700000000000.5,\"product\":\"prog\","            \
	"\"preprocessedProfileVersion\":49,"                                                       \
	"\"sampleUnits\":{\"time\":\"ms\",\"threadCPUDelta\":\"\xc2\xb5s\"}},"                     \
	"\"libs\":[{\"name\":\"p\",\"path\":\"/bin/p\",\"codeId\":\"ab12\"}],"

static void gecko_processed(void **state)
{
	static const char *const texts[] = {
		META "\"threads\":[{\"name\":\"T\",\"pid\":\"12\",\"tid\":13,\"processName\":"
		     "\"prog\"," TABLES ",\"stringArray\":[\"main\",\"f\",\"f.c\"],\"samples\":{"
		     "\"stack\":[2,null,2,0],\"time\":[1,3,5,7],"
		     "\"weight\":null,\"weightType\":\"samples\",\"threadCPUDelta\":[null,10,500,0]"
		     ",\"length\":4}}]}",
		/* Tables that all threads share. */
		META
		"\"shared\":{\"stringArray\":[\"main\",\"f\",\"f.c\"]," TABLES "},"
		"\"threads\":[{\"name\":\"T\",\"pid\":\"12\",\"tid\":13,\"processName\":\"prog\","
		"\"samples\":{\"stack\":[2,null,2,0],\"timeDeltas\":[1,2,2,2],\"weightType\":"
		"\"samples\","
		"\"threadCPUDelta\":[null,10,500,0],\"length\":4}}]}"};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct rig r = {.o = {.kind = -1}};
		const struct profile_frame *f;

		if (rig_read(&r, -1, texts[i]))
			fail_msg("%s", r.err.text);
		assert_int_equal(r.format, IMPORT_GECKO);
		rig_expect(&r, PROFILE_WALL, 0, "main 2000000\nmain;f;f 4000000\n");
		rig_expect(&r, PROFILE_CPU, 0, "main;f;f 500000\n");
		assert_string_equal(rig_text(&r.p, r.p.run.mode), "cpu");
		assert_int_equal(r.p.run.duration_ns, 6000000);
		assert_true(r.p.run.rate_hz == 500);
		assert_int_equal(r.p.threads[0].tid, 13);
		assert_int_equal(r.p.processes[0].pid, 12);
		f = rig_frame(&r.p, "f");
		assert_int_equal(f->rel_addr, 4660);
		assert_string_equal(rig_text(&r.p, f->file), "f.c");
		assert_string_equal(rig_text(&r.p, r.p.modules[f->module].build_id), "ab12");
		rig_done(&r);
	}
}

static void gecko_raw(void **state)
{
	struct rig r = {.o = {.kind = -1}};

	(void)state;
	if (rig_read(&r, -1,
		     "{\"meta\":{\"interval\":1},\"libs\":[],\"threads\":[{\"name\":\"G\",\"tid\":"
		     "5,\"pid\":4,"
		     "\"stringTable\":[\"(root)\",\"foo (http://x/a.js:12:3)\",\"0x1f\"],"
		     "\"frameTable\":{\"schema\":{\"location\":0,\"relevantForJS\":1,\"line\":4},"
		     "\"data\":[[0],[1,true],[2,false,null,null,9]]},"
		     "\"stackTable\":{\"schema\":{\"prefix\":0,\"frame\":1},\"data\":[[null,0],[0,"
		     "1],[1,2]]},"
		     "\"samples\":{\"schema\":{\"stack\":0,\"time\":1,\"eventDelay\":2},\"data\":[["
		     "2,0.5,0],[1,1.5],[null,2]]}}],"
		     "\"processes\":[{\"meta\":{\"interval\":1},\"libs\":[],\"threads\":[],"
		     "\"processes\":[]}]}"))
		fail_msg("%s", r.err.text);
	rig_expect(&r, PROFILE_WALL, 0, "(root);foo 1000000\n(root);foo;[unknown 0x1f] 1000000\n");
	/* Rows before their schema; inside what older developer tools saved. */
	rig_good(IMPORT_GECKO,
		 "{\"label\":\"x\",\"ticks\":[],\"profile\":{\"libs\":[],\"threads\":[{"
		 "\"stringTable\":[\"a\"],"
		 "\"frameTable\":{\"data\":[[0]],\"schema\":{\"location\":0}},"
		 "\"stackTable\":{\"data\":[[null,0]],\"schema\":{\"prefix\":0,\"frame\":1}},"
		 "\"samples\":{\"data\":[[0,0]],\"schema\":{\"stack\":0,\"time\":1}}}],\"meta\":{"
		 "\"interval\":1}}}",
		 PROFILE_WALL, "a 1000000\n");
	assert_int_equal(rig_frame(&r.p, "foo")->line, 12);
	assert_string_equal(rig_text(&r.p, rig_frame(&r.p, "foo")->file), "http://x/a.js");
	rig_done(&r);
}

static void gecko_refused(void **state)
{
	(void)state;
	rig_bad(-1, "{\"meta\":{}}", "no threads");
	rig_bad(-1, "{\"meta\":{},\"threads\":[{\"samples\":{}}]}", "thread 1: one of stringArray");
	rig_bad(-1,
		META "\"threads\":[{\"name\":\"T\"," TABLES
		     ",\"stringArray\":[\"main\"],\"samples\":{\"stack\":[2]}}]}",
		"a string that is not there");
	rig_bad(-1,
		META "\"threads\":[{\"name\":\"T\"," TABLES
		     ",\"stringArray\":[\"main\"],\"samples\":{\"stack\":[3]}}]}",
		"a stack that is not there");
	rig_bad(-1,
		META "\"threads\":[{\"stackTable\":{\"frame\":[0,0],\"prefix\":[1,null]},"
		     "\"frameTable\":{\"func\":[0]},"
		     "\"stringArray\":[],\"samples\":{\"stack\":[0]}}]}",
		"prefix stands behind");
	rig_bad(-1,
		META "\"threads\":[{\"stackTable\":{\"frame\":[0,0],\"prefix\":[null]},"
		     "\"frameTable\":{\"func\":[0]},"
		     "\"stringArray\":[],\"samples\":{\"stack\":[0]}}]}",
		"differ in length");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speedscope_sampled), cmocka_unit_test(speedscope_evented),
		cmocka_unit_test(speedscope_refused), cmocka_unit_test(json_is_strict),
		cmocka_unit_test(json_strings),       cmocka_unit_test(cpuprofile),
		cmocka_unit_test(cpuprofile_refused), cmocka_unit_test(gecko_processed),
		cmocka_unit_test(gecko_raw),          cmocka_unit_test(gecko_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
