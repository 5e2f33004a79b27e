/* Names that fix identifiers: UUIDs derived from texts, so that the same input always gives the same bundle and a job file can
 * name rows before they exist. Thread-safe. */
#ifndef BUNDLE_IDS_H
#define BUNDLE_IDS_H

#include "pipeline/core/text.h"
#include "prof/base/err.h"

/* A version-8 UUID (RFC 9562) of the SHA-256 of "protea-bundle", `kind` and `name`. 0 or a negative
 * code of the digest. */
int bundle_uuid(const char *kind, const char *name, char out[UUID_TEXT], struct err *err);

#endif
