/* Probe: libpq that tells the server's keepalives and pipelines (14 and later). */
#include <libpq-fe.h>

int main(void)
{
	return PQlibVersion() < 140000 || PQpingParams(0, 0, 0) == PQPING_OK;
}
