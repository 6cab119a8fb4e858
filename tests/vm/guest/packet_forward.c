/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwards every frame that enters one network interface out of another, both
 * ways, through the kernel's packet sockets. It uses nothing of uvdk: it shows
 * that the harness itself loses, changes and reorders no frame.
 *
 * usage: packet_forward IFACE IFACE
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_FRAMES 0x0003 /* ETH_P_ALL */

static int bring_up(int fd, const char *name)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -1;
	ifr.ifr_flags |= IFF_UP | IFF_PROMISC;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static int open_port(const char *name)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ALL_FRAMES),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int room = 16 << 20;
	int one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	/* Up before the bind: a socket bound to an interface that is down reads ENETDOWN. */
	if (fd < 0 || bring_up(fd, name) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror(name);
		return -1;
	}
	return fd;
}

static int forward(int from, int to)
{
	char frame[65536];
	ssize_t len = recv(from, frame, sizeof(frame), 0);

	if (len < 0 || send(to, frame, (size_t)len, 0) != len) {
		perror("forward");
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd port[2];

	if (argc != 3)
		return 1;
	for (int i = 0; i < 2; i++) {
		port[i].fd = open_port(argv[i + 1]);
		port[i].events = POLLIN;
		if (port[i].fd < 0)
			return 1;
	}
	puts("forwarding");
	fflush(stdout);
	while (poll(port, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			if (port[i].revents && forward(port[i].fd, port[!i].fd))
				return 1;
		}
	}
	return 1;
}
