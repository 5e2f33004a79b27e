/* What is written down about a run before it begins: ids, command line, machine. */
#ifndef RECORD_ABOUT_H
#define RECORD_ABOUT_H

#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/spool/format.h"
#include "prof/store/write.h"

#define ABOUT_UUID 37

struct about {
	char id[ABOUT_UUID];
	char host[256], kernel[256], cpu_model[256];
	struct buf argv_json, command;
	uint32_t ncpu;
};

/* `argv` NULL: not known (ids and machine only). 0, ERR_NOMEM, ERR_IO. */
int about_init(struct about *a, char *const *argv, struct err *err);
void about_release(struct about *a);
/* Points the fields of `run` that it knows at its texts, and says how memory is tracked. */
void about_fill(const struct about *a, const struct spool_session *session, struct store_run *run);

#endif
