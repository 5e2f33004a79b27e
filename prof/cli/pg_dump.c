/* The stacks of a session's client, as the command dump shows them. */
#include <stdio.h>
#include <stdlib.h>

#include "prof/cli/dump.h"
#include "prof/cli/pg.h"
#include "prof/unwind/unwind.h"

int pg_dump_text(int pid, struct buf *out, struct err *err)
{
	struct snap_options o = {.max_frames = UNWIND_DEPTH_MAX};
	struct dump d = {0};
	char *text = NULL;
	size_t size = 0;
	FILE *to = NULL;
	int rc = dump_init(&d, 1, err);

	if (rc == 0 && (rc = dump_take(&d, &d.targets[0], pid, &o)) != 0)
		*err = d.targets[0].err;
	if (rc == 0)
		rc = dump_join(&d, err);
	if (rc == 0 && !(to = open_memstream(&text, &size)))
		rc = err_nomem(err, "the stacks of a process");
	if (rc == 0)
		rc = dump_text(to, &d, err);
	if (to && fclose(to) && rc == 0)
		rc = err_nomem(err, "the stacks of a process");
	if (rc == 0 && buf_put(out, text, size))
		rc = err_nomem(err, "the stacks of a process");
	free(text);
	dump_release(&d);
	return rc;
}
