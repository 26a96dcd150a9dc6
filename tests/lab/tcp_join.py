#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""murphy tcp join of two hosts (network namespaces) whose connections went wrong in known ways.

tcp_join.py MURPHY
"""
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tcp_hosts import A, B, B6, Hosts  # noqa: E402

SERVER = """
import socket, sys
v6 = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
print("ready", flush=True)
held = []
for word in sys.stdin:
    word = word.strip()
    if word.startswith("accept"):
        for _ in range(int(word.split()[1])):
            held.append(v6.accept()[0])
    if word == "close":
        for c in held: c.close()
        held = []
    if word == "echo":
        for c in held: c.sendall(c.recv(100))
    print("done", flush=True)
"""
CLIENT = """
import socket, sys
held = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _ in range(int(sys.argv[3]))]
print("ready", flush=True)
for word in sys.stdin:
    word = word.strip()
    if word == "send":
        for c in held: c.sendall(b"x" * 100)
    if word == "read":
        for c in held: assert c.recv(100)
    if word == "close":
        for c in held: c.close()
        held = []
    print("done", flush=True)
"""
failed = 0


def fail(text):
    global failed
    failed += 1
    print(f"FAIL {text}")


class Joined:
    def __init__(self, murphy, hosts, *options, live=True):
        if live:
            words = hosts.on("a") + [murphy, "tcp", "join", "--peer", "b", "--ssh", hosts.ssh(), "--murphy",
                                     murphy, "--json", *options]
        else:
            words = [murphy, "tcp", "join", "--json", *options]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        self.code, self.err = done.returncode, done.stderr
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.found = [x for x in self.lines if x["kind"] == "disagreement"]
        self.end = self.lines[-1] if self.lines else None
        self.causes = Counter((x["cause"], x["here"]["host"][0], x["checked"]) for x in self.found)


def expect(what, joined, code, causes):
    if joined.code != code or dict(joined.causes) != causes:
        fail(f"{what}: exit {joined.code} {dict(joined.causes)}, not {code} {causes}; {joined.err.strip()} "
             f"{joined.end}")
    else:
        print(f"ok   {what}: {causes or 'they agree'}")


def dump(murphy, hosts, host, name):
    path = hosts.dir / name
    with path.open("w") as out:
        subprocess.run(hosts.on(host) + [murphy, "tcp", "--json"], stdout=out, timeout=60, check=False)
    return str(path)


def tales(murphy, h):
    server = h.start("b", SERVER, 80)
    healthy = h.start("a", CLIENT, B, 80, 20)
    healthy6 = h.start("a", CLIENT, B6, 80, 20)
    h.tell(server, "accept 40")
    expect("healthy", Joined(murphy, h), 0, {})

    # Ended by B while the path is cut: A is never told.
    other = h.start("b", SERVER, 81)
    lost = h.start("a", CLIENT, B, 81, 5)
    h.tell(other, "accept 5")
    h.cut("b")
    h.tell(other, "close")
    time.sleep(2)
    expect("the FIN got lost", Joined(murphy, h), 1, {("fin-lost", "B", True): 5})
    h.cut("b", False)
    time.sleep(3)
    h.stop(lost)

    # Ended by B, and A's program does not close until B waits no longer.
    h.sysctl("b", "net/ipv4/tcp_fin_timeout", 2)
    third = h.start("b", SERVER, 82)
    waits = h.start("a", CLIENT, B, 82, 7)
    h.tell(third, "accept 7")
    h.tell(third, "close")
    time.sleep(5)
    expect("FIN_WAIT2 is over", Joined(murphy, h), 1, {("close-wait", "A", True): 7})
    h.stop(waits)
    time.sleep(1)
    expect("and all is well again", Joined(murphy, h), 0, {})

    # B loses all it has, while nobody says anything.
    one = [dump(murphy, h, "a", "a0"), dump(murphy, h, "b", "b0")]
    if not h.power_cycle("b"):
        print("skip power cycle: this kernel cannot end sockets (INET_DIAG_DESTROY)")
        return
    # Nothing on B has its address any more: not guessed, but what the user says.
    want = {("half-open", "A", True): 40}
    silent = Joined(murphy, h)
    if silent.code != 3 or silent.found:
        fail(f"B's address is not known: exit {silent.code} {dict(silent.causes)}")
    expect("power cycle", Joined(murphy, h, "--b-address", f"{B},{B6}"), 1, want)
    two = [dump(murphy, h, "a", "a1"), dump(murphy, h, "b", "b1")]
    time.sleep(1)
    three = [dump(murphy, h, "a", "a2"), dump(murphy, h, "b", "b2")]
    own = ("--b-address", f"{B},{B6}")
    expect("one look at files", Joined(murphy, h, *two, *own, live=False), 3,
           {("half-open", "A", False): 40})
    expect("two looks at files", Joined(murphy, h, *two, "--again", *three, *own, live=False), 1, want)
    expect("before it happened", Joined(murphy, h, *one, "--again", *two, live=False), 0, {})

    # Somebody of A sends: the path is cut again, so that not even a RST comes.
    h.cut("b")
    h.tell(healthy, "send")
    time.sleep(2)
    expect("no answer", Joined(murphy, h, *own), 1,
           {("unanswered", "A", True): 20, ("half-open", "A", True): 20})
    h.stop(healthy)
    h.stop(healthy6)


def main():
    murphy = str(Path(sys.argv[1]).resolve())
    with Hosts() as h:
        tales(murphy, h)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
