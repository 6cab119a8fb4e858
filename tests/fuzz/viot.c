// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "topology.h"

static void parse(const uint8_t *table, size_t len)
{
	struct uvdk_topology *topology;
	int ret = uvdk_topology_parse_viot(table, len, &topology);

	FUZZ_MUST(ret == 0 || ret == -EBADMSG);
	if (!ret)
		fuzz_topology(topology);
}

/* A fuzzer does not guess checksums: with length and checksum put right, nodes are read. */
static void put_right(uint8_t *table, size_t len)
{
	uint8_t sum = 0;

	memcpy(table, "VIOT", 4);
	for (int i = 0; i < 4; i++)
		table[4 + i] = (uint8_t)(len >> 8 * i);
	table[9] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy just as long: a read behind it is seen. */
	uint8_t *table = malloc(size ? size : 1);

	FUZZ_MUST(table);
	if (size)
		memcpy(table, data, size);
	parse(table, size);
	if (size >= 10) {
		put_right(table, size);
		parse(table, size);
	}
	free(table);

	return 0;
}
