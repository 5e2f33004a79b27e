/* What pages say of samples, read back from their bytes and compared with the rows of the profiles: every sum by
 * run, kind, stage, thread and call path, of all that is kept when a page must be small, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "prof/base/hash.h"
#include "tests/unit/flame_read.h"
#include "tests/unit/flame_rig.h"

#define KEY_MAX 4096
#define ROOMY   ((size_t)64 << 20)

/* ---- what the page says ---- */

struct page {
	struct data d;
	char **strings;
	size_t n_strings, n_nodes, n_groups;
	uint64_t *label, *up, *function, *module, *flags, *stage_parent, *stage_name, *thread_name,
		*thread_tid, *group_run, *group_kind, *group_stage, *group_thread, *group_samples,
		*node, *count, *value;
	size_t *parent;
	size_t n_group_runs;
};

static struct page read_page(const struct flame_options *o, size_t room)
{
	struct page x = {.d = data_of(o, room)};
	size_t n, i, k, at = 0;

	x.strings = data_strings(&x.d, &x.n_strings);
	x.up = data_numbers(&x.d, "node.up", &x.n_nodes);
	x.label = data_numbers(&x.d, "node.label", &n);
	assert_int_equal(n, x.n_nodes);
	x.function = data_numbers(&x.d, "label.function", NULL);
	x.module = data_numbers(&x.d, "label.module", NULL);
	x.flags = data_numbers(&x.d, "label.flags", NULL);
	x.stage_parent = data_numbers(&x.d, "stage.parent", NULL);
	x.stage_name = data_numbers(&x.d, "stage.name", NULL);
	x.thread_name = data_numbers(&x.d, "thread.name", NULL);
	x.thread_tid = data_numbers(&x.d, "thread.tid", NULL);
	x.group_run = data_numbers(&x.d, "group.run", &x.n_group_runs);
	x.group_kind = data_numbers(&x.d, "group.kind", &x.n_groups);
	x.group_stage = data_numbers(&x.d, "group.stage", NULL);
	x.group_thread = data_numbers(&x.d, "group.thread", NULL);
	x.group_samples = data_numbers(&x.d, "group.samples", NULL);
	x.node = data_numbers(&x.d, "sample.node", &n);
	x.count = data_numbers(&x.d, "sample.count", NULL);
	x.value = data_numbers(&x.d, "sample.value", NULL);
	assert_true(x.n_group_runs == 0 || x.n_group_runs == x.n_groups);
	x.n_nodes++; /* the root has no row */
	x.parent = calloc(x.n_nodes, sizeof *x.parent);
	assert_non_null(x.parent);
	for (i = 1; i < x.n_nodes; i++) {
		x.parent[i] = i - 1;
		for (k = x.up[i - 1]; k > 0; k--)
			x.parent[i] = x.parent[x.parent[i]];
	}
	for (i = 0; i < x.n_groups; i++)
		for (k = 0; k < x.group_samples[i]; k++, at++) {
			x.node[at] += k ? x.node[at - 1] : 0;
			assert_true(x.node[at] < x.n_nodes);
			assert_true(k == 0 || x.node[at] > x.node[at - 1]);
		}
	assert_int_equal(at, n);
	return x;
}

static void page_release(struct page *x)
{
	uint64_t *columns[] = {
		x->label,        x->up,          x->function,     x->module,        x->flags,
		x->stage_parent, x->stage_name,  x->thread_name,  x->thread_tid,    x->group_run,
		x->group_kind,   x->group_stage, x->group_thread, x->group_samples, x->node,
		x->count,        x->value};
	size_t i;

	for (i = 0; i < sizeof columns / sizeof *columns; i++)
		free(columns[i]);
	free(x->parent);
	data_free_strings(x->strings, x->n_strings);
	data_release(&x->d);
}

static int is_other(const struct page *x, size_t node)
{
	return node > 0 && (x->flags[x->label[node - 1]] & GRAPH_OTHER);
}

