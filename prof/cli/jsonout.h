/* JSON on stdout, whatever the names and numbers of a store hold. */
#ifndef CLI_JSONOUT_H
#define CLI_JSONOUT_H

#include <jansson.h>
#include <stdio.h>

#include "prof/base/err.h"

/* A string; invalid UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *jsonout_text(const char *text);
/* A number; null for what JSON has no word for (infinite, not a number). */
json_t *jsonout_real(double value);
/* JSON text as a value; null if it is none. */
json_t *jsonout_parsed(const char *text);
/* object[key] = value (stolen, NULL is a failure); the key may hold invalid UTF-8. 0 or -1. */
int jsonout_put(json_t *object, const char *key, json_t *value);
/* Prints and releases `root`; NULL root or `bad`: no memory. */
int jsonout_finish(FILE *out, json_t *root, int bad, struct err *err);

#endif
