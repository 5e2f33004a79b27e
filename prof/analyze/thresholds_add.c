/* One more accepted change in the file of thresholds: the bytes around it stay, with the author's own indentation. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/json_place.h"
#include "prof/analyze/thresholds_internal.h"
#include "prof/base/buf.h"

double thresholds_round_up(double change)
{
	double step = fabs(change) < 0.01 ? 0.001 : 0.01;
	double up = (floor(change / step + 1e-9) + 1) * step;

	return round(up * 1000) / 1000;
}

/* ---- the entry ---- */

static int put_string(struct buf *b, const char *key, const char *text, struct err *err)
{
	json_t *string = json_string(text);
	char *out = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
	int rc = 0;

	if (!string)
		rc = err_set(err, ERR_ARG, "'%.100s' is no UTF-8 text, which JSON needs", text);
	else if (!out)
		rc = err_nomem(err, "the thresholds");
	else
		buf_printf(b, "%s\"%s\": %s", b->len > 1 ? ", " : "", key, out);
	json_decref(string);
	free(out);
	return rc;
}

static int make_entry(struct buf *b, const struct threshold_new *add, struct err *err)
{
	int rc = 0;

	buf_putc(b, '{');
	if (add->stage)
		rc = put_string(b, "stage", add->stage, err);
	else
		buf_puts(b, "\"stage\": null");
	buf_printf(b, ", \"metric\": \"%s\"", metric_name(add->metric));
	if (!isnan(add->up_to))
		buf_printf(b, ", \"up_to\": %.6g", add->up_to);
	if (rc == 0)
		rc = put_string(b, "reason", add->reason, err);
	if (rc == 0 && add->owner)
		rc = put_string(b, "owner", add->owner, err);
	if (rc == 0 && add->until)
		rc = put_string(b, "until", add->until, err);
	buf_putc(b, '}');
	return rc ? rc : buf_failed(b) ? err_nomem(err, "the thresholds") : 0;
}

/* ---- where it goes ---- */

struct change {
	const char *text;
	size_t n;
	size_t from, to; /* of the text, replaced by `with` */
	struct buf with;
};

/* The line break and indentation before `at`; "" when something else stands before it on its line. */
static void indent_of(const struct change *c, size_t at, const char **indent, size_t *len)
{
	size_t begin = at;

	while (begin > 0 && (c->text[begin - 1] == ' ' || c->text[begin - 1] == '\t'))
		begin--;
	*indent = "";
	*len = 0;
	if (begin == 0 || c->text[begin - 1] != '\n')
		return;
	begin -= begin > 1 && c->text[begin - 2] == '\r' ? 2 : 1;
	*indent = c->text + begin;
	*len = at - begin;
}

static void put_indent(struct change *c, size_t like, const char *otherwise)
{
	const char *indent;
	size_t len;

	indent_of(c, like, &indent, &len);
	if (len)
		buf_put(&c->with, indent, len);
	else
		buf_puts(&c->with, otherwise);
}

/* Behind the value that `place` is. */
static void insert_behind(struct change *c, const struct json_place *place, size_t like,
			  const char *entry)
{
	c->from = c->to = place->end;
	buf_putc(&c->with, ',');
	put_indent(c, like, " ");
	buf_puts(&c->with, entry);
}

static void into_list(struct change *c, const struct json_place *list, size_t entries,
		      const char *entry)
{
	const struct json_step last[] = {{.key = "accept"}, {.index = entries - 1}};
	struct json_place place;

	if (entries && json_place_find(c->text, c->n, last, 2, &place)) {
		insert_behind(c, &place, place.key, entry);
		return;
	}
	c->from = list->begin;
	c->to = list->end;
	buf_putc(&c->with, '[');
	put_indent(c, list->key, "");
	if (c->with.len > 1)
		buf_putc(&c->with, '\t');
	buf_puts(&c->with, entry);
	put_indent(c, list->key, "");
	buf_putc(&c->with, ']');
}

/* A list of its own, behind the last key of the file. */
static void into_object(struct change *c, const char *last_key, const char *entry)
{
	const struct json_step last = {.key = last_key};
	struct json_place place;
	size_t like;

	if (!last_key || !json_place_find(c->text, c->n, &last, 1, &place)) {
		c->from = 0;
		c->to = c->n;
		buf_printf(&c->with, "{\n\t\"accept\": [\n\t\t%s\n\t]\n}\n", entry);
		return;
	}
	like = place.key;
	insert_behind(c, &place, like, "\"accept\": [");
	put_indent(c, like, "");
	if (c->with.data && c->with.data[c->with.len - 1] != '[')
		buf_putc(&c->with, '\t');
	buf_puts(&c->with, entry);
	put_indent(c, like, "");
	buf_putc(&c->with, ']');
}

