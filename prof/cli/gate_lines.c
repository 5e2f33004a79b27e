/* Lines to type after a verdict: see gate_lines.h. */
#include "prof/cli/gate_lines.h"

#include <jansson.h>
#include <string.h>

#include "prof/cli/gate_escape.h"
#include "prof/postgres/pg.h"
#include "prof/store/store.h"

/* ---- the differential page ---- */

/* The store that a run of a database is pulled into before a page is made: the candidate's. */
static const char *store_for(const struct gate_input *in, const struct gate_pick *pick)
{
	const char *path = store_path(pick->store);

	if (pg_url_is(path) && in->groups[METRICS_CANDIDATE].n)
		path = store_path(in->groups[METRICS_CANDIDATE].runs[0].store);
	return path;
}

/* RUN, or FILE:RUN where the run is not of the usual store. */
static void put_run(struct buf *out, const struct gate_input *in, const struct gate_pick *pick)
{
	const char *path = store_for(in, pick);
	struct buf word = BUF_INIT;

	if (strcmp(path, cli_store_path(NULL)) != 0)
		buf_printf(&word, "%s:", path);
	buf_printf(&word, "%.8s", pick->head->id);
	buf_putc(out, ' ');
	gate_put_shell(out, buf_str(&word));
	buf_release(&word);
}

/* A run of a database has to be here first. */
static void put_pull(struct buf *out, const struct gate_input *in, const struct gate_pick *pick)
{
	const char *to = store_for(in, pick);

	if (!pg_url_is(store_path(pick->store)))
		return;
	buf_puts(out, "protea-prof runs pull");
	if (strcmp(to, cli_store_path(NULL)) != 0) {
		buf_puts(out, " --store ");
		gate_put_shell(out, to);
	}
	buf_putc(out, ' ');
	gate_put_shell(out, store_path(pick->store));
	buf_printf(out, " %.8s && ", pick->head->id);
}

static void put_flame(struct buf *out, const struct gate_input *in)
{
	int i;

	if (!in->groups[METRICS_BASE].n || !in->groups[METRICS_CANDIDATE].n ||
	    pg_url_is(store_path(in->groups[METRICS_CANDIDATE].runs[0].store)))
		return;
	put_pull(out, in, &in->groups[METRICS_BASE].runs[gate_view_median(&in->table, 0)]);
	buf_puts(out, "protea-prof flame");
	for (i = 0; i < METRICS_GROUPS; i++)
		put_run(out, in, &in->groups[i].runs[gate_view_median(&in->table, i)]);
	buf_puts(out, " -o diff.html");
}

/* ---- more runs ---- */

/* The command of the group's first run, word for word; "" if it is not known. */
static void put_command(struct buf *out, const char *argv_json)
{
	json_t *argv = argv_json ? json_loads(argv_json, 0, NULL) : NULL;
	size_t i;

	for (i = 0; i < json_array_size(argv); i++) {
		const char *word = json_string_value(json_array_get(argv, i));

		if (i)
			buf_putc(out, ' ');
		gate_put_shell(out, word ? word : "");
	}
	json_decref(argv);
}

static void put_recording(struct buf *out, const struct gate_args *a, const struct gate_input *in,
			  int group)
{
	const struct gate_group *g = &in->groups[group];

	buf_puts(out, "protea-prof run -q ");
	if (a->store && strncmp(g->more, "-o ", 3) != 0) {
		buf_puts(out, "-o ");
		gate_put_shell(out, a->store);
		buf_putc(out, ' ');
	}
	buf_printf(out, "%s -- ", g->more);
	put_command(out, in->argv[group]);
}

/* Both in turn where they are different commands; else each on its own, with the build that it is of. */
static void put_more(struct buf *out, const struct gate_args *a, const struct gate_input *in)
{
	const struct gate_group *g = in->groups;
	size_t n = in->result.more;

	if (!n || !g[0].more || !g[1].more || !in->argv[0] || !in->argv[1])
		return;
	buf_printf(out, "for i in $(seq %zu); do ", n);
	put_recording(out, a, in, METRICS_BASE);
	if (strcmp(in->argv[0], in->argv[1]) == 0)
		buf_printf(out, "; done # the base's build\nfor i in $(seq %zu); do ", n);
	else
		buf_puts(out, "; ");
	put_recording(out, a, in, METRICS_CANDIDATE);
	buf_puts(out, "; done");
	if (strcmp(in->argv[0], in->argv[1]) == 0)
		buf_puts(out, " # the candidate's build");
}

/* ---- all ---- */

void gate_lines_groups(struct gate_lines *l, const struct gate_args *a, const struct gate_input *in)
{
	int i;

	*l = (struct gate_lines){BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
	gate_args_options(&l->options, a);
	for (i = a->baseline ? METRICS_CANDIDATE : METRICS_BASE; i < METRICS_GROUPS; i++) {
		if (l->operands.len)
			buf_putc(&l->operands, ' ');
		gate_put_shell(&l->operands, in->groups[i].text);
	}
	put_flame(&l->flame, in);
	put_more(&l->more, a, in);
}

/* No run has what callgrind counted: the commands are counted again. */
static void put_counted(struct gate_lines *l, const struct gate_args *a, char **commands)
{
	int i;

	buf_puts(&l->counted_options, buf_str(&l->options));
	buf_puts(&l->counted_options, " --exec --callgrind");
	if (a->ignore_failure)
		buf_puts(&l->counted_options, " --ignore-failure");
	for (i = 0; i < METRICS_GROUPS; i++) {
		if (i)
			buf_putc(&l->counted_operands, ' ');
		gate_put_shell(&l->counted_operands, commands[i]);
	}
}

void gate_lines_exec(struct gate_lines *l, const struct gate_args *a, const struct gate_input *in,
		     char **commands, size_t pairs)
{
	int i;

	gate_lines_groups(l, a, in);
	if (a->callgrind && in->groups[METRICS_BASE].n)
		put_counted(l, a, commands);
	buf_clear(&l->more);
	if (!in->groups[METRICS_BASE].n) { /* counted alone: there are no runs to name */
		buf_puts(&l->options, " --exec --callgrind");
		return;
	}
	if (!in->result.more)
		return;
	buf_puts(&l->more, "protea-prof gate --exec");
	buf_puts(&l->more, buf_str(&l->options));
	gate_args_exec_options(&l->more, a);
	for (i = 0; i < METRICS_GROUPS; i++) {
		buf_putc(&l->more, ' ');
		gate_put_shell(&l->more, commands[i]);
	}
	buf_printf(&l->more, " -n %zu", pairs + in->result.more);
}

static const char *text_or_null(const struct buf *b)
{
	return b->len ? buf_str(b) : NULL;
}

int gate_lines_use(const struct gate_lines *l, struct gate_view *v, struct err *err)
{
	if (buf_failed(&l->options) || buf_failed(&l->operands) || buf_failed(&l->flame) ||
	    buf_failed(&l->more) || buf_failed(&l->counted_options) ||
	    buf_failed(&l->counted_operands))
		return err_nomem(err, "the lines to type next");
	v->options = buf_str(&l->options);
	v->operands = buf_str(&l->operands);
	v->flame = text_or_null(&l->flame);
	v->more = text_or_null(&l->more);
	v->counted_options = text_or_null(&l->counted_options);
	v->counted_operands = text_or_null(&l->counted_operands);
	return 0;
}

void gate_lines_release(struct gate_lines *l)
{
	buf_release(&l->options);
	buf_release(&l->operands);
	buf_release(&l->flame);
	buf_release(&l->more);
	buf_release(&l->counted_options);
	buf_release(&l->counted_operands);
}