/* "function!module;…" from the root to the node. */
static void node_path(const struct page *x, size_t node, char *text)
{
	uint64_t label;
	const char *module;

	*text = '\0';
	if (node == 0)
		return;
	node_path(x, x->parent[node], text);
	label = x->label[node - 1];
	module = x->module[label] ? x->strings[x->module[label] - 1] : "";
	snprintf(text + strlen(text), KEY_MAX - strlen(text), ";%s!%s",
		 x->strings[x->function[label]], module);
}

static void stage_path(const struct page *x, uint64_t stage, char *text)
{
	*text = '\0';
	if (stage == 0)
		return;
	stage_path(x, x->stage_parent[stage - 1], text);
	snprintf(text + strlen(text), 200, "/%s", x->strings[x->stage_name[stage - 1]]);
}

static const char *page_kind(const struct page *x, uint64_t kind)
{
	return json_string_value(json_array_get(json_object_get(x->d.head, "kinds"), kind));
}

/* By owner ("run kind stage thread"), and by run, kind and path of all nodes above but "(other)" ones. */
static void tally_page(const struct page *x, struct tally *owners, struct tally *paths)
{
	char owner[2 * KEY_MAX], stage[KEY_MAX], path[KEY_MAX], key[2 * KEY_MAX];
	size_t g, k, at = 0, node;

	for (g = 0; g < x->n_groups; g++) {
		uint64_t run = x->n_group_runs ? x->group_run[g] : 0, t = x->group_thread[g];

		stage_path(x, x->group_stage[g], stage);
		snprintf(owner, sizeof owner, "%d %s %s %s %d", (int)run,
			 page_kind(x, x->group_kind[g]), stage,
			 t ? x->strings[x->thread_name[t - 1]] : "-",
			 t ? (int)x->thread_tid[t - 1] : 0);
		for (k = 0; k < x->group_samples[g]; k++, at++) {
			tally_add(owners, owner, x->count[at], x->value[at]);
			node = x->node[at];
			for (; node; node = x->parent[node]) {
				if (is_other(x, node))
					continue;
				node_path(x, node, path);
				snprintf(key, sizeof key, "%d %s %s", (int)run,
					 page_kind(x, x->group_kind[g]), path);
				tally_add(paths, key, x->count[at], x->value[at]);
			}
		}
	}
}

/* The largest share of a kind of a run that is in "(other)" nodes. */
static double other_share(const struct page *x)
{
	uint64_t other[3][3] = {{0}}, all[3][3] = {{0}};
	size_t g, k, at = 0;
	double most = 0;

	for (g = 0; g < x->n_groups; g++) {
		uint64_t run = x->n_group_runs ? x->group_run[g] : 0, kind = x->group_kind[g];

		assert_true(run < 3 && kind < 3);
		for (k = 0; k < x->group_samples[g]; k++, at++) {
			all[run][kind] += x->value[at];
			other[run][kind] += is_other(x, x->node[at]) ? x->value[at] : 0;
		}
	}
	for (g = 0; g < 3; g++)
		for (k = 0; k < 3; k++)
			if (all[g][k] && (double)other[g][k] / (double)all[g][k] > most)
				most = (double)other[g][k] / (double)all[g][k];
	return most;
}

/* ---- what the profiles say ---- */

static void row_path(const struct profile *p, uint32_t stack, int base, char *text)
{
	const struct profile_frame *f;
	const char *module = "";

	*text = '\0';
	if (stack == 0)
		return;
	row_path(p, p->stacks[stack].parent, base, text);
	f = &p->frames[p->stacks[stack].frame];
	if (f->module != PROFILE_NONE)
		module = strtab_text(p->strings, p->modules[f->module].path);
	if (base && strrchr(module, '/'))
		module = strrchr(module, '/') + 1;
	snprintf(text + strlen(text), KEY_MAX - strlen(text), ";%s!%s",
		 strtab_text(p->strings, f->function), module);
}

static void row_stage(const struct profile *p, uint32_t stage, char *text)
{
	*text = '\0';
	if (stage == PROFILE_NONE)
		return;
	row_stage(p, p->stages[stage].parent, text);
	snprintf(text + strlen(text), 200, "/%s", strtab_text(p->strings, p->stages[stage].name));
}

