/* `protea-export bundle create|load|schema|info|check|anc2vec`. */
#ifndef CLI_CMD_BUNDLE_H
#define CLI_CMD_BUNDLE_H

#include "prof/base/err.h"

/* argv[0] is "bundle". Exit codes: 0 done, 1 failed (check: the bundle has errors), 2 usage. */
int cmd_bundle(int argc, char **argv);

/* Its parts, each a file of its own; argv[0] is the part's name. */
int cmd_bundle_create(int argc, char **argv);
int cmd_bundle_anc2vec(int argc, char **argv);
int cmd_bundle_load(int argc, char **argv);
int cmd_bundle_schema(int argc, char **argv);
/* create --from URL is another program than create from files. */
int cmd_bundle_is_from(int argc, char **argv);
int cmd_bundle_from(int argc, char **argv);

/* What was printed must have reached its file: a full disk or a reader that went is a failure. */
int cmd_bundle_flush(struct err *err);

#endif
