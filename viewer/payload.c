/* Packs a graph into columns of LEB128 numbers and deflates them: see payload.h and docs/viewer.md. A
 * column holds one kind of number, which is what deflate is good at. Strings and labels are numbered
 * anew in the order in which the tree meets them: frequent and near ones get small numbers. */
#include "viewer/payload.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum column {
	STRING_SIZE,
	STRING_BYTES,
	LABEL_FUNCTION,
	LABEL_MODULE,
	LABEL_FLAGS,
	LABEL_FILE,
	LABEL_LINE,
	NODE_UP,
	NODE_LABEL,
	NODE_FILE,
	NODE_LINE,
	STAGE_PARENT,
	STAGE_NAME,
	THREAD_NAME,
	THREAD_PROCESS,
	THREAD_PID,
	THREAD_TID,
	THREAD_COUNT,
	GROUP_STAGE,
	GROUP_THREAD,
	GROUP_SAMPLES,
	SAMPLE_NODE,
	SAMPLE_COUNT,
	SAMPLE_VALUE,
	COLUMNS
};

static const char *const column_names[COLUMNS] = {
	"string.size",   "string.bytes", "label.function", "label.module", "label.flags",
	"label.file",    "label.line",   "node.up",        "node.label",   "node.file",
	"node.line",     "stage.parent", "stage.name",     "thread.name",  "thread.process",
	"thread.pid",    "thread.tid",   "thread.count",   "group.stage",  "group.thread",
	"group.samples", "sample.node",  "sample.count",   "sample.value",
};

struct pack {
	const struct graph *g;
	const struct profile *p;
	struct buf columns[COLUMNS];
	uint32_t rows[COLUMNS];
	uint32_t *string_of;      /* owned; by string of the profile: its number in the page */
	uint32_t *label_of;       /* owned; by label */
	struct graph_site *first; /* owned; by label: where its first node spends most */
	uint32_t n_strings, n_labels;
};

static void put(struct pack *w, enum column c, uint64_t v)
{
	unsigned char bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (unsigned char)(v | 0x80);
	bytes[n++] = (unsigned char)v;
	buf_put(&w->columns[c], bytes, n);
	w->rows[c]++;
}

static uint64_t zigzag(int64_t v)
{
	return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1;
}

/* ---- strings ---- */

static void put_string(struct pack *w, const char *bytes, size_t len)
{
	struct payload_text t;

	payload_cut(&t, bytes, len);
	put(w, STRING_SIZE, t.len + strlen(t.note));
	buf_put(&w->columns[STRING_BYTES], t.bytes, t.len);
	buf_puts(&w->columns[STRING_BYTES], t.note);
	w->n_strings++;
}

/* The page's number of a string, which gets one now if it has none. */
static uint32_t string_of(struct pack *w, uint32_t id)
{
	if (id >= strtab_count(w->p->strings))
		id = STRTAB_EMPTY;
	if (w->string_of[id] == GRAPH_NONE) {
		w->string_of[id] = w->n_strings;
		put_string(w, strtab_text(w->p->strings, id), strtab_len(w->p->strings, id));
	}
	return w->string_of[id];
}

/* 0 for none, else the number plus one. */
static uint32_t maybe_string(struct pack *w, uint32_t id)
{
	return id == GRAPH_NONE ? 0 : string_of(w, id) + 1;
}

/* ---- tree ---- */

static struct graph_site site_of(const struct graph *g, uint32_t node)
{
	uint32_t site = g->nodes[node].site;

	return site == GRAPH_NONE ? (struct graph_site){STRTAB_EMPTY, 0} : g->sites[site];
}

static void put_label(struct pack *w, uint32_t label, struct graph_site site)
{
	const struct graph_label *l = &w->g->labels[label];

	w->label_of[label] = w->n_labels++;
	w->first[label] = site;
	if (l->function == GRAPH_NONE) {
		put(w, LABEL_FUNCTION, w->n_strings);
		put_string(w, "(other)", strlen("(other)"));
	} else {
		put(w, LABEL_FUNCTION, string_of(w, l->function));
	}
	put(w, LABEL_MODULE, maybe_string(w, l->module));
	put(w, LABEL_FLAGS, l->flags);
	put(w, LABEL_FILE, string_of(w, site.file));
	put(w, LABEL_LINE, site.line);
}

static void put_node(struct pack *w, uint32_t node, uint32_t up)
{
	const struct graph_node *n = &w->g->nodes[node];
	struct graph_site site = site_of(w->g, node), first;

	if (w->label_of[n->label] == GRAPH_NONE)
		put_label(w, n->label, site);
	first = w->first[n->label];
	put(w, NODE_UP, up);
	put(w, NODE_LABEL, w->label_of[n->label]);
	put(w, NODE_FILE, site.file == first.file ? 0 : string_of(w, site.file) + 1);
	put(w, NODE_LINE, zigzag((int64_t)site.line - first.line));
}

/* The root has no row; any other node tells how far above the node before it its parent is. */
static int put_nodes(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t *depth = malloc(g->n_nodes * sizeof *depth), i;

	if (!depth)
		return ERR_NOMEM;
	depth[0] = 0;
	for (i = 1; i < g->n_nodes; i++) {
		depth[i] = depth[g->nodes[i].parent] + 1;
		put_node(w, i, depth[i - 1] + 1 - depth[i]);
	}
	free(depth);
	return 0;
}

/* ---- samples ---- */

