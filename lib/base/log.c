// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_base.h>
#include <uvdk_base_driver.h>

#define MAX_COMPONENTS 32
#define MAX_NAME       48
#define MAX_LINE       1024

struct component {
	char name[MAX_NAME];
	enum uvdk_log_level level;
};

/*
 * Process-wide, guarded by lock. The sink is called without the lock, so that
 * it may log or change the sink itself.
 */
static struct {
	pthread_mutex_t lock;
	uvdk_log_fn fn;
	void *priv;
	enum uvdk_log_level level;
	unsigned int count;
	struct component component[MAX_COMPONENTS];
} sink = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.level = UVDK_LOG_WARN,
};

static __thread char last_error[MAX_LINE];
static __thread bool hushed;

/* "iommu" covers "iommu" and "iommu.type1", not "iommufd". */
static bool covers(const char *prefix, const char *component)
{
	size_t len = strlen(prefix);

	return strncmp(prefix, component, len) == 0 &&
	       (component[len] == '\0' || component[len] == '.');
}

/* The longest name that covers the component decides. */
static enum uvdk_log_level level_of(const char *component)
{
	enum uvdk_log_level level = sink.level;
	size_t longest = 0;

	for (unsigned int i = 0; i < sink.count; i++) {
		const struct component *c = &sink.component[i];

		if (covers(c->name, component) && strlen(c->name) >= longest) {
			longest = strlen(c->name);
			level = c->level;
		}
	}

	return level;
}

static void pass_on(enum uvdk_log_level level, const char *component, const char *msg)
{
	uvdk_log_fn fn;
	void *priv;

	pthread_mutex_lock(&sink.lock);
	fn = level <= level_of(component) ? sink.fn : NULL;
	priv = sink.priv;
	pthread_mutex_unlock(&sink.lock);

	if (fn)
		fn(priv, level, component, msg);
}

static void vlog(enum uvdk_log_level level, const char *component, const char *fmt, va_list ap)
{
	char msg[MAX_LINE];

	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		snprintf(msg, sizeof(msg), "%s", fmt);
	if (level == UVDK_LOG_ERR)
		memcpy(last_error, msg, sizeof(last_error));

	if (!hushed)
		pass_on(level, component, msg);
}

UVDK_EXPORT void uvdk_log_hush(bool on)
{
	hushed = on;
}

UVDK_EXPORT void uvdk_log_set_sink(uvdk_log_fn fn, void *priv)
{
	pthread_mutex_lock(&sink.lock);
	sink.fn = fn;
	sink.priv = priv;
	pthread_mutex_unlock(&sink.lock);
}

UVDK_EXPORT void uvdk_log_stderr(void *priv, enum uvdk_log_level level, const char *component,
				 const char *msg)
{
	(void)priv;
	(void)level;
	fprintf(stderr, "uvdk: %s: %s\n", component, msg);
}

static struct component *find_or_add(const char *name)
{
	for (unsigned int i = 0; i < sink.count; i++)
		if (strcmp(sink.component[i].name, name) == 0)
			return &sink.component[i];
	if (sink.count == MAX_COMPONENTS)
		return NULL;

	snprintf(sink.component[sink.count].name, MAX_NAME, "%s", name);
	return &sink.component[sink.count++];
}

static int set_level_locked(const char *component, enum uvdk_log_level level)
{
	struct component *c;

	if (!component) {
		sink.level = level;
		sink.count = 0;
		return 0;
	}

	c = find_or_add(component);
	if (!c)
		return -ENOSPC;
	c->level = level;

	return 0;
}

UVDK_EXPORT int uvdk_log_set_level(const char *component, enum uvdk_log_level level)
{
	int ret;

	if (component && strlen(component) >= MAX_NAME)
		return uvdk_fail(-EINVAL, "base", "log component \"%s\" is longer than %d letters",
				 component, MAX_NAME - 1);

	pthread_mutex_lock(&sink.lock);
	ret = set_level_locked(component, level);
	pthread_mutex_unlock(&sink.lock);
	if (ret)
		uvdk_fail(ret, "base", "no room for the log level of \"%s\": %d are set already",
			  component, MAX_COMPONENTS);

	return ret;
}

UVDK_EXPORT const char *uvdk_last_error(void)
{
	return last_error;
}

UVDK_EXPORT const char *uvdk_version(void)
{
	return UVDK_VERSION;
}

UVDK_EXPORT void uvdk_log(enum uvdk_log_level level, const char *component, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(level, component, fmt, ap);
	va_end(ap);
}

UVDK_EXPORT int uvdk_fail(int err, const char *component, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(UVDK_LOG_ERR, component, fmt, ap);
	va_end(ap);

	return err;
}
