/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INSPECT_PRIV_H
#define UVDK_INSPECT_PRIV_H

#include <pthread.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include <uvdk_base_driver.h>
#include <uvdk_inspect.h>
#include <uvdk_json_driver.h>

#define INSPECT_COMPONENT "inspect"

/* What may be shown: one of the two. */
struct inspect_source {
	TAILQ_ENTRY(inspect_source) entry;
	uint64_t id; /* ascending */
	struct uvdk_iommu *iommu;
	struct uvdk_pasid_space *space;
	char *name; /* of the space */
};

TAILQ_HEAD(inspect_sources, inspect_source);

struct uvdk_inspect {
	pid_t pid; /* of the creator: a child of fork() has no thread, and not its locks */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": no socket */
	dev_t dev;
	ino_t ino; /* of the socket, so that nobody else's is removed */
	int listen_fd;
	int stop_fd;
	pthread_t thread;

	/*
	 * Guards what follows, and keeps it there: taken for one look at a time, before
	 * the locks of iommus and spaces, and never while anything is written.
	 */
	pthread_mutex_t lock;
	struct inspect_sources sources;
	uint64_t last_id;
};

/* Copies of a source that outlive the lock. */
struct inspect_place {
	uint64_t id;
	char name[64]; /* of the iommu's driver, or the space */
};

/* inspect.c: the next source beyond place->id; @iommu: an iommu, else a space. */
bool inspect_next(struct uvdk_inspect *inspect, bool iommu, struct inspect_place *place);

/* inspect.c: a source, with the lock held, or NULL without it. let() lets go of it. */
struct inspect_source *inspect_hold(struct uvdk_inspect *inspect, uint64_t id);
void inspect_let(struct uvdk_inspect *inspect);

/* ioas.c: the next address space of a source beyond ioas->id */
struct uvdk_seen_ioas;
bool inspect_next_ioas(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_seen_ioas *ioas);

/* socket.c: 0 or -errno with a sentence; close() works in a child, too */
int inspect_listen(struct uvdk_inspect *inspect, const char *path);
void inspect_unlisten(struct uvdk_inspect *inspect);

/* server.c */
int inspect_serve(struct uvdk_inspect *inspect);
void inspect_stop(struct uvdk_inspect *inspect);

/* answer.c: false: not to be had; nothing was written then. Errors are the stream's. */
bool inspect_answer(struct uvdk_inspect *inspect, const char *what, FILE *to);
extern const char inspect_known[];

/* caps.c, ioas.c, maps.c, pasids.c: an array */
void inspect_caps(struct uvdk_inspect *inspect, struct uvdk_json *json);
void inspect_ioas(struct uvdk_inspect *inspect, struct uvdk_json *json);
void inspect_maps(struct uvdk_inspect *inspect, struct uvdk_json *json);
void inspect_pasids(struct uvdk_inspect *inspect, struct uvdk_json *json);

#endif /* UVDK_INSPECT_PRIV_H */
