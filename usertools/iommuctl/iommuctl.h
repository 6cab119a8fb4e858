/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMUCTL_H
#define UVDK_IOMMUCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <uvdk_iommu.h>

/* Exit statuses, as the man page tells them; those of uvdk-devbind. */
enum ctl_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DEVICE = 3, /* or process */
	EXIT_IN_USE = 4,
	EXIT_NO_PERMISSION = 5,
	EXIT_NO_DRIVER = 6,
	EXIT_NO_IOMMU = 7,
};

/* The command line. */
struct ctl {
	const char *command;
	char **device;
	unsigned int devices;
	const char *iommu; /* NULL: chosen */
	pid_t pid;	   /* 0: none given */
	const char *socket;
	const char *viot;
	const char *fdt;
	const char *sysfs_root; /* /sys, or what a test put in its place; likewise the next */
	const char *dev_root;
	const char *run_dir; /* sockets are in NAME/uvdk; NULL: /run and the user's own */
	bool json;
	bool all;
};

/* ---- main.c ---- */

/* Complaint or notice on stderr, with the program's name before it. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What a call's failure is for a shell; its sentence has been said. */
enum ctl_exit exit_of(int err);

/* ---- ask.c ---- */

/* The answers of one process, or all that can be found. */
enum ctl_exit show_processes(const struct ctl *ctl);

/* ---- caps.c ---- */

/* What the iommu in front of each device can do, without another process. */
enum ctl_exit show_devices(const struct ctl *ctl);

/* ---- topology.c ---- */

enum ctl_exit show_topology(const struct ctl *ctl);

/* ---- reset.c ---- */

enum ctl_exit reset_units(const struct ctl *ctl);

/* ---- tree.c: JSON that was read ---- */

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_NUMBER,
	NODE_STRING,
	NODE_ARRAY,
	NODE_OBJECT,
};

struct node {
	enum node_type type;
	const char *key;  /* of a member, or NULL */
	const char *text; /* of a string or number, and of true and false */
	struct node *first;
	struct node *next;
};

/*
 * The tree of a text, which is written to and must outlive it; or NULL: it is not JSON, or there
 * is no memory. Freed with tree_free().
 */
struct tree;
const struct node *tree_read(char *text, struct tree **out);
void tree_free(struct tree *tree);

/* A member, or a node that is null. Its text, or @none where it has none. */
const struct node *node_get(const struct node *node, const char *key);
const char *node_text(const struct node *node, const char *key, const char *none);
uint64_t node_number(const struct node *node, const char *key);
bool node_true(const struct node *node, const char *key);

/* ---- text.c: an answer for people ---- */

void text_answer(const char *what, const struct node *answer);

/* ---- table.c: aligned columns ---- */

#define TABLE_COLUMNS 12

struct table {
	unsigned int columns;
	const char *const *head;
	bool right[TABLE_COLUMNS]; /* numbers */
	char **cell;
	size_t cells;
	size_t room;
};

/* One cell after the other, row by row. Memory that is missing ends the table early. */
void table_put(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print, and free. */
void table_end(struct table *table);

/* "4,194,304 (4 MiB)" */
const char *bytes_text(uint64_t bytes, char *text, size_t size);

#endif /* UVDK_IOMMUCTL_H */
