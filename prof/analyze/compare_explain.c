/* Where differences are: the call path and the stage of a row, the smallest subtree that explains the whole, sums of many
 * small changes; then the rows in their order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"
#include "prof/base/buf.h"

#define PATH_MAX_NAMES 400 /* twice what a profiler records; more come from foreign files */

struct explaining {
	struct compare *c;
	uint32_t *child,
		*sibling; /* owned; per node: its first child, the next one of its parent; 0: none */
	uint32_t *best;   /* owned; per row: node where most of it moved; 0: none */
	double *best_delta;  /* owned */
	uint32_t *outer;     /* owned; per row: its outermost node whose total moved most */
	double *outer_delta; /* owned */
	double *told; /* owned; per node: what rows that moved by themselves have of its delta */
	struct buf text;
	uint32_t *path; /* owned: nodes of a path */
	size_t cap_path;
};

static double node_delta(const struct compare *c, uint32_t node)
{
	return c->node_total[1][node] - c->node_total[0][node];
}

/* ---- trees ---- */

static int make_totals(struct compare *c)
{
	uint32_t i;
	int g;

	for (g = 0; g < 2; g++) {
		c->node_total[g] = malloc((size_t)c->n_nodes * sizeof(double));
		if (!c->node_total[g])
			return ERR_NOMEM;
		memcpy(c->node_total[g], c->node_mean[g], (size_t)c->n_nodes * sizeof(double));
		for (i = c->n_nodes; i-- > 1;)
			c->node_total[g][c->nodes[i].parent] += c->node_total[g][i];
	}
	return 0;
}

static void link_children(struct explaining *x)
{
	const struct compare *c = x->c;
	uint32_t i;

	for (i = c->n_nodes; i-- > 1;) {
		x->sibling[i] = x->child[c->nodes[i].parent];
		x->child[c->nodes[i].parent] = i;
	}
}

/* More than all of it explains nothing: something else must have moved the other way. */
static int explains(double part)
{
	return part >= COMPARE_EXPLAINS && part <= 1 / COMPARE_EXPLAINS;
}

/* From a node down as long as one child explains most of `delta`. */
static uint32_t descend(const struct explaining *x, uint32_t node, double delta)
{
	uint32_t i, next = node;

	do {
		node = next;
		for (i = x->child[node]; i; i = x->sibling[i])
			if (explains(node_delta(x->c, i) / delta))
				break;
		next = i;
	} while (next);
	return node;
}

/* Of a path with more functions than people read the outer and the inner ones. */
static size_t cut_path(struct explaining *x, size_t depth)
{
	static const char cut[] = "…";
	size_t inner = PATH_MAX_NAMES / 2;

	if (depth <= PATH_MAX_NAMES ||
	    strtab_intern(x->c->strings, cut, sizeof cut - 1, &x->path[inner]))
		return depth;
	memmove(&x->path[inner + 1], &x->path[depth - inner], inner * sizeof *x->path);
	return 2 * inner + 1;
}

/* "main;f;g" of a node; STRTAB_EMPTY for the root, PROFILE_NONE: no memory. */
static uint32_t path_text(struct explaining *x, uint32_t node)
{
	struct compare *c = x->c;
	size_t depth = c->nodes[node].depth, i = 0;
	uint32_t at, id;

	if (depth > x->cap_path) {
		uint32_t *more = realloc(x->path, 2 * depth * sizeof *more);

		if (!more)
			return PROFILE_NONE;
		x->path = more;
		x->cap_path = 2 * depth;
	}
	for (at = node; at; at = c->nodes[at].parent)
		x->path[i++] = c->labels[c->nodes[at].frame].function;
	i = cut_path(x, i);
	buf_clear(&x->text);
	while (i--) {
		const char *name = strtab_text(c->strings, x->path[i]), *semicolon;

		for (; (semicolon = strchr(name, ';')); name = semicolon + 1) {
			buf_put(&x->text, name, (size_t)(semicolon - name));
			buf_putc(&x->text, ':');
		}
		buf_puts(&x->text, name);
		if (i)
			buf_putc(&x->text, ';');
	}
	if (buf_failed(&x->text) || strtab_intern(c->strings, buf_str(&x->text), x->text.len, &id))
		return PROFILE_NONE;
	return id;
}

/* How much of each node's change rows tell that moved by themselves. */
static void add_told(struct explaining *x)
{
	const struct compare *c = x->c;
	uint32_t i;

	for (i = c->n_nodes; i-- > 0;) {
		uint32_t row = c->row_of[i];

		if (row != PROFILE_NONE && compare_moved(&c->rows[row]))
			x->told[i] += c->node_mean[1][i] - c->node_mean[0][i];
		if (i)
			x->told[c->nodes[i].parent] += x->told[i];
	}
}

