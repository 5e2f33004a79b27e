/* Private to the artifact store: what a backend offers, and the one that may be missing. */
#ifndef OUTPUT_ARTIFACT_INTERNAL_H
#define OUTPUT_ARTIFACT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/artifact.h"

typedef void artifact_progress(void *ctx, uint64_t bytes);

/* Keys have been checked by artifact.c. */
struct artifact_ops {
	const char *name;
	void (*close)(void *self);
	int (*probe)(void *self, int create, struct err *err);
	int (*free_bytes)(void *self, uint64_t *bytes);
	char *(*uri)(const void *self, const char *key);
	int (*exists)(void *self, const char *key, struct err *err);
	int (*put)(void *self, const char *key, const char *file, artifact_progress *progress,
		   void *ctx, struct err *err);
	int (*remove)(void *self, const char *key, struct err *err);
	int (*get)(void *self, const char *key, const char *file, struct err *err);
};

extern const struct artifact_ops artifact_local_ops;
int artifact_local_open(void **out, const struct artifact_config *config, struct err *err);

#ifdef HAVE_CURL
extern const struct artifact_ops artifact_s3_ops;
int artifact_s3_open(void **out, const struct artifact_config *config, struct err *err);
#endif

#endif
