#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""murphy tcp probe between two hosts (network namespaces): alive, forgotten, no answer; nothing is harmed.

tcp_probe.py MURPHY [CONNECTIONS]: so many of each kind
"""
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tcp_hosts import B, B6, Hosts, sh  # noqa: E402
from tcp_join import CLIENT, SERVER  # noqa: E402

PORT = 7000
FLOW_TRIES = 40  # twice a second
STREAM = (Path(__file__).parent / "tcp_stream.py").read_text(encoding="utf-8")
failed = 0


def fail(text):
    global failed
    failed += 1
    print(f"FAIL {text}")


def probe(murphy, hosts, *options):
    words = hosts.on("a") + [murphy, "tcp", "probe", "--idle", "0", "--max", "100000", "--rate", "5000", "--json", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines and lines[-1]["kind"] == "probes", (done.returncode, done.stderr, done.stdout[-300:])
    return done.returncode, lines[:-1], lines[-1]


def expect(what, ask, code, answer, n):
    """All n connections have that answer, and are as they were. No answer proves nothing: it is asked again."""
    for _ in range(3):
        exit_code, rows, end = ask()
        if answer == "none" or all(row["answer"] != "none" for row in rows):
            break
    answers = Counter(row["answer"] for row in rows)
    harmed = sum(not row["unharmed"] for row in rows)
    if exit_code != code or answers != {answer: n} or harmed or end["changed"]:
        fail(f"{what}: exit {exit_code}, {dict(answers)}, {harmed} harmed, {end}")
    else:
        print(f"ok   {what}: {n} {answer}, none harmed")


def talk(client, server, n, what):
    """Data still flows both ways on each."""
    del n
    client.stdin.write("send\n")
    client.stdin.flush()
    assert client.stdout.readline().strip() == "done"
    assert Hosts.tell(None, server, "echo") == "done"
    assert Hosts.tell(None, client, "read") == "done"
    print(f"ok   {what}: data flows")


def pair(hosts, address, port, n):
    server = hosts.start("b", SERVER, port)
    client = hosts.start("a", CLIENT, address, port, n)
    assert hosts.tell(server, f"accept {n}") == "done"
    return server, client


def family(murphy, hosts, name, address, port, n):
    server, client = pair(hosts, address, port, n)
    only = ("--port", str(port))
    code, rows, _ = probe(murphy, hosts, *only)
    if code != 0 or len(rows) != n or any(row["answer"] is not None for row in rows):
        fail(f"{name}: without --send: exit {code}, {len(rows)} rows")
    for turn in ("first", "second"):
        expect(f"{name}, {turn} time", lambda: probe(murphy, hosts, *only, "--send"), 0, "alive", n)
        talk(client, server, n, name)
    return only


class Streams:
    """n connections between a and b with data on its way, which both ends check."""

    def __init__(self, hosts, port, n):
        self.hosts, self.n = hosts, n
        self.b = hosts.start("b", STREAM, "-", port, n)
        self.a = hosts.start("a", STREAM, B, port, n)
        self.only = ("--port", str(port), "--send", "--wait", "0.7")

    def tell(self, word):
        """(written, read, wrong) of each end"""
        return [tuple(map(int, self.hosts.tell(child, word).split())) for child in (self.a, self.b)]

    def sound(self, what):
        """Data flows; all that was written on either side came to the other, unchanged, and none was reset."""
        was = self.tell("flow")
        self.tell("talk")
        # Where the path was cut TCP tries again seconds later: the timer has doubled some times.
        for _ in range(FLOW_TRIES):
            time.sleep(0.5)
            now = self.tell("count")
            if all(n[1] > w[1] for n, w in zip(now, was)):
                break
        else:
            fail(f"{what}: no data flows")
        self.tell("silent")
        for _ in range(30):  # the kernel may not try before its timer fires
            a, b = self.tell("drain")
            if a[0] == b[1] and b[0] == a[1]:
                break
        if a[0] != b[1] or b[0] != a[1] or a[2] or b[2]:
            fail(f"{what}: {a[0]} sent, {b[1]} came; {b[0]} sent, {a[1]} came; {a[2] + b[2]} wrong")
        else:
            print(f"ok   {what}: {a[0] + b[0]} bytes came as they were written, none was reset")
        self.tell("talk")


def queued(rows):
    return sum(row["send_queue"] > 0 for row in rows)


def in_flight(murphy, hosts, port, n, what):
    """Data on its way, both ways; then nobody reads, so that all windows are shut; then the path is cut."""
    s = Streams(hosts, port, n)
    time.sleep(1)
    for _ in range(3):
        expect(f"{what}, data flows", lambda: probe(murphy, hosts, *s.only), 0, "alive", n)
    s.sound(f"{what}, data flows")
    s.tell("hold")
    time.sleep(2)
    _, rows, _ = probe(murphy, hosts, *s.only)
    if queued(rows) != n:
        fail(f"{what}, windows shut: {queued(rows)} of {n} have data on their way")
    expect(f"{what}, windows shut", lambda: probe(murphy, hosts, *s.only), 0, "alive", n)
    s.sound(f"{what}, windows shut")
    hosts.cut("b")
    time.sleep(1)
    expect(f"{what}, cut off while data flows", lambda: probe(murphy, hosts, *s.only), 3, "none", n)
    hosts.cut("b", False)
    hosts.wait_for_path("a")
    expect(f"{what}, back again", lambda: probe(murphy, hosts, *s.only), 0, "alive", n)
    s.sound(f"{what}, back again")
    return s


RULES = """
table inet wall {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state invalid counter drop
    ct state established,related accept
    tcp dport { 9, 7000-7999 } tcp flags & (fin|syn|rst|ack) == syn ct state new accept
    meta l4proto ipv6-icmp accept
  }
}
"""


def wall(hosts, rules=RULES):
    """The router gets a firewall that tracks connections. False: not here."""
    router = hosts.names["r"]
    if not shutil.which("nft"):
        print("skip firewall: no nft here")
        return False
    done = subprocess.run(["ip", "netns", "exec", router, "nft", "-f", "-"], input=rules, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        print(f"skip firewall: {done.stderr.splitlines()[0]}")
        return False
    return True


def dropped(hosts):
    """Packets that the firewall took for no part of any connection"""
    words = sh("ip", "netns", "exec", hosts.names["r"], "nft", "list", "ruleset").split()
    return int(words[words.index("packets") + 1])


def firewall(murphy, n):
    """Between them a firewall that drops what belongs to no connection: it may take answers, and harms nothing."""
    with Hosts() as hosts:
        if not wall(hosts):
            return
        four = family(murphy, hosts, "firewall, IPv4", B, PORT, n)
        six = family(murphy, hosts, "firewall, IPv6", B6, PORT + 1, n)
        in_flight(murphy, hosts, PORT + 2, n, "firewall")
        if dropped(hosts):
            print(f"     {dropped(hosts)} packets were invalid so far")
        if not hosts.power_cycle("b"):
            print("skip firewall, power cycle: this kernel has no ss -K")
            return
        was = dropped(hosts)
        expect("firewall, power cycle, IPv4", lambda: probe(murphy, hosts, *four, "--send", "--wait", "0.5"), 3, "none", n)
        expect("firewall, power cycle, IPv6", lambda: probe(murphy, hosts, *six, "--send", "--wait", "0.5"), 3, "none", n)
        if dropped(hosts) - was < 2 * n:
            fail(f"firewall: it dropped {dropped(hosts) - was} RSTs")


def main():
    murphy = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with Hosts() as hosts:
        four = family(murphy, hosts, "IPv4", B, PORT, n)
        six = family(murphy, hosts, "IPv6", B6, PORT + 1, n)
        hosts.sysctl("a", "net/ipv4/tcp_timestamps", 0)
        plain = family(murphy, hosts, "IPv4 without timestamps", B, PORT + 2, n)
        # Nobody answers: that proves nothing.
        hosts.cut("b")
        expect("cut off", lambda: probe(murphy, hosts, *four, "--send", "--wait", "0.5"), 3, "none", n)
        hosts.cut("b", False)
        expect("back again", lambda: probe(murphy, hosts, *four, "--send"), 0, "alive", n)
        in_flight(murphy, hosts, PORT + 3, n, "on its way")
        hosts.sysctl("a", "net/ipv4/tcp_sack", 0)
        in_flight(murphy, hosts, PORT + 4, n, "on its way, without SACK")
        if not hosts.power_cycle("b"):
            print("skip power cycle: this kernel has no ss -K")
            return 1 if failed else 0
        expect("power cycle, IPv4", lambda: probe(murphy, hosts, *four, "--send"), 1, "forgotten", n)
        expect("power cycle, IPv4 again", lambda: probe(murphy, hosts, *four, "--send"), 1, "forgotten", n)
        expect("power cycle, IPv6", lambda: probe(murphy, hosts, *six, "--send"), 1, "forgotten", n)
        expect("power cycle, without timestamps", lambda: probe(murphy, hosts, *plain, "--send"), 1, "forgotten", n)
    firewall(murphy, n)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
