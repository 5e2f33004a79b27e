/* A chain of 40 functions built without frame pointers and with big locals, so that only CFI can walk it.
 * Answer: all samples in `bottom`, each stack has main, f39 … f0 (as `chain` with 40 levels), bottom; root
 * reached always.
 * build: -O2 -fomit-frame-pointer */
#include "samples/programs/spin.h"

static __attribute__((noinline)) uint64_t bottom(uint64_t x)
{
	return spin_body(SPIN_UNIT, x);
}

#define LEVEL(n, next, bytes)                                                                      \
	static __attribute__((noinline)) uint64_t f##n(uint64_t x)                                 \
	{                                                                                          \
		volatile unsigned char local[bytes];                                               \
                                                                                                   \
		local[x % (bytes)] = (unsigned char)x;                                             \
		x = next(x) + local[x % (bytes)];                                                  \
		return x ^ (bytes);                                                                \
	}

LEVEL(0, bottom, 16)
LEVEL(1, f0, 8)
LEVEL(2, f1, 24)
LEVEL(3, f2, 200)
LEVEL(4, f3, 40)
LEVEL(5, f4, 4000)
LEVEL(6, f5, 72)
LEVEL(7, f6, 88)
LEVEL(8, f7, 104)
LEVEL(9, f8, 8)
LEVEL(10, f9, 136)
LEVEL(11, f10, 8)
LEVEL(12, f11, 168)
LEVEL(13, f12, 1000)
LEVEL(14, f13, 8)
LEVEL(15, f14, 24)
LEVEL(16, f15, 40)
LEVEL(17, f16, 8)
LEVEL(18, f17, 72)
LEVEL(19, f18, 9000)
LEVEL(20, f19, 8)
LEVEL(21, f20, 24)
LEVEL(22, f21, 40)
LEVEL(23, f22, 8)
LEVEL(24, f23, 72)
LEVEL(25, f24, 88)
LEVEL(26, f25, 8)
LEVEL(27, f26, 24)
LEVEL(28, f27, 40)
LEVEL(29, f28, 8)
LEVEL(30, f29, 72)
LEVEL(31, f30, 88)
LEVEL(32, f31, 8)
LEVEL(33, f32, 24)
LEVEL(34, f33, 40)
LEVEL(35, f34, 8)
LEVEL(36, f35, 72)
LEVEL(37, f36, 88)
LEVEL(38, f37, 8)
LEVEL(39, f38, 24)

int main(int argc, char **argv)
{
	int i, rounds = (int)(1500 * spin_scale(argc, argv));

	for (i = 0; i < rounds; i++)
		spin_sink = f39(spin_sink);
	return 0;
}
