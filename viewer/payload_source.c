/* Lines of source with their costs, for payload.c. Files come the heaviest first: the text of the last ones is left
 * out if there is no room, then their lines. */
#include "viewer/payload_pack.h"

static void put_lines(struct pack *w, const struct flame_file *f)
{
	const struct flame_source *s = w->options->source;
	uint32_t last = 0;
	size_t i, k;

	for (i = 0; i < f->n_lines; i++) {
		const struct flame_line *l = &f->lines[i];

		pack_put(w, LINE_NO, l->line - last);
		last = l->line;
		for (k = 0; k < s->n_columns; k++) {
			pack_put(w, (enum column)(LINE_SELF + k), l->self[k]);
			pack_put(w, (enum column)(LINE_TOTAL + k), l->total[k]);
		}
	}
}

static void put_file(struct pack *w, const struct flame_file *f, size_t windows)
{
	size_t i;

	pack_put(w, SOURCE_FILE, pack_text(w, f->name));
	pack_put(w, SOURCE_ROWS, f->n_lines);
	pack_put(w, SOURCE_WINDOWS, windows);
	put_lines(w, f);
	for (i = 0; i < windows; i++) {
		const struct flame_window *at = &f->windows[i];

		pack_put(w, WINDOW_FIRST, at->first);
		pack_put(w, WINDOW_LINES, at->lines);
		pack_put(w, WINDOW_BYTES, at->bytes);
		buf_put(&w->columns[WINDOW_TEXT], at->text, at->bytes);
	}
}

/* What it takes; more than `room`: it is not there. */
static size_t try_file(struct pack *w, const struct flame_file *f, size_t windows, size_t room)
{
	struct pack_mark mark;
	size_t size;

	pack_mark(w, &mark);
	put_file(w, f, windows);
	size = pack_size(w, &mark);
	if (size > room)
		pack_back(w, &mark);
	return size;
}

void payload_source(struct pack *w, size_t room)
{
	const struct flame_source *s = w->options->source;
	int texts = 1;
	size_t i;

	if (!s || w->options->redact)
		return;
	w->source_left_out = s->left_out;
	if (w->g->without & GRAPH_NO_SOURCE) {
		w->source_left_out = (uint32_t)s->n_files;
		return;
	}
	for (i = 0; i < s->n_files && pack_failed(w) == 0; i++) {
		const struct flame_file *f = &s->files[i];
		size_t size = texts ? try_file(w, f, f->n_windows, room) : room + 1;

		if (size > room) {
			texts = 0;
			w->source_left_out += f->n_windows > 0;
			size = try_file(w, f, 0, room);
		}
		room = size <= room ? room - size : 0;
	}
}
