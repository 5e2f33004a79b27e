/* The scanner for S3's XML answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/output/artifact_s3_xml.h"

static void expect(const char *xml, const char *tag, int found, const char *text)
{
	char out[64];

	assert_int_equal(s3xml_text(xml, strlen(xml), tag, out, sizeof out), found);
	assert_string_equal(out, text);
}

static void texts_are_found_by_local_name(void **state)
{
	(void)state;
	expect("<Error><Code>NoSuchKey</Code><Message>It is not</Message></Error>", "Code", 1,
	       "NoSuchKey");
	expect("<?xml version='1.0'?>\n<a:R xmlns:a='x'><a:UploadId >id/1+2=</a:UploadId></a:R>",
	       "UploadId", 1, "id/1+2=");
	expect("<R><Code/></R>", "Code", 1, "");
	expect("<R><Code></Code></R>", "Code", 1, "");
	expect("<R><Codes>x</Codes><xCode>y</xCode></R>", "Code", 0, "");
	expect("", "Code", 0, "");
}

static void what_only_looks_like_an_element_is_passed_over(void **state)
{
	(void)state;
	expect("<!-- <Code>no</Code> --><R><![CDATA[<Code>no</Code>]]><Code>yes</Code></R>", "Code",
	       1, "yes");
	expect("<R a='<Code>no</Code>' b=\"/>\"><Code>yes</Code></R>", "Code", 1, "yes");
	expect("<?pi <Code>no</Code>?><!DOCTYPE x><Code>yes</Code>", "Code", 1, "yes");
}

static void entities_and_foreign_bytes(void **state)
{
	(void)state;
	expect("<M>&lt;a&gt; &amp;amp; &quot;&apos;&#65;&#x42;&#x7e;</M>", "M", 1,
	       "<a> &amp; \"'AB~");
	expect("<M>&nope; &#; &#x; &#99999999; &</M>", "M", 1, "&nope; &#; &#x; &#99999999; &");
	expect("<M>a\x01"
	       "b\xc3\xa4 &#10;&#0;c\n</M>",
	       "M", 1, "a?b??  ?c ");
	expect("<M>x<![CDATA[<&y>]]>z</M>", "M", 1, "x<&y>z");
}

static void texts_are_cut_to_fit(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(s3xml_text("<M>abc</M>", 10, "M", out, sizeof out), 1);
	assert_string_equal(out, "abc");
	assert_int_equal(s3xml_text("<M>abcd</M>", 11, "M", out, sizeof out), -1);
	assert_string_equal(out, "abc");
	assert_int_equal(s3xml_text("<M>", 3, "M", out, sizeof out), 1);
	assert_int_equal(s3xml_text("<M>ab", 5, "M", out, sizeof out), 1);
	assert_string_equal(out, "ab");
}

static void roots(void **state)
{
	static const char error[] =
		"<?xml version=\"1.0\"?>\n <!-- x --> <Error><Code>x</Code></Error>";

	(void)state;
	assert_int_equal(s3xml_root_is(error, sizeof error - 1, "Error"), 1);
	assert_int_equal(s3xml_root_is("<R><Error/></R>", 15, "Error"), 0);
	assert_int_equal(s3xml_root_is("", 0, "Error"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_found_by_local_name),
		cmocka_unit_test(what_only_looks_like_an_element_is_passed_over),
		cmocka_unit_test(entities_and_foreign_bytes),
		cmocka_unit_test(texts_are_cut_to_fit),
		cmocka_unit_test(roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
