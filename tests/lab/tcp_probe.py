#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""murphy tcp probe between two hosts (network namespaces): alive, forgotten, no answer; nothing is harmed.

tcp_probe.py MURPHY [CONNECTIONS]: so many of each kind
"""
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tcp_hosts import B, B6, Hosts  # noqa: E402
from tcp_join import CLIENT, SERVER  # noqa: E402

PORT = 7000
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
        if not hosts.power_cycle("b"):
            print("skip power cycle: this kernel has no ss -K")
            return 1 if failed else 0
        expect("power cycle, IPv4", lambda: probe(murphy, hosts, *four, "--send"), 1, "forgotten", n)
        expect("power cycle, IPv4 again", lambda: probe(murphy, hosts, *four, "--send"), 1, "forgotten", n)
        expect("power cycle, IPv6", lambda: probe(murphy, hosts, *six, "--send"), 1, "forgotten", n)
        expect("power cycle, without timestamps", lambda: probe(murphy, hosts, *plain, "--send"), 1, "forgotten", n)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
