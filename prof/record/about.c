/* Ids, command line and machine of a run: see about.h. */
#include "prof/record/about.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "prof/heap/format.h"
#include "prof/record/jsontext.h"
#include "prof/attach/procmaps.h"

/* RFC 4122, version 4. */
static int make_uuid(char out[ABOUT_UUID])
{
	uint8_t b[16];
	size_t at = 0;

	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		return -1;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		snprintf(out + at, 3, "%02x", b[i]);
		at += 2;
	}
	return 0;
}

static void read_cpu_model(char *out, size_t size)
{
	char text[4096], *p;

	out[0] = '\0';
	if (procfile_read(text, sizeof text, "/proc/cpuinfo") <= 0)
		return;
	p = strstr(text, "model name");
	p = p ? strchr(p, ':') : NULL;
	if (!p)
		return;
	p += 1 + strspn(p + 1, " \t");
	p[strcspn(p, "\n")] = '\0';
	snprintf(out, size, "%s", p);
}

static void put_argv(struct about *a, char *const *argv)
{
	buf_putc(&a->argv_json, '[');
	for (size_t i = 0; argv[i]; i++) {
		buf_puts(&a->argv_json, i ? ", " : "");
		json_put_text(&a->argv_json, argv[i], strlen(argv[i]));
		buf_puts(&a->command, i ? " " : "");
		buf_puts(&a->command, argv[i]);
	}
	buf_putc(&a->argv_json, ']');
}

int about_init(struct about *a, char *const *argv, struct err *err)
{
	struct utsname uts;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	memset(a, 0, sizeof *a);
	buf_init(&a->argv_json, BUF_NO_LIMIT);
	buf_init(&a->command, BUF_NO_LIMIT);
	if (make_uuid(a->id))
		return err_sys(err, ERR_IO, "cannot make a run id");
	if (uname(&uts) == 0) {
		snprintf(a->host, sizeof a->host, "%s", uts.nodename);
		snprintf(a->kernel, sizeof a->kernel, "%s %s", uts.sysname, uts.release);
	}
	read_cpu_model(a->cpu_model, sizeof a->cpu_model);
	a->ncpu = n > 0 ? (uint32_t)n : 1;
	if (argv)
		put_argv(a, argv);
	if (buf_failed(&a->argv_json) || buf_failed(&a->command)) {
		about_release(a);
		return err_nomem(err, "the command line");
	}
	return 0;
}

void about_release(struct about *a)
{
	buf_release(&a->argv_json);
	buf_release(&a->command);
}

/* A session says 0 for what is usual. */
#define USUAL_RATE_BYTES (512u << 10)

static void fill_memory(const struct spool_session *session, struct store_run *run)
{
	static const char *const names[] = {
		[HEAP_OFF] = "off", [HEAP_SAMPLED] = "sampled", [HEAP_FULL] = "full"};

	if (session->memory_mode > HEAP_FULL)
		return;
	run->memory = names[session->memory_mode];
	if (session->memory_mode == HEAP_OFF)
		return;
	run->memory_temporary = session->memory_temporary ? session->memory_temporary : 1;
	if (session->memory_mode == HEAP_SAMPLED)
		run->memory_rate_bytes =
			session->memory_rate_bytes ? session->memory_rate_bytes : USUAL_RATE_BYTES;
}

void about_fill(const struct about *a, const struct spool_session *session, struct store_run *run)
{
	fill_memory(session, run);
	run->id = a->id;
	run->host = a->host;
	run->kernel = a->kernel;
	run->cpu_model = a->cpu_model;
	run->ncpu = a->ncpu;
	if (a->argv_json.len) {
		run->argv_json = buf_str(&a->argv_json);
		run->command = buf_str(&a->command);
	}
}
