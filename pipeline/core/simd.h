/* Which vector instructions kernels may use: what the processor and its system offer, bounded by
 * PROTEA_SIMD (portable, avx2, avx512). Levels differ in speed alone: every kernel gives the bits of the
 * portable one. Thread-safe. */
#ifndef CORE_SIMD_H
#define CORE_SIMD_H

enum simd_level {
	SIMD_PORTABLE, /* any x86-64 */
	SIMD_AVX2,     /* with FMA */
	SIMD_AVX512,   /* F, BW, DQ, VL */
	SIMD_LEVELS
};

/* The widest level there is, however PROTEA_SIMD is set. */
enum simd_level simd_offered(void);
/* The one to use; an unknown word in PROTEA_SIMD counts as none. The variable is read at the first call,
 * so that asking costs nothing. */
enum simd_level simd_level(void);
/* Reads the variable again. */
enum simd_level simd_reread(void);

#endif
