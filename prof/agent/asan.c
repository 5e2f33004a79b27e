/* Programs built with gcc's address sanitizer refuse to start when any library comes before the sanitizer's:
 * a preloaded agent always does. Its wrappers call the next definition, which is the sanitizer's, so the
 * order does no harm; this is the sanitizer's own way to be told (asan_interface.h). A program that defines
 * it too wins. */
const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}
