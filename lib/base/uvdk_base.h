/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_BASE_H
#define UVDK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Types, log and errors that every module shares
 *
 * Calls return 0 (or a count) on success and a negative errno on failure; *out
 * arguments are written only on success and a failed call has changed nothing.
 * The sentence that explains a failure goes to the log callback at
 * UVDK_LOG_ERR, and is kept for the calling thread in uvdk_last_error().
 *
 * Structs of options begin with their size, so that they can grow: a shorter
 * one (an older caller) leaves the rest at its defaults, a longer one is
 * refused if it asks for what this version does not know.
 *
 * Ranges are (first, length) or an inclusive *last*; *end* is exclusive.
 */

#define UVDK_EXPORT __attribute__((visibility("default")))

/** UVDK_IOVA_NONE - what a translation returns when nothing is mapped there */
#define UVDK_IOVA_NONE UINT64_MAX

/* An address as a device sees it: bytes in an I/O address space. */
typedef uint64_t uvdk_iova_t;

/**
 * struct uvdk_iova_range - inclusive range of IOVAs
 * @first: lowest IOVA
 * @last: highest IOVA, inclusive
 */
struct uvdk_iova_range {
	uvdk_iova_t first;
	uvdk_iova_t last;
};

/**
 * enum uvdk_log_level - how bad it is
 * @UVDK_LOG_ERR: a call failed; the sentence says why and what would help
 * @UVDK_LOG_WARN: it works, but not as well as asked
 * @UVDK_LOG_INFO: what was found and chosen
 * @UVDK_LOG_DEBUG: for developers of uvdk
 */
enum uvdk_log_level {
	UVDK_LOG_ERR,
	UVDK_LOG_WARN,
	UVDK_LOG_INFO,
	UVDK_LOG_DEBUG,
};

/**
 * typedef uvdk_log_fn - receives one line of log, without newline
 * @priv: as given to uvdk_log_set_sink()
 * @level: severity
 * @component: module that speaks, e.g. "iommu.type1"
 * @msg: the sentence; valid during the call only
 *
 * May be called from any thread, never from a data path.
 */
typedef void (*uvdk_log_fn)(void *priv, enum uvdk_log_level level, const char *component,
			    const char *msg);

/**
 * uvdk_log_set_sink() - where log lines go; the default writes nothing
 * @fn: callback, or NULL for silence
 * @priv: passed to @fn
 *
 * Process-wide, thread-safe. Set it before anything else is called. A line
 * that another thread is just writing may still reach the former sink.
 */
void uvdk_log_set_sink(uvdk_log_fn fn, void *priv);

/**
 * uvdk_log_stderr() - a ready-made sink: "uvdk: COMPONENT: MSG" on stderr
 * @priv: unused
 * @level: severity
 * @component: module that speaks
 * @msg: the sentence
 */
void uvdk_log_stderr(void *priv, enum uvdk_log_level level, const char *component, const char *msg);

/**
 * uvdk_log_set_level() - drop lines less severe than a level
 * @component: component or what stands before a dot in it ("iommu" covers
 *	"iommu.type1"; the longest match decides); NULL: all, which also
 *	forgets what was set for single components
 * @level: least severe level to pass on; the default is UVDK_LOG_WARN
 *
 * Return: 0, -EINVAL (a name longer than 47 letters), or -ENOSPC after 32
 * distinct components.
 */
int uvdk_log_set_level(const char *component, enum uvdk_log_level level);

/**
 * uvdk_last_error() - the sentence of this thread's latest failed call
 *
 * Return: a string valid until the next failing call of this thread; "" if
 * there was none.
 */
const char *uvdk_last_error(void);

/**
 * uvdk_version() - version of the library, "MAJOR.MINOR.PATCH"
 *
 * Return: static string.
 */
const char *uvdk_version(void);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_BASE_H */
