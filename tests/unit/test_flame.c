/* Pages as bytes: no name in the markup, the same bytes each time, sizes, a disk that is full; and what
 * the payload's head says. What pages do is tested in a browser (tests/browser). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <jansson.h>
#include <zlib.h>

#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "tests/unit/flame_rig.h"
#include "tests/unit/static_check.h"
#include "viewer/flame.h"
#include "viewer/graph.h"
#include "viewer/payload_pack.h"

static const struct flame_options cpu = {.kind = PROFILE_CPU};

/* One stack of functions with the given name; everything else is called so too. */
static void fill(struct profile *p, const char *name)
{
	uint32_t stack;

	assert_int_equal(profile_init(p), 0);
	rig_run(p, name, name);
	p->run.host = p->run.id = p->run.labels = rig_string(p, name);
	stack = rig_stack(p, 0, rig_frame(p, rig_module(p, name), name, name, 5, 0));
	rig_sample(p, rig_stage(p, PROFILE_NONE, name), rig_thread(p, name, 1, name, 1), stack, 3,
		   33);
	rig_loss(p, name, 2);
}

static struct flame_options with(const struct flame_options *options, const struct flame_run *run)
{
	struct flame_options o = *options;

	o.runs = run;
	o.n_runs = 1;
	return o;
}

/* The page (caller frees). */
static char *page_of(const struct profile *p, const struct flame_options *options, size_t *len)
{
	struct err err = ERR_INIT;
	struct flame_run run = {.p = p};
	struct flame_options o = with(options, &run);
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert_non_null(out);
	if (flame_write(out, &o, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* The page without its plain table, in which names are harmless (static_check.h). */
static void cut_plain_table(char *text)
{
	char *from = strstr(text, "<section id=\"static\">\n"), *to;

	assert_non_null(from);
	from += strlen("<section id=\"static\">\n");
	to = strstr(from, "\n</section>");
	assert_non_null(to);
	*to = '\0';
	assert_null(static_wrong(from, strlen(from)));
	*to = '\n';
	memmove(from, to, strlen(to) + 1);
}

static void no_name_is_in_the_markup(void **state)
{
	static const char *const names[] = {"</script><b>zzmark", "<!--zzmark", "\"zzmark'`&\n",
					    "@PROTEA-FLAME-DATA@zzmark", "\xff\xfezzmark"};
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		struct flame_options o = {
			.kind = PROFILE_CPU, .title = names[i], .filter_text = names[i]};
		struct profile p;
		char *text;

		fill(&p, names[i]);
		text = page_of(&p, &o, &len);
		assert_int_equal(strlen(text), len); /* no NUL in it */
		assert_string_equal(text + len - strlen("</html>\n"), "</html>\n");
		cut_plain_table(text);
		assert_null(strstr(text, "zzmark"));
		assert_null(strstr(text, "@PROTEA"));
		free(text);
		profile_release(&p);
	}
}

static void the_same_profile_gives_the_same_bytes(void **state)
{
	struct profile p, q;
	char *a, *b;
	size_t n, m;

	(void)state;
	fill(&p, "x");
	fill(&q, "x");
	a = page_of(&p, &cpu, &n);
	b = page_of(&q, &cpu, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
	profile_release(&p);
	profile_release(&q);
}

/* The data of a page, in its text. */
static char *data_in(char *page)
{
	static const char from[] = "<script id=\"flame-data\" type=\"text/plain\">";
	char *at = strstr(page, from), *end;

	assert_non_null(at);
	at += strlen(from);
	end = strstr(at, "</script>");
	assert_non_null(end);
	*end = '\0';
	return at;
}

/* Of the views those that there is room for, with their data; what there was is said. */
static void a_small_profile_fits_sixty_kilobytes(void **state)
{
	struct flame_options small = cpu;
	struct profile p;
	char *a, *b;
	size_t n;

	(void)state;
	fill(&p, "x");
	small.max_bytes = 60000;
	a = page_of(&p, &small, &n);
	assert_true(n <= 60000);
	assert_null(strstr(a, "flame-code-stages"));
	b = page_of(&p, &cpu, &n);
	assert_non_null(strstr(b, "flame-code-stages"));
	assert_true(strlen(data_in(a)) < strlen(data_in(b)));
	free(a);
	free(b);
	profile_release(&p);
}

/* Names of noise, so that nothing but folding makes them small. */
static void a_page_keeps_below_two_megabytes(void **state)
{
	uint64_t seed = 3;
	struct profile p;
	char name[400], *text;
	uint32_t thread, i;
	size_t len, k;

	(void)state;
	fill(&p, "x");
	thread = rig_thread(&p, "p", 2, "t", 2);
	for (i = 0; i < 12000; i++) {
		for (k = 0; k < sizeof name - 1; k++) {
			seed = hash_u64(seed + 1);
			name[k] = (char)('0' + seed % 64);
		}
		name[k] = '\0';
		rig_sample(&p, PROFILE_NONE, thread,
			   rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, name, "", 0, 0)), 1, 1 + i);
	}
	text = page_of(&p, &cpu, &len);
	assert_true(len <= 2000000 && len > 1000000);
	free(text);
	profile_release(&p);
}

static void a_full_disk_is_told(void **state)
{
	struct err err = ERR_INIT;
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = with(&cpu, &run);
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	fill(&p, "x");
	assert_int_equal(flame_write(out, &o, &err), ERR_IO);
	assert_non_null(strstr(err.text, "No space left"));
	fclose(out);
	profile_release(&p);
}

/* ---- the payload's head ---- */

static json_t *head_of(const struct profile *p, const struct flame_options *options)
{
	struct err err = ERR_INIT;
	struct flame_run run = {.p = p};
	struct flame_options o = with(options, &run);
	struct buf data = BUF_INIT;
	unsigned char *raw = malloc(1 << 20);
	uLongf n = 1 << 20;
	struct graph g;
	json_t *head;
	json_error_t why;
	size_t len;

	assert_non_null(raw);
	assert_int_equal(graph_build(&g, &o, &err), 0);
	assert_int_equal(payload_write(&data, &g, &o, 1 << 20, &err), 0);
	assert_int_equal(uncompress(raw, &n, (const Bytef *)data.data, data.len), Z_OK);
	len = raw[0] | (size_t)raw[1] << 8 | (size_t)raw[2] << 16;
	assert_true(len + 4 < n);
	head = json_loadb((const char *)raw + 4, len, 0, &why);
	if (!head)
		fail_msg("%s: %.*s", why.text, (int)len, raw + 4);
	graph_release(&g);
	buf_release(&data);
	free(raw);
	return head;
}

static json_t *run_of(const json_t *head)
{
	return json_array_get(json_object_get(head, "runs"), 0);
}

static const char *run_text(const json_t *head, const char *key)
{
	return json_string_value(json_object_get(run_of(head), key));
}

static void the_head_is_json_whatever_the_names(void **state)
{
	static const char *const names[] = {"plain", "\"\\\b\f\n\r\t\x01\x1f\x7f", "</script>", ""};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		struct profile p;
		json_t *head;

		fill(&p, names[i]);
		head = head_of(&p, &cpu);
		assert_string_equal(run_text(head, "command"), names[i]);
		assert_string_equal(
			json_string_value(json_array_get(
				json_array_get(json_object_get(run_of(head), "losses"), 0), 0)),
			names[i]);
		json_decref(head);
		profile_release(&p);
	}
}

