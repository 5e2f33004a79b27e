/* Reading V8's CPU profiles: see cpuprofile_read.h. Nodes tell their children or their parent; children may stand
 * behind or before. */
#include "prof/formats/cpuprofile_read.h"

#include <stdlib.h>
#include <string.h>

#include "prof/formats/intake.h"
#include "prof/formats/json_in.h"

struct node {
	uint32_t id, parent; /* ids of the file; parent UINT32_MAX: none */
	uint32_t frame, stack;
	const char *children; /* place in the text */
	double hits;
	int root;
};

#define NO_STACK UINT32_MAX

struct cpuprofile {
	struct intake in;
	struct json_in j, other;
	const struct import_options *o;
	struct buf *notes;
	struct err *err;
	struct node *nodes; /* owned */
	uint32_t n_nodes, cap_nodes;
	struct idmap ids; /* id: place in nodes */
	uint32_t *above;  /* owned: for making stacks */
	const char *nodes_at, *samples_at, *deltas_at;
	double start, end; /* us */
	struct import_scale scale;
	uint32_t thread;
};

static int find_parts(struct cpuprofile *x)
{
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		if (json_in_is(key, n, "nodes"))
			rc = json_in_later(&x->j, &x->nodes_at);
		else if (json_in_is(key, n, "samples"))
			rc = json_in_later(&x->j, &x->samples_at);
		else if (json_in_is(key, n, "timeDeltas"))
			rc = json_in_later(&x->j, &x->deltas_at);
		else if (json_in_is(key, n, "startTime"))
			rc = json_in_number(&x->j, &x->start);
		else if (json_in_is(key, n, "endTime"))
			rc = json_in_number(&x->j, &x->end);
		else
			rc = json_in_skip(&x->j);
	}
	if (rc == 0)
		rc = json_in_done(&x->j);
	if (rc == 0 && !x->nodes_at)
		rc = err_set(x->err, ERR_FORMAT,
			     "there are no nodes: this is no CPU profile of V8");
	return rc;
}

/* ---- nodes ---- */

static int call_frame(struct cpuprofile *x, struct node *node)
{
	struct profile_frame f = {.module = PROFILE_NONE};
	const char *key, *text;
	size_t n;
	double line;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		int is_name = json_in_is(key, n, "functionName");

		if (is_name || json_in_is(key, n, "url")) {
			rc = json_in_string(&x->j, &text, &n);
			if (rc == 0 && is_name)
				node->root = json_in_is(text, n, "(root)");
			if (rc == 0 && is_name && n == 0) {
				text = "(anonymous)";
				n = strlen(text);
			}
			if (rc == 0)
				rc = intake_text(&x->in, text, n, is_name ? &f.function : &f.file);
		} else if (json_in_is(key, n, "lineNumber")) {
			rc = json_in_number(&x->j, &line); /* from 0; -1: none */
			f.line = rc == 0 && line >= 0 && line < INT32_MAX ? (uint32_t)line + 1 : 0;
		} else {
			rc = json_in_skip(&x->j);
		}
	}
	if (rc)
		return rc;
	rc = intake_text(&x->in, "javascript", 10, &f.language);
	return rc ? rc : intake_frame(&x->in, &f, &node->frame);
}

static int add_node(struct cpuprofile *x)
{
	struct node node = {
		.id = UINT32_MAX, .parent = UINT32_MAX, .frame = PROFILE_NONE, .stack = NO_STACK};
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		if (json_in_is(key, n, "id"))
			rc = json_in_index(&x->j, &node.id);
		else if (json_in_is(key, n, "parent"))
			rc = json_in_index(&x->j, &node.parent);
		else if (json_in_is(key, n, "hitCount"))
			rc = json_in_number(&x->j, &node.hits);
		else if (json_in_is(key, n, "callFrame"))
			rc = call_frame(x, &node);
		else if (json_in_is(key, n, "children"))
			rc = json_in_later(&x->j, &node.children);
		else
			rc = json_in_skip(&x->j);
	}
	if (rc)
		return rc;
	if (node.id == UINT32_MAX || node.frame == PROFILE_NONE)
		return json_in_fail(&x->j, "a node before here has no id or no callFrame");
	if (idmap_get(&x->ids, node.id) != IDMAP_NONE)
		return json_in_fail(&x->j, "a node's id before here is there twice");
	if (x->n_nodes == x->cap_nodes) {
		uint32_t cap = x->cap_nodes ? x->cap_nodes * 2 : 256;
		struct node *more =
			cap > INTAKE_STACKS ? NULL : realloc(x->nodes, cap * sizeof(*more));

		if (!more)
			return err_nomem(x->err, "the nodes of a profile");
		x->nodes = more;
		x->cap_nodes = cap;
	}
	if (idmap_set(&x->ids, node.id, x->n_nodes))
		return err_nomem(x->err, "the nodes of a profile");
	x->nodes[x->n_nodes++] = node;
	return 0;
}

static int tell_children(struct cpuprofile *x, uint32_t parent)
{
	uint32_t id, place;
	int rc;

	json_in_go(&x->j, x->nodes[parent].children);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		rc = json_in_index(&x->j, &id);
		place = idmap_get(&x->ids, id);
		if (rc == 0 && (place == IDMAP_NONE || x->nodes[place].parent != UINT32_MAX))
			rc = json_in_fail(&x->j,
					  "a child that is no node, or has a parent already");
		if (rc == 0)
			x->nodes[place].parent = x->nodes[parent].id;
	}
	return rc;
}

