/* Probe: ncurses with wide characters. */
#include <ncurses.h>
#include <term.h>

int main(void)
{
	int why;

	return newterm("dumb", NULL, NULL) != NULL && setupterm("dumb", 1, &why) == ERR;
}
