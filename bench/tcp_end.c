/* SPDX-License-Identifier: MIT */
/*
 * What murphy predicts of each TCP connection from what sock_diag shows, which is what any user
 * gets: columns that take eBPF are left out. For tcp_end.py: for each line that it reads it prints
 * an object for each connection, and then {"done": sockets}. Times are those of CLOCK_BOOTTIME.
 */
#include "view/tcp_end.h"
#include "feed/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t all_alike(const void *row UNUSED)
{
	return 1;
}

static void print_row(const struct table *t, const struct tcp_socket *s)
{
	const char *comma = "";

	printf("\"row\": {");
	for (unsigned int i = 0; i < t->schema->n_columns; i++) {
		struct reading cell = table_cell(t, s, i);

		if (cell.state != STATE_OK)
			continue;
		printf("%s\"%s\": %.0f", comma, t->schema->columns[i].name, cell.value);
		comma = ", ";
	}
	printf("}");
}

static void print_end(const char *name, const struct tcp_end *e)
{
	printf("\"%s\": {\"what\": \"%s\", \"in_ns\": %" PRIu64 ", \"least_ns\": %" PRIu64
	       ", \"most_ns\": %" PRIu64 ", \"errno\": %d, \"rule\": \"%s\", \"assumed\": %s, "
	       "\"settings_assumed\": %s, \"text\": \"%s\"}, ",
		name, tcp_end_name(e->what), e->in_ns, e->least_ns, e->most_ns, e->error, e->rule,
		e->assumed ? "true" : "false", e->settings_assumed ? "true" : "false",
		tcp_future_text(e).s);
}

static void print_socket(const struct frame *f, const struct table *t, const struct tcp_socket *s)
{
	const struct netns_setting *set = table_find(frame_table(f, TABLE_netns_setting), s->netns);
	struct tcp_socket shown = *s;

	for (unsigned int c = TCP_SOCKET_keepalive; c <= TCP_SOCKET_receive_next; c++)
		shown.has &= ~((has_t)1 << c);
	struct tcp_end plain = tcp_future(&shown, set);

	printf("{\"taken_ns\": %" PRIu64 ", \"netns\": %" PRIu64 ", \"cookie\": %" PRIu64 ", ",
		t->taken_ns, s->netns, s->cookie);
	print_end("plain", &plain);
	print_row(t, s);
	printf("}\n");
}

static int dump(struct feed *feed)
{
	static const struct need needs[] = {
		{ .table = TABLE_tcp_socket, .exact = true, .verdict = all_alike },
		{ .table = TABLE_tcp_tally }, /* so that TIME_WAIT is kept too */
		{ .table = TABLE_netns_setting },
	};
	struct frame f = { 0 };
	int err = feed_frame(feed, 0, true, needs, ARRAY_SIZE(needs), &f);
	const struct table *t = frame_table(&f, TABLE_tcp_socket);
	size_t n = 0;

	if (err == 0 && (!t || t->state != STATE_OK)) {
		fprintf(stderr, "tcp-end: left out: %s\n", t ? t->why : "no table");
		t = NULL;
	}
	for (table_each(const struct tcp_socket, s, t)) {
		if (s->state == 10)
			continue;
		print_socket(&f, t, s);
		n++;
	}
	printf("{\"done\": %zu, \"lost\": %" PRIu64 "}\n", n, t ? t->lost : 0);
	fflush(stdout);
	frame_release(&f);
	return err;
}

int main(void)
{
	struct host *host = NULL;
	struct feed *feed = NULL;
	char line[120];
	int err = host_open_live(&host);

	if (err == 0)
		err = feed_new(host, &feed);
	if (err < 0)
		fprintf(stderr, "tcp-end: %s\n", strerror(-err));
	while (err == 0 && fgets(line, sizeof(line), stdin))
		err = dump(feed);
	feed_free(feed);
	host_free(host);
	return err < 0;
}
