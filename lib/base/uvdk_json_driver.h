/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_JSON_DRIVER_H
#define UVDK_JSON_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Writing JSON (RFC 8259)
 *
 * Straight to a stream, nothing is kept. Errors are the stream's: ferror().
 *
 * Not for applications: may change in any release.
 */

/**
 * struct uvdk_json - where it goes, and whether something stands before what comes next
 * @to: stream
 * @comma: private; false at the beginning
 */
struct uvdk_json {
	FILE *to;
	bool comma;
};

/**
 * uvdk_json_text() - a string in quotes
 * @to: stream
 * @text: in UTF-8; bytes that are none become U+FFFD
 */
void uvdk_json_text(FILE *to, const char *text);

/**
 * uvdk_json_open() - begin an object or an array
 * @json: writer
 * @bracket: '{' or '['
 */
void uvdk_json_open(struct uvdk_json *json, char bracket);

/**
 * uvdk_json_close() - end it
 * @json: writer
 * @bracket: '}' or ']'
 */
void uvdk_json_close(struct uvdk_json *json, char bracket);

/**
 * uvdk_json_key() - the name of the value that comes next
 * @json: writer, in an object
 * @key: name
 */
void uvdk_json_key(struct uvdk_json *json, const char *key);

/**
 * uvdk_json_string() - a member that is a string
 * @json: writer
 * @key: name; NULL: in an array
 * @value: as uvdk_json_text(); NULL: null
 */
void uvdk_json_string(struct uvdk_json *json, const char *key, const char *value);

/**
 * uvdk_json_number() - a member that is a number
 * @json: writer
 * @key: name; NULL: in an array
 * @value: number
 */
void uvdk_json_number(struct uvdk_json *json, const char *key, uint64_t value);

/**
 * uvdk_json_limit() - a member that is a number, or null for none
 * @json: writer
 * @key: name; NULL: in an array
 * @value: number
 * @none: what stands for none
 */
void uvdk_json_limit(struct uvdk_json *json, const char *key, uint64_t value, uint64_t none);

/**
 * uvdk_json_address() - a member that is an address: "0x..." in a string
 * @json: writer
 * @key: name; NULL: in an array
 * @value: address; numbers of so many bits lose some in many readers
 */
void uvdk_json_address(struct uvdk_json *json, const char *key, uint64_t value);

/**
 * uvdk_json_bool() - a member that is true or false
 * @json: writer
 * @key: name; NULL: in an array
 * @value: which
 */
void uvdk_json_bool(struct uvdk_json *json, const char *key, bool value);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_JSON_DRIVER_H */
