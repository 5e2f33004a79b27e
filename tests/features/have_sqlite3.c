/* Probe: SQLite 3.34 or later. */
#include <sqlite3.h>

int main(void)
{
	return sqlite3_libversion_number() < 3034000;
}
