/* Commands and shells: see gate_command.h. */
#include "prof/cli/gate_command.h"

#include <stdlib.h>
#include <string.h>

#include "prof/record/program.h"

#define BLANKS " \t\n"

/* Bytes that mean themselves to every shell. */
static int is_plain(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c >= 0x80 || (c && strchr("_-./,:+@%=^ \t", c));
}

/* Words only, and the first one no assignment. */
static int is_words(const char *text)
{
	size_t i, first;

	for (i = 0; text[i]; i++)
		if (!is_plain((unsigned char)text[i]))
			return 0;
	text += strspn(text, BLANKS);
	first = strcspn(text, BLANKS);
	return first && !memchr(text, '=', first);
}

static int put(struct gate_command *c, const char *word, size_t len)
{
	char **argv = realloc(c->argv, (c->n + 2) * sizeof *argv);

	if (!argv)
		return ERR_NOMEM;
	c->argv = argv;
	argv[c->n] = strndup(word, len);
	if (!argv[c->n])
		return ERR_NOMEM;
	argv[++c->n] = NULL;
	return 0;
}

static int split(struct gate_command *c, const char *text)
{
	int rc = 0;

	while (rc == 0 && *(text += strspn(text, BLANKS))) {
		size_t len = strcspn(text, BLANKS);

		rc = put(c, text, len);
		text += len;
	}
	return rc;
}

static int by_shell(struct gate_command *c, const char *text)
{
	int rc = put(c, "sh", 2);

	if (rc == 0)
		rc = put(c, "-c", 2);
	if (rc == 0)
		rc = put(c, text, strlen(text));
	c->by_shell = 1;
	return rc;
}

/* 1: the words are a program; 0: perhaps the shell knows; or why not. */
static int is_program(const struct gate_command *c, struct err *err)
{
	struct program program;
	struct err why = ERR_INIT;
	int rc = program_find(&program, c->argv[0], &why);

	if (rc == 0)
		return 1;
	if (!strchr(c->argv[0], '/'))
		return 0;
	return err_set(err, rc, "%s", why.text);
}

int gate_command_make(struct gate_command *c, const char *text, struct err *err)
{
	int rc = 0;

	memset(c, 0, sizeof *c);
	if (!text || !text[strspn(text, BLANKS)])
		return err_set(err, ERR_ARG, "an empty command cannot be compared");
	if (is_words(text)) {
		rc = split(c, text);
		if (rc == 0)
			rc = is_program(c, err);
		if (rc == 0) {
			gate_command_release(c);
			rc = by_shell(c, text);
		} else if (rc == 1) {
			rc = 0;
		}
	} else {
		rc = by_shell(c, text);
	}
	if (rc == ERR_NOMEM)
		err_nomem(err, "a command");
	if (rc)
		gate_command_release(c);
	return rc;
}

void gate_command_release(struct gate_command *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->argv[i]);
	free(c->argv);
	memset(c, 0, sizeof *c);
}
