/* The outputs of `gate`, each a whole document in a buffer, whose failure sticks (buf_failed). Names in them are foreign
 * and harmless in each (gate_escape.h). */
#ifndef CLI_GATE_WRITE_H
#define CLI_GATE_WRITE_H

#include <jansson.h>

#include "prof/cli/gate_view.h"

/* For people at a terminal: `columns` wide where names allow, with colours if `colour`. */
void gate_write_text(struct buf *out, const struct gate_view *v, int columns, int colour);

/* For a comment or a summary: at most `limit` bytes; what is left out to keep to it is counted in the text. A comment of GitHub
 * holds 65,536 characters. */
#define GATE_MARKDOWN_MAX 65000
void gate_write_markdown(struct buf *out, const struct gate_view *v, size_t limit);

/* JUnit XML: a test case for each stage and metric, and one for the verdict. */
void gate_write_junit(struct buf *out, const struct gate_view *v);

/* architecture.md section 9; docs/ci.md lists the members. NULL: no memory. */
json_t *gate_write_json(const struct gate_view *v);

/* Workflow commands of GitHub, a line each, ten of each level at most: what a runner shows. `workspace` (may be NULL): names
 * of files below it are given without it. */
void gate_write_github(struct buf *out, const struct gate_view *v, const char *workspace);
/* A code quality report of GitLab. `file`: where what has no file of its own is shown. NULL: no memory. */
json_t *gate_write_gitlab(const struct gate_view *v, const char *workspace, const char *file);

/* What the same documents say when nothing could be compared: a pass it is not. `text`: the error. */
void gate_write_failed_markdown(struct buf *out, const char *text);
void gate_write_failed_junit(struct buf *out, const char *text);
json_t *gate_write_failed_json(const char *text);
void gate_write_failed_github(struct buf *out, const char *text);
json_t *gate_write_failed_gitlab(const char *text, const char *file);

#endif