static void tally_run(const struct profile *p, int run, int base, struct tally *owners,
		      struct tally *paths)
{
	char stage[KEY_MAX], path[KEY_MAX], key[2 * KEY_MAX];
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];
		const char *kind = profile_kind_name((enum profile_kind)s->kind);
		int known = s->thread != PROFILE_NONE;
		uint32_t at = s->stack;

		row_stage(p, s->stage, stage);
		snprintf(key, sizeof key, "%d %s %s %s %d", run, kind, stage,
			 known ? strtab_text(p->strings, p->threads[s->thread].name) : "-",
			 known ? (int)p->threads[s->thread].tid : 0);
		tally_add(owners, key, s->count, (uint64_t)s->value);
		for (; at; at = p->stacks[at].parent) {
			row_path(p, at, base, path);
			snprintf(key, sizeof key, "%d %s %s", run, kind, path);
			tally_add(paths, key, s->count, (uint64_t)s->value);
		}
	}
}

/* A run of functions at random, in `folder`; the same seed gives the same functions. */
static void fill_random(struct profile *p, uint64_t seed, uint32_t n, const char *folder)
{
	static const enum profile_kind kinds[] = {PROFILE_CPU, PROFILE_ALLOC, PROFILE_PEAK};
	uint32_t frames[60], threads[4], stages[6], i;
	char text[64];

	assert_int_equal(profile_init(p), 0);
	rig_run(p, folder, "c");
	for (i = 0; i < 4; i++)
		threads[i] = rig_thread(p, "p", 7, i % 2 ? "worker" : "main", 70 + i);
	for (i = 0; i < 6; i++) {
		snprintf(text, sizeof text, "stage%u", i % 4);
		stages[i] = rig_stage(p, i < 2 ? PROFILE_NONE : i - 2, text);
	}
	for (i = 0; i < 60; i++) {
		uint32_t m;

		snprintf(text, sizeof text, "%s/lib%u.so", folder, i % 3);
		m = i % 7 ? rig_module(p, text) : PROFILE_NONE;
		snprintf(text, sizeof text, "function%u", i % 30);
		frames[i] = rig_frame(p, m, text, "f.c", i, 0);
	}
	for (i = 0; i < n; i++) {
		uint32_t at;

		seed = hash_u64(seed + 1);
		at = p->stacks[seed % p->n_stacks].depth > 20 ? 0 : (uint32_t)(seed % p->n_stacks);
		at = rig_stack(p, at, frames[seed >> 32 & 31]);
		rig_sample(p, seed >> 60 < 4 ? PROFILE_NONE : stages[seed >> 40 & 3],
			   seed >> 56 & 7 ? threads[seed >> 44 & 3] : PROFILE_NONE, at,
			   1 + (seed >> 48 & 3), (int64_t)(seed >> 52));
		p->samples[p->n_samples - 1].kind =
			kinds[seed >> 20 & 1 ? 0 : 1 + (seed >> 21 & 1)];
	}
}

/* Pages of 1, 2 and 3 runs, whole and in ever less room. */
static void sums_are_those_of_the_profiles(void **state)
{
	struct profile p[3];
	struct flame_run runs[3] = {{.p = &p[0]}, {.p = &p[1]}, {.p = &p[2]}};
	size_t n, room;
	uint32_t shown;

	(void)state;
	fill_random(&p[0], 11, 500, "/usr/lib");
	fill_random(&p[1], 12, 300, "/opt/other/lib");
	fill_random(&p[2], 13, 400, "");
	for (n = 1; n <= 3; n++) {
		struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = n};
		struct tally owners = tally_new(), paths = tally_new();
		uint32_t before = GRAPH_NONE, run;

		for (run = 0; run < n; run++)
			tally_run(&p[run], (int)run, n > 1, &owners, &paths);
		for (room = ROOMY; room > 500; room = room == ROOMY ? 16384 : room / 2) {
			struct page x = read_page(&o, room);
			struct tally page_owners = tally_new(), page_paths = tally_new();
			const json_t *folded = json_object_get(x.d.head, "folded");

			tally_page(&x, &page_owners, &page_paths);
			tally_is(&page_owners, &owners);
			shown = tally_is_part(&page_paths, &paths);
			assert_true(shown <= before);
			assert_true((folded == NULL) == (shown == strtab_count(paths.keys)));
			assert_true(fabs(json_number_value(json_object_get(folded, "share")) -
					 other_share(&x)) < 1e-5);
			assert_true(x.d.packed <= room || x.n_nodes <= 2);
			before = shown;
			tally_release(&page_owners);
			tally_release(&page_paths);
			page_release(&x);
		}
		assert_true(before < 400);
		tally_release(&owners);
		tally_release(&paths);
	}
	for (n = 0; n < 3; n++)
		profile_release(&p[n]);
}

