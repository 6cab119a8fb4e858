/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SANITIZER_H
#define TESTS_SANITIZER_H

/*
 * Which sanitizer this is compiled for, 1 or 0: gcc defines a macro for each, clang wants to be
 * asked. SANITIZED: one that makes everything many times slower.
 */
#ifdef __has_feature
#define SANITIZER_FEATURE(name) __has_feature(name)
#else
#define SANITIZER_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SANITIZER_FEATURE(address_sanitizer)
#define SANITIZER_ADDRESS 1
#else
#define SANITIZER_ADDRESS 0
#endif

#if defined(__SANITIZE_THREAD__) || SANITIZER_FEATURE(thread_sanitizer)
#define SANITIZER_THREAD 1
#else
#define SANITIZER_THREAD 0
#endif

#define SANITIZED (SANITIZER_ADDRESS || SANITIZER_THREAD)

#endif /* TESTS_SANITIZER_H */
