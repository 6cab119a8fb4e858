/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INSPECT_SERVER_H
#define UVDK_INSPECT_SERVER_H

#include "inspect_priv.h"

/* Milliseconds that a client gets to ask, to take some of its answer, and all of it. */
#define SERVER_ASK_MS	   2000
#define SERVER_PROGRESS_MS 2000
#define SERVER_ANSWER_MS   10000

int64_t server_now_ms(void);

/* send.c: answer what a client has asked for; what it does about it is its own affair. */
void server_send(struct uvdk_inspect *inspect, int fd, const char *what);

#endif /* UVDK_INSPECT_SERVER_H */
