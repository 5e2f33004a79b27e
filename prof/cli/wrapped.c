/* Breaking sentences at blanks: see wrapped.h. Columns are characters. */
#include "prof/cli/wrapped.h"

#include <stdlib.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/text.h"

#define ROOM_LEAST 24

/* Bytes of the words that fit; at least one word. */
static size_t fitting(const char *text, int room)
{
	size_t i, last = 0;
	int columns = 0;

	for (i = 0; text[i]; i++) {
		if ((text[i] & 0xc0) == 0x80)
			continue;
		if (text[i] == ' ' && columns <= room)
			last = i;
		if (columns >= room && last)
			return last;
		if (text[i] == ' ' && columns > room)
			return i;
		columns++;
	}
	return i;
}

void wrapped_print(FILE *out, const char *text, int at, int indent)
{
	int room = cli_width() - at;

	for (;;) {
		size_t n = fitting(text, room > ROOM_LEAST ? room : ROOM_LEAST);
		char *part = strndup(text, n);

		text_print(out, part ? part : "", 0, 0);
		putc('\n', out);
		free(part);
		text += n;
		if (!*text)
			return;
		text += *text == ' ';
		fprintf(out, "%*s", indent, "");
		room = cli_width() - indent;
	}
}
