/* SPDX-License-Identifier: MIT */
/* What IPsec drops and tunnels cannot send. */
#include "source/source.h"
#include "tests/unit/build_net.h"
#include "tests/unit/parse.h"

extern const struct check check_net_tunnel;

static struct xfrm *add_xfrm(struct scene *s, uint64_t netns)
{
	struct xfrm *now = add_pair(s, TABLE_xfrm);
	struct table *was = s->was.at[TABLE_xfrm];

	((struct xfrm *)table_at(was, was->n - 1))->netns = now->netns = netns;
	return now;
}

/* Packets that were dropped out and in, during 2 s; then what is told of it. */
static void losses(void **state UNUSED)
{
	static const struct {
		uint64_t out, in, plain;
		enum verdict verdict;
		enum severity severity;
		const char *title, *reason;
	} cases[] = {
		{ 0, 0, 0, VERDICT_FINE, 0, NULL, NULL },
		{ 2, 2, 0, VERDICT_FINE, 0, NULL, NULL },
		{ 5, 0, 0, VERDICT_SAD, SEVERITY_INFO, "2.5 a second that are to leave, 0.0",
			"xfrm.XfrmOutNoStates" },
		{ 9, 10, 0, VERDICT_SAD, SEVERITY_INFO, "4.5 a second that are to leave, 5.0 that",
			"xfrm.XfrmOutNoStates" },
		{ 10, 10, 0, VERDICT_SAD, SEVERITY_WARNING, "5.0 that came in",
			"xfrm.XfrmOutNoStates" },
		{ 0, 4000, 0, VERDICT_SAD, SEVERITY_WARNING, "2000.0 that came in",
			"xfrm.XfrmInStateProtoError" },
		/* Anybody may send these. */
		{ 0, 0, 4000, VERDICT_SAD, SEVERITY_INFO, "2000.0 that came in",
			"xfrm.XfrmInTmplMismatch" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct xfrm *x = add_xfrm(&s, 0);

		x->out_no_states = cases[i].out;
		x->in_protocol_errors = cases[i].in;
		x->in_template_mismatches = cases[i].plain;
		const struct finding *f =
			scene_case(&s, &check_net_tunnel, i, cases[i].verdict, cases[i].severity);

		if (f) {
			assert_non_null(strstr(f->title, cases[i].title));
			assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
			assert_string_equal(f->evidence[0].metric, cases[i].reason);
		}
		scene_end(&s);
	}
}

/* The sum of all reasons counts, the largest is the cause; each namespace is told of apart. */
static void reasons(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct xfrm *x = add_xfrm(&s, 0);

	x->in_sequence_errors = 3;
	x->in_protocol_errors = 16;
	x->in_expired = 1;
	add_xfrm(&s, NS)->out_blocked = 4;
	assert_int_equal(scene_judge(&s, &check_net_tunnel), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_non_null(strstr(f->cause, "cannot be decrypted"));
	assert_int_equal(f->n_evidence, 2);
	scene_end(&s);
}

/* Whatever the kernel counts is told. */
static void every_reason(void **state UNUSED)
{
	const struct schema *schema = schemas[TABLE_xfrm];

	for (unsigned int column = XFRM_netns + 1; column < schema->n_columns; column++) {
		struct scene s;

		scene_start(&s);
		row_put(schema, add_xfrm(&s, 0), column, 20);
		if (scene_judge(&s, &check_net_tunnel) != VERDICT_SAD)
			fail_msg("%s", schema->columns[column].name);
		scene_end(&s);
	}
}

static struct link *add_link(struct scene *s, const char *kind)
{
	struct link *l = add_pair(s, TABLE_link);

	l->name = build_text(&s->now, TABLE_link, "t0");
	l->kind = build_text(&s->now, TABLE_link, kind);
	return l;
}

static void devices(void **state UNUSED)
{
	static const struct {
		const char *kind;
		uint64_t sent, errors, carrier;
		enum verdict verdict;
		enum severity severity;
		const char *cause;
	} cases[] = {
		{ "vxlan", 0, 200, 200, VERDICT_SAD, SEVERITY_WARNING, "no route" },
		{ "wireguard", 100, 6, 0, VERDICT_SAD, SEVERITY_INFO, "handshake" },
		{ "gre", 100, 4, 0, VERDICT_FINE, 0, NULL },
		{ "gre", 10000, 100, 0, VERDICT_FINE, 0, NULL },
		{ "gre", 9900, 100, 0, VERDICT_SAD, SEVERITY_WARNING, NULL },
		{ "veth", 0, 200, 0, VERDICT_FINE, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_xfrm(&s, 0);
		struct link *l = add_link(&s, cases[i].kind);

		l->tx_packets = cases[i].sent;
		l->tx_errors = cases[i].errors;
		l->tx_carrier = cases[i].carrier;
		const struct finding *f =
			scene_case(&s, &check_net_tunnel, i, cases[i].verdict, cases[i].severity);

		if (f) {
			assert_int_equal(f->culprits[0].kind, ENTITY_INTERFACE);
			assert_true(!cases[i].cause || strstr(f->cause, cases[i].cause));
		}
		scene_end(&s);
	}
}

/* A tunnel that sent 100 packets, a card of 1500 below it. */
static void fragments(void **state UNUSED)
{
	static const struct {
		const char *kind;
		uint64_t mtu, below, made;
		enum verdict verdict;
	} cases[] = {
		{ "vxlan", 1500, 1500, 200, VERDICT_SAD },
		{ "vxlan", 1451, 1500, 200, VERDICT_SAD },
		{ "vxlan", 1450, 1500, 200, VERDICT_FINE },
		{ "vxlan", 1500, 1550, 200, VERDICT_FINE },
		{ "vxlan", 1500, 0, 200, VERDICT_FINE }, /* unknown */
		{ "vxlan", 0, 1500, 200, VERDICT_FINE }, /* likewise */
		{ "vxlan", 1500, 1500, 19, VERDICT_FINE },
		{ "vxlan", 1500, 1500, 400, VERDICT_FINE }, /* of more than it sent */
		{ "ipip", 1481, 1500, 200, VERDICT_SAD },
		{ "ipip", 1480, 1500, 200, VERDICT_FINE },
		{ "vti", 1500, 1500, 200, VERDICT_FINE }, /* its header depends */
		{ "veth", 1500, 1400, 200, VERDICT_FINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_xfrm(&s, 0);
		add_link(&s, cases[i].kind);
		struct link *card = add_link(&s, ""), *l = table_at(s.now.at[TABLE_link], 0);

		((struct link *)table_at(s.was.at[TABLE_link], 1))->index = card->index = 2;
		l->flags = card->flags = 1;
		l->tx_packets = 100;
		l->mtu_bytes = cases[i].mtu;
		card->mtu_bytes = cases[i].below;
		if (cases[i].mtu == 0)
			build_unset(l, LINK_mtu_bytes);
		if (cases[i].below == 0)
			build_unset(card, LINK_mtu_bytes);
		add_snmp(&s, 0)->ip_fragments_made = cases[i].made;
		const struct finding *f =
			scene_case(&s, &check_net_tunnel, i, cases[i].verdict, SEVERITY_INFO);

		if (f) {
			assert_int_equal(f->culprits[0].kind, ENTITY_INTERFACE);
			assert_non_null(strstr(
				f->todo[1], cases[i].kind[0] == 'v' ? "mtu 1450" : "mtu 1480"));
		}
		scene_end(&s);
	}
}

static void parsed(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_xfrm]);

	assert_int_equal(parse_corpus("xfrm/6.18", xfrm_parse, t), 0);
	const struct xfrm *x = table_at(t, 0);

	assert_int_equal(x->out_no_states, 0);
	assert_true(row_has(x->has, XFRM_out_no_states) && row_has(x->has, XFRM_acquire_errors));
	assert_int_equal(parse_corpus("xfrm/repeated", xfrm_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("xfrm/negative", xfrm_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("xfrm/unknown", xfrm_parse, t), -ENODATA);
	assert_int_equal(t->n, 1);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(losses),
		cmocka_unit_test(reasons),
		cmocka_unit_test(every_reason),
		cmocka_unit_test(devices),
		cmocka_unit_test(fragments),
		cmocka_unit_test(parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
