/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_APP_H
#define TESTPMD_APP_H

#include <rte_mbuf.h>

#include <uvdk_emu.h>
#include <uvdk_iommu.h>
#include <uvdk_netdev.h>

#include "fwd.h"
#include "options.h"

/*
 * The program's state. Everything here belongs to the main thread; forwarding
 * cores see only the plan that cores.c hands them.
 */

struct uvdk_eal_map;
struct uvdk_inspect;

/* An address space with EAL memory in it, used by one port or by several. */
struct space {
	struct space *next;
	struct uvdk_iommu *iommu; /* borrowed from spaces.iommu */
	struct uvdk_ioas *ioas;
	struct uvdk_eal_map *map;
	unsigned int id;
	unsigned int users;
};

/* Every way of mapping DMA that is open, and the emulated machine. */
struct spaces {
	struct uvdk_emu *emu;
	struct uvdk_inspect *inspect; /* NULL: not asked for */
	struct uvdk_iommu *iommu[4];
	unsigned int iommus;
	struct space *first;
	unsigned int next_id;
};

/* Mbufs of a NUMA node. */
struct pool {
	struct pool *next;
	struct rte_mempool *mp;
	int socket;
	unsigned int left; /* mbufs that no port's rings count on */
};

enum port_state {
	PORT_NONE,    /* never used, or detached */
	PORT_STOPPED, /* open */
	PORT_STARTED,
	PORT_REMOVED, /* its device has left; what it counted is kept */
};

struct port {
	unsigned int id;
	enum port_state state;
	char *spec; /* as given */
	char *name; /* as opened */
	struct uvdk_device *dev;
	struct uvdk_netdev *nd;
	struct space *space;
	struct pool *pool;
	unsigned int mbufs; /* its share of the pool */
	struct uvdk_netdev_info info;
	struct rte_ether_addr mac;
	uint32_t tx_offload;		  /* CSUM_HW_*, by "csum set" */
	struct uvdk_netdev_stats carried; /* counted by devices that were here before */
	struct uvdk_netdev_stats shown;	  /* at the last "show port stats" */
	uint64_t shown_ns;
	bool broken_told;
};

struct fwd_session;
struct cores;
struct prompt;

struct app {
	struct options opts;
	struct spaces spaces;
	struct pool *pools;
	struct port port[MAX_PORTS];
	struct cores *cores;
	struct fwd_session *session; /* NULL: not forwarding */
	struct fwd_session *last;    /* the latest that has ended, or NULL */
	struct fwd_counters total;   /* of all sessions that have ended */
	uint64_t dropped[MAX_PORTS]; /* the same, by the port that should have sent */
	double seconds;
	struct prompt *prompt;
	uint16_t verbose;
	bool quit;
	bool own_pair;	    /* no port was given */
	bool script_failed; /* a command of --cmdline-file did */
	bool broken;	    /* a port broke at some time */
	bool disturbed;	    /* a port was reset, closed or attached: its source starts anew */
};

