// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "topology.h"

static void parse(const uint8_t *blob, size_t len)
{
	struct uvdk_topology *topology;
	int ret = uvdk_topology_parse_fdt(blob, len, &topology);

	FUZZ_MUST(ret == 0 || ret == -EBADMSG);
	if (!ret)
		fuzz_topology(topology);
}

/* With magic and size put right, what was cut or grown is looked at, too. */
static void put_right(uint8_t *blob, size_t len)
{
	static const uint8_t magic[4] = {0xd0, 0x0d, 0xfe, 0xed};

	memcpy(blob, magic, 4);
	for (int i = 0; i < 4; i++)
		blob[4 + i] = (uint8_t)(len >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy just as long: a read behind it is seen. */
	uint8_t *blob = malloc(size ? size : 1);

	FUZZ_MUST(blob);
	if (size)
		memcpy(blob, data, size);
	parse(blob, size);
	if (size >= 8) {
		put_right(blob, size);
		parse(blob, size);
	}
	free(blob);

	return 0;
}
