/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/netns.h"

#include <errno.h>
#include <stdio.h>

static const struct key keys[] = {
	{ "XfrmInError", XFRM_in_errors },
	{ "XfrmInBufferError", XFRM_in_buffer_errors },
	{ "XfrmInHdrError", XFRM_in_header_errors },
	{ "XfrmInNoStates", XFRM_in_no_states },
	{ "XfrmInStateProtoError", XFRM_in_protocol_errors },
	{ "XfrmInStateModeError", XFRM_in_mode_errors },
	{ "XfrmInStateSeqError", XFRM_in_sequence_errors },
	{ "XfrmInStateExpired", XFRM_in_expired },
	{ "XfrmInStateMismatch", XFRM_in_mismatches },
	{ "XfrmInStateInvalid", XFRM_in_invalid },
	{ "XfrmInTmplMismatch", XFRM_in_template_mismatches },
	{ "XfrmInNoPols", XFRM_in_no_policies },
	{ "XfrmInPolBlock", XFRM_in_blocked },
	{ "XfrmInPolError", XFRM_in_policy_errors },
	{ "XfrmOutError", XFRM_out_errors },
	{ "XfrmOutBundleGenError", XFRM_out_bundle_errors },
	{ "XfrmOutBundleCheckError", XFRM_out_bundle_check_errors },
	{ "XfrmOutNoStates", XFRM_out_no_states },
	{ "XfrmOutStateProtoError", XFRM_out_protocol_errors },
	{ "XfrmOutStateModeError", XFRM_out_mode_errors },
	{ "XfrmOutStateSeqError", XFRM_out_sequence_errors },
	{ "XfrmOutStateExpired", XFRM_out_expired },
	{ "XfrmOutPolBlock", XFRM_out_blocked },
	{ "XfrmOutPolDead", XFRM_out_policy_dead },
	{ "XfrmOutPolError", XFRM_out_policy_errors },
	{ "XfrmFwdHdrError", XFRM_forward_header_errors },
	{ "XfrmOutStateInvalid", XFRM_out_invalid },
	{ "XfrmAcquireError", XFRM_acquire_errors },
	{ "XfrmOutStateDirError", XFRM_out_direction_errors },
	{ "XfrmInStateDirError", XFRM_in_direction_errors },
	{ "XfrmInIptfsError", XFRM_in_iptfs_errors },
	{ "XfrmOutNoQueueSpace", XFRM_out_queue_full },
};

enum { XFRM_FILE_MAX = 16384 };

/*
 * Parse /proc/net/xfrm_stat into one row whose netns is 0: of another namespace the caller changes
 * it.
 *
 * Shape:  "NAME N" lines. Names that are in no list are skipped: kernels add.
 * Errors: -EINVAL malformed or repeated, -ENODATA none of the names.
 * Source: net/xfrm/xfrm_proc.c, xfrm_statistics_seq_show(); Documentation/networking/xfrm_proc.rst.
 */
int xfrm_parse(const char *buf, size_t len, struct table *t)
{
	struct xfrm x = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0, value;

	while (cursor_line(&c, &line)) {
		struct span name;

		if (!cursor_word(&line, &name))
			continue;
		cursor_blank(&line);
		if (!cursor_u64(&line, &value) || !cursor_end(&line) ||
			keys_put(keys, ARRAY_SIZE(keys), &seen, name, value, schemas[TABLE_xfrm],
				&x) < 0)
			return -EINVAL;
	}
	if (!x.has)
		return -ENODATA;
	row_put(schemas[TABLE_xfrm], &x, XFRM_netns, 0);
	struct xfrm *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = x;
	return 0;
}

static int read_one(struct probe *p, struct table *t, const char *path)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, XFRM_FILE_MAX, &text);

	return err < 0 ? err : xfrm_parse(strbuf_text(&text), text.len, t);
}

/* /proc/PID/net is the namespace of the process: no need to go there. */
static int read_xfrm(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_xfrm);
	const struct netns *ns = NULL;
	int err = t ? read_one(p, t, "proc/net/xfrm_stat") : 0;

	if (!t || err == -ENOMEM)
		return err;
	if (err == -ENOENT)
		table_fail(t, STATE_ABSENT,
			"this kernel does not count what IPsec drops (CONFIG_XFRM_STATISTICS)");
	else if (err < 0)
		table_fail(t,
			err == -EINVAL || err == -ENODATA ? STATE_BROKEN : state_of_errno(err),
			"/proc/net/xfrm_stat");
	if (err < 0)
		return 0;
	t->state = STATE_OK;
	while ((ns = netns_next(p, ns, NETNS_READ_MAX, &t->lost))) {
		char path[64];

		snprintf(
			path, sizeof(path), "proc/%llu/net/xfrm_stat", (unsigned long long)ns->pid);
		err = read_one(p, t, path);
		if (err == -ENOMEM)
			return err;
		if (err == 0)
			row_put(t->schema, table_at(t, t->n - 1), XFRM_netns, ns->netns);
		else if (!netns_is_gone(err))
			t->lost++;
	}
	return 0;
}

const struct source source_xfrm = {
	.name = "xfrm",
	.fills = { TABLE_xfrm },
	.uses = { TABLE_netns },
	.deadline_ns = 500000000,
	.read = read_xfrm,
};
