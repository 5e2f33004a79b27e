/* Any bytes as a Firefox profile: see import_fuzz.h. */
#include "tests/fuzz/import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_import(data, size, IMPORT_GECKO);
}
