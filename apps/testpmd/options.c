// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>
#include <rte_mbuf_core.h>

#include "fwd.h"
#include "options.h"

#include <uvdk_netdev.h>

/* Where a handler puts its value and its complaint. */
struct parse {
	struct options *opts;
	char *why;
	size_t len;
	bool exit;
};

/* One option; @arg names its value in the help text, NULL: it has none. */
struct option_def {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	int (*set)(struct parse *p, const struct option_def *def, const char *value);
	size_t offset; /* of an unsigned int or bool in struct options */
	uint64_t min;
	uint64_t max;
};

static int complain(struct parse *p, const struct option_def *def, const char *value,
		    const char *allowed)
{
	snprintf(p->why, p->len, "--%s: '%s' is not possible; allowed: %s", def->name, value,
		 allowed);
	return -1;
}

int parse_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value,
		 char *why, size_t len)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (*text < '0' || *text > '9' || *end || errno || n < min || n > max) {
		snprintf(why, len, "%s: '%s' is not possible; allowed: a number from %llu to %llu",
			 what, text, (unsigned long long)min, (unsigned long long)max);
		return -1;
	}
	*value = n;

	return 0;
}

static int number(struct parse *p, const struct option_def *def, const char *value, uint64_t *n)
{
	char what[64];

	snprintf(what, sizeof(what), "--%s", def->name);
	return parse_number(what, value, def->min, def->max, n, p->why, p->len);
}

static int set_uint(struct parse *p, const struct option_def *def, const char *value)
{
	uint64_t n;

	if (number(p, def, value, &n))
		return -1;
	*(unsigned int *)(void *)((char *)p->opts + def->offset) = (unsigned int)n;

	return 0;
}

static int set_descs(struct parse *p, const struct option_def *def, const char *value)
{
	uint64_t n;

	if (number(p, def, value, &n))
		return -1;
	if (n & (n - 1))
		return complain(p, def, value, "a power of two up to 32768, or 0 for the default");
	*(unsigned int *)(void *)((char *)p->opts + def->offset) = (unsigned int)n;

	return 0;
}

static int set_flag(struct parse *p, const struct option_def *def, const char *value)
{
	(void)value;
	*(bool *)((char *)p->opts + def->offset) = true;
	return 0;
}

static int set_text(struct parse *p, const struct option_def *def, const char *value)
{
	if (!*value)
		return complain(p, def, value, "the name of a file");
	*(const char **)(void *)((char *)p->opts + def->offset) = value;
	return 0;
}

static int set_inspect(struct parse *p, const struct option_def *def, const char *value)
{
	if (value && !*value)
		return complain(p, def, value, "the path of a socket, or nothing");
	p->opts->inspect = true;
	p->opts->inspect_path = value;
	return 0;
}

static int set_port(struct parse *p, const struct option_def *def, const char *value)
{
	if (!*value)
		return complain(p, def, value, "a PCI address or emu:MODEL[,key=value...]");
	if (p->opts->ports == MAX_PORTS) {
		snprintf(p->why, p->len, "--port: '%s' is one port too many; allowed: %d", value,
			 MAX_PORTS);
		return -1;
	}
	p->opts->port[p->opts->ports++] = value;

	return 0;
}

static int set_iommu(struct parse *p, const struct option_def *def, const char *value)
{
	static const char *const names[] = {"auto",    "iommufd", "type1",     "virtio",
					    "noiommu", "emu",	  "virtio-emu"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			p->opts->iommu = names[i];
			return 0;
		}
	}

	return complain(p, def, value, "auto, iommufd, type1, virtio, noiommu, emu, virtio-emu");
}

static int set_ioas(struct parse *p, const struct option_def *def, const char *value)
{
	if (strcmp(value, "shared") && strcmp(value, "per-port"))
		return complain(p, def, value, "shared, per-port");
	p->opts->ioas_shared = !strcmp(value, "shared");

	return 0;
}

static int set_mode(struct parse *p, const struct option_def *def, const char *value)
{
	char names[256];

	p->opts->engine = fwd_engine_find(value);
	if (!p->opts->engine) {
		p->opts->engine = fwd_engine_find("io");
		return complain(p, def, value, fwd_engine_names(names, sizeof(names)));
	}

	return 0;
}

