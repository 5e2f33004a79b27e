/* Code that arrives late: loads plugin.so (beside the program) ten times and closes it again.
 * Answer: all work is in the plugin: `plugin_inner` below `plugin_work` below `main`, and `plugin_start` below
 * `plugin_init` below ld.so's constructor call below dlopen below `main`; module plugin.so; about 1 : 1 with
 * SPIN_SCALE=0.1 in the environment and ten rounds.
 * build: -O2 -ldl */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "samples/programs/spin.h"

int main(int argc, char **argv)
{
	int i, k, rounds = (int)(20 * spin_scale(argc, argv));
	char path[4096];
	char *slash;

	snprintf(path, sizeof(path), "%s", argv[0]);
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, 64, "plugin.so");
	for (i = 0; i < 10; i++) {
		void *plugin = dlopen(path, RTLD_NOW);
		uint64_t (*work)(uint64_t);

		if (!plugin) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		*(void **)&work = dlsym(plugin, "plugin_work");
		for (k = 0; work && k < rounds; k++)
			spin_sink = work(spin_sink);
		dlclose(plugin);
	}
	return 0;
}