static uint64_t samples_of(const json_t *head, size_t run, const char *kind)
{
	const json_t *r = json_array_get(json_object_get(head, "runs"), run);

	return (uint64_t)json_integer_value(json_object_get(json_object_get(r, "kinds"), kind));
}

static void kinds_are_in_the_order_of_their_numbers_behind_the_first(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_PEAK, .runs = &run, .n_runs = 1};
	struct data d;
	json_t *kinds;

	(void)state;
	fill_random(&p, 3, 200, "/lib");
	d = data_of(&o, ROOMY);
	kinds = json_object_get(d.head, "kinds");
	assert_string_equal(json_string_value(json_object_get(d.head, "kind")), "peak");
	assert_int_equal(json_array_size(kinds), 3);
	assert_string_equal(json_string_value(json_array_get(kinds, 0)), "peak");
	assert_string_equal(json_string_value(json_array_get(kinds, 1)), "cpu");
	assert_string_equal(json_string_value(json_array_get(kinds, 2)), "alloc");
	data_release(&d);
	o.only_kind = 1;
	d = data_of(&o, ROOMY);
	assert_int_equal(json_array_size(json_object_get(d.head, "kinds")), 1);
	assert_true(samples_of(d.head, 0, "cpu") > 0); /* the run has them all the same */
	data_release(&d);
	o.kind = PROFILE_GPU; /* asked for, and not there */
	d = data_of(&o, ROOMY);
	assert_string_equal(json_string_value(json_array_get(json_object_get(d.head, "kinds"), 0)),
			    "gpu");
	assert_int_equal(data_column(&d, "sample.node").rows, 0);
	data_release(&d);
	profile_release(&p);
}

/* One function that is all of a small kind, among hundreds that share a large one. */
static void what_matters_in_any_kind_of_any_run_stays(void **state)
{
	struct profile p[2];
	struct flame_run runs[2] = {{.p = &p[0]}, {.p = &p[1]}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 2};
	struct page x;
	int leak = 0, rare = 0;
	uint32_t r, i;
	char text[32];

	(void)state;
	for (r = 0; r < 2; r++) {
		uint32_t main_at;

		assert_int_equal(profile_init(&p[r]), 0);
		main_at = rig_stack(&p[r], 0, rig_frame(&p[r], PROFILE_NONE, "main", "", 0, 0));
		for (i = 0; i < 900; i++) {
			snprintf(text, sizeof text, "noise%u", i);
			rig_sample(&p[r], PROFILE_NONE, PROFILE_NONE,
				   rig_stack(&p[r], main_at,
					     rig_frame(&p[r], PROFILE_NONE, text, "", 0, 0)),
				   10, r ? 10 : 1000000000 + (int64_t)i);
		}
		rig_sample(&p[r], PROFILE_NONE, PROFILE_NONE,
			   rig_stack(&p[r], main_at,
				     rig_frame(&p[r], PROFILE_NONE, r ? "rare" : "leak", "", 0, 0)),
			   1, r ? 3000 : 5);
		if (r == 0)
			p[r].samples[p[r].n_samples - 1].kind = PROFILE_LEAK;
	}
	x = read_page(&o, 1800);
	assert_true(x.n_nodes < 400);
	for (i = 1; i < x.n_nodes; i++) {
		leak += strcmp(x.strings[x.function[x.label[i - 1]]], "leak") == 0;
		rare += strcmp(x.strings[x.function[x.label[i - 1]]], "rare") == 0;
	}
	assert_int_equal(leak, 1);
	assert_int_equal(rare, 1);
	page_release(&x);
	profile_release(&p[0]);
	profile_release(&p[1]);
}

