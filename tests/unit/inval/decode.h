/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DECODE_H
#define DECODE_H

#include "inval_testing.h"

/*
 * SMMUv3 commands read once more, from the architecture (IHI 0070, chapter 4)
 * and from nothing of the library's. False: no such command, or reserved bits.
 */
enum decoded {
	DECODED_NONE,
	DECODED_INVAL,
	DECODED_SYNC,
};

enum decoded decode_smmu(const uint64_t *cmd, bool guest, struct seen *out);

#endif /* DECODE_H */
