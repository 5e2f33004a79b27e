/* Distinct values of one column chunk: 64-bit key -> index in order of first appearance. All memory
 * is taken once; the table starts small for each chunk and grows within it, so that columns of few
 * values stay in the first-level cache. Private to the Parquet writer; one thread. */
#ifndef OUTPUT_ENCODE_DICT_H
#define OUTPUT_ENCODE_DICT_H

#include <stddef.h>
#include <stdint.h>

struct encode_dict {
	uint64_t *keys;  /* owned; `cap` of them */
	uint32_t *slots; /* owned; index + 1, 0 empty */
	size_t mask;     /* slots in use - 1 */
	uint32_t count;
	uint32_t cap;
};

int encode_dict_init(struct encode_dict *d, uint32_t cap); /* 0 or ERR_NOMEM */
void encode_dict_release(struct encode_dict *d);
void encode_dict_clear(struct encode_dict *d);

#define ENCODE_DICT_FULL UINT32_MAX
/* Index of the key, old or new; ENCODE_DICT_FULL: new, but `limit` (<= cap) keys are there. */
uint32_t encode_dict_intern(struct encode_dict *d, uint64_t key, uint32_t limit);

#endif
