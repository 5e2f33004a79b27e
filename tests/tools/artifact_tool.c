/* The artifact store from the command line, for tests: artifact_tool [--retry S] [--stall S] put
 * KEY FILE | get KEY FILE | exists KEY | remove KEY | uri KEY | probe | create. Settings come from
 * the variables that the program itself uses. A failure prints "NAME: text" and exits with 1. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/output/artifact.h"

static void count_bytes(void *ctx, uint64_t bytes)
{
	*(uint64_t *)ctx += bytes;
}

static int put(struct artifact_store *s, char **args, struct err *err)
{
	uint64_t stored = 0;
	int rc = artifact_put(s, args[0], args[1], count_bytes, &stored, err);

	if (rc == 0)
		printf("stored %llu bytes\n", (unsigned long long)stored);
	return rc;
}

static int uri(struct artifact_store *s, const char *key, struct err *err)
{
	char *text = artifact_uri(s, key);

	if (!text)
		return err_nomem(err, "a URI");
	puts(text);
	free(text);
	return 0;
}

static int run(struct artifact_store *s, int n, char **args, struct err *err)
{
	int rc;

	if (n == 3 && strcmp(args[0], "put") == 0)
		return put(s, args + 1, err);
	if (n == 3 && strcmp(args[0], "get") == 0)
		return artifact_get(s, args[1], args[2], err);
	if (n == 2 && strcmp(args[0], "remove") == 0)
		return artifact_remove(s, args[1], err);
	if (n == 2 && strcmp(args[0], "uri") == 0)
		return uri(s, args[1], err);
	if (n == 1 && strcmp(args[0], "probe") == 0)
		return artifact_probe(s, 0, err);
	if (n == 1 && strcmp(args[0], "create") == 0)
		return artifact_probe(s, 1, err);
	if (n != 2 || strcmp(args[0], "exists") != 0)
		return err_set(err, ERR_ARG, "usage: artifact_tool COMMAND [KEY [FILE]]");
	rc = artifact_exists(s, args[1], err);
	if (rc >= 0)
		puts(rc ? "yes" : "no");
	return rc < 0 ? rc : 0;
}

static unsigned seconds(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct artifact_config config = {.backend = getenv("PROTEA_STORAGE_BACKEND"),
					 .root = getenv("PROTEA_STORAGE_ROOT"),
					 .endpoint = getenv("PROTEA_MINIO_ENDPOINT"),
					 .bucket = getenv("PROTEA_MINIO_BUCKET"),
					 .access_key = getenv("PROTEA_MINIO_ACCESS_KEY"),
					 .secret_key = getenv("PROTEA_MINIO_SECRET_KEY"),
					 .region = getenv("PROTEA_TEST_REGION")};
	struct artifact_store *s = NULL;
	struct err err = ERR_INIT;
	int at = 1, rc;

	for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
		if (strcmp(argv[at], "--retry") == 0)
			config.retry_s = seconds(argv[at + 1]);
		else if (strcmp(argv[at], "--stall") == 0)
			config.stall_s = seconds(argv[at + 1]);
	}
	cancel_install();
	rc = artifact_open(&s, &config, &err);
	if (rc == 0)
		rc = run(s, argc - at, argv + at, &err);
	artifact_close(s);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", err_name(rc), err.text);
	return rc != 0;
}
