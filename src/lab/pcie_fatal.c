/* SPDX-License-Identifier: MIT */
#include "lab/pcie.h"

#include <linux/pci_regs.h>

/* Fatal, unless the port's severity register says otherwise. */
static int run(struct scene *s)
{
	int err = pcie_report(s, PCI_ERR_UNC_DLP, 0);

	if (err < 0)
		return err;
	scene_say(s, PCIE_PORT " reported a fatal error of its link");
	scene_culprit(s, "device", 0, PCIE_PORT);
	return scene_hold(s);
}

const struct lab lab_pcie_fatal = {
	.name = "pcie-fatal",
	.story = "A PCIe port reports a fatal error of its link",
	.want = "kernel.machine-check",
	.bounds = "a port of a guest",
	.guest = &pcie_guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
