/* Samples for top's model by hand: call paths as text, "main;work;leaf". */
#ifndef TESTS_TOP_FEED_MADE_H
#define TESTS_TOP_FEED_MADE_H

#include <stdio.h>
#include <string.h>

#include "prof/cli/top_model.h"

#define MADE_DEPTH 300

/* A frame is a function, with "@LINE" behind it if it is not line 1. 0 or ERR_NOMEM. */
static inline int made_place(struct top_model *m, const char *frame, uint32_t *place)
{
	uint32_t name, module, file, function, line = 1;
	const char *at = strchr(frame, '@');
	size_t len = at ? (size_t)(at - frame) : strlen(frame);

	if (at && sscanf(at + 1, "%u", &line) != 1)
		return -1;
	if (strtab_intern(m->strings, frame, len, &name) ||
	    strtab_intern_text(m->strings, "/bin/prog", &module) ||
	    strtab_intern_text(m->strings, "src/prog.c", &file))
		return -1;
	function = top_model_function(m, name, module);
	*place = function == TOP_NONE ? TOP_NONE : top_model_place(m, function, file, line);
	return *place == TOP_NONE ? -1 : 0;
}

static inline int made_add(struct top_model *m, enum top_kind kind, const char *path, double value)
{
	uint32_t places[MADE_DEPTH], reversed[MADE_DEPTH], n = 0, i;
	char text[4096], *frame, *rest = text;

	snprintf(text, sizeof(text), "%s", path);
	while ((frame = strsep(&rest, ";")) && n < MADE_DEPTH)
		if (*frame && made_place(m, frame, &places[n++]))
			return -1;
	for (i = 0; i < n; i++)
		reversed[i] = places[n - 1 - i];
	return top_model_add(m, kind, reversed, n, value, 1);
}

/* An interval of one second with these samples: path, value in ms, …, NULL. */
static inline int made_interval(struct top_model *m, const char *const paths[], const int ms[])
{
	int i;

	top_model_begin(m);
	for (i = 0; paths[i]; i++)
		if (made_add(m, TOP_CPU, paths[i], 1e6 * ms[i]))
			return -1;
	return top_model_close(m, 1000000000);
}

#endif
