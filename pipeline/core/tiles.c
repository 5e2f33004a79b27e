/* Asking for AMX: see tiles.h. An emulator that does not know AMX (valgrind) reports a processor
 * without it, so that nothing is asked there. */
#include "pipeline/core/tiles.h"

#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CPUID_1_ECX_OSXSAVE  (1u << 27)
#define CPUID_7_EDX_AMX_BF16 (1u << 22)
#define CPUID_7_EDX_AMX_TILE (1u << 24)
#define CPUID_7_EDX_AMX_INT8 (1u << 25)
#define XCR0_TILE_STATES     (3u << 17) /* configuration and data */
#define ARCH_REQ_XCOMP_PERM  0x1023
#define XFEATURE_TILE_DATA   18

static uint32_t system_states(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static int processor_has_tiles(void)
{
	const unsigned want = CPUID_7_EDX_AMX_BF16 | CPUID_7_EDX_AMX_TILE | CPUID_7_EDX_AMX_INT8;
	unsigned a = 0, b = 0, c = 0, d = 0;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_1_ECX_OSXSAVE))
		return 0;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & want) != want)
		return 0;
	return (system_states() & XCR0_TILE_STATES) == XCR0_TILE_STATES;
}

/* Racing threads ask twice and get the same answer. */
int tiles_allowed(void)
{
	static int kept; /* 0 not asked, 1 no, 2 yes */
	int answer = __atomic_load_n(&kept, __ATOMIC_RELAXED);

	if (!answer) {
		answer = 1 + (processor_has_tiles() && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM,
							       XFEATURE_TILE_DATA) == 0);
		__atomic_store_n(&kept, answer, __ATOMIC_RELAXED);
	}
	return answer == 2;
}
