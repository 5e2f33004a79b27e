/* What this build is: see version.h. The Makefile passes both macros to this file alone. */
#include "pipeline/core/version.h"

#include <stddef.h>

#ifndef PROTEA_VERSION
#define PROTEA_VERSION "0.0.0"
#endif
#ifndef PROTEA_GIT_SHA
#define PROTEA_GIT_SHA ""
#endif

const char *version_text(void)
{
	return PROTEA_VERSION;
}

const char *version_git_sha(void)
{
	return sizeof PROTEA_GIT_SHA == 41 ? PROTEA_GIT_SHA : NULL;
}
