/* Private to this room: whether a kernel does on this processor what it was written for. */
#ifndef KNN_KNN_KERNEL_CHECK_H
#define KNN_KNN_KERNEL_CHECK_H

#include "pipeline/knn/knn_kernel.h"

/* Packs rows for the kernel, multiplies them and compares with float64: is every score within the
 * bound that the search relies on (docs/knn.md)? Some 50 us; no memory but the stack (250 KiB). Does
 * not look at `finer`. */
int knn_kernel_agrees(const struct knn_kernel *kernel);

#endif
