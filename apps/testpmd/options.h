/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_OPTIONS_H
#define TESTPMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_ether.h>

/*
 * What stands behind "--" on the command line. Parsing needs no EAL, so that
 * a wrong argument is reported before anything is touched.
 */

#define MAX_PORTS   32
#define MAX_BURST   512
#define MAX_TX_SEGS 8

struct fwd_engine;

enum topology { TOPOLOGY_PAIRED, TOPOLOGY_CHAINED, TOPOLOGY_LOOP };

/* Everything the command line may say; strings are borrowed from argv. */
struct options {
	const char *port[MAX_PORTS];
	unsigned int ports; /* 0: none given */
	const char *iommu;  /* "auto", or a name for uvdk_iommu_open() */
	bool ioas_shared;
	const struct fwd_engine *engine;
	enum topology topology;
	unsigned int nb_cores;
	unsigned int rxq;
	unsigned int txq;
	unsigned int rxd; /* 0: chosen by us */
	unsigned int txd;
	unsigned int burst;
	unsigned int tx_retries;
	unsigned int tx_retry_delay_us;
	uint16_t txpkts[MAX_TX_SEGS];
	unsigned int tx_segs;
	unsigned int flows;
	unsigned int mbuf_size;
	unsigned int total_num_mbufs; /* 0: as many as the queues need */
	unsigned int mbcache;
	unsigned int mtu; /* 0: the device's */
	unsigned int stats_period;
	double duration;  /* seconds, 0: no limit */
	uint64_t packets; /* 0: no limit */
	bool auto_start;
	bool interactive;
	bool tx_first;
	bool rx_cksum;
	bool seccomp;
	bool no_promisc;
	const char *cmdline_file;
	const char *stats_json;
	bool inspect;
	const char *inspect_path; /* NULL: where uvdk-iommuctl looks */
	struct rte_ether_addr peer[MAX_PORTS];
};

enum options_result { OPTIONS_RUN, OPTIONS_EXIT, OPTIONS_BAD };

/* Defaults, then @argv[1..argc-1]. On OPTIONS_BAD @why holds the sentence. */
enum options_result options_parse(struct options *opts, int argc, char **argv, char *why,
				  size_t len);

void options_defaults(struct options *opts);

/* The list of options, for --help. */
void options_usage(FILE *out, const char *program);

/* "64" or "64,128,256": the segments of generated packets. 0, or -1 with @why. */
int options_txpkts(struct options *opts, const char *value, char *why, size_t len);

/* Whole decimal (or 0x) number between @min and @max. 0, or -1 with @why. */
int parse_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value,
		 char *why, size_t len);

#endif /* TESTPMD_OPTIONS_H */
