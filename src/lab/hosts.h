/* SPDX-License-Identifier: MIT */
/*
 * Two hosts and a router between them, each a network namespace: the lab's process and those that
 * it starts are on the first one, and have connections to the second.
 */
#ifndef MURPHY_LAB_HOSTS_H
#define MURPHY_LAB_HOSTS_H

#include "lab/lab.h"

#define HOSTS_FIRST "192.0.2.1"
#define HOSTS_PEER "198.51.100.1"
/* The router, as the other host sees it. */
#define HOSTS_ROUTER "198.51.100.254"
#define HOSTS_SERVER HOSTS_PEER ":8080"
enum { HOSTS_PORT = 8080 };

/* The router's link to the other host takes 1400 bytes, and the router says so. */
#define HOSTS_NARROW "ip link set lab-b mtu 1400\n"
/* Of what it says itself nothing gets to the first host; what it forwards does. */
#define HOSTS_SILENT "ip rule add iif lo to " HOSTS_FIRST "/32 blackhole\n"
#define HOSTS_SILENT_NEEDS "this kernel has no routing rules (CONFIG_IP_MULTIPLE_TABLES)"

/* The first host's interface is shaped; what its bucket holds at first lets one full packet go. */
#define HOSTS_SHAPE "tc qdisc add dev lab-a root tbf burst 1600 limit 1000000 rate "
#define HOSTS_SHAPE_NEEDS "it takes tc (iproute2) and tbf (CONFIG_NET_SCH_TBF)"

/* IPsec policies for what the first host sends to the other one. */
#define HOSTS_WAY "src " HOSTS_FIRST " dst " HOSTS_PEER
#define HOSTS_POLICY "ip xfrm policy add " HOSTS_WAY " dir "
#define HOSTS_ESP " tmpl " HOSTS_WAY " proto esp mode tunnel\n"
#define HOSTS_POLICY_NEEDS "this kernel has no IPsec policies (CONFIG_XFRM_USER)"

/* A tunnel from the first host to the other one, which is 203.0.113.2 inside. */
#define HOSTS_INSIDE "203.0.113.2"
#define HOSTS_VXLAN(address, from, to, mtu)                                             \
	"ip link add lab-x type vxlan id 7 local " from " remote " to " dstport 4789\n" \
	"ip address add " address "/24 dev lab-x\n"                                     \
	"ip link set lab-x mtu " mtu " up\n"
#define HOSTS_VXLAN_HERE(mtu) HOSTS_VXLAN("203.0.113.1", HOSTS_FIRST, HOSTS_PEER, mtu)
#define HOSTS_VXLAN_THERE(mtu) HOSTS_VXLAN(HOSTS_INSIDE, HOSTS_PEER, HOSTS_FIRST, mtu)
#define HOSTS_VXLAN_NEEDS "this kernel has no vxlan (CONFIG_VXLAN)"

/* What becomes of the other host. */
enum hosts_fate {
	HOSTS_LIVES,
	HOSTS_OFF,    /* its power is cut: nothing comes back, nobody says so */
	HOSTS_PAUSES, /* the path to it is interrupted for 1.5 s */
};

struct hosts_tale {
	unsigned connections; /* of lab-client to lab-server, which have talked once */
	bool server_closes;   /* lab-server has ended them before the rest happens */
	void (*open)(int fd); /* what lab-client does to each at first; or NULL */
	/* Then shell commands on the first host (device lab-a), the router (lab-r, lab-b) and the
	 * other host (lab-p), or NULL; and what they want of a kernel, if not every one has it. */
	const char *here, *router, *there;
	const char *needs;
	enum hosts_fate fate;
	void (*act)(int fd);   /* and then lab-client to each; or NULL */
	const char *path;      /* shell commands on the router before all that; or NULL */
	unsigned delay_ms;     /* that the way to the other host takes, and the way back */
	bool reads;            /* lab-server reads all that comes, instead of a word */
	const char *sysctl[2]; /* of the first host: a file below net/ipv4, its text; or NULL */
	const char *sysctl_there[2]; /* the same of the other one */
	/*
	 * "interface lab-a" is that one, "process" lab-client, "peer" lab-server, "host" that
	 * one's host, "self" the machine that all of this is on; NULL: healthy
	 */
	const char *culprit;
	const char *says; /* for people, after "lab-client (pid N)" */
};

/* Make that happen, and hold; or skip. */
int hosts_tell(struct scene *s, const struct hosts_tale *t);

/* Probe after a second of silence, and then each second, for a hundred of them. */
void hosts_keepalive(int fd);

/* Write a thousand bytes. */
void hosts_speak(int fd);

/* Nine thousand: six full segments and a smaller one. */
void hosts_upload(int fd);

/* A hundred thousand, more than is sent at first, and 4 s later the same on a new connection. */
void hosts_upload_again(int fd);

/* Send a datagram to nobody there each 10 ms. Never returns. */
void hosts_datagrams(int fd);

/* The same with 1,472 bytes each, through the tunnel. */
void hosts_datagrams_inside(int fd);

/* Write for ever, as fast as it goes; and four megabytes a second, in pieces. Never return. */
void hosts_stream(int fd);
void hosts_stream_slowly(int fd);
/* The first with a send buffer of 64 KiB (the kernel doubles it). */
void hosts_stream_small(int fd);
/* The first at eight bytes a second, by a pace that it sets. */
void hosts_stream_paced(int fd);

void hosts_close(int fd);
void hosts_speak_and_close(int fd);

/* One more connection to lab-server, in the background. */
void hosts_connect(int fd);

#endif