/* "uvdk-testpmd: ..." on stderr, one sentence. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Leave the sentence for reason(); returns @err. */
int refuse(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Why the latest call failed: ours, the library's, or errno's sentence. */
const char *reason(int err);

uint64_t now_ns(void);

/* ---- eal.c ---- */

/* EAL with the arguments before "--". 0, or -1 after a complaint. */
int eal_start(int argc, char **argv);

/* ---- spaces.c ---- */

/*
 * The iommu for a port, and a space on it: a fresh one or, with --ioas shared,
 * the one that is there. The space gets its ioas in space_attach().
 */
int space_get(struct app *app, const char *spec, struct space **out);
int space_attach(struct space *space, struct uvdk_device *dev);
void space_put(struct app *app, struct space *space);

/* With --inspect: let uvdk-iommuctl look. 0, or negative errno, complained. */
int spaces_inspect(struct app *app);

/* Close every iommu and the emulated machine; all ports are closed. */
void spaces_close(struct app *app);

/* ---- pools.c ---- */

/* Find or make a pool for an opened port. 0, or negative errno for reason(). */
int pool_get(struct app *app, struct port *port);
void pool_put(struct app *app, struct port *port);
void pools_free(struct app *app);

/* Descriptors that a ring will get. */
unsigned int ring_size(unsigned int asked, unsigned int min, unsigned int max);

/* ---- ports.c ---- */

/* Open all ports of the command line, or the emulated pair. */
int ports_open(struct app *app);
void ports_close(struct app *app);

/* Open @spec in the lowest free place. 0 with *@id, or negative errno, complained. */
int port_attach(struct app *app, const char *spec, unsigned int *id);
int port_start(struct app *app, struct port *port);

/* Do generated packets fit its MTU? 0, or negative errno for reason(). */
int port_fits(const struct port *port, const struct options *opts);
int port_stop(struct app *app, struct port *port);
int port_reset(struct app *app, struct port *port);

/*
 * Stop forwarding on it and close it; @state: PORT_NONE or PORT_REMOVED. It is
 * closed in any case; negative errno, complained, if the others do not forward on.
 */
int port_close(struct app *app, struct port *port, enum port_state state);

static inline bool port_is_open(const struct port *port)
{
	return port->state == PORT_STOPPED || port->state == PORT_STARTED;
}

unsigned int ports_count(const struct app *app);
unsigned int ports_started(const struct app *app);

/* Counters of all devices that were in this place. */
void port_stats(const struct port *port, struct uvdk_netdev_stats *out);
void port_clear_stats(struct port *port);

/* ---- session.c ---- */

/* Start forwarding on all started ports. @bursts: sent first. */
int fwd_start(struct app *app, unsigned int bursts);

/* Stop, print and keep the statistics. */
void fwd_stop(struct app *app);

/*
 * A port leaves or rejoins a running session; the others forward on. 0, or
 * negative errno, complained: without memory the session may have been stopped.
 */
int fwd_leave(struct app *app, const struct port *port);
int fwd_join(struct app *app, const struct port *port);

/* Burst size and verbosity of running streams follow the options. */
void fwd_retune(struct app *app);

void fwd_session_free(struct fwd_session *session);

/* Streams of a session, for statistics and "show config fwd". */
unsigned int fwd_streams(const struct fwd_session *session, const struct fwd_stream **out);
unsigned int fwd_core_of(const struct fwd_session *session, unsigned int stream);

/* ---- counts.c ---- */

/* One stream's share. */
struct fwd_counters fwd_stream_counters(const struct fwd_session *session, unsigned int stream);

/* Sum over a session's streams; zero without one. */
struct fwd_counters fwd_session_total(const struct fwd_session *session);
double fwd_session_seconds(const struct fwd_session *session);

/* All sessions, the running one included. */
struct fwd_counters fwd_total(const struct app *app);
double fwd_seconds(const struct app *app);

/* Packets that were received, or made and sent or dropped, over all of them. */
uint64_t fwd_moved(const struct app *app);

/* What a port has not been able to send, over all sessions. */
uint64_t fwd_port_dropped(const struct app *app, unsigned int port);

void fwd_clear_stats(struct app *app);

/* ---- stats.c ---- */

void stats_print_session(const struct app *app, const struct fwd_session *session);
void stats_print_nic(struct port *port);
void stats_print_xstats(const struct port *port);

/* ---- emulated.c ---- */

/* Show what emulated ports' far ends have seen; false: damaged or unruly traffic. */
bool emulated_check(const struct app *app);

/* ---- json.c ---- */

/* Write --stats-json FILE, if it was asked for; whole or not at all. */
int json_write(const struct app *app);

/* Can it be written? 0, or negative errno after a complaint. */
int json_check(const struct app *app);

/* ---- events.c ---- */

/* Block the signals that end the program; events_run() takes them. */
void events_init(void);

struct until {
	uint64_t deadline_ns; /* 0: none */
	uint64_t packets;     /* 0: no limit; over all sessions */
	bool stuck;	      /* over once no port is there that could forward */
	bool input;	      /* serve the prompt, or Enter to end */
};

/* Serve devices, input and signals until something ends it. */
void events_run(struct app *app, const struct until *until);

/* ---- prompt.c ---- */

int prompt_open(struct app *app);
void prompt_close(struct app *app);

/* Feed what was read from standard input; @len 0: end of file. */
void prompt_input(struct app *app, const char *text, size_t len);

/* Execute a file of commands. 0, or -1 after a complaint. */
int prompt_file(struct app *app, const char *path);

#endif /* TESTPMD_APP_H */
