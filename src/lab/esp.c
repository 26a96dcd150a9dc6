/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

const struct lab_guest esp_guest = {
	.why = "it takes ESP and netem, which not every kernel has",
	.modules = { "xfrm_user", "esp4", "gcm", "ghash_generic", "ctr", "seqiv", "ansi_cprng",
		"sch_netem", "sch_ingress", "cls_matchall", "act_police", "nft_numgen" },
	.programs = { "/sbin/tc" },
};
