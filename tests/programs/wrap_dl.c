/* Loads libraries in ways that depend on who asks: by name through the RUNPATH of the library that asks, by
 * $ORIGIN, in a namespace of its own. One source for all: MAIN loads outer.so, OUTER loads inner.so by
 * name. Prints what was found. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#if defined(INNER)
int inner_work(int n)
{
	volatile int x = 0;

	for (int i = 0; i < n; i++)
		x += i;
	return x != 0;
}
#elif defined(OUTER)
int outer_work(int n)
{
	void *h = dlopen("inner.so", RTLD_NOW);
	int (*fn)(int);
	struct link_map *map;
	int rc = -1;

	if (!h)
		return -2;
	fn = (int (*)(int))dlsym(h, "inner_work");
	if (fn && dlinfo(h, RTLD_DI_LINKMAP, &map) == 0) {
		rc = fn(n);
		printf("inner from %s\n", strrchr(map->l_name, '/') - 4);
	}
	dlclose(h);
	return rc;
}
#else
int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	char path[4096];

	for (int i = 0; i < 20; i++) {
		void *h, *n;
		int (*fn)(int);

		snprintf(path, sizeof path, "%s/outer.so", dir);
		h = dlopen(path, RTLD_NOW);
		if (!h) {
			printf("no outer: %s\n", dlerror());
			return 1;
		}
		fn = (int (*)(int))dlsym(h, "outer_work");
		printf("work %d\n", fn ? fn(10000000) : -3);
		printf("here %d\n", dlopen("inner.so", RTLD_NOW) != NULL);
		n = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
		printf("namespace %d\n", n != NULL);
		if (n)
			printf("closed %d\n", dlclose(n));
		printf("closed %d\n", dlclose(h));
	}
	return 0;
}
#endif
