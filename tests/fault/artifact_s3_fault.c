/* Every allocation of our own in S3 requests fails once (libcurl's are its own affair): the call says
 * so and the next one works. A thread plays a server of one object, just enough to answer; the real
 * server is in tests/cli/40_s3.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#ifdef HAVE_CURL

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "pipeline/output/artifact.h"
#include "tests/fault/fault.h"

static const char content[] = "bytes of an artifact";
static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
static char dir[PATH_MAX], file[PATH_MAX + 16], back[PATH_MAX + 16], endpoint[64];
static char etag[MD5_HEX];
static int listener = -1;
static pthread_t server;

/* Reads a request's head and body; 0 at the end of the connection. No allocation here: the faults are
 * counted for the whole process. */
static int read_request(int fd, char head[4096])
{
	size_t n = 0, body = 0;
	char *end, *length;

	for (;;) {
		ssize_t got = read(fd, head + n, 4095 - n);

		if (got <= 0)
			return 0;
		n += (size_t)got;
		head[n] = '\0';
		end = strstr(head, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(head, "\r\ncontent-length:");
		body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		if (n >= (size_t)(end + 4 - head) + body)
			return 1;
		if (strcasestr(head, "\r\nexpect:") && write(fd, go_on, sizeof go_on - 1) < 0)
			return 0;
	}
}

static void answer(int fd, const char *head, int *stored)
{
	char text[512];
	int get = strncmp(head, "GET", 3) == 0, look = strncmp(head, "HEAD", 4) == 0;
	const char *status = "200 OK";
	size_t n = 0;

	if (strncmp(head, "PUT", 3) == 0)
		*stored = 1;
	if (strncmp(head, "DELETE", 6) == 0)
		*stored = 0;
	if ((get || look) && !*stored)
		status = "404 Not Found";
	else if (get || look)
		n = sizeof content - 1;
	snprintf(text, sizeof text, "HTTP/1.1 %s\r\nETag: \"%s\"\r\nContent-Length: %zu\r\n\r\n%s",
		 status, etag, n, get && n ? content : "");
	if (write(fd, text, strlen(text)) < 0)
		return;
}

static void *serve(void *arg)
{
	char head[4096];
	int stored = 0, fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read_request(fd, head))
			answer(fd, head, &stored);
		close(fd);
	}
	return arg;
}

static int start_server(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof at;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(listener, 4) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		return -1;
	snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", ntohs(at.sin_port));
	return pthread_create(&server, NULL, serve, NULL);
}

static int prepare(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/s3fault.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir) || md5_hex(content, sizeof content - 1, etag) != 0)
		return -1;
	snprintf(file, sizeof file, "%s/file", dir);
	snprintf(back, sizeof back, "%s/back", dir);
	if (fsio_write_file(file, content, sizeof content - 1, NULL) != 0)
		return -1;
	return start_server();
}

static int cleanup(void **state)
{
	(void)state;
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
	return fsio_remove_tree(dir, NULL);
}

static int live(struct artifact_store *s, struct err *err)
{
	int rc = artifact_exists(s, "a/b", err);

	if (rc == 0)
		rc = artifact_put(s, "a/b", file, NULL, NULL, err);
	if (rc == 0)
		rc = artifact_get(s, "a/b", back, err);
	if (rc == 0)
		rc = artifact_remove(s, "a/b", err);
	return rc;
}

static void requests_fail_cleanly_at_every_allocation(void **state)
{
	struct artifact_config config = {
		.backend = "minio", .access_key = "a", .secret_key = "s", .retry_s = 1};
	struct artifact_store *s;
	struct err err = ERR_INIT;
	size_t n;
	int rc;

	(void)state;
	config.endpoint = endpoint;
	assert_int_equal(artifact_open(&s, &config, &err), 0);
	for (n = 1;; n++) {
		fault_arm(n);
		rc = live(s, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(artifact_remove(s, "a/b", NULL), 0);
		fsio_remove(back);
	}
	fault_disarm();
	if (rc != 0)
		fail_msg("%s", err.text);
	assert_true(n > 10);
	artifact_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_fail_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, prepare, cleanup);
}

#else

static void built_without_libcurl(void **state)
{
	(void)state;
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(built_without_libcurl)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
