/* Any bytes as a job file: read whole, or refused with its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/jobfile.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	char path[SCRATCH_PATH];
	struct jobfile j;
	int rc;

	scratch_write(path, "job.json", data, size);
	rc = jobfile_read(&j, path, &err);
	if (rc > 0 || (rc < 0 && !strstr(err.text, "job.json")))
		abort();
	if (rc == 0 &&
	    (strcmp(j.base_dir, scratch_folder()) != 0 || !json_is_object(j.payload) ||
	     (j.environment && !json_is_object(j.environment)) || !strchr(j.source_url, ':') ||
	     (strcmp(j.operation, OPERATION_GRID) == 0) != (j.cells != NULL)))
		abort();
	jobfile_release(&j);
	return 0;
}