static int set_topology(struct parse *p, const struct option_def *def, const char *value)
{
	static const char *const names[] = {
		[TOPOLOGY_PAIRED] = "paired",
		[TOPOLOGY_CHAINED] = "chained",
		[TOPOLOGY_LOOP] = "loop",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			p->opts->topology = (enum topology)i;
			return 0;
		}
	}

	return complain(p, def, value, "paired, chained, loop");
}

int options_txpkts(struct options *opts, const char *value, char *why, size_t len)
{
	const char *allowed = "1 to 8 segment lengths of 1 to 65535 bytes, together 60 to 65535";
	uint16_t segs[MAX_TX_SEGS];
	unsigned int count = 0;
	unsigned long total = 0;
	const char *at = value;
	unsigned long n;
	char *end;

	do {
		n = strtoul(at, &end, 10);
		if (*at < '0' || *at > '9' || n < 1 || n > UINT16_MAX || count == MAX_TX_SEGS)
			goto bad;
		segs[count++] = (uint16_t)n;
		total += n;
		at = end + 1;
	} while (*end == ',');
	if (*end || total < FWD_MIN_PKT || total > UINT16_MAX)
		goto bad;

	memcpy(opts->txpkts, segs, sizeof(segs[0]) * count);
	opts->tx_segs = count;
	return 0;
bad:
	snprintf(why, len, "txpkts: '%s' is not possible; allowed: %s", value, allowed);
	return -1;
}

static int set_txpkts(struct parse *p, const struct option_def *def, const char *value)
{
	(void)def;
	return options_txpkts(p->opts, value, p->why, p->len);
}

static int set_duration(struct parse *p, const struct option_def *def, const char *value)
{
	char *end;
	double n = strtod(value, &end);

	if (!*value || value[strspn(value, "0123456789.eE+-")] || *end || !(n >= 0) || n > 1e9)
		return complain(p, def, value, "seconds, e.g. 10 or 0.5; 0: no limit");
	p->opts->duration = n;

	return 0;
}

static int set_packets(struct parse *p, const struct option_def *def, const char *value)
{
	return number(p, def, value, &p->opts->packets);
}

static int set_max_pkt_len(struct parse *p, const struct option_def *def, const char *value)
{
	uint64_t n;

	if (number(p, def, value, &n))
		return -1;
	/* As DPDK counts: Ethernet header and FCS are part of it. */
	p->opts->mtu = (unsigned int)n - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;

	return 0;
}

static int set_peer(struct parse *p, const struct option_def *def, const char *value)
{
	const char *comma = strchr(value, ',');
	char *end;
	unsigned long id = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || !comma || end != comma || id >= MAX_PORTS ||
	    rte_ether_unformat_addr(comma + 1, &p->opts->peer[id]))
		return complain(p, def, value, "PORT,MAC e.g. 0,02:00:00:00:00:01");

	return 0;
}

static int set_help(struct parse *p, const struct option_def *def, const char *value)
{
	(void)def;
	(void)value;
	p->exit = true;
	return 0;
}

#define FIELD(f) offsetof(struct options, f)
#define UINT(n, a, f, lo, hi, h)                                                                \
	{                                                                                       \
		.name = n, .arg = a, .help = h, .set = set_uint, .offset = FIELD(f), .min = lo, \
		.max = hi                                                                       \
	}
#define FLAG(n, l, f, h)                                                               \
	{                                                                              \
		.name = n, .letter = l, .help = h, .set = set_flag, .offset = FIELD(f) \
	}

