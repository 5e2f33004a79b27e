/* Pieces that all JSON reports share. */
#ifndef CLI_REPORT_JSON_H
#define CLI_REPORT_JSON_H

#include "prof/cli/jsonout.h"
#include "prof/cli/report.h"

json_t *report_json_run(const struct profile *p); /* "run": …; NULL: no memory */
json_t *report_json_text(const struct profile *p, uint32_t string);
/* Frames of a stack, leaf first: function, file, line, module. */
json_t *report_json_stack(const struct profile *p, uint32_t stack);
json_t *report_json_pair(double lo, double hi);

#endif
