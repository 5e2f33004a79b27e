/* The compound arguments of `bundle create`: see create.h. Thread-safe. */
#include "pipeline/bundle/create.h"

#include <stdlib.h>
#include <string.h>

/* A whole number that ends the text or is followed by `stop`; -1 otherwise. */
static int64_t whole_number(const char *text, char stop)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || (text[digits] && text[digits] != stop))
		return -1;
	return strtoll(text, NULL, 10);
}

int create_parse_obo(char *text, struct create_obo *out, struct err *err)
{
	char *sep = strrchr(text, '=');

	*out = (struct create_obo){.path = text};
	if (sep && uuid_normalise(sep + 1, out->id) == 0)
		*sep = '\0';
	else
		out->id[0] = '\0'; /* the equals sign belongs to the file's name */
	if (!*text)
		return err_set(err, ERR_ARG, "--obo needs the name of a file");
	return 0;
}

int create_parse_gaf(char *text, struct create_gaf *out, struct err *err)
{
	char *at = strrchr(text, '@');
	char *colon;

	*out = (struct create_gaf){.path = text, .version = -1};
	if (at && whole_number(at + 1, ':') >= 0) {
		*at = '\0';
		out->version = whole_number(at + 1, ':');
		colon = strchr(at + 1, ':');
		if (colon && !colon[1])
			return err_set(err, ERR_ARG,
				       "--gaf '%s@%s' lacks the ontology version after ':'", text,
				       at + 1);
		if (colon)
			out->obo_version = colon + 1;
	}
	if (!*text)
		return err_set(err, ERR_ARG, "--gaf needs the name of a file");
	return 0;
}

/* The colon between "F.npy" and "ACCESSIONS". */
static char *accessions_colon(char *path)
{
	char *found = strstr(path, ".npy:");

	return found ? found + 4 : NULL;
}

int create_parse_embeddings(char *text, struct create_embeddings *out, struct err *err)
{
	char *sep = strchr(text, '=');
	char *colon;

	if (!sep || sep == text || !sep[1])
		return err_set(err, ERR_ARG,
			       "--embeddings takes NAME=F.npy or NAME=F.npy:ACCESSIONS, not '%s'",
			       text);
	*sep = '\0';
	*out = (struct create_embeddings){.name = text, .path = sep + 1};
	colon = accessions_colon(sep + 1);
	if (!colon)
		return 0;
	if (!colon[1])
		return err_set(err, ERR_ARG, "--embeddings %s=%s lacks the list after ':'", text,
			       sep + 1);
	*colon = '\0';
	out->accessions = colon + 1;
	return 0;
}

int create_parse_config(char *text, struct create_config *out, struct err *err)
{
	char *sep = strrchr(text, '=');

	if (!sep || sep == text || uuid_normalise(sep + 1, out->id) < 0)
		return err_set(err, ERR_ARG, "--config takes NAME=UUID, not '%s'", text);
	*sep = '\0';
	out->name = text;
	return 0;
}

int create_parse_pair(char *text, struct create_pair *out, struct err *err)
{
	char *colon = strchr(text, ':');

	out->old_version = whole_number(text, ':');
	out->new_version = colon ? whole_number(colon + 1, '\0') : -1;
	if (out->old_version < 0 || out->new_version < 0)
		return err_set(err, ERR_ARG,
			       "--evaluation takes OLD:NEW, two release numbers, not '%s'", text);
	if (out->old_version >= out->new_version)
		return err_set(err, ERR_ARG,
			       "--evaluation %s: the old release must be the smaller one", text);
	return 0;
}

int create_parse_note(char *text, struct create_note *out, struct err *err)
{
	char *sep = strchr(text, '=');

	if (!sep || sep == text)
		return err_set(err, ERR_ARG, "--note takes KEY=VALUE, not '%s'", text);
	*sep = '\0';
	*out = (struct create_note){.key = text, .value = sep + 1};
	return 0;
}