/* ---- paths of rows ---- */

/* A node (or what one stage spent there) moved by `delta`: is it the most so far in its row's direction? */
static void offer(struct explaining *x, uint32_t row, uint32_t node, double delta)
{
	double wanted = x->c->rows[row].self.delta;

	if (wanted * delta > 0 && fabs(delta) > x->best_delta[row]) {
		x->best_delta[row] = fabs(delta);
		x->best[row] = node;
	}
}

static void offer_outer(struct explaining *x, uint32_t row, uint32_t node)
{
	double wanted = x->c->rows[row].total.delta, delta = node_delta(x->c, node);

	if (wanted * delta > 0 && fabs(delta) > x->outer_delta[row]) {
		x->outer_delta[row] = fabs(delta);
		x->outer[row] = node;
	}
}

static void find_paths(struct explaining *x)
{
	const struct compare *c = x->c;
	uint32_t i;

	if (c->o.by == COMPARE_BY_STAGE) {
		for (i = 0; i < c->n_keys; i++)
			if (c->row_of[c->keys[i].spot] != PROFILE_NONE)
				offer(x, c->row_of[c->keys[i].spot], c->keys[i].node,
				      c->key_delta[i]);
		return;
	}
	for (i = 1; i < c->n_nodes; i++) {
		if (c->row_of[i] == PROFILE_NONE)
			continue;
		offer(x, c->row_of[i], i, c->node_mean[1][i] - c->node_mean[0][i]);
		if (c->first[i])
			offer_outer(x, c->row_of[i], i);
	}
}

/* More than the samples below it could bring about alone, even if their sum is known better. */
static int is_clear(const struct compare *c, size_t row)
{
	const struct compare_moments *m = c->sums[row].total;
	double variance = m[0].variance / m[0].n + m[1].variance / m[1].n;

	return fabs(c->rows[row].total.delta) > 2 * sqrt(variance);
}

static int name_paths(struct explaining *x)
{
	struct compare *c = x->c;
	size_t r;

	for (r = 0; r < c->n_rows; r++) {
		struct compare_function *f = &c->rows[r];
		uint32_t node = x->best[r];

		if (x->outer[r] && !compare_moved(f) && compare_total_moved(f)) {
			double delta = node_delta(c, x->outer[r]);

			node = descend(x, x->outer[r], delta);
			f->is_sum = node == x->outer[r] && is_clear(c, r) &&
				    x->told[node] / delta < COMPARE_EXPLAINS;
		}
		if (node)
			f->stack = path_text(x, node);
		if (f->stack == PROFILE_NONE)
			return ERR_NOMEM;
	}
	return 0;
}

/* Rows by stack are named by their own path. */
static int name_stack_rows(struct explaining *x)
{
	struct compare *c = x->c;
	uint32_t i;

	for (i = 1; i < c->n_nodes; i++) {
		struct compare_function *f;

		if (c->row_of[i] == PROFILE_NONE)
			continue;
		f = &c->rows[c->row_of[i]];
		f->function = f->stack = path_text(x, i);
		if (f->stack == PROFILE_NONE)
			return ERR_NOMEM;
		f->module = c->labels[c->nodes[i].frame].path;
		f->file = c->labels[c->nodes[i].frame].file;
	}
	return 0;
}

/* ---- stages of rows ---- */

struct part { /* what a stage has of a row */
	uint32_t row, stage;
	double delta;
};

static int find_stages(struct explaining *x)
{
	struct compare *c = x->c;
	struct part *parts = malloc(((size_t)c->n_keys + 1) * sizeof *parts);
	struct idmap index = IDMAP_INIT;
	uint32_t i, n = 0;
	int rc = parts ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < c->n_keys; i++) {
		uint32_t row = c->row_of[c->keys[i].node], stage = c->spots[c->keys[i].spot].frame;
		uint32_t at;

		if (row == PROFILE_NONE)
			continue;
		at = idmap_intern(&index, (uint64_t)row << 32 | stage, n);
		if (at == IDMAP_NONE)
			rc = ERR_NOMEM;
		else if (at == n)
			parts[n++] = (struct part){row, stage, c->key_delta[i]};
		else
			parts[at].delta += c->key_delta[i];
	}
	for (i = 0; rc == 0 && i < n; i++) {
		struct compare_function *f = &c->rows[parts[i].row];

		if (parts[i].delta * f->self.delta > 0 &&
		    fabs(parts[i].delta) > fabs(f->stage_delta)) {
			f->stage = parts[i].stage;
			f->stage_delta = parts[i].delta;
		}
	}
	idmap_release(&index);
	free(parts);
	return rc;
}

/* ---- the whole ---- */

