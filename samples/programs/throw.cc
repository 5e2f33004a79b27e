// C++: exceptions through frames with destructors, templates, lambdas, a namespace, an operator.
// Answer: all work below `geo::Shape<int>::area() const`, half of it reached from `main`'s try block by a lambda,
// half from the handler of an exception thrown six calls deep; names are demangled.
// build: -O2
#include <cstdio>
#include <functional>
#include <stdexcept>

#include "samples/programs/spin.h"

namespace geo
{
template <typename T> struct Shape {
	T side;

	__attribute__((noinline)) uint64_t area() const
	{
		return spin_body(SPIN_UNIT, static_cast<uint64_t>(side));
	}
};
} // namespace geo

struct Guard {
	int depth;
	~Guard()
	{
		spin_sink = spin_sink + static_cast<uint64_t>(depth);
	}
};

static __attribute__((noinline)) void deep(int n)
{
	Guard guard{n};

	if (n == 0)
		throw std::runtime_error("bottom");
	deep(n - 1);
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	int rounds = static_cast<int>(800 * spin_scale(argc, argv)), caught = 0;
	geo::Shape<int> shape{3};
	std::function<uint64_t()> call = [&shape] { return shape.area() + 1; };

	for (int i = 0; i < rounds; i++) {
		try {
			spin_sink = call();
			deep(6);
		} catch (const std::runtime_error &) {
			spin_sink = shape.area();
			caught++;
		}
	}
	return caught == rounds ? 0 : 1;
}
