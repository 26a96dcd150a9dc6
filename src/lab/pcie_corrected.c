/* SPDX-License-Identifier: MIT */
#include "lab/pcie.h"

#include <linux/pci_regs.h>

static int run(struct scene *s)
{
	int err = pcie_report(s, 0, PCI_ERR_COR_RCVR);

	if (err < 0)
		return err;
	scene_say(s, PCIE_PORT " reported an error that it corrected itself");
	return scene_hold(s);
}

const struct lab lab_pcie_corrected = {
	.name = "pcie-corrected",
	.story = "A PCIe port reports one error that it corrected itself",
	.bounds = "a port of a guest",
	.guest = &pcie_guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
