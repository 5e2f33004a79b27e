/* Objects of a data set: see objects.h. */
#include "pipeline/job/objects.h"

#include <stdio.h>

const char *const object_names[OBJECTS] = {
	[OBJECT_TRAIN] = "train.parquet",
	[OBJECT_EVAL] = "eval.parquet",
	[OBJECT_REPORT] = "report.json",
	[OBJECT_MANIFEST] = "manifest.json",
};

void object_key(const char *dataset, const char *name, char key[OBJECT_KEY_BYTES])
{
	snprintf(key, OBJECT_KEY_BYTES, "datasets/%s/%s", dataset, name);
}
