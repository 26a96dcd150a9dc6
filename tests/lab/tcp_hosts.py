# SPDX-License-Identifier: MIT
"""Two hosts and a router, each a network namespace, whose murphy sees no other."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

A, B = "10.99.1.1", "10.99.2.1"
A6, B6 = "fd99:1::1", "fd99:2::1"


def sh(*words, ok=False):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode and not ok:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Hosts:
    """Namespaces PREFIX-a, -r, -b; what was started in them ends with them."""

    def __init__(self):
        self.prefix = f"mj{os.getpid()}"
        self.names = {k: f"{self.prefix}-{k}" for k in "arb"}
        self.children = []
        self.dir = Path(tempfile.mkdtemp())

    def __enter__(self):
        try:
            for name in self.names.values():
                sh("ip", "netns", "add", name)
                sh("ip", "-n", name, "link", "set", "lo", "up")
            for side, net, far in (("a", 1, 2), ("b", 2, 1)):
                name, router = self.names[side], self.names["r"]
                sh("ip", "-n", name, "link", "add", "up0", "type", "veth", "peer", "name", f"to-{side}",
                   "netns", router)
                sh("ip", "-n", name, "addr", "add", f"10.99.{net}.1/24", "dev", "up0")
                sh("ip", "-n", name, "addr", "add", f"fd99:{net}::1/64", "dev", "up0", "nodad")
                sh("ip", "-n", name, "link", "set", "up0", "up")
                sh("ip", "-n", router, "addr", "add", f"10.99.{net}.254/24", "dev", f"to-{side}")
                sh("ip", "-n", router, "addr", "add", f"fd99:{net}::fe/64", "dev", f"to-{side}", "nodad")
                sh("ip", "-n", router, "link", "set", f"to-{side}", "up")
                sh("ip", "-n", name, "route", "add", f"10.99.{far}.0/24", "via", f"10.99.{net}.254")
                sh("ip", "-n", name, "route", "add", f"fd99:{far}::/64", "via", f"fd99:{net}::fe")
            self.sysctl("r", "net/ipv4/ip_forward", 1)
            self.sysctl("r", "net/ipv6/conf/all/forwarding", 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            self.stop(child)
        for name in self.names.values():
            sh("ip", "netns", "del", name, ok=True)
        for file in self.dir.iterdir():
            file.unlink()
        self.dir.rmdir()

    def sysctl(self, host, path, value):
        sh("ip", "netns", "exec", self.names[host], "sh", "-c", f"echo {value} >/proc/sys/{path}")

    def on(self, host):
        """The words that run a command on a host which sees only its own processes."""
        return ["nsenter", f"--net=/run/netns/{self.names[host]}", "unshare", "--pid", "--fork",
                "--mount-proc", "--kill-child"]

    def start(self, host, code, *args):
        """Python that prints a line when it is ready, and does a thing for each line it gets."""
        child = subprocess.Popen(["ip", "netns", "exec", self.names[host], "python3", "-c", code,
                                  *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        assert child.stdout.readline().strip() == "ready", "it did not get ready"
        return child

    def tell(self, child, word):
        child.stdin.write(word + "\n")
        child.stdin.flush()
        return child.stdout.readline().strip()

    def stop(self, child):
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()

    def cut(self, host, is_cut=True):
        """Nothing goes to that host and nothing comes from it; neither is told."""
        sh("ip", "-n", self.names["r"], "link", "set", f"to-{host}", "down" if is_cut else "up")
        if not is_cut:
            net = "1" if host == "a" else "2"
            sh("ip", "-n", self.names["r"], "addr", "add", f"fd99:{net}::fe/64", "dev", f"to-{host}", "nodad",
               ok=True)

    def wait_for_path(self, host):
        """Until the other host answers, over both families: neighbours have to be found anew."""
        for address in {"a": (B, B6), "b": (A, A6)}[host]:
            code = ("import socket,time\nfor _ in range(50):\n try: socket.create_connection(('%s', 9), 0.2)\n"
                    " except ConnectionRefusedError: break\n except OSError: time.sleep(0.1)" % address)
            sh("ip", "netns", "exec", self.names[host], "python3", "-c", code)

    def power_cycle(self, host):
        """It forgets every connection without a word, and is back. False: this kernel cannot do that."""
        name, net = self.names[host], {"a": 2, "b": 1}[host]
        own = {"a": 1, "b": 2}[host]
        there = (f"10.99.{net}.0/24", f"fd99:{net}::/64")
        for prefix in there:
            sh("ip", "-n", name, "route", "replace", "blackhole", prefix)
        sh("ip", "netns", "exec", name, "ss", "-K", "-t", "state", "connected", ok=True)
        left = sh("ip", "netns", "exec", name, "ss", "-Htn", "state", "established")
        for prefix, via in zip(there, (f"10.99.{own}.254", f"fd99:{own}::fe")):
            sh("ip", "-n", name, "route", "del", "blackhole", prefix, ok=True)
            sh("ip", "-n", name, "route", "replace", prefix, "via", via)
        self.wait_for_path(host)
        return not left.strip()

    def ssh(self):
        """A program that is called like ssh, for host b."""
        path = self.dir / "ssh"
        path.write_text("#!/bin/sh\nshift\nexec " + " ".join(self.on("b")) + ' "$@"\n')
        path.chmod(0o755)
        return str(path)
