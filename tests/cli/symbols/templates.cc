// Templates, lambdas, namespaces, local classes, operators: C++ for tests/cli/74_symbols.sh.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shapes {
namespace {
int hidden(int x)
{
	return x * 7;
}
} // namespace

struct Base {
	virtual ~Base() = default;
	virtual double area() const = 0;
};

template <typename T, int N> class Box : public Base {
	T side_[N];

public:
	explicit Box(T s)
	{
		std::fill(side_, side_ + N, s);
	}
	double area() const override
	{
		double a = 1;
		for (auto s : side_)
			a *= static_cast<double>(s);
		return a;
	}
	Box operator+(const Box &o) const
	{
		return Box(side_[0] + o.side_[0]);
	}
};

template <typename... Args> auto total(Args... args)
{
	return (args + ... + 0);
}
} // namespace shapes

static int with_lambdas(std::vector<int> v)
{
	int sum = 0;
	auto add = [&sum](int x) { sum += x + shapes::hidden(x); };
	std::for_each(v.begin(), v.end(), add);
	std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
	struct Local {
		int n;
		__attribute__((noinline)) int twice() const
		{
			return n * 2;
		}
	};
	return sum + Local{v.empty() ? 0 : v[0]}.twice();
}

int main(int argc, char **)
{
	std::map<std::string, std::unique_ptr<shapes::Base>> all;
	all["a"] = std::make_unique<shapes::Box<int, 3>>(argc);
	all["b"] = std::make_unique<shapes::Box<double, 2>>(argc + 0.5);
	auto sum = shapes::Box<int, 3>(1) + shapes::Box<int, 3>(2);
	std::function<int(int)> f = [argc](int x) { return x + argc; };
	double a = sum.area();
	for (auto &p : all)
		a += p.second->area();
	return with_lambdas({argc, 2, 3}) + f(argc) + shapes::total(1, argc, 2.5) + a > 1e9;
}
