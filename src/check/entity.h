/* SPDX-License-Identifier: MIT */
/* Culprits and victims made of rows. All text is copied into the judgement's arena. */
#ifndef MURPHY_CHECK_ENTITY_H
#define MURPHY_CHECK_ENTITY_H

#include "check/check.h"

struct entity entity_host(void);

/*
 * The process of the last frame with that pid: comm and cgroup as far as they are known, "" and
 * NULL when it is gone. Wants MODEL_process, or the tables process and process_cgroup.
 */
struct entity entity_process(struct judgement *j, const struct model *m, uint64_t pid);

/* path: of a control group. */
struct entity entity_cgroup(struct judgement *j, const char *path);

/* "0.0.0.0:80" and "10.0.0.1:80 10.0.0.2:4711", "[::1]:80" for IPv6. s is a row of t. */
struct entity entity_listener(
	struct judgement *j, const struct table *t, const struct tcp_socket *s, uint64_t pid);
struct entity entity_connection(
	struct judgement *j, const struct table *t, const struct tcp_socket *s, uint64_t pid);

/* Whom a row of any table is about: its process, device, mount... or the row itself. */
struct entity entity_row(
	struct judgement *j, const struct model *m, enum table_id id, const void *row);

/* The table that holds the names for entity_row(); TABLE_none: its own. */
enum table_id entity_names(enum table_id id);

/*
 * "10.0.0.2:5432", "[::1]:53": an address of the other side, or of a socket here, which is a text
 * of t. port 0: the address alone.
 */
struct entity entity_peer(
	struct judgement *j, const struct table *t, uint32_t family, text_t address, uint32_t port);
struct entity entity_bound(struct judgement *j, const struct table *t, uint32_t family,
	text_t address, uint32_t port, uint64_t pid);

/* Row l of the table link. In another namespace than ours detail says so. */
struct entity entity_interface(struct judgement *j, const struct model *m, const struct link *l);

/* A process of that namespace for netns_enter(), 0: ours, or none is known. */
uint64_t netns_pid(const struct model *m, uint64_t netns);

/* "/proc/net/snmp", with the namespace behind it when that is not ours. */
const char *netns_source(struct judgement *j, uint64_t netns, const char *file);

/* Name a victim, unless it is named already. */
void finding_victim_once(struct finding *f, struct entity e);

/* "nginx (pid 4121)", and "pid 4121" when its name is unknown. */
const char *process_label(struct judgement *j, const struct model *m, uint64_t pid);

/*
 * text as one word of a shell: names are whatever somebody called his group or mount, and the
 * commands of a finding are copied to a root prompt. In quotes only where it needs them.
 */
const char *shell_word(struct judgement *j, const char *text);

/*
 * The service or scope of the system's systemd that a control group is of: the outermost one, below
 * slices alone. What runs in user@1000.service or in a container has units below that only a
 * manager of its own knows. NULL: none. path may be NULL.
 */
const char *system_unit(struct judgement *j, const char *path);

/* "systemctl restart nginx.service" when its control group is a unit's, else "kill -TERM 4121". */
const char *restart_command(struct judgement *j, const struct model *m, uint64_t pid);

/* "nsenter -t 4121 -n " for a command about sockets of another namespace than ours, else "". */
const char *netns_enter(struct judgement *j, uint64_t netns, uint64_t pid);

#endif