static const struct option_def defs[] = {
	{"port", 'p', "SPEC", "a port: PCI address or emu:MODEL[,key=value...]; repeatable",
	 set_port, 0, 0, 0},
	{"iommu", 0, "NAME", "auto, iommufd, type1, virtio, noiommu, emu or virtio-emu (auto)",
	 set_iommu, 0, 0, 0},
	{"ioas", 0, "HOW", "address spaces: per-port or shared (per-port)", set_ioas, 0, 0, 0},
	{"forward-mode", 0, "MODE", "what to do with packets (io)", set_mode, 0, 0, 0},
	{"port-topology", 0, "T", "paired, chained or loop (paired)", set_topology, 0, 0, 0},
	UINT("nb-cores", "N", nb_cores, 1, RTE_MAX_LCORE, "forwarding cores (1)"),
	UINT("rxq", "N", rxq, 1, UVDK_NETDEV_MAX_QUEUES, "receive queues of each port (1)"),
	UINT("txq", "N", txq, 1, UVDK_NETDEV_MAX_QUEUES, "transmit queues of each port (1)"),
	{"rxd", 0, "N", "descriptors of a receive ring", set_descs, FIELD(rxd), 0, 32768},
	{"txd", 0, "N", "descriptors of a transmit ring", set_descs, FIELD(txd), 0, 32768},
	UINT("burst", "N", burst, 1, MAX_BURST, "packets a burst (32)"),
	UINT("tx-retries", "N", tx_retries, 0, 1000000, "try so often to send before dropping (0)"),
	{"txpkts", 0, "N[,N...]", "segments of generated packets, in bytes (64)", set_txpkts, 0, 0,
	 0},
	UINT("flowgen-flows", "N", flows, 1, 1 << 20, "flows of mode flowgen (1024)"),
	UINT("mbuf-size", "BYTES", mbuf_size, RTE_PKTMBUF_HEADROOM + FWD_MIN_PKT, UINT16_MAX,
	     "buffer of an mbuf, headroom included (2176)"),
	UINT("total-num-mbufs", "N", total_num_mbufs, 64, 1 << 26,
	     "mbufs of a pool (what the queues need)"),
	UINT("mbcache", "N", mbcache, 0, 512, "mbufs that each core keeps at hand (128)"),
	{"max-pkt-len", 0, "BYTES", "largest frame, FCS included", set_max_pkt_len, 0,
	 RTE_ETHER_MIN_LEN + 22, 65535},
	UINT("mtu", "BYTES", mtu, 68, 65517, "largest payload of a frame (the device's own)"),
	{"eth-peer", 0, "PORT,MAC", "where mode mac sends what leaves by PORT", set_peer, 0, 0, 0},
	{"duration", 0, "SECONDS", "forward so long, then end", set_duration, 0, 0, 0},
	{"packets", 0, "N", "forward (or drop) at least N packets, then end", set_packets, 0, 1,
	 UINT64_MAX},
	UINT("stats-period", "SECONDS", stats_period, 0, 86400, "show statistics so often"),
	{"stats-json", 0, "FILE", "write statistics there", set_text, FIELD(stats_json), 0, 0},
	{"inspect", 0, "[=PATH]", "let uvdk-iommuctl look into this process", set_inspect, 0, 0, 0},
	{"cmdline-file", 0, "FILE", "execute the commands in FILE first", set_text,
	 FIELD(cmdline_file), 0, 0},
	FLAG("interactive", 'i', interactive, "prompt for commands"),
	FLAG("auto-start", 'a', auto_start, "start forwarding before the prompt"),
	FLAG("tx-first", 0, tx_first, "send one burst before forwarding starts"),
	FLAG("enable-rx-cksum", 0, rx_cksum, "let the device verify received checksums"),
	FLAG("no-promiscuous", 0, no_promisc, "leave promiscuous mode off"),
	FLAG("seccomp", 0, seccomp, "die if the forwarding loop makes a system call"),
	{"help", 'h', NULL, "this text", set_help, 0, 0, 0},
};

void options_defaults(struct options *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->iommu = "auto";
	opts->engine = fwd_engine_find("io");
	opts->nb_cores = 1;
	opts->rxq = 1;
	opts->txq = 1;
	opts->burst = 32;
	opts->txpkts[0] = 64;
	opts->tx_segs = 1;
	opts->flows = 1024;
	opts->mbuf_size = RTE_MBUF_DEFAULT_BUF_SIZE;
	opts->mbcache = 128;
	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		/* Locally administered, numbered, as in DPDK's testpmd. */
		opts->peer[i].addr_bytes[0] = 0x02;
		opts->peer[i].addr_bytes[5] = (uint8_t)i;
	}
}

