/* Version and commit of this build: the only object that knows the commit. */
#include "prof/cli/version.h"

#ifndef PROTEA_GIT_SHA
#define PROTEA_GIT_SHA ""
#endif

const char *const prof_version = PROTEA_VERSION;
const char *const prof_git_sha = PROTEA_GIT_SHA;
