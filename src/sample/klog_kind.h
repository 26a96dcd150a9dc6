/* SPDX-License-Identifier: MIT */
/* The kinds of klog_event. They are text so that captures and JSON tell them. */
#ifndef MURPHY_SAMPLE_KLOG_KIND_H
#define MURPHY_SAMPLE_KLOG_KIND_H

#define KLOG_IO "io"                   /* the block layer gave a request back with an error */
#define KLOG_BUFFER "buffer"           /* a block could not be read or written */
#define KLOG_LOST_WRITE "lost_write"   /* a page that a program thinks is written */
#define KLOG_DRIVER "driver"           /* a command failed or was lost, and is tried again */
#define KLOG_FS "fs"                   /* a file system found damage in itself */
#define KLOG_READ_ONLY "read_only"     /* it takes no more writes */
#define KLOG_MOUNTED "mounted"         /* it was mounted again after that */
#define KLOG_RAID "raid"               /* an array lost a member */
#define KLOG_SOFT_LOCKUP "soft_lockup" /* a CPU did not schedule */
#define KLOG_HARD_LOCKUP "hard_lockup" /* a CPU took no interrupts */
#define KLOG_RCU_STALL "rcu_stall"     /* a CPU or task held up RCU */
#define KLOG_WORKQUEUE "workqueue"     /* a CPU's work queue did not move */
#define KLOG_CORRECTED "corrected"     /* a hardware error that was put right */
#define KLOG_UNCORRECTED "uncorrected" /* one that was not */
#define KLOG_NONFATAL "nonfatal"       /* of a PCIe link: a request was lost, the link works */
#define KLOG_SEGFAULT "segfault"       /* a program died of a fault */
#define KLOG_LINK_DOWN "link_down"     /* a network interface lost its link */

#endif
