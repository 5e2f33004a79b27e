/* A walk over well-formed JSON that only knows where values begin and end. */
#include "prof/analyze/json_place.h"

#include <jansson.h>
#include <string.h>

size_t json_place_skip(const char *text, size_t n, size_t at)
{
	while (at < n &&
	       (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
		at++;
	return at;
}

size_t json_place_line(const char *text, size_t at)
{
	size_t line = 1, i;

	for (i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* Behind the string that begins at `at`. */
static size_t end_of_string(const char *text, size_t n, size_t at)
{
	for (at++; at < n && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < n ? at + 1 : n;
}

/* Behind the value that begins at `at`, however deep it is. */
size_t json_place_end(const char *text, size_t n, size_t at)
{
	size_t depth = 0;

	do {
		if (at >= n)
			return n;
		if (text[at] == '"') {
			at = end_of_string(text, n, at);
		} else if (text[at] == '{' || text[at] == '[') {
			depth++;
			at++;
		} else if (text[at] == '}' || text[at] == ']') {
			if (depth == 0)
				return at;
			depth--;
			at++;
		} else if (depth > 0) {
			at++;
		} else { /* a number or a word */
			while (at < n && !memchr(",]} \t\r\n", text[at], 7))
				at++;
		}
	} while (depth > 0);
	return at;
}

/* Is the string there, escapes undone, that key? */
static int is_key(const char *text, size_t begin, size_t end, const char *key)
{
	json_t *string;
	int same;

	if (!memchr(text + begin, '\\', end - begin))
		return end - begin == strlen(key) + 2 &&
		       memcmp(text + begin + 1, key, end - begin - 2) == 0;
	string = json_loadb(text + begin, end - begin, JSON_DECODE_ANY, NULL);
	same = string && json_is_string(string) && strcmp(json_string_value(string), key) == 0;
	json_decref(string);
	return same;
}

/* The step's value in the object or array that begins at `at`. */
static int step_into(const char *text, size_t n, size_t at, const struct json_step *step,
		     struct json_place *place)
{
	size_t index = 0;
	int object;

	if (at >= n || (text[at] != '{' && text[at] != '['))
		return 0;
	object = text[at] == '{';
	at = json_place_skip(text, n, at + 1);
	while (at < n && text[at] != '}' && text[at] != ']') {
		size_t key = at, key_end = at, begin, end;

		if (object) {
			key_end = end_of_string(text, n, key);
			at = json_place_skip(text, n, json_place_skip(text, n, key_end) + 1);
		}
		begin = at;
		end = json_place_end(text, n, begin);
		if (object ? step->key && is_key(text, key, key_end, step->key)
			   : !step->key && index == step->index) {
			*place = (struct json_place){key, begin, end, 0};
			return 1;
		}
		index++;
		at = json_place_skip(text, n, end);
		if (at < n && text[at] == ',')
			at = json_place_skip(text, n, at + 1);
		else if (end == begin)
			return 0;
	}
	return 0;
}

int json_place_find(const char *text, size_t n, const struct json_step *steps, size_t n_steps,
		    struct json_place *place)
{
	size_t begin = json_place_skip(text, n, 0), i;

	*place = (struct json_place){begin, begin, json_place_end(text, n, begin), 0};
	for (i = 0; i < n_steps; i++)
		if (!step_into(text, n, place->begin, &steps[i], place))
			return 0;
	place->line = json_place_line(text, place->key);
	return 1;
}
