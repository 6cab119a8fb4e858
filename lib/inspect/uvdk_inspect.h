/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INSPECT_H
#define UVDK_INSPECT_H

#include <stdio.h>

#include <uvdk_iommu.h>
#include <uvdk_pasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Looking into a running process
 *
 * An application that wants to be looked into creates a server, adds the iommus
 * and PASID spaces that may be shown, and goes on: a thread of the server answers on
 * a Unix socket, which uvdk-iommuctl and others read. Answers are JSON.
 *
 * Nothing can be changed through it. The socket is for its owner alone (mode 0600). A
 * client sends one line, "caps", "ioas", "maps", "pasids" or "all", and reads one JSON
 * object up to the end of file; {"error": "..."} is the answer to anything else. Clients
 * that do not ask, or do not read, are left after a while. What is shown is taken piece
 * by piece: the application may go on between two. What map queues have mapped
 * (uvdk_mapq.h) is not shown.
 *
 * Calls are thread-safe, but for the end of a server. A child made by fork() has no
 * server: it may destroy its copy, which leaves the parent's socket alone.
 */

struct uvdk_inspect;

/**
 * struct uvdk_inspect_opts - how to make a server
 * @size: sizeof(struct uvdk_inspect_opts)
 * @path: the socket; NULL: /run/uvdk/PID.sock, or $XDG_RUNTIME_DIR/uvdk/PID.sock for
 *	other users than root, whose folder is made; "": no socket, for
 *	uvdk_inspect_write() alone
 */
struct uvdk_inspect_opts {
	size_t size;
	const char *path;
};

/**
 * uvdk_inspect_create() - let this process be looked into
 * @opts: options, or NULL
 * @out: new server, owned by the caller
 *
 * A socket that nobody answers on any more is replaced.
 *
 * Return: 0; -EADDRINUSE (another process answers there, or it is no socket); -EINVAL;
 * -ENAMETOOLONG; -ENOENT (no @path, and no XDG_RUNTIME_DIR); -ENOMEM; the error of
 * mkdir(), socket(), bind() or pthread_create().
 */
int uvdk_inspect_create(const struct uvdk_inspect_opts *opts, struct uvdk_inspect **out);

/**
 * uvdk_inspect_destroy() - end that; the socket is removed
 * @inspect: server, or NULL
 */
void uvdk_inspect_destroy(struct uvdk_inspect *inspect);

/**
 * uvdk_inspect_add_iommu() - show an iommu, its devices, address spaces and maps
 * @inspect: server
 * @iommu: iommu; must be removed before it is closed
 *
 * Return: 0, -EEXIST, -EINVAL, -ENOMEM, or -EPERM (in a child of fork()).
 */
int uvdk_inspect_add_iommu(struct uvdk_inspect *inspect, struct uvdk_iommu *iommu);

/**
 * uvdk_inspect_remove_iommu() - undo that
 * @inspect: server
 * @iommu: iommu; nothing happens if it was not added
 */
void uvdk_inspect_remove_iommu(struct uvdk_inspect *inspect, struct uvdk_iommu *iommu);

/**
 * uvdk_inspect_add_pasids() - show a PASID space
 * @inspect: server
 * @name: to be shown
 * @space: space; must be removed before it is destroyed
 *
 * Return: as uvdk_inspect_add_iommu().
 */
int uvdk_inspect_add_pasids(struct uvdk_inspect *inspect, const char *name,
			    struct uvdk_pasid_space *space);

/**
 * uvdk_inspect_remove_pasids() - undo that
 * @inspect: server
 * @space: space; nothing happens if it was not added
 */
void uvdk_inspect_remove_pasids(struct uvdk_inspect *inspect, struct uvdk_pasid_space *space);

/**
 * uvdk_inspect_path() - where it answers
 * @inspect: server
 *
 * Return: the server's; "" if it has no socket.
 */
const char *uvdk_inspect_path(const struct uvdk_inspect *inspect);

/**
 * uvdk_inspect_write() - the same answer without a socket
 * @inspect: server
 * @what: "caps", "ioas", "maps", "pasids" or "all"
 * @to: receives a JSON object and a newline
 *
 * Return: 0, -EINVAL (lists what can be asked for), -EPERM (in a child of fork()), or the
 * error of the stream.
 */
int uvdk_inspect_write(struct uvdk_inspect *inspect, const char *what, FILE *to);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_INSPECT_H */
