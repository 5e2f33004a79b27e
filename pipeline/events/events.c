/* Events: rows of job_event and lines on stderr, see events.h. Stages are in stages.c, the progress
 * line in progress.c. */
#include "pipeline/events/events_internal.h"

#include "pipeline/core/text.h"
#include "pipeline/events/progress.h"
#include "pipeline/source/source.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX    "export_research_dataset."
#define SHOWN_MAX 100 /* bytes of one value in the line on stderr; more is in the row */

struct events *events_new(struct source *sink, const char *job_id)
{
	struct events *e = calloc(1, sizeof *e);

	if (e && job_id)
		e->job_id = strdup(job_id);
	if (!e || (job_id && !e->job_id)) {
		free(e);
		source_close(sink);
		return NULL;
	}
	e->sink = sink;
	pthread_mutex_init(&e->sink_lock, NULL);
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

void events_free(struct events *e)
{
	size_t i;

	if (!e)
		return;
	events_progress_end(e);
	source_close(e->sink);
	pthread_mutex_destroy(&e->sink_lock);
	pthread_mutex_destroy(&e->lock);
	for (i = 0; i < e->n_sums; i++)
		free(e->sums[i].name);
	free(e->sums);
	free(e->job_id);
	free(e);
}

size_t events_warning_count(const struct events *e)
{
	struct events *guarded = (struct events *)(uintptr_t)e; /* a lock is no part of the value */
	size_t n;

	if (!e)
		return 0;
	pthread_mutex_lock(&guarded->lock);
	n = e->warnings;
	pthread_mutex_unlock(&guarded->lock);
	return n;
}

/* ---- the row ---------------------------------------------------------------------------------- */

static int64_t progress_field(const json_t *fields, const char *key)
{
	const json_t *v = json_object_get(fields, key);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void insert(struct events *e, const struct source_event *row)
{
	struct err err = ERR_INIT;
	int rc, first;

	pthread_mutex_lock(&e->sink_lock);
	rc = source_insert_event(e->sink, row, &err);
	first = rc < 0 && !e->sink_failed;
	e->sink_failed |= rc < 0;
	pthread_mutex_unlock(&e->sink_lock);
	if (first)
		log_warn("event %s was not stored, the job goes on: %s (further failures are not "
			 "shown)",
			 row->event, err.text);
}

static void store(struct events *e, const char *level, const char *name, const char *message,
		  const json_t *fields)
{
	struct buf full = BUF_INIT;
	char *text = message ? text_utf8(message) : NULL;
	char *fields_json = fields ? json_compact(fields) : NULL;
	struct source_event row = {
		.job_id = e->job_id,
		.ts_ns = clock_real_ns(),
		.level = level,
		.message = text,
		.fields_json = fields_json ? fields_json : "{}",
		.progress_current = progress_field(fields, "_progress_current"),
		.progress_total = progress_field(fields, "_progress_total"),
	};

	if (strncmp(name, "job.", 4) != 0 && strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		buf_puts(&full, PREFIX);
	buf_puts(&full, name);
	row.event = buf_failed(&full) ? name : buf_str(&full);
	insert(e, &row);
	buf_release(&full);
	free(fields_json);
	free(text);
}

/* ---- the line --------------------------------------------------------------------------------- */

/* Of a long text the end, which names the file when it is a path. */
static void show_text(struct buf *line, const char *text, size_t n)
{
	if (n > SHOWN_MAX) {
		text += n - SHOWN_MAX;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++; /* not in the middle of a character */
		buf_puts(line, "…");
	}
	buf_puts(line, text);
}

static void show_value(struct buf *line, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		show_text(line, json_string_value(value), json_string_length(value));
		return;
	}
	text = json_compact(value);
	buf_puts(line, text && strlen(text) <= SHOWN_MAX ? text : "…");
	free(text);
}

static void show(const char *level, const char *name, const char *message, const json_t *fields)
{
	struct buf line = BUF_INIT;
	void *it = json_object_iter((json_t *)(uintptr_t)fields); /* only its iterator asks */

	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	buf_puts(&line, name);
	if (message)
		buf_printf(&line, ": %s", message);
	for (; it; it = json_object_iter_next((json_t *)(uintptr_t)fields, it)) {
		if (json_object_iter_key(it)[0] == '_')
			continue;
		buf_printf(&line, "  %s=", json_object_iter_key(it));
		show_value(&line, json_object_iter_value(it));
	}
	if (strcmp(level, "warning") == 0)
		log_warn("%s", buf_str(&line));
	else
		log_info("%s", buf_str(&line)); /* the command tells of errors by itself */
	buf_release(&line);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void count(struct events *e, const char *level)
{
	if (strcmp(level, "warning") != 0)
		return;
	pthread_mutex_lock(&e->lock);
	e->warnings++;
	pthread_mutex_unlock(&e->lock);
}

void events_emit(struct events *e, const char *level, const char *name, const char *message,
		 json_t *fields)
{
	if (e) {
		count(e, level);
		if (e->sink)
			store(e, level, name, message, fields);
		show(level, name, message, fields);
	}
	json_decref(fields);
}

void events_tell(struct events *e, const char *level, const char *name, const char *message,
		 const json_t *fields)
{
	if (!e)
		return;
	count(e, level);
	show(level, name, message, fields);
}

/* {code, text, details}; a part that found no memory is left out. Takes details. */
static json_t *warning_fields(const char *code, const char *text, json_t *details)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "code", json_string(code));
	(void)json_object_set_new(fields, "text", json_string(text));
	(void)json_object_set_new(fields, "details", details ? details : json_object());
	return fields;
}

void events_warn(struct events *e, const char *code, json_t *details, const char *fmt, ...)
{
	struct buf said = BUF_INIT;
	json_t *fields;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&said, fmt, ap);
	va_end(ap);
	text = text_utf8(buf_str(&said));
	fields = warning_fields(code, text ? text : code, details);
	if (e) {
		count(e, "warning");
		if (e->sink)
			store(e, "warning", "warning", text ? text : code, fields);
		log_warn("%s", text ? text : code);
	}
	json_decref(fields);
	free(text);
	buf_release(&said);
}