/* By the first kind; then by the shares of all; then by name. */
static void children_are_in_order(void **state)
{
	static const struct {
		const char *name;
		int64_t cpu, alloc;
	} rows[] = {{"zero", 0, 1},   {"none", 0, 0}, {"both", 5, 9}, {"most", 9, 0},
		    {"alloc", 5, 20}, {"more", 0, 3}, {"also", 0, 1}};
	static const char *const want[] = {"most", "alloc", "both", "more", "also", "zero", "none"};
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	struct page x;
	size_t i;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t stack =
			rig_stack(&p, 0, rig_frame(&p, PROFILE_NONE, rows[i].name, "", 0, 0));

		rig_sample(&p, PROFILE_NONE, PROFILE_NONE, stack, 1, rows[i].cpu);
		rig_sample(&p, PROFILE_NONE, PROFILE_NONE, stack, 1, rows[i].alloc);
		p.samples[p.n_samples - 1].kind = PROFILE_ALLOC;
	}
	x = read_page(&o, ROOMY);
	assert_int_equal(x.n_nodes, 8);
	for (i = 0; i < 7; i++)
		assert_string_equal(x.strings[x.function[x.label[i]]], want[i]);
	page_release(&x);
	profile_release(&p);
}

/* Counts say who is heavy where the kind shown first has no values, whatever the other kinds say; and a kind that
 * only the second run has is there. */
static void counts_are_in_order_beside_values_of_other_kinds(void **state)
{
	struct profile p[2];
	struct flame_run runs[2] = {{.p = &p[0]}, {.p = &p[1]}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 2};
	struct page x;
	uint32_t i, often, big;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(profile_init(&p[i]), 0);
		often = rig_stack(&p[i], 0, rig_frame(&p[i], PROFILE_NONE, "often", "", 0, 0));
		big = rig_stack(&p[i], 0, rig_frame(&p[i], PROFILE_NONE, "big", "", 0, 0));
		rig_sample(&p[i], PROFILE_NONE, PROFILE_NONE, often, 5, 0);
		rig_sample(&p[i], PROFILE_NONE, PROFILE_NONE, big, 4, 0);
	}
	rig_sample(&p[1], PROFILE_NONE, PROFILE_NONE, big, 1, 1 << 20);
	p[1].samples[2].kind = PROFILE_LEAK;
	x = read_page(&o, ROOMY);
	assert_int_equal(json_array_size(json_object_get(x.d.head, "kinds")), 2);
	assert_string_equal(page_kind(&x, 1), "leak");
	assert_string_equal(x.strings[x.function[x.label[0]]], "often");
	assert_string_equal(x.strings[x.function[x.label[1]]], "big");
	page_release(&x);
	profile_release(&p[0]);
	profile_release(&p[1]);
}

static void modules_of_several_runs_have_no_folders(void **state)
{
	static const char *const paths[][2] = {{"/usr/lib/libx.so", "libx.so"},
					       {"libx.so", "libx.so"},
					       {"/usr/lib/", "lib/"},
					       {"/", "/"},
					       {"", ""}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct profile p;
		struct flame_run runs[2] = {{.p = &p}, {.p = &p}};
		struct flame_options o = {.kind = PROFILE_CPU, .runs = runs, .n_runs = 1};

		assert_int_equal(profile_init(&p), 0);
		rig_sample(
			&p, PROFILE_NONE, PROFILE_NONE,
			rig_stack(&p, 0, rig_frame(&p, rig_module(&p, paths[i][0]), "f", "", 0, 0)),
			1, 9);
		for (; o.n_runs <= 2; o.n_runs++) {
			struct page x = read_page(&o, ROOMY);

			assert_string_equal(x.strings[x.module[0] - 1], paths[i][o.n_runs - 1]);
			page_release(&x);
		}
		profile_release(&p);
	}
}

