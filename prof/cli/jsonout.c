/* JSON values of foreign names and numbers. */
#include "prof/cli/jsonout.h"

#include <math.h>
#include <stdlib.h>

#include "prof/cli/text.h"

json_t *jsonout_text(const char *text)
{
	json_t *value = json_string(text);
	char *clean;

	if (value)
		return value;
	clean = text_valid(text, 0);
	value = clean ? json_string(clean) : NULL;
	free(clean);
	return value;
}

json_t *jsonout_real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *jsonout_parsed(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	return value ? value : json_null();
}

int jsonout_put(json_t *object, const char *key, json_t *value)
{
	char *clean = text_valid(key, 0);
	int rc = -1;

	if (clean)
		rc = json_object_set_new(object, clean, value);
	else
		json_decref(value);
	free(clean);
	return rc;
}

int jsonout_finish(FILE *out, json_t *root, int bad, struct err *err)
{
	int rc = 0;

	if (bad || !root)
		rc = err_nomem(err, "the JSON text");
	else if (json_dumpf(root, out, JSON_INDENT(1)) || putc('\n', out) == EOF)
		rc = err_sys(err, ERR_IO, "cannot write to standard output");
	json_decref(root);
	return rc;
}
