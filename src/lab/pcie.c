/* SPDX-License-Identifier: MIT */
#include "lab/pcie.h"

#include <errno.h>
#include <fcntl.h>

#define INJECT "/dev/aer_inject"

/* drivers/pci/pcie/aer_inject.c, struct aer_error_inj. */
struct aer_error {
	uint8_t bus, dev, fn;
	uint32_t uncorrectable, correctable, header[4], domain;
};

int pcie_report(struct scene *s, uint32_t uncorrectable, uint32_t correctable)
{
	const struct aer_error e = {
		.dev = 5, .uncorrectable = uncorrectable, .correctable = correctable
	};
	auto_close fd = open(INJECT, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return scene_skip(s, "%s: this kernel cannot play PCIe errors", INJECT);
	return write(fd, &e, sizeof(e)) < 0 ? -errno : 0;
}

const struct lab_guest pcie_guest = { .why = "it resets a PCIe port",
	.append = "pcie_ports=native",
	.modules = { "aer_inject" },
	.device = "pcie-root-port,addr=5" };