static int is_system(const struct profile *p, const struct profile_frame *f)
{
	return f->module != PROFILE_NONE &&
	       strncmp(strtab_text(p->strings, p->modules[f->module].path), "/usr/", 5) == 0;
}

/* The flags of a function in a page, of the run alone or of two that disagree about it. */
static uint64_t flags_of(size_t runs, const char *function)
{
	struct profile p[2];
	struct flame_run run[2] = {{.p = &p[0], .library = is_system},
				   {.p = &p[1], .library = is_system}};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = run, .n_runs = runs};
	uint64_t flags = UINT64_MAX;
	struct page x;
	uint32_t i, m;

	for (i = 0; i < 2; i++) {
		assert_int_equal(profile_init(&p[i]), 0);
		m = rig_module(&p[i], i ? "/opt/me/libx.so" : "/usr/lib/libx.so");
		rig_sample(&p[i], PROFILE_NONE, PROFILE_NONE,
			   rig_stack(&p[i], 0, rig_frame(&p[i], m, "tiny", "", 0, !i)), 1, 9);
		rig_sample(&p[i], PROFILE_NONE, PROFILE_NONE,
			   rig_stack(&p[i], 0, rig_frame(&p[i], PROFILE_NONE, "[lost]", "", 0, 0)),
			   1, 5);
	}
	x = read_page(&o, ROOMY);
	assert_int_equal(x.n_nodes, 3); /* one of each name, whatever the folder */
	for (i = 1; i < x.n_nodes; i++)
		if (strcmp(x.strings[x.function[x.label[i - 1]]], function) == 0)
			flags = x.flags[x.label[i - 1]];
	page_release(&x);
	profile_release(&p[0]);
	profile_release(&p[1]);
	return flags;
}

static void labels_say_what_is_true_in_all_runs(void **state)
{
	(void)state;
	assert_int_equal(flags_of(1, "tiny"), GRAPH_INLINED | GRAPH_LIBRARY);
	assert_int_equal(flags_of(2, "tiny"), 0);
	assert_int_equal(flags_of(1, "[lost]"), GRAPH_NO_CODE);
	assert_int_equal(flags_of(2, "[lost]"), GRAPH_NO_CODE);
}

static void runs_are_1_to_256(void **state)
{
	struct profile p;
	struct flame_run runs[FLAME_RUNS_MAX + 1];
	struct flame_options o = {.kind = PROFILE_CPU, .runs = runs};
	struct err err = ERR_INIT;
	struct data d;
	struct graph g;
	size_t i;

	(void)state;
	fill_random(&p, 5, 30, "/lib");
	for (i = 0; i <= FLAME_RUNS_MAX; i++)
		runs[i] = (struct flame_run){.p = &p};
	assert_int_equal(graph_build(&g, &o, &err), ERR_ARG);
	o.n_runs = FLAME_RUNS_MAX + 1;
	assert_int_equal(graph_build(&g, &o, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "257"));
	o.n_runs = FLAME_RUNS_MAX;
	d = data_of(&o, ROOMY);
	assert_int_equal(json_array_size(json_object_get(d.head, "runs")), FLAME_RUNS_MAX);
	assert_true(data_column(&d, "group.run").rows > FLAME_RUNS_MAX);
	data_release(&d);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_profiles),
		cmocka_unit_test(kinds_are_in_the_order_of_their_numbers_behind_the_first),
		cmocka_unit_test(what_matters_in_any_kind_of_any_run_stays),
		cmocka_unit_test(children_are_in_order),
		cmocka_unit_test(counts_are_in_order_beside_values_of_other_kinds),
		cmocka_unit_test(modules_of_several_runs_have_no_folders),
		cmocka_unit_test(labels_say_what_is_true_in_all_runs),
		cmocka_unit_test(runs_are_1_to_256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
