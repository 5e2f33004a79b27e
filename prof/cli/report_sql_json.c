/* report --sql --json. */
#include "prof/cli/report_json.h"
#include "prof/cli/report_sql.h"

static json_t *number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *done(json_t *object, int bad)
{
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *site_object(const struct profile *p, const struct profile_sql *q)
{
	json_t *o = json_object();
	int bad = !o;

	if (!o)
		return NULL;
	bad |= jsonout_put(o, "calls", number(q->calls));
	bad |= jsonout_put(o, "total_ns", json_integer(q->total_ns));
	bad |= jsonout_put(o, "p95_ns", json_integer(q->p95_ns));
	bad |= jsonout_put(o, "max_ns", json_integer(q->max_ns));
	bad |= jsonout_put(o, "inside_ns", json_integer(q->inside_ns));
	bad |= jsonout_put(o, "rows", number(q->rows));
	bad |= jsonout_put(o, "bytes_sent", number(q->sent));
	bad |= jsonout_put(o, "bytes_received", number(q->received));
	bad |= jsonout_put(o, "errors", number(q->errors));
	bad |= jsonout_put(o, "unfinished", number(q->unfinished));
	bad |= jsonout_put(o, "distinct_params", number(q->distinct_params));
	bad |= jsonout_put(o, "duplicates", number(statement_site_duplicates(p, q)));
	bad |= jsonout_put(o, "n_plus_one", json_boolean(statement_site_many_sets(p, q)));
	bad |= jsonout_put(o, "stage",
			   q->stage < p->n_stages ? report_json_text(p, p->stages[q->stage].name)
						  : json_null());
	bad |= jsonout_put(o, "pid",
			   q->process < p->n_processes ? json_integer(p->processes[q->process].pid)
						       : json_null());
	bad |= jsonout_put(o, "stack", report_json_stack(p, q->stack < p->n_stacks ? q->stack : 0));
	bad |= jsonout_put(o, "examples",
			   q->examples ? jsonout_parsed(strtab_text(p->strings, q->examples))
				       : json_array());
	return done(o, bad);
}

static json_t *site_array(const struct profile *p, const struct statement_list *l,
			  const struct statement_row *r)
{
	json_t *all = json_array();
	int bad = !all;

	for (size_t i = 0; i < r->n && !bad; i++)
		bad |= json_array_append_new(all, site_object(p, &p->sql[l->sites[r->first + i]]));
	return done(all, bad);
}

static json_t *statement_object(const struct profile *p, const struct statement_list *l,
				const struct statement_row *r)
{
	json_t *o = json_object();
	int bad = !o;

	if (!o)
		return NULL;
	bad |= jsonout_put(o, "fingerprint", report_json_text(p, r->fingerprint));
	bad |= jsonout_put(o, "kind", report_json_text(p, r->kind));
	bad |= jsonout_put(o, "text", report_json_text(p, r->text));
	bad |= jsonout_put(o, "calls", number(r->calls));
	bad |= jsonout_put(o, "total_ns", json_integer(r->total_ns));
	bad |= jsonout_put(o, "share_of_wall",
			   jsonout_real(report_sql_share(r->total_ns, p->run.duration_ns)));
	bad |= jsonout_put(o, "p95_ns", json_integer(r->p95_ns));
	bad |= jsonout_put(o, "max_ns", json_integer(r->max_ns));
	bad |= jsonout_put(o, "inside_ns", json_integer(r->inside_ns));
	bad |= jsonout_put(o, "rows", number(r->rows));
	bad |= jsonout_put(o, "bytes_sent", number(r->sent));
	bad |= jsonout_put(o, "bytes_received", number(r->received));
	bad |= jsonout_put(o, "errors", number(r->errors));
	bad |= jsonout_put(o, "unfinished", number(r->unfinished));
	bad |= jsonout_put(o, "distinct_params", number(r->distinct));
	bad |= jsonout_put(o, "unjudged", number(r->unjudged));
	bad |= jsonout_put(o, "duplicates", number(r->duplicates));
	bad |= jsonout_put(o, "n_plus_one", json_boolean(r->many_sets));
	bad |= jsonout_put(o, "repeated", json_boolean(r->repeated));
	bad |= jsonout_put(o, "sites", site_array(p, l, r));
	return done(o, bad);
}

static json_t *stage_array(const struct profile *p, const struct statement_list *l)
{
	json_t *all = json_array();
	int bad = !all;

	for (size_t i = 0; i < l->n_stages && !bad; i++) {
		const struct statement_stage *s = &l->stages[i];
		json_t *o = json_object();

		bad |= !o || jsonout_put(o, "stage",
					 s->stage == STRTAB_EMPTY ? json_null()
								  : report_json_text(p, s->stage));
		bad |= !o || jsonout_put(o, "calls", number(s->calls));
		bad |= !o || jsonout_put(o, "total_ns", json_integer(s->total_ns));
		bad |= json_array_append_new(all, o);
	}
	return done(all, bad);
}

int report_sql_json(FILE *out, const struct profile *p, const struct statement_list *l,
		    const struct report_options *o, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	size_t n = o->rows && (size_t)o->rows < l->n ? (size_t)o->rows : l->n;
	int bad = !root || !rows;

	for (size_t i = 0; i < n && !bad; i++)
		bad |= json_array_append_new(rows, statement_object(p, l, &l->rows[i]));
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "calls", number(l->calls));
		bad |= jsonout_put(root, "total_ns", json_integer(l->total_ns));
		bad |= jsonout_put(root, "statements", rows);
		bad |= jsonout_put(root, "stages", stage_array(p, l));
	} else {
		json_decref(rows);
	}
	return jsonout_finish(out, root, bad, err);
}
