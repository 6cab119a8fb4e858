/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_SPACE_H
#define CONFIG_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_SIZE 4096u

/* Configuration space of the function, and which of its bits can be written. */
struct config_space {
	uint8_t bytes[CONFIG_SIZE];
	uint8_t writable[CONFIG_SIZE];
};

/* What tells one function from another. */
struct config_identity {
	uint16_t vendor, device;
	uint32_t class_revision;
	uint32_t bar_size[6];
	uint16_t vectors; /* MSI-X, 0: none; table and pending bits are in BAR 0 */
	uint32_t table, pending;
	uint32_t requests; /* page requests that can be outstanding */
};

void config_init(struct config_space *config, const struct config_identity *identity);

bool config_read(const struct config_space *config, uint64_t off, uint32_t len, void *data);

/* Sets *@reset if this asks for a function level reset. */
bool config_write(struct config_space *config, uint64_t off, uint32_t len, const void *data,
		  bool *reset);

/* What the registers allow the function to do. */
bool config_master(const struct config_space *config);
bool config_pasids(const struct config_space *config);
bool config_requests(const struct config_space *config, uint32_t *alloc);

#endif /* CONFIG_SPACE_H */
