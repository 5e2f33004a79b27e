/* The objects of a data set in the artifact store (spec 5.3), in the order of upload: the manifest last, because
 * it means "complete". They are removed in the opposite order, so that it never stands for files that are gone. */
#ifndef JOB_OBJECTS_H
#define JOB_OBJECTS_H

#define OBJECT_KEY_BYTES 512

enum { OBJECT_TRAIN, OBJECT_EVAL, OBJECT_REPORT, OBJECT_MANIFEST, OBJECTS };

extern const char *const object_names[OBJECTS];

/* `name` one of these, or "" for the prefix of all. */
void object_key(const char *dataset, const char *name, char key[OBJECT_KEY_BYTES]);

#endif
