/* Probe: libcurl that signs for S3 (7.75 and later). */
#include <curl/curl.h>

int main(void)
{
	return CURLOPT_AWS_SIGV4 == 0 || curl_version() == 0;
}
