/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_BASE_DRIVER_H
#define UVDK_BASE_DRIVER_H

#include <stdarg.h>
#include <stdlib.h>

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What modules and drivers share among themselves
 *
 * Not for applications: may change in any release.
 */

/**
 * uvdk_log() - send a line to the log sink
 * @level: severity; UVDK_LOG_ERR also becomes uvdk_last_error()
 * @component: module that speaks
 * @fmt: printf format, no newline
 */
void uvdk_log(enum uvdk_log_level level, const char *component, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * uvdk_fail() - log why a call fails, and return its errno
 * @err: negative errno
 * @component: module that speaks
 * @fmt: printf format: what was asked, what was found, what to do
 *
 * Return: @err, so that `return uvdk_fail(-EINVAL, ...)` reads well.
 */
int uvdk_fail(int err, const char *component, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * uvdk_log_hush() - what this thread logs does not reach the sink
 * @on: from now on, or no longer
 *
 * For trying what may fail; uvdk_last_error() has the sentence all the same.
 */
void uvdk_log_hush(bool on);

/**
 * uvdk_opts_copy() - take over a caller's options struct
 * @to: struct of ours, holding the defaults
 * @size: its size
 * @from: the caller's; begins with a size_t, its size; or NULL: nothing happens
 * @what: name of the struct, for messages
 *
 * What an older, shorter struct lacks keeps its default.
 *
 * Return: 0, or -EINVAL (no size, one beyond 4096, or options set that we don't
 * know).
 */
int uvdk_opts_copy(void *to, size_t size, const void *from, const char *what);

/**
 * struct uvdk_args - "key=value,flag,key=value" taken apart
 * @count: pairs found
 * @key: names, NUL-terminated
 * @value: values; "" for a bare flag
 * @used: set by the getters, for uvdk_args_finish()
 * @text: private copy that @key and @value point into
 */
struct uvdk_args {
	unsigned int count;
	const char *key[32];
	const char *value[32];
	bool used[32];
	char *text;
};

/**
 * uvdk_args_parse() - take a specification apart
 * @args: filled in; free with uvdk_args_free()
 * @text: "a=1,b,c=x" or "" or NULL
 *
 * Return: 0, -EINVAL (an empty key, more than 32), -EEXIST (a key twice), -ENOMEM.
 */
int uvdk_args_parse(struct uvdk_args *args, const char *text);

/**
 * uvdk_args_str() - value of a key
 * @args: parsed arguments
 * @key: name
 * @fallback: returned when the key is absent
 *
 * Return: the value, "" for a bare flag, or @fallback.
 */
const char *uvdk_args_str(struct uvdk_args *args, const char *key, const char *fallback);

/**
 * uvdk_args_u64() - numeric value of a key
 * @args: parsed arguments
 * @key: name
 * @min: least value allowed
 * @max: greatest value allowed
 * @value: in: default; out: the value where the key is present
 *
 * Return: 0, or -EINVAL / -ERANGE with a sentence naming key, value and limits.
 */
int uvdk_args_u64(struct uvdk_args *args, const char *key, uint64_t min, uint64_t max,
		  uint64_t *value);

/**
 * uvdk_args_finish() - refuse keys nobody asked for
 * @args: parsed arguments
 * @what: whose arguments, for the message
 *
 * Return: 0, or -EINVAL naming the first unknown key.
 */
int uvdk_args_finish(const struct uvdk_args *args, const char *what);

/**
 * uvdk_args_free() - free what uvdk_args_parse() took
 * @args: parsed arguments
 */
void uvdk_args_free(struct uvdk_args *args);

/*
 * Little-endian fields of hardware structures: distinct struct types, so that
 * the compiler refuses an unconverted use. Layout equals the plain integer.
 */
struct uvdk_le16 {
	uint16_t raw;
};
struct uvdk_le32 {
	uint32_t raw;
};
struct uvdk_le64 {
	uint64_t raw;
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define UVDK_LE(bits, v) (v)
#else
#define UVDK_LE(bits, v) __builtin_bswap##bits(v)
#endif

static inline uint16_t uvdk_get16(struct uvdk_le16 v)
{
	return UVDK_LE(16, v.raw);
}

static inline uint32_t uvdk_get32(struct uvdk_le32 v)
{
	return UVDK_LE(32, v.raw);
}

static inline uint64_t uvdk_get64(struct uvdk_le64 v)
{
	return UVDK_LE(64, v.raw);
}

static inline struct uvdk_le16 uvdk_to_le16(uint16_t v)
{
	struct uvdk_le16 le = {UVDK_LE(16, v)};

	return le;
}

static inline struct uvdk_le32 uvdk_to_le32(uint32_t v)
{
	struct uvdk_le32 le = {UVDK_LE(32, v)};

	return le;
}

static inline struct uvdk_le64 uvdk_to_le64(uint64_t v)
{
	struct uvdk_le64 le = {UVDK_LE(64, v)};

	return le;
}

/*
 * Barriers between a CPU and a coherent device. The acquire/release fences
 * order normal memory (rings); the io barriers also order MMIO after memory.
 */
static inline void uvdk_rmb(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void uvdk_wmb(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void uvdk_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void uvdk_io_wmb(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static inline void uvdk_io_rmb(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb oshld" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static inline void uvdk_cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_BASE_DRIVER_H */