/* The place of the entry for the same stage and metric; PROFILE_NONE: there is none. */
static size_t same_entry(const struct thresholds *t, const struct threshold_new *add)
{
	size_t i;

	for (i = 0; i < t->n_accept; i++)
		if (t->accept[i].metric == add->metric && !t->accept[i].stage == !add->stage &&
		    (!add->stage || strcmp(t->accept[i].stage, add->stage) == 0))
			return i;
	return SIZE_MAX;
}

static void place_entry(struct change *c, const struct thresholds *old, const char *last_key,
			const struct threshold_new *add, const char *entry)
{
	const size_t same = same_entry(old, add);
	const struct json_step list[] = {{.key = "accept"}, {.index = same}};
	struct json_place place;

	if (same != SIZE_MAX && json_place_find(c->text, c->n, list, 2, &place)) {
		c->from = place.begin;
		c->to = place.end;
		buf_puts(&c->with, entry);
	} else if (json_place_find(c->text, c->n, list, 1, &place)) {
		into_list(c, &place, old->n_accept, entry);
	} else {
		into_object(c, last_key, entry);
	}
}

/* ---- the whole ---- */

/* The last key of the object in the order of the text. Allocated; NULL and 0: it has none. */
static int last_key_of(const char *bytes, size_t n, char **last, struct err *err)
{
	json_t *root = json_loadb(bytes, n, 0, NULL), *value;
	struct json_place place;
	size_t most = 0;
	const char *key;
	int rc = root ? 0 : ERR_NOMEM;

	*last = NULL;
	json_object_foreach(root, key, value)
	{
		const struct json_step step = {.key = key};

		if (!json_place_find(bytes, n, &step, 1, &place) || place.key < most)
			continue;
		most = place.key;
		free(*last);
		*last = strdup(key);
		if (!*last)
			rc = ERR_NOMEM;
	}
	json_decref(root);
	return rc ? err_nomem(err, "the thresholds") : 0;
}

static int join(struct change *c, char **out, size_t *out_n, struct err *err)
{
	struct buf b = BUF_INIT;

	if (c->from)
		buf_put(&b, c->text, c->from);
	buf_put(&b, c->with.data, c->with.len);
	if (c->to < c->n)
		buf_put(&b, c->text + c->to, c->n - c->to);
	if (buf_failed(&b) || buf_failed(&c->with)) {
		buf_release(&b);
		return err_nomem(err, "the thresholds");
	}
	*out = buf_steal(&b, out_n);
	return 0;
}

/* What was written says what was meant. */
static int read_back(const char *out, size_t n, const char *file, const struct threshold_new *add,
		     struct err *err)
{
	struct thresholds t;
	int rc = thresholds_read(&t, out, n, file, err);

	if (rc == 0 && same_entry(&t, add) == SIZE_MAX)
		rc = err_set(err, ERR_INTERNAL, "%s: the entry cannot be read back", file);
	if (rc == 0)
		thresholds_release(&t);
	return rc;
}

static int check(const struct threshold_new *add, struct err *err)
{
	int64_t ns;

	if (!add->reason || !*add->reason)
		return err_set(err, ERR_ARG,
			       "an accepted change needs a reason: --reason 'why it is wanted'");
	if ((unsigned)add->metric >= METRICS || (add->stage && !*add->stage))
		return err_set(err, ERR_ARG, "no such stage or metric");
	if (!isnan(add->up_to) && !(add->up_to > 0 && add->up_to <= 1e6))
		return err_set(err, ERR_ARG, "a change of %g cannot be accepted", add->up_to);
	if (add->until && threshold_date(add->until, &ns))
		return err_set(err, ERR_ARG, "'%.60s' is no day like 2027-01-31", add->until);
	return 0;
}

int thresholds_add_accept(char **out, size_t *out_n, const char *bytes, size_t n, const char *file,
			  const struct threshold_new *add, struct err *err)
{
	struct change c = {.text = n ? bytes : "{}", .n = n ? n : 2, .with = BUF_INIT};
	struct buf entry = BUF_INIT;
	struct thresholds old;
	char *last = NULL;
	int rc = check(add, err);

	*out = NULL;
	*out_n = 0;
	if (rc)
		return rc;
	rc = thresholds_read(&old, c.text, c.n, file, err);
	if (rc)
		return rc;
	rc = make_entry(&entry, add, err);
	if (rc == 0)
		rc = last_key_of(c.text, c.n, &last, err);
	if (rc == 0) {
		place_entry(&c, &old, last, add, entry.data);
		rc = join(&c, out, out_n, err);
	}
	if (rc == 0)
		rc = read_back(*out, *out_n, file, add, err);
	if (rc) {
		free(*out);
		*out = NULL;
	}
	free(last);
	buf_release(&entry);
	buf_release(&c.with);
	thresholds_release(&old);
	return rc;
}
