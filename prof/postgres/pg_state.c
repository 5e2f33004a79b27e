/* SQLSTATEs: how they travel in a struct err, which code each becomes, which pass by themselves. */
#include "prof/postgres/pg_int.h"

#include <string.h>

#define LETTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define N_CHARS 5

/* Base 36, negative, so that it is no errno; 0 for what is no SQLSTATE. */
int pg_state_pack(const char *five)
{
	int value = 0;

	if (!five || strlen(five) != N_CHARS)
		return 0;
	for (int i = 0; i < N_CHARS; i++) {
		const char *at = strchr(LETTERS, five[i]);

		if (!at)
			return 0;
		value = value * 36 + (int)(at - LETTERS);
	}
	return -1 - value;
}

const char *pg_sqlstate(const struct err *err, char out[PG_SQLSTATE_TEXT])
{
	int value = err ? -1 - err->sys : -1;

	out[0] = '\0';
	if (value < 0 || err->sys >= 0)
		return out;
	out[N_CHARS] = '\0';
	for (int i = N_CHARS - 1; i >= 0; i--) {
		out[i] = LETTERS[value % 36];
		value /= 36;
	}
	return out;
}

int pg_sqlstate_is(const struct err *err, const char *five)
{
	char text[PG_SQLSTATE_TEXT];

	pg_sqlstate(err, text);
	return *text && strncmp(text, five, strlen(five)) == 0;
}

int pg_is_transient(const struct err *err)
{
	static const char *const passing[] = {"08",    "40001", "40P01", "53300",
					      "55P03", "57P01", "57P02", "57P03"};

	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
		if (pg_sqlstate_is(err, passing[i]))
			return 1;
	return 0;
}

static const struct {
	const char *state; /* beginning */
	int code;
} codes[] = {
	{"08", ERR_NETWORK},     {"57P01", ERR_NETWORK},  {"57P02", ERR_NETWORK},
	{"57P03", ERR_NETWORK},  {"57P05", ERR_NETWORK},  {"28", ERR_DENIED},
	{"42501", ERR_DENIED},   {"3D000", ERR_NOTFOUND}, {"3F000", ERR_NOTFOUND},
	{"42P01", ERR_NOTFOUND}, {"42703", ERR_NOTFOUND}, {"42704", ERR_NOTFOUND},
	{"42883", ERR_NOTFOUND}, {"23505", ERR_EXISTS},   {"42P04", ERR_EXISTS},
	{"42P06", ERR_EXISTS},   {"42P07", ERR_EXISTS},   {"42710", ERR_EXISTS},
	{"53", ERR_LIMIT},       {"54", ERR_LIMIT},       {"0A", ERR_UNSUPPORTED},
	{"22021", ERR_FORMAT},   {"22P05", ERR_FORMAT},   {"22P03", ERR_FORMAT},
};

int pg_code_of(const char *sqlstate)
{
	for (size_t i = 0; sqlstate && i < sizeof codes / sizeof codes[0]; i++)
		if (strncmp(sqlstate, codes[i].state, strlen(codes[i].state)) == 0)
			return codes[i].code;
	return ERR_DATABASE;
}
