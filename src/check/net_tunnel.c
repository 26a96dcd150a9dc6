/* SPDX-License-Identifier: MIT */
/*
 * What IPsec drops, by the kernel's own reasons (/proc/net/xfrm_stat), and tunnel devices that
 * cannot send. To whoever sends it looks like loss on the way, or like a host that is gone.
 */
#include "check/net_tunnel.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/net_drops.h"

#include <string.h>

/* Fewer: a rekeying, a replay, what was on its way when an SA ended. */
enum { TOLD_MIN = 5, REASONS_MAX = 4 };
#define LOST_RATIO 0.01
#define LOST_WHY "what a tunnel takes it sends: none is lost on a healthy one"

enum side { SIDE_OUT, SIDE_IN };

/* Both sides have to agree on what an SA is; and the policies here on what is let through. */
static const struct {
	unsigned int column;
	const char *name;
	enum side side;
	const char *means, *todo;
	bool weak; /* anybody can send such packets, or a policy says so: information only */
} reasons[] = {
#define KEYS                                                                                  \
	"is the key daemon up, and what does it say (strongSwan, Libreswan):  journalctl -u " \
	"strongswan -u ipsec -n 50"
#define COMPARE "compare SPI, algorithms and keys with the other end's:  ip -s xfrm state"
#define POLICY "what the policies want:  ip xfrm policy"
	{ XFRM_out_no_states, "XfrmOutNoStates", SIDE_OUT,
		"a policy wants IPsec for them and there is no SA: it expired, or was never agreed "
		"on",
		KEYS },
	{ XFRM_out_policy_errors, "XfrmOutPolError", SIDE_OUT,
		"what their policy wants cannot be put together: an SA of another kind than its "
		"template",
		COMPARE },
	{ XFRM_acquire_errors, "XfrmAcquireError", SIDE_IN,
		"they came for an SA that is still being agreed on", KEYS },
	{ XFRM_out_expired, "XfrmOutStateExpired", SIDE_OUT,
		"their SA has expired and no new one was made", KEYS },
	{ XFRM_out_bundle_errors, "XfrmOutBundleGenError", SIDE_OUT,
		"there is no way to the tunnel's other end",
		"which way it goes:  ip route get REMOTE" },
	{ XFRM_out_mode_errors, "XfrmOutStateModeError", SIDE_OUT,
		"they do not fit: too large for the tunnel and not to be fragmented, most often",
		"the MTU that is left, and whether it is learned:  tracepath -n HOST" },
	{ XFRM_out_sequence_errors, "XfrmOutStateSeqError", SIDE_OUT,
		"the SA's 32-bit sequence number is used up: no rekeying, no extended numbers",
		KEYS },
	{ XFRM_out_blocked, "XfrmOutPolBlock", SIDE_OUT, "a policy blocks them", POLICY, true },
	{ XFRM_out_protocol_errors, "XfrmOutStateProtoError", SIDE_OUT, "encrypting them failed",
		COMPARE },
	{ XFRM_out_invalid, "XfrmOutStateInvalid", SIDE_OUT, "their SA is not valid", COMPARE },
	{ XFRM_in_no_states, "XfrmInNoStates", SIDE_IN,
		"they have an SPI that is not known here: the other end goes on with an SA of "
		"which this one has no more (a restart, a failed rekeying)",
		COMPARE, true },
	{ XFRM_in_protocol_errors, "XfrmInStateProtoError", SIDE_IN,
		"they cannot be decrypted: keys or algorithms differ, or they were changed on the "
		"way",
		COMPARE },
	{ XFRM_in_mode_errors, "XfrmInStateModeError", SIDE_IN,
		"one end means tunnel mode, the other transport mode", COMPARE },
	{ XFRM_in_sequence_errors, "XfrmInStateSeqError", SIDE_IN,
		"they are behind the replay window: reordered on the way (several queues, QoS "
		"within one SA), or replayed",
		"the window, and how often:  ip -s -d xfrm state" },
	{ XFRM_in_expired, "XfrmInStateExpired", SIDE_IN, "their SA has expired here", KEYS },
	{ XFRM_in_mismatches, "XfrmInStateMismatch", SIDE_IN,
		"their UDP encapsulation (NAT traversal) is not that of the SA", COMPARE },
	{ XFRM_in_invalid, "XfrmInStateInvalid", SIDE_IN, "their SA is not valid", COMPARE },
	{ XFRM_in_template_mismatches, "XfrmInTmplMismatch", SIDE_IN,
		"they came in plain, or by another SA than the policy here wants: the other end "
		"does not encrypt",
		POLICY, true },
	{ XFRM_in_no_policies, "XfrmInNoPols", SIDE_IN,
		"no policy lets them in, decrypted or plain: the ends disagree on what goes "
		"through the tunnel",
		POLICY, true },
	{ XFRM_in_blocked, "XfrmInPolBlock", SIDE_IN, "a policy blocks them", POLICY, true },
	{ XFRM_in_header_errors, "XfrmInHdrError", SIDE_IN, "their headers are broken", COMPARE,
		true },
	{ XFRM_in_buffer_errors, "XfrmInBufferError", SIDE_IN, "there was no memory for them",
		"see:  murphy mem" },
	{ XFRM_in_errors, "XfrmInError", SIDE_IN, "of other reasons", COMPARE, true },
	{ XFRM_out_bundle_check_errors, "XfrmOutBundleCheckError", SIDE_OUT,
		"the way that they were to go had just changed", POLICY },
	{ XFRM_out_policy_dead, "XfrmOutPolDead", SIDE_OUT, "their policy had just gone", POLICY },
	{ XFRM_out_queue_full, "XfrmOutNoQueueSpace", SIDE_OUT,
		"the queue of an IP-TFS tunnel is full", COMPARE },
	{ XFRM_out_direction_errors, "XfrmOutStateDirError", SIDE_OUT,
		"their SA is for the other direction", COMPARE },
	{ XFRM_in_direction_errors, "XfrmInStateDirError", SIDE_IN,
		"their SA is for the other direction", COMPARE },
	{ XFRM_in_iptfs_errors, "XfrmInIptfsError", SIDE_IN, "IP-TFS could not take them apart",
		COMPARE },
	{ XFRM_in_policy_errors, "XfrmInPolError", SIDE_IN, "looking for their policy failed",
		POLICY },
	{ XFRM_forward_header_errors, "XfrmFwdHdrError", SIDE_IN,
		"forwarded, and their headers are broken", POLICY, true },
	{ XFRM_out_errors, "XfrmOutError", SIDE_OUT, "of other reasons", COMPARE },
};

