/* The few answers of an S3 server that are XML: error documents, upload ids. Finds the text of an
 * element anywhere in a document by its local name; never trusts the document. Pure functions. */
#ifndef OUTPUT_ARTIFACT_S3_XML_H
#define OUTPUT_ARTIFACT_S3_XML_H

#include <stddef.h>

/* Text of the first element `tag`, entities resolved, bytes that are not printable ASCII as '?',
 * cut to fit and NUL-terminated. 1: found whole, 0: absent (out is ""), -1: cut. */
int s3xml_text(const char *bytes, size_t n, const char *tag, char *out, size_t size);
/* Is the outermost element called `tag`? */
int s3xml_root_is(const char *bytes, size_t n, const char *tag);

#endif
