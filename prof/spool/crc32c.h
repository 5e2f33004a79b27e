/* CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the CPU's instruction where it has one. Signal-safe
 * after the first call of crc32c_init(); before it the portable way is taken. */
#ifndef SPOOL_CRC32C_H
#define SPOOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

void crc32c_init(void);
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n); /* start with 0 */

#endif
