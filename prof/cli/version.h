/* Version and commit of this build. */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

extern const char *const prof_version; /* "0.1.0" */
extern const char *const prof_git_sha; /* "" when built outside a checkout */

#endif
