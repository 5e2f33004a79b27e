/* Warnings found before a run has a voice: see notes.h. */
#include "pipeline/job/notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "pipeline/events/events.h"
#include "prof/base/log.h"

void notes_add(struct notes *n, const char *code, json_t *details, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!n->list)
		n->list = json_array();
	if (!details)
		details = json_object();
	if (json_array_append_new(n->list, json_pack("{s:s, s:s, s:o}", "code", code, "text", text,
						     "details", details)) != 0)
		log_warn("%s", text); /* no memory to keep it: say it at once */
}

void notes_say(struct notes *n, struct events *e)
{
	size_t i;

	for (i = 0; i < json_array_size(n->list); i++) {
		json_t *note = json_array_get(n->list, i);

		events_warn(e, json_string_value(json_object_get(note, "code")),
			    json_incref(json_object_get(note, "details")), "%s", notes_text(n, i));
	}
	notes_release(n);
}

size_t notes_count(const struct notes *n)
{
	return json_array_size(n->list);
}

const char *notes_text(const struct notes *n, size_t i)
{
	return json_string_value(json_object_get(json_array_get(n->list, i), "text"));
}

void notes_release(struct notes *n)
{
	json_decref(n->list);
	n->list = NULL;
}
