/* A look at a server as JSON: keys in docs/pg.md. */
#ifndef CLI_PG_JSON_H
#define CLI_PG_JSON_H

#include <stdio.h>

#include "prof/cli/pg_look.h"

/* `compact`: on one line, flushed. */
int pg_json(FILE *out, const struct pg_look *l, int compact, struct err *err);

#endif
