/* Where the outputs of `gate` go: files (whole or not at all), standard output, a CI server's log. */
#ifndef CLI_GATE_OUTPUT_H
#define CLI_GATE_OUTPUT_H

#include "prof/base/err.h"
#include "prof/cli/gate_read.h"
#include "prof/cli/gate_view.h"

enum gate_annotations { GATE_NOTES_AUTO, GATE_NOTES_NONE, GATE_NOTES_GITHUB, GATE_NOTES_GITLAB };

struct gate_output { /* NULL: not asked for; "-" is standard output */
	const char *markdown, *junit, *html, *code_quality;
	const char *link; /* address of the page, for those who read elsewhere */
	int json;         /* on standard output */
	int step_summary; /* append the Markdown to $GITHUB_STEP_SUMMARY */
	enum gate_annotations notes;
};

/* ERR_ARG: two documents would go to standard output, or there is no step summary. Finds out what AUTO is. */
int gate_output_check(struct gate_output *o, struct err *err);
/* Writes everything that was asked for, and the text if nothing else goes to standard output; goes on when one
 * cannot be written, and tells of the first. `v->page` is set here. */
int gate_output_write(const struct gate_output *o, struct gate_input *in, struct gate_view *v,
		      struct err *err);
/* The same when nothing was compared: documents of an earlier run must not pass for this one's. */
void gate_output_failed(const struct gate_output *o, const char *text);

#endif
