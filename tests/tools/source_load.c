/* Loads the embeddings of one configuration from any source and says how long it took: rows, dimension, wall and
 * CPU seconds of this process, SHA-256 over the float16 rows in order of accession. Arguments: source, id. */
#include <stdio.h>
#include <sys/resource.h>

#include "pipeline/core/digest.h"
#include "pipeline/pool/pool.h"
#include "pipeline/pool/proteins.h"
#include "pipeline/source/source.h"
#include "prof/base/clock.h"

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int load(const char *url, const char *config, struct err *err)
{
	const struct pool_options options = {0};
	struct proteins proteins = {0};
	struct pool pool = {0};
	struct source *s = NULL;
	char hex[SHA256_HEX] = "";
	double cpu = 0, wall = 0;
	int rc = source_open(&s, url, SOURCE_READ, err);

	if (rc == 0)
		rc = proteins_load(&proteins, s, err);
	if (rc == 0) {
		int64_t start = clock_mono_ns();

		cpu = cpu_s();
		rc = pool_load(&pool, s, config, &proteins, &options, err);
		cpu = cpu_s() - cpu;
		wall = (double)(clock_mono_ns() - start) / 1e9;
	}
	if (rc == 0)
		rc = sha256_hex(pool.values, (size_t)pool.n * pool.dim * 2, hex);
	if (rc == 0)
		printf("%u %zu %.3f %.3f %s\n", pool.n, pool.dim, wall, cpu, hex);
	pool_release(&pool);
	proteins_release(&proteins);
	source_close(s);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc != 3) {
		fprintf(stderr, "usage: source_load SOURCE CONFIGURATION\n");
		return 2;
	}
	if (load(argv[1], argv[2], &err) == 0)
		return 0;
	fprintf(stderr, "source_load: %s\n", err.text);
	return 1;
}
