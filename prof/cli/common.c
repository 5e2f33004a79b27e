/* What several commands need: where the store is, how failures are said, what the terminal is like. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/text.h"
#include "prof/model/profile.h"
#include "prof/record/record.h"
#include "prof/store/store.h"
#include "prof/store/write.h"

const char *cli_store_path(const char *option)
{
	const char *env = getenv("PROTEA_PROF_STORE");

	if (option)
		return option;
	return env && *env ? env : "protea-prof.sqlite";
}

int cli_fail(const struct err *err)
{
	char *text = text_valid(err->text, 1);

	log_error("%s", text ? text : "no memory");
	free(text);
	return err->code == ERR_ARG ? EXIT_USAGE : EXIT_FAIL;
}

static int count_run(void *ctx, int64_t run, const char *id, const char *spool_path)
{
	(void)run, (void)id, (void)spool_path;
	++*(int *)ctx;
	return 0;
}

int cli_open_store(struct store **out, const char *path, int writable, struct err *err)
{
	struct err ignored = ERR_INIT;
	int unfinished = 0, recovered = 0;
	int rc = store_open(out, path, STORE_READ, err);

	if (rc && err->sys == ENOENT)
		return err_set(err, rc,
			       "there is no store '%s': protea-prof run makes one, --store or "
			       "PROTEA_PROF_STORE names another",
			       path);
	if (rc)
		return rc;
	rc = store_unfinished(*out, count_run, &unfinished, err);
	if (rc) {
		store_close(*out);
		*out = NULL;
		return rc;
	}
	if (!unfinished && !writable)
		return 0;
	store_close(*out);
	*out = NULL;
	/* Runs that are still being recorded stay as they are. */
	if (unfinished && record_recover(path, &recovered, &ignored))
		log_warn("cannot complete what a run left behind: %s", ignored.text);
	if (recovered)
		log_info("completed %d run%s whose recorder had died", recovered,
			 recovered == 1 ? "" : "s");
	return store_open(out, path, writable ? STORE_WRITE : STORE_READ, err);
}

int cli_colour(void)
{
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
	const char *term = getenv("TERM");

	if (no && *no)
		return 0;
	if (force && *force && *force != '0')
		return 1;
	return isatty(STDOUT_FILENO) && !(term && term[0] == 'd' && term[1] == 'u');
}

int cli_columns(int fd)
{
	const char *env = getenv("COLUMNS");
	struct winsize size;
	long n;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	n = env ? strtol(env, NULL, 10) : 0;
	return n >= 40 && n <= 10000 ? (int)n : 100;
}

int cli_width(void)
{
	return cli_columns(STDOUT_FILENO);
}

const char *cli_default_kind(const struct profile *p)
{
	return strcmp(strtab_text(p->strings, p->run.mode), "wall") == 0 ? "wall" : "cpu";
}

int cli_choose(const char *cmd, const char *option, const char *text, const char *const *names,
	       int *value)
{
	struct buf all = BUF_INIT;
	int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			*value = i;
			buf_release(&all);
			return 0;
		}
		buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	}
	log_error("%s: --%s '%s': not one of %s; see protea-prof %s --help", cmd, option, text,
		  buf_str(&all), cmd);
	buf_release(&all);
	return -1;
}

static int add_label(const char *cmd, json_t *object, const char *label)
{
	const char *equals = strchr(label, '=');
	char *key;
	int rc;

	if (!equals || equals == label) {
		log_error("%s: --label '%s': write key=value", cmd, label);
		return -1;
	}
	key = strndup(label, (size_t)(equals - label));
	rc = key ? json_object_set_new(object, key, json_string(equals + 1)) : -1;
	if (rc)
		log_error("%s: --label '%s': not valid UTF-8", cmd, label);
	free(key);
	return rc;
}

char *cli_labels_json(const char *cmd, const struct opt_list *labels)
{
	json_t *object = json_object();
	char *text = NULL;
	size_t i;
	int rc = object ? 0 : -1;

	for (i = 0; rc == 0 && i < labels->n; i++)
		rc = add_label(cmd, object, labels->values[i]);
	if (rc == 0)
		text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(object);
	return text;
}