static int read_nodes(struct cpuprofile *x)
{
	uint32_t i;
	int rc;

	json_in_go(&x->j, x->nodes_at);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0)
		rc = add_node(x);
	for (i = 0; rc == 0 && i < x->n_nodes; i++)
		if (x->nodes[i].children)
			rc = tell_children(x, i);
	x->above = rc == 0 ? malloc(((size_t)x->n_nodes + 1) * sizeof(*x->above)) : NULL;
	if (rc == 0 && !x->above)
		rc = err_nomem(x->err, "the nodes of a profile");
	return rc;
}

/* The call path of a node, and of all above that have none yet. */
static int node_stack(struct cpuprofile *x, uint32_t place, uint32_t *stack)
{
	uint32_t n = 0, at = place;
	int rc = 0;

	*stack = 0;
	while (x->nodes[at].stack == NO_STACK) {
		if (n > x->n_nodes - 1)
			return err_set(x->err, ERR_FORMAT, "nodes are each other's parents");
		x->above[n++] = at;
		if (x->nodes[at].parent == UINT32_MAX)
			break;
		at = idmap_get(&x->ids, x->nodes[at].parent);
		if (at == IDMAP_NONE)
			return err_set(x->err, ERR_FORMAT, "node %u has a parent that is not there",
				       x->nodes[x->above[n - 1]].id);
	}
	if (x->nodes[at].stack != NO_STACK)
		*stack = x->nodes[at].stack;
	while (rc == 0 && n-- > 0) {
		struct node *node = &x->nodes[x->above[n]];

		if (!node->root)
			rc = intake_stack(&x->in, *stack, node->frame, stack);
		node->stack = *stack;
	}
	return rc;
}

/* ---- samples ---- */

static int add(struct cpuprofile *x, uint32_t place, double number)
{
	uint32_t stack;
	uint64_t count;
	int64_t value;
	int rc = node_stack(x, place, &stack);

	if (rc == 0)
		rc = import_value(&x->scale, number, &count, &value, x->err);
	if (rc || stack == 0)
		return rc;
	return intake_add(&x->in, x->scale.kind, x->thread, stack, x->scale.counts ? count : 1,
			  value);
}

/* The time between two samples belongs to the first of them. Times that go back (another core's clock) wait until
 * time has caught up. */
static int read_samples(struct cpuprofile *x)
{
	double now = x->start, last = 0, delta = 0;
	uint32_t id, place = IDMAP_NONE;
	int rc, more = 1;

	json_in_go(&x->j, x->samples_at);
	json_in_go(&x->other, x->deltas_at);
	rc = json_in_array(&x->j);
	if (rc == 0)
		rc = json_in_array(&x->other);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		more = json_in_item(&x->other);
		if (more == 0)
			return json_in_fail(&x->j, "more samples than timeDeltas");
		rc = more < 0 ? more : json_in_number(&x->other, &delta);
		if (rc == 0)
			rc = json_in_index(&x->j, &id);
		now += delta;
		if (rc == 0 && place != IDMAP_NONE) {
			rc = add(x, place, now > last ? now - last : 0);
			last = now > last ? now : last;
		} else {
			last = now;
		}
		place = idmap_get(&x->ids, id);
		if (rc == 0 && place == IDMAP_NONE)
			return json_in_fail(&x->j, "a sample of a node that is not there");
	}
	if (rc == 0 && (more = json_in_item(&x->other)) > 0)
		return json_in_fail(&x->other, "more timeDeltas than samples");
	if (rc == 0 && place != IDMAP_NONE)
		rc = add(x, place, x->end > last ? x->end - last : 0);
	return rc ? rc : more;
}

/* Without times: how often each node was hit. */
static int read_hits(struct cpuprofile *x)
{
	uint32_t i;
	int rc = import_scale(&x->scale, x->o, IMPORT_SAMPLES, PROFILE_WALL, x->err);

	for (i = 0; rc == 0 && i < x->n_nodes; i++)
		if (x->nodes[i].hits != 0)
			rc = add(x, i, x->nodes[i].hits);
	if (rc == 0)
		import_note_samples(&x->scale, x->notes);
	return rc;
}

static int read_all(struct cpuprofile *x)
{
	int rc = find_parts(x);

	if (rc == 0)
		rc = intake_no_thread(&x->in, &x->thread);
	if (rc == 0)
		rc = read_nodes(x);
	if (rc == 0)
		rc = import_scale(&x->scale, x->o, IMPORT_US, PROFILE_WALL, x->err);
	if (rc == 0)
		rc = x->samples_at && x->deltas_at ? read_samples(x) : read_hits(x);
	if (rc == 0 && x->end > x->start && x->end - x->start < 9e15)
		x->in.p->run.duration_ns = (int64_t)((x->end - x->start) * 1e3);
	return rc;
}

int cpuprofile_read(struct profile *p, struct bytes *from, const struct import_options *o,
		    struct buf *notes, struct err *err)
{
	struct cpuprofile x = {.o = o, .notes = notes, .err = err};
	const char *data;
	size_t n;
	int rc = bytes_all(from, &data, &n, err);

	if (rc)
		return rc;
	json_in_begin(&x.j, data, n, err);
	json_in_begin(&x.other, data, n, err);
	rc = intake_begin(&x.in, p, err);
	if (rc == 0)
		rc = read_all(&x);
	if (rc == 0)
		rc = intake_finish(&x.in);
	p->run.rate_hz = o->rate_hz;
	intake_end(&x.in);
	json_in_end(&x.j);
	json_in_end(&x.other);
	idmap_release(&x.ids);
	free(x.nodes);
	free(x.above);
	return rc;
}
