/* Probe: OpenSSL with SHA-256. */
#include <openssl/evp.h>

int main(void)
{
	return EVP_sha256() == 0;
}