static int explain_whole(struct explaining *x)
{
	struct compare *c = x->c;
	double delta = node_delta(c, 0);
	uint32_t node;

	if (!c->explains || !(fabs(delta) > 0))
		return 0;
	node = descend(x, 0, delta);
	if (!node)
		return 0;
	c->explanation = (struct compare_place){.stack = path_text(x, node),
						.a = c->node_total[0][node],
						.b = c->node_total[1][node],
						.delta = node_delta(c, node),
						.part = node_delta(c, node) / delta};
	return c->explanation.stack == PROFILE_NONE ? ERR_NOMEM : 0;
}

/* ---- order ---- */

int compare_has(const struct compare_function *f, int group)
{
	return group ? f->total.count_b || f->total.b > 0 : f->total.count_a || f->total.a > 0;
}

static int by_size(double a, double b)
{
	return (fabs(a) < fabs(b)) - (fabs(a) > fabs(b));
}

static int compare_order(const void *a, const void *b, void *ctx)
{
	const struct compare *c = ctx;
	const struct compare_function *x = &c->rows[*(const uint32_t *)a];
	const struct compare_function *y = &c->rows[*(const uint32_t *)b];
	int order = compare_moved(y) - compare_moved(x);

	if (!order)
		order = by_size(x->self.delta, y->self.delta);
	if (!order)
		order = by_size(x->total.delta, y->total.delta);
	if (!order)
		order = strcmp(strtab_text(c->strings, x->function),
			       strtab_text(c->strings, y->function));
	return order ? order
		     : strcmp(strtab_text(c->strings, x->module),
			      strtab_text(c->strings, y->module));
}

/* Rows that one of the groups has something in, in their order. */
static int order_rows(struct compare *c)
{
	uint32_t *order = malloc((c->n_rows + 1) * sizeof *order);
	uint32_t *place = malloc((c->n_rows + 1) * sizeof *place);
	struct compare_function *rows = malloc((c->n_rows + 1) * sizeof *rows);
	int rc = order && place && rows ? 0 : ERR_NOMEM;
	size_t i, n = 0;

	for (i = 0; rc == 0 && i < c->n_rows; i++)
		if (compare_has(&c->rows[i], 0) || compare_has(&c->rows[i], 1))
			order[n++] = (uint32_t)i;
	if (rc == 0 && n)
		qsort_r(order, n, sizeof *order, compare_order, c);
	for (i = 0; rc == 0 && i < n; i++) {
		rows[i] = c->rows[order[i]];
		place[order[i]] = (uint32_t)i;
	}
	for (i = 0; rc == 0 && i < n; i++)
		if (rows[i].partner != PROFILE_NONE)
			rows[i].partner = place[rows[i].partner];
	if (rc == 0) {
		free(c->rows);
		c->rows = rows;
		c->n_rows = n;
		rows = NULL;
	}
	free(order);
	free(place);
	free(rows);
	return rc;
}

/* ---- all ---- */

static int explain(struct explaining *x)
{
	struct compare *c = x->c;
	int rc;

	link_children(x);
	rc = make_totals(c);
	if (rc)
		return rc;
	find_paths(x);
	if (c->o.by != COMPARE_BY_STAGE)
		add_told(x);
	rc = c->o.by == COMPARE_BY_STACK ? name_stack_rows(x) : name_paths(x);
	if (rc == 0 && c->o.by != COMPARE_BY_STAGE)
		rc = find_stages(x);
	if (rc == 0)
		rc = explain_whole(x);
	if (rc == 0)
		rc = compare_find_fates(c);
	return rc ? rc : order_rows(c);
}

int compare_explain(struct compare *c, struct err *err)
{
	struct explaining x = {.c = c, .text = BUF_INIT};
	int rc = ERR_NOMEM;

	x.child = calloc((size_t)c->n_nodes + 1, sizeof *x.child);
	x.sibling = calloc((size_t)c->n_nodes + 1, sizeof *x.sibling);
	x.best = calloc(c->n_rows + 1, sizeof *x.best);
	x.best_delta = calloc(c->n_rows + 1, sizeof *x.best_delta);
	x.outer = calloc(c->n_rows + 1, sizeof *x.outer);
	x.outer_delta = calloc(c->n_rows + 1, sizeof *x.outer_delta);
	x.told = calloc((size_t)c->n_nodes + 1, sizeof *x.told);
	if (x.child && x.sibling && x.best && x.best_delta && x.outer && x.outer_delta && x.told)
		rc = explain(&x);
	free(x.child);
	free(x.sibling);
	free(x.best);
	free(x.best_delta);
	free(x.outer);
	free(x.outer_delta);
	free(x.told);
	free(x.path);
	buf_release(&x.text);
	return rc ? err_nomem(err, "what a comparison explains") : 0;
}
