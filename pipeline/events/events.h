/* What a run says while it works: rows of job_event (spec 6.3), the same as lines on stderr, and a
 * progress line on a terminal. A failure to write an event is logged once and never stops the job.
 * Every function may be called from any thread. */
#ifndef EVENTS_EVENTS_H
#define EVENTS_EVENTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "protea-prof.h"

struct events;
struct source;

/* `sink` is a source opened for writing, owned by `events` from here on, or NULL (dry runs): then
 * events are only shown. `job_id` NULL only with a NULL sink. NULL: no memory, and the sink is closed.
 * The other functions take NULL events: nothing is then written or shown. */
struct events *events_new(struct source *sink, const char *job_id);
void events_free(struct events *e);

/* Writes one event. `name` without prefix gets "export_research_dataset."; names starting with "job."
 * are written as they are. `fields` is stolen (NULL: {}); level "info", "warning" or "error". */
void events_emit(struct events *e, const char *level, const char *name, const char *message,
		 json_t *fields);
/* Shows an event that has got its row in another way; `fields` stays the caller's. */
void events_tell(struct events *e, const char *level, const char *name, const char *message,
		 const json_t *fields);
/* export_research_dataset.warning {code, text, details}; details is stolen, may be NULL. */
void events_warn(struct events *e, const char *code, json_t *details, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
size_t events_warning_count(const struct events *e);

/* A stage: one profiler mark, one event, one clock. The event carries the fields given at the end
 * plus elapsed_s. Stages of the same thread nest. Sums: events_stage_seconds() is the total of all
 * ended outermost stages, for the 95 % rule of spec 6.3. */
struct events_stage {
	struct events *events;
	pp_stage mark;
	const char *name;
	int64_t start_ns;
	int64_t start_cpu_ns;
	int outer;
};
void events_stage_begin(struct events *e, struct events_stage *st, const char *name);
/* Emits `event` (NULL: none) at the end. Returns elapsed seconds (3 decimals). */
double events_stage_end(struct events_stage *st, const char *event, json_t *fields);
double events_stage_seconds(const struct events *e);
/* {"stage": {"n":…, "wall_s":…, "cpu_s":…, "peak_rss_bytes":…}, …}: a new reference. */
json_t *events_stage_table(const struct events *e);

/* Progress of the stage at hand: "alignment 12,345 / 50,000  24.7 %  3,210/s  12 s left". Drawn only
 * when stderr is a terminal, at most 5 times a second. unit is for display ("pairs"). */
void events_progress_begin(struct events *e, const char *what, const char *unit, uint64_t total);
void events_progress_add(struct events *e, uint64_t done);
void events_progress_end(struct events *e);

#endif