/* In one network namespace. */
struct losses {
	const struct xfrm *row;
	double lost[2]; /* by side */
	double sure;    /* of both: not weak */
	double of[ARRAY_SIZE(reasons)];
	size_t most; /* of reasons */
};

static struct losses losses_of(const struct model *m, const struct xfrm *row)
{
	struct losses l = { .row = row };

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		l.of[i] = model_grown(m, TABLE_xfrm, row, reasons[i].column);
		l.lost[reasons[i].side] += l.of[i];
		l.sure += reasons[i].weak ? 0 : l.of[i];
		if (l.of[i] > l.of[l.most])
			l.most = i;
	}
	return l;
}

static enum severity severity_of(double lost)
{
	return lost >= DROPS_MIN ? SEVERITY_WARNING : SEVERITY_INFO;
}

static void report_losses(struct judgement *j, const struct model *m, const struct losses *l)
{
	struct finding *f = judge_finding(j, severity_of(l->sure), CONFIDENCE_CERTAIN);
	uint64_t netns = l->row->netns;
	const char *enter = netns_enter(j, netns, netns_pid(m, netns));
	double seconds = (double)model_elapsed_ns(m, TABLE_xfrm) / 1e9;

	finding_culprit(f, entity_host());
	for (size_t i = 0, told = 0; i < ARRAY_SIZE(reasons) && told < REASONS_MAX; i++) {
		if (l->of[i] == 0 || (l->of[i] < l->of[l->most] / 10))
			continue;
		finding_evidence(f, judge_text(j, "xfrm.%s", reasons[i].name), UNIT_COUNT,
			reading_of(l->of[i]), "/proc/net/xfrm_stat", reading_of(TOLD_MIN),
			reasons[i].means);
		told++;
	}
	f->title = judge_text(j,
		"IPsec drops packets: %.1f a second that are to leave, %.1f that came in",
		l->lost[SIDE_OUT] / seconds, l->lost[SIDE_IN] / seconds);
	f->cause = reasons[l->most].means;
	finding_todo(f, judge_text(j,
				"which counters grow:  %swatch -d \"grep -v "
				"'\\b0$' /proc/net/xfrm_stat\"",
				enter));
	finding_todo(f, reasons[l->most].todo);
	finding_todo(
		f, judge_text(j, "what there is, with its errors:  %sip -s xfrm state", enter));
	f->refuted_if = "the counters stand still";
	f->share = 1;
}

