/* What this build is: for manifests, `created_by` and --version. */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

/* Raised whenever the same input may give other values, so that staged work of an older program is
 * not resumed (spec 10.3). */
#define EXPORT_VALUE_VERSION 2

const char *version_text(void);    /* "0.1.0" */
const char *version_git_sha(void); /* 40 hex digits, NULL when built outside git */

#endif