static void the_head_tells_of_the_run(void **state)
{
	struct flame_options o = {
		.kind = PROFILE_CPU, .title = "a title", .filter_text = "thread x"};
	struct profile p;
	json_t *head, *run;

	(void)state;
	fill(&p, "x");
	p.run.signal = 9;
	p.run.has_exit_code = 0;
	p.run.rate_hz = 999.5;
	head = head_of(&p, &o);
	run = run_of(head);
	assert_string_equal(json_string_value(json_object_get(head, "format")), PAYLOAD_FORMAT);
	assert_string_equal(json_string_value(json_object_get(head, "title")), "a title");
	assert_string_equal(json_string_value(json_object_get(head, "filter")), "thread x");
	assert_string_equal(json_string_value(json_object_get(head, "kind")), "cpu");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(run, "kinds"), "cpu")),
			 3);
	assert_int_equal(json_integer_value(json_object_get(run, "signal")), 9);
	assert_null(json_object_get(run, "exit_code"));
	assert_true(json_real_value(json_object_get(run, "rate_hz")) == 999.5);
	assert_int_equal(json_integer_value(json_object_get(run, "started_ms")), 1767225600000);
	assert_null(json_object_get(head, "folded"));
	json_decref(head);
	p.run.rate_hz =
		0.0 / 0.0; /* a foreign hand wrote it: left out, for JSON has no word for it */
	head = head_of(&p, &o);
	assert_null(json_object_get(run_of(head), "rate_hz"));
	json_decref(head);
	profile_release(&p);
}

static void long_names_are_cut_between_characters(void **state)
{
	static const char euro[] = "\xe2\x82\xac";
	char name[3 * 3000 + 1];
	struct payload_cut t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof name - 1; i++)
		name[i] = euro[i % 3];
	name[i] = '\0';
	t = payload_cut(name, i);
	assert_int_equal(t.len % 3, 0);
	assert_true(t.len <= PAYLOAD_NAME_MAX && t.len > PAYLOAD_NAME_MAX - 4);
	assert_string_equal(t.note, "\xe2\x80\xa6 (9000 bytes in all)");
	t = payload_cut(name, PAYLOAD_NAME_MAX);
	assert_int_equal(t.len, PAYLOAD_NAME_MAX);
	assert_string_equal(t.note, "");
	memset(name, 0x80, sizeof name); /* no character anywhere: cut all the same */
	t = payload_cut(name, sizeof name);
	assert_true(t.len >= PAYLOAD_NAME_MAX - 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_name_is_in_the_markup),
		cmocka_unit_test(the_same_profile_gives_the_same_bytes),
		cmocka_unit_test(a_small_profile_fits_sixty_kilobytes),
		cmocka_unit_test(a_page_keeps_below_two_megabytes),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(the_head_is_json_whatever_the_names),
		cmocka_unit_test(the_head_tells_of_the_run),
		cmocka_unit_test(long_names_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
