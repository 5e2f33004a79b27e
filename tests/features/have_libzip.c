/* Probe: libzip. */
#include <zip.h>

int main(void)
{
	return zip_libzip_version() == 0;
}