static void put_owners(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t i;

	for (i = 0; i < g->n_stages; i++) {
		const struct graph_stage *s = &g->stages[i];

		put(w, STAGE_PARENT, s->parent == GRAPH_NONE ? 0 : s->parent + (uint64_t)1);
		put(w, STAGE_NAME, string_of(w, s->name));
	}
	for (i = 0; i < g->n_threads; i++) {
		const struct graph_thread *t = &g->threads[i];

		put(w, THREAD_NAME, string_of(w, t->name));
		put(w, THREAD_PROCESS, string_of(w, t->process));
		put(w, THREAD_PID, t->pid > 0 ? (uint64_t)t->pid : 0);
		put(w, THREAD_TID, t->tid > 0 ? (uint64_t)t->tid : 0);
		put(w, THREAD_COUNT, t->threads);
	}
}

static void put_samples(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t group;
	size_t i = 0;

	for (group = 0; group < g->n_groups; group++) {
		const struct graph_group *at = &g->groups[group];
		size_t from = i;
		uint32_t last = 0;

		for (; i < g->n_samples && g->samples[i].group == group; i++) {
			const struct graph_sample *s = &g->samples[i];

			put(w, SAMPLE_NODE, s->node - last);
			put(w, SAMPLE_COUNT, s->count);
			put(w, SAMPLE_VALUE, s->value);
			last = s->node;
		}
		put(w, GROUP_STAGE, at->stage == GRAPH_NONE ? 0 : at->stage + (uint64_t)1);
		put(w, GROUP_THREAD, at->thread == GRAPH_NONE ? 0 : at->thread + (uint64_t)1);
		put(w, GROUP_SAMPLES, i - from);
	}
}

/* ---- bytes ---- */

static void put_head(struct pack *w, struct buf *head, const struct flame_options *options)
{
	int i;

	buf_printf(head, "{\"format\":\"%s\",\"version\":%d,", PAYLOAD_FORMAT, PAYLOAD_VERSION);
	payload_meta(head, w->g, options);
	buf_puts(head, "\"columns\":[");
	for (i = 0; i < COLUMNS; i++)
		buf_printf(head, "%s[\"%s\",%u,%zu]", i ? "," : "", column_names[i],
			   (unsigned)w->rows[i], w->columns[i].len);
	buf_puts(head, "]}");
}

static int feed(z_stream *z, struct buf *out, const char *bytes, size_t n, int flush)
{
	const size_t step = (size_t)1 << 30, room = 65536;

	do {
		size_t part = n < step ? n : step;

		z->next_in = (Bytef *)(uintptr_t)bytes;
		z->avail_in = (uInt)part;
		bytes += part;
		n -= part;
		do {
			char *at = buf_reserve(out, room);

			if (!at)
				return buf_failed(out);
			z->next_out = (Bytef *)at;
			z->avail_out = (uInt)room;
			deflate(z, n ? Z_NO_FLUSH : flush);
			out->len += room - z->avail_out;
		} while (z->avail_out == 0);
	} while (n > 0);
	return 0;
}

/* Head length (4 bytes, little-endian), head, columns: as one zlib stream. */
static int deflate_all(struct pack *w, const struct buf *head, struct buf *out)
{
	z_stream z = {0};
	struct buf size = BUF_INIT;
	int rc, i;

	if (deflateInit(&z, 6) != Z_OK)
		return ERR_NOMEM;
	buf_put_u32(&size, (uint32_t)head->len);
	rc = buf_failed(&size);
	if (rc == 0)
		rc = feed(&z, out, size.data, size.len, Z_NO_FLUSH);
	if (rc == 0)
		rc = feed(&z, out, head->data, head->len, Z_NO_FLUSH);
	for (i = 0; rc == 0 && i < COLUMNS; i++)
		rc = feed(&z, out, w->columns[i].data, w->columns[i].len,
			  i == COLUMNS - 1 ? Z_FINISH : Z_NO_FLUSH);
	deflateEnd(&z);
	buf_release(&size);
	return rc;
}

static int pack_init(struct pack *w, const struct graph *g, const struct profile *p)
{
	size_t strings = strtab_count(p->strings), labels = g->n_labels + (size_t)1;
	int i;

	*w = (struct pack){.g = g, .p = p};
	for (i = 0; i < COLUMNS; i++)
		buf_init(&w->columns[i], BUF_NO_LIMIT);
	w->string_of = malloc(strings * sizeof *w->string_of);
	w->label_of = malloc(labels * sizeof *w->label_of);
	w->first = calloc(labels, sizeof *w->first);
	if (!w->string_of || !w->label_of || !w->first)
		return ERR_NOMEM;
	memset(w->string_of, 0xff, strings * sizeof *w->string_of);
	memset(w->label_of, 0xff, labels * sizeof *w->label_of);
	return 0;
}

static void pack_release(struct pack *w)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		buf_release(&w->columns[i]);
	free(w->string_of);
	free(w->label_of);
	free(w->first);
}

int payload_write(struct buf *out, const struct graph *g, const struct flame_options *options,
		  struct err *err)
{
	struct pack w;
	struct buf head = BUF_INIT;
	int rc = pack_init(&w, g, options->runs[0].p), i;

	if (rc == 0)
		rc = put_nodes(&w);
	if (rc == 0) {
		put_owners(&w);
		put_samples(&w);
		put_head(&w, &head, options);
		rc = buf_failed(&head);
	}
	for (i = 0; rc == 0 && i < COLUMNS; i++)
		rc = buf_failed(&w.columns[i]);
	if (rc == 0)
		rc = deflate_all(&w, &head, out);
	buf_release(&head);
	pack_release(&w);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "the data of a page");
	return rc == 0 ? 0 : err_set(err, rc, "the data of a page do not fit the limit");
}
