/* Probe: jansson. */
#include <jansson.h>

int main(void)
{
	return json_object() == NULL;
}
