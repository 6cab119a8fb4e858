// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "fwd.h"

/* A new mode is a file and a line here. */
const struct fwd_engine *const fwd_engines[] = {
	&fwd_io,   &fwd_mac,	  &fwd_macswap, &fwd_rxonly,  &fwd_txonly,
	&fwd_csum, &fwd_icmpecho, &fwd_5tswap,	&fwd_flowgen, NULL,
};

const struct fwd_engine *fwd_engine_find(const char *name)
{
	for (size_t i = 0; fwd_engines[i]; i++)
		if (!strcmp(fwd_engines[i]->name, name))
			return fwd_engines[i];

	return NULL;
}

char *fwd_engine_names(char *buf, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; fwd_engines[i] && at < len; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%s", i ? ", " : "",
				       fwd_engines[i]->name);

	return buf;
}
