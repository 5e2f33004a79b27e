/* What `run` and `record` say at their end, on stderr. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "prof/record/outside.h"
#include "prof/record/record.h"

/* `name_store`: the next command needs --store. */
void summary_print(const char *store_path, int name_store, const struct record_result *result);
void summary_print_outside(const char *store_path, int name_store,
			   const struct outside_result *result);

#endif