static bool report_device(struct judgement *j, const struct model *m, const struct link *l)
{
	double sent = model_grown(m, TABLE_link, l, LINK_tx_packets);
	double carrier = model_grown(m, TABLE_link, l, LINK_tx_carrier);
	/* tx_dropped has what nobody waits for: multicast of a vxlan without an entry for it. */
	double lost = model_grown(m, TABLE_link, l, LINK_tx_errors);

	if (lost < TOLD_MIN || lost < LOST_RATIO * (sent + lost))
		return false;
	struct finding *f = judge_finding(j, severity_of(lost), CONFIDENCE_CERTAIN);
	struct entity e = entity_interface(j, m, l);
	const char *name = shell_word(j, table_text(frame_table(m->now, TABLE_link), l->name));
	const char *enter = netns_enter(j, l->netns, netns_pid(m, l->netns));

	finding_culprit(f, e);
	finding_evidence(f, "link.tx_errors", UNIT_COUNT, reading_of(lost), "rtnetlink tx_errors",
		reading_of(TOLD_MIN), "packets during the look that the tunnel could not send");
	finding_evidence(f, "link.tx_lost_ratio", UNIT_RATIO, reading_of(lost / (sent + lost)),
		"rtnetlink", reading_of(LOST_RATIO), LOST_WHY);
	finding_evidence(f, "link.tx_carrier", UNIT_COUNT, reading_of(carrier),
		"rtnetlink tx_carrier_errors", reading_none(STATE_ABSENT),
		"of them for want of a way to the tunnel's other end");
	f->share = lost / (sent + lost);
	f->title = judge_text(
		j, "the tunnel %s cannot send %s of its packets", e.name, human_ratio(f->share).s);
	f->cause = carrier >= lost / 2
			   ? "there is no route to the tunnel's other end, or only through itself"
			   : "the tunnel has nobody to send to (no peer, no entry for that "
			     "address, no handshake), or they are larger than what is below it "
			     "takes";
	finding_todo(f, judge_text(j, "its ends, MTU and counters:  %sip -d -s link show dev %s",
				enter, name));
	finding_todo(f, judge_text(j,
				"the way to its other end (remote, of the line above):  "
				"%sip route get REMOTE",
				enter));
	finding_todo(f, judge_text(j,
				"whom it knows:  %sbridge fdb show dev %s  (vxlan), or  %swg show  "
				"(WireGuard: latest handshake)",
				enter, name, enter));
	f->refuted_if = "its tx_errors stand still";
	return true;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *xfrm = frame_table(m->now, TABLE_xfrm);
	bool told = net_tunnel_mtu(j, m);

	for (table_each(struct link, l, frame_table(m->now, TABLE_link)))
		told |= net_tunnel_is(m, l) && report_device(j, m, l);
	if (model_elapsed_ns(m, TABLE_xfrm) == 0)
		return told ? VERDICT_SAD : judge_unknown(j, m, TABLE_xfrm);
	for (table_each(struct xfrm, row, xfrm)) {
		struct losses l = losses_of(m, row);

		if (l.lost[SIDE_OUT] + l.lost[SIDE_IN] < TOLD_MIN)
			continue;
		report_losses(j, m, &l);
		told = true;
	}
	return told ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_net_tunnel = {
	.id = "net.tunnel",
	.question = "Does IPsec drop packets, or can a tunnel not send them, or only in pieces?",
	.needs = { { .table = TABLE_xfrm, .rate = true, .optional = true },
		{ .table = TABLE_link, .rate = true, .optional = true },
		{ .table = TABLE_snmp, .rate = true, .optional = true },
		{ .table = TABLE_netns, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
