/* Is a bundle sound? Every rule that an export relies on is tried on every row: structure of the file,
 * types, keys, references, ontology, vectors, texts. Reads only. Belongs to one thread. */
#ifndef BUNDLE_CHECK_H
#define BUNDLE_CHECK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

enum bundle_severity {
	BUNDLE_WARNING, /* an export runs, but leaves something out */
	BUNDLE_ERROR,   /* an export that meets these rows fails, or its values are wrong */
};

#define BUNDLE_EXAMPLES 5

struct bundle_finding {
	const char *kind;    /* static: a short name such as "dangling-reference" */
	const char *meaning; /* static: one sentence */
	enum bundle_severity severity;
	uint64_t count;                  /* all cases, not only those shown */
	char *examples[BUNDLE_EXAMPLES]; /* owned, printable ASCII; NULL behind the last */
};

struct bundle_report {
	struct bundle_finding *findings; /* owned; in order of first appearance */
	size_t n_findings;
	size_t cap;
	size_t n_errors; /* findings of each severity */
	size_t n_warnings;
};

#define BUNDLE_REPORT_INIT                                                                         \
	{                                                                                          \
		0                                                                                  \
	}

/* Fills a report; 0 even when the bundle has errors. Negative: it could not be checked (not a bundle,
 * no memory, stopped). `on_step` (NULL possible) is told what is looked at. A file that is damaged in
 * itself gets no further checks. */
int bundle_check(struct bundle_report *report, const char *path,
		 void (*on_step)(void *ctx, const char *step), void *ctx, struct err *err);
void bundle_report_release(struct bundle_report *report);

/* One paragraph for each finding, then a line with the sum. */
void bundle_report_text(const struct bundle_report *report, struct buf *out);
/* {"errors": n, "warnings": n, "findings": [{"severity", "kind", "meaning", "count",
 * "examples": […]}]}; a new reference, NULL: no memory. */
json_t *bundle_report_json(const struct bundle_report *report);

#endif
