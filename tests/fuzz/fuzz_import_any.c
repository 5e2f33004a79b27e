/* Any bytes as a profile of whatever format they seem to be of: see import_fuzz.h. */
#include "tests/fuzz/import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_import(data, size, -1);
}
