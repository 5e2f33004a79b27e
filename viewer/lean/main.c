/* lean < FILE.js: writes it to stdout, small. See lean.h. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/lean/lean.h"

static char *read_all(FILE *in, size_t *len)
{
	size_t cap = 65536, n;
	char *text = malloc(cap + 1);

	*len = 0;
	while (text && (n = fread(text + *len, 1, cap - *len, in)) > 0) {
		*len += n;
		if (*len == cap) {
			char *more = realloc(text, 2 * cap + 1);

			if (!more)
				free(text);
			text = more;
			cap *= 2;
		}
	}
	if (!text || ferror(in)) {
		fprintf(stderr, "lean: cannot read\n");
		exit(1);
	}
	text[*len] = '\0';
	return text;
}

static int is_word(int c)
{
	return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

/* What must stand between two tokens: nothing, a blank where they would become one, a line's end where the
 * language might have put a semicolon. */
static void put_between(int before, const struct token *t)
{
	int c = (unsigned char)*t->text;

	if (t->line_before && before && !strchr("{;,(=[&|?:+-*<>!.", before) &&
	    !strchr(".)]};,?:&|+*=<>", c))
		putchar('\n');
	else if ((is_word(before) && is_word(c)) ||
		 ((before == '+' || before == '-') && c == before) || (before == '/' && c == '/'))
		putchar(' ');
}

static void put_token(const struct token *t, char **names)
{
	if (t->shorthand)
		printf("%.*s:", (int)t->len, t->text);
	if (t->name >= 0)
		fputs(names[t->name], stdout);
	else
		fwrite(t->text, 1, t->len, stdout);
}

int main(void)
{
	struct tokens t;
	size_t len, i;
	char *text = read_all(stdin, &len), **names;
	int n, before = 0, k;

	tokens_read(&t, text, len);
	n = names_find(&t);
	names = names_short(&t, n);
	for (i = 0; i + 1 < t.n; i++) {
		put_between(before, &t.at[i]);
		put_token(&t.at[i], names);
		before = (unsigned char)t.at[i].text[t.at[i].len - 1];
	}
	putchar('\n');
	for (k = 0; k < n; k++)
		free(names[k]);
	free(names);
	free(t.at);
	free(text);
	return fflush(stdout) == 0 ? 0 : 1;
}
