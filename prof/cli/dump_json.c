/* dump for scripts. Threads with one stack share its frames while it is put together. */
#include <inttypes.h>
#include <string.h>

#include "prof/attach/waits.h"
#include "prof/cli/dump.h"
#include "prof/cli/jsonout.h"

/* "" is null: not known, or none. */
static json_t *text_or_null(const char *text)
{
	return text && *text ? jsonout_text(text) : json_null();
}

static json_t *address_text(uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_string(text);
}

static int add_frame(void *ctx, const struct dump_frame *f)
{
	json_t *frames = ctx, *o = json_object();
	int bad = 0;

	if (!o)
		return ERR_NOMEM;
	bad |= json_object_set_new(o, "function", jsonout_text(f->function));
	bad |= json_object_set_new(o, "file", text_or_null(f->file));
	bad |= json_object_set_new(o, "line", f->line ? json_integer(f->line) : json_null());
	bad |= json_object_set_new(o, "module", text_or_null(f->module));
	bad |= json_object_set_new(o, "address", address_text(f->address));
	bad |= json_object_set_new(o, "language", text_or_null(f->language));
	bad |= json_object_set_new(o, "inlined", json_boolean(f->inlined));
	return json_array_append_new(frames, o) || bad ? ERR_NOMEM : 0;
}

/* There is more: a frame without an address says so where it would be. */
static int add_truncated(json_t *frames)
{
	static const char *const nothing[] = {"file", "line", "module", "address", "language"};
	json_t *o = json_object();
	int bad = !o;
	size_t i;

	bad |= json_object_set_new(o, "function", json_string("[truncated]"));
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		bad |= json_object_set_new(o, nothing[i], json_null());
	bad |= json_object_set_new(o, "inlined", json_false());
	return json_array_append_new(frames, o) || bad ? ERR_NOMEM : 0;
}

static json_t *make_frames(const struct dump *d, const struct dump_target *t,
			   const struct snap_thread *thread)
{
	json_t *frames = json_array();
	int rc = frames ? dump_frames(d, t, thread, add_frame, frames) : ERR_NOMEM;

	if (rc == 0 && thread->n_frames && thread->end == UNWIND_DEPTH)
		rc = add_truncated(frames);
	if (rc) {
		json_decref(frames);
		return NULL;
	}
	return frames;
}

static int add_call(json_t *o, const struct snap_thread *t)
{
	const char *name = t->call_state == PROC_CALL_IN ? syscall_name(t->call.nr) : NULL;
	int bad = 0;

	bad |= json_object_set_new(o, "syscall", text_or_null(t->syscall));
	bad |= json_object_set_new(o, "syscall_name", text_or_null(name));
	bad |= json_object_set_new(o, "waits_on", text_or_null(t->waits_on));
	return bad;
}

/* How far the stack can be trusted. */
static int add_trust(json_t *o, const struct snap_thread *t)
{
	const char *end = dump_stack_end(t);
	int bad = 0;

	bad |= json_object_set_new(o, "how", json_string(dump_how(t)));
	bad |= json_object_set_new(o, "why", t->n_frames ? json_null() : text_or_null(t->why));
	bad |= json_object_set_new(o, "pause_ns", json_integer(t->pause_ns));
	bad |= json_object_set_new(o, "torn", json_boolean(t->torn));
	bad |= json_object_set_new(o, "guessed", json_integer(t->guessed));
	bad |= json_object_set_new(o, "truncated", json_boolean(end && t->end == UNWIND_DEPTH));
	bad |= json_object_set_new(o, "complete", json_boolean(t->n_frames && !end));
	return bad;
}

static json_t *make_thread(const struct snap_thread *t, json_t *frames)
{
	json_t *o = json_object();
	int bad = !o || !frames;

	bad |= json_object_set_new(o, "tid", json_integer(t->tid));
	bad |= json_object_set_new(o, "ns_tid", json_integer(t->ns_tid ? t->ns_tid : t->tid));
	bad |= json_object_set_new(o, "name", jsonout_text(t->name));
	bad |= json_object_set_new(o, "state", json_string(profile_state_name(t->state)));
	bad |= json_object_set_new(o, "cpu_ns", json_integer(t->cpu_ns));
	bad |= add_call(o, t);
	bad |= json_object_set_new(o, "signal", text_or_null(t->signal));
	bad |= add_trust(o, t);
	bad |= json_object_set_new(o, "frames", frames);
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *make_threads(const struct dump *d, const struct dump_target *t)
{
	json_t **stacks = calloc(t->snap.n + 1, sizeof(*stacks)), *threads = json_array();
	int bad = !stacks || !threads;
	uint32_t i;

	for (i = 0; i < t->snap.n && !bad; i++) {
		uint32_t first = t->twin[i];

		if (!stacks[first])
			stacks[first] = make_frames(d, t, &t->snap.threads[first]);
		bad |= json_array_append_new(
			threads, make_thread(&t->snap.threads[i], json_incref(stacks[first])));
	}
	for (i = 0; stacks && i < t->snap.n; i++)
		json_decref(stacks[i]);
	free(stacks);
	if (bad) {
		json_decref(threads);
		return NULL;
	}
	return threads;
}

static json_t *make_pause(const struct pause_stats *s)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= json_object_set_new(o, "p50", json_integer(s->p50_ns));
	bad |= json_object_set_new(o, "p99", json_integer(s->p99_ns));
	bad |= json_object_set_new(o, "max", json_integer(s->max_ns));
	bad |= json_object_set_new(o, "stops", json_integer((json_int_t)s->n));
	bad |= json_object_set_new(o, "skipped", json_integer((json_int_t)s->skipped));
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* One that could not be read has its pid and why. */
static json_t *make_failure(const struct dump_target *t)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= json_object_set_new(o, "pid", json_integer(t->pid));
	bad |= json_object_set_new(o, "error", jsonout_text(t->err.text));
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *make_target(const struct dump *d, const struct dump_target *t)
{
	json_t *o;
	int bad;

	if (!t->open)
		return make_failure(t);
	o = json_object();
	bad = !o;
	bad |= json_object_set_new(o, "pid", json_integer(t->snap.pid));
	bad |= json_object_set_new(o, "name", jsonout_text(t->snap.name));
	bad |= json_object_set_new(o, "command", text_or_null(t->command));
	bad |= json_object_set_new(o, "pause_ns", make_pause(&t->snap.pause));
	bad |= json_object_set_new(o, "took_ns", json_integer(t->snap.took_ns));
	bad |= json_object_set_new(o, "threads", make_threads(d, t));
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int dump_json(FILE *out, const struct dump *d, struct err *err)
{
	json_t *list, *root;
	uint32_t i;
	int bad = 0;

	if (!d->several)
		return jsonout_finish(out, make_target(d, &d->targets[0]), 0, err);
	root = json_object();
	list = json_array();
	for (i = 0; i < d->n; i++)
		bad |= json_array_append_new(list, make_target(d, &d->targets[i]));
	bad |= json_object_set_new(root, "processes", list);
	return jsonout_finish(out, root, bad, err);
}
