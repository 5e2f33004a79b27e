/* JSON pieces into a buffer; bytes that are no UTF-8 become U+FFFD. */
#ifndef RECORD_JSONTEXT_H
#define RECORD_JSONTEXT_H

#include "prof/base/buf.h"

void json_put_text(struct buf *b, const char *text, size_t len); /* with its quotes */
void json_put_number(struct buf *b, double value);               /* null for what JSON has not */

#endif
