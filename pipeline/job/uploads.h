/* A journal of what a run may have put into the artifact store, so that a later run of the same data set
 * can clear what a killed one left behind, and nobody else's objects. It lies beside the staging folders,
 * one per source and data set name; who has reserved the name owns it. */
#ifndef JOB_UPLOADS_H
#define JOB_UPLOADS_H

#include "pipeline/core/digest.h"
#include "pipeline/output/artifact.h"
#include "pipeline/source/source.h"
#include "prof/base/err.h"

struct uploads {
	char *path; /* owned */
};

int uploads_open(struct uploads *u, const char *resume_dir, const struct source *source,
		 const char *name, struct err *err);
void uploads_close(struct uploads *u); /* keeps the file */
void uploads_end(struct uploads *u);   /* removes the file: nothing is left to clear */

/* Before an object is put: its key and the digest of its bytes. */
int uploads_note(const struct uploads *u, const char *key, const char sha[SHA256_HEX],
		 struct err *err);
/* 1: some run noted this key, and may not have got to its end. */
int uploads_noted(const struct uploads *u, const char *key);
/* 1: the object under this key holds bytes that were noted for it; 0: somebody else's. The bytes are
 * copied to `scratch`, which is removed again. */
int uploads_ours(const struct uploads *u, struct artifact_store *store, const char *key,
		 const char *scratch, struct err *err);

#endif
