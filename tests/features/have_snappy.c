/* Probe: snappy with its C interface. */
#include <snappy-c.h>

int main(void)
{
	return snappy_max_compressed_length(1) == 0;
}
