/* BLOSUM62 over the 24 letters ARNDCQEGHILKMFPSTWYVBZX* of spec 4.7.1, laid out so that a row is one
 * 32-byte table for vector look-ups, and the map from bytes to letters. Plain data, thread-safe. */
#ifndef ALIGN_ALIGN_MATRIX_H
#define ALIGN_ALIGN_MATRIX_H

#include <stdint.h>

#define ALIGN_GAP_OPEN   10 /* includes the first position of the gap */
#define ALIGN_GAP_EXTEND 1

#define ALIGN_LETTERS 24
#define ALIGN_PAD     24 /* code of the filling behind the end of a text in a vector lane */
#define ALIGN_CODES   25
#define ALIGN_ROW     32

/* Filling aligned with anything. It must lose against every cell of the real matrix, so that no
 * local alignment begins or ends in it; any value below -(largest score) does. */
#define ALIGN_PAD_SCORE (-64)

extern const int8_t align_scores[ALIGN_CODES][ALIGN_ROW];
/* The best score a letter can have with any, at least 0. */
extern const int8_t align_letter_best[ALIGN_CODES];
extern const uint8_t align_code[256];

#endif
