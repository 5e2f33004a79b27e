/* A C program that loads a C++ plugin for itself alone, runs it, lets it go. mem_host SUMS PLUGIN [global] */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	static char buffer[BUFSIZ];
	int (*run)(const char *), rc;
	void *plugin;

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (argc < 3)
		return 2;
	plugin = dlopen(argv[2], RTLD_NOW | (argc > 3 ? RTLD_GLOBAL : RTLD_LOCAL));
	if (!plugin)
		return fprintf(stderr, "%s\n", dlerror()), 2;
	*(void **)&run = dlsym(plugin, "plugin_run");
	rc = run ? run(argv[1]) : 2;
	if (dlclose(plugin))
		return 2;
	printf("host done, nothing to complain of %d\n", dlerror() == NULL);
	return rc;
}