/* Its value, if there is one, stands behind an equals sign. */
static bool may_lack_value(const struct option_def *def)
{
	return def->arg && def->arg[0] == '[';
}

void options_usage(FILE *out, const char *program)
{
	char left[48];

	fprintf(out,
		"usage: %s [EAL options] -- [options]\n\n"
		"Forwards packets between ports that uvdk drives. Without a port it runs on a\n"
		"pair of emulated ones. EAL options are DPDK's: -l CORES, --no-huge, -m MB,\n"
		"--in-memory, --file-prefix NAME, --log-level LEVEL, ...\n\noptions:\n",
		program);
	for (size_t i = 0; i < sizeof(defs) / sizeof(defs[0]); i++) {
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", defs[i].letter ? '-' : ' ',
			 defs[i].letter ? defs[i].letter : ' ', defs[i].letter ? ", " : "  ",
			 defs[i].name, defs[i].arg && !may_lack_value(&defs[i]) ? " " : "",
			 defs[i].arg ? defs[i].arg : "");
		fprintf(out, "  %-30s %s\n", left, defs[i].help);
	}
	fputs("\nmodes:\n", out);
	for (size_t i = 0; fwd_engines[i]; i++)
		fprintf(out, "  %-12s %s\n", fwd_engines[i]->name, fwd_engines[i]->what);
}

static const struct option_def *find(const char *arg, const char **value)
{
	const char *eq = strchr(arg, '=');
	size_t len = eq ? (size_t)(eq - arg) : strlen(arg);

	for (size_t i = 0; i < sizeof(defs) / sizeof(defs[0]); i++) {
		if (!strncmp(arg, "--", 2)) {
			if (len - 2 != strlen(defs[i].name) ||
			    strncmp(arg + 2, defs[i].name, len - 2))
				continue;
			*value = eq ? eq + 1 : NULL;
			return &defs[i];
		}
		if (defs[i].letter && arg[0] == '-' && arg[1] == defs[i].letter) {
			*value = arg[2] ? arg + 2 : NULL;
			return &defs[i];
		}
	}

	return NULL;
}

static int check(const struct options *opts, char *why, size_t len)
{
	if (opts->txq != opts->rxq) {
		snprintf(why, len,
			 "--txq: '%u' is not possible with --rxq %u; they must be equal: virtio "
			 "has its queues in pairs",
			 opts->txq, opts->rxq);
		return -1;
	}
	for (unsigned int i = 0; i < opts->tx_segs; i++) {
		if (opts->txpkts[i] > opts->mbuf_size - RTE_PKTMBUF_HEADROOM) {
			snprintf(why, len,
				 "--txpkts: a segment of %u bytes is not possible with --mbuf-size "
				 "%u; allowed: up to %u",
				 opts->txpkts[i], opts->mbuf_size,
				 opts->mbuf_size - RTE_PKTMBUF_HEADROOM);
			return -1;
		}
	}

	return 0;
}

enum options_result options_parse(struct options *opts, int argc, char **argv, char *why,
				  size_t len)
{
	struct parse p = {.opts = opts, .why = why, .len = len};
	const struct option_def *def;
	const char *value;

	options_defaults(opts);
	for (int i = 1; i < argc; i++) {
		def = find(argv[i], &value);
		if (!def) {
			snprintf(why, len, "'%s' is not an option; --help lists them", argv[i]);
			return OPTIONS_BAD;
		}
		if (!def->arg && value) {
			snprintf(why, len, "--%s takes no value; found '%s'", def->name, argv[i]);
			return OPTIONS_BAD;
		}
		if (def->arg && !value && !may_lack_value(def)) {
			if (++i == argc) {
				snprintf(why, len, "--%s needs a value: %s", def->name, def->arg);
				return OPTIONS_BAD;
			}
			value = argv[i];
		}
		if (def->set(&p, def, value))
			return OPTIONS_BAD;
		if (p.exit)
			return OPTIONS_EXIT;
	}

	return check(opts, why, len) ? OPTIONS_BAD : OPTIONS_RUN;
}
