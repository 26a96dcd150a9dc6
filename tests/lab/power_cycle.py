#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest loses its power and comes back with the same address; this side's idle connections notice nothing.

power_cycle.py MURPHY_LAB MURPHY    with no other network or process in sight (power-cycle.sh)
"""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE, PEER, PORT, OTHER_PORT, ASK_PORT = "198.51.100.1", "198.51.100.2", 8080, 8081, 9
N, PROBED, NEW = 12, 4, 3
BOOT_S, ANSWER_S = 100, 30
SKIPPED = 77
# A switch between the two, so that this side's link stays up while the other machine is off.
NETWORK = f"""
ip link set lo up
ip link add lab-a type veth peer name lab-s
ip link add lab-b type bridge
ip tuntap add lab-t mode tap
ip link set lab-s master lab-b
ip link set lab-t master lab-b
ip address add {HERE}/24 dev lab-a
for i in lab-s lab-t lab-b lab-a; do ip link set $i up; done
"""
failed = 0


def fail(text):
    global failed
    failed += 1
    print(f"FAIL {text}", flush=True)


def check(good, what, otherwise=""):
    if good:
        print(f"ok   {what}", flush=True)
    else:
        fail(f"{what}: {otherwise}")


class Skip(Exception):
    pass


class Guest:
    """The other machine. It dies with murphy-lab, and all of that with us, the first of our processes."""

    def __init__(self, lab, murphy, port=None):
        words = [lab, "guest", "--murphy", murphy, "--tap", "lab-t", "/usr/bin/murphy-lab", "peer", PEER]
        self.child = subprocess.Popen(words + ([str(port)] if port else []), stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        self.text = b""
        self.last = ""
        start = time.monotonic()
        try:
            self.until("peer-ready", BOOT_S)
        except BaseException:
            self.cut_power()
            raise
        print(f"     the guest was up after {time.monotonic() - start:.1f} s", flush=True)

    def line(self, end):
        while b"\n" not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                raise TimeoutError("the guest says nothing")
            more = os.read(self.child.stdout.fileno(), 65536)
            if not more:
                why = self.child.stderr.read().decode(errors="replace").strip()
                if self.child.wait() == SKIPPED:
                    raise Skip(self.last.removeprefix("skipped: "))
                raise RuntimeError(f"the guest ended: {why}")
            self.text += more
        line, _, self.text = self.text.partition(b"\n")
        self.last = line.decode(errors="replace")
        return self.last

    def until(self, last, seconds):
        end, lines = time.monotonic() + seconds, []
        while not lines or lines[-1] != last:
            lines.append(self.line(end))
        return lines[:-1]

    def sockets(self):
        """Its own murphy tcp --json"""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"?", (PEER, ASK_PORT))
        return "\n".join(self.until("peer-end", ANSWER_S)) + "\n"

    def cut_power(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()


class Pool:
    """Connections that have talked once; the first PROBED have keepalive, which begins after two hours."""

    def __init__(self, port, n):
        self.held = [socket.create_connection((PEER, port), 10) for _ in range(n)]
        for i, c in enumerate(self.held):
            if i < PROBED:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                c.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 7200)
            c.sendall(b"x")
            assert c.recv(1) == b"x"
        self.ports = sorted(c.getsockname()[1] for c in self.held)

    def write(self):
        """What each write gave"""
        said = Counter()
        for c in self.held:
            try:
                c.send(b"y")
                said["written"] += 1
            except OSError as e:
                said[type(e).__name__] += 1
        return said


class Tale:
    def __init__(self, lab, murphy, folder):
        self.lab, self.murphy, self.dir = lab, murphy, Path(folder)

    def ask(self, *words):
        done = subprocess.run([self.murphy, "tcp", *words], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def dumps(self, guest, name):
        """Files of both sides, twice, as join wants them"""
        words = []
        for turn in "12":
            time.sleep(0.6)
            for side, text in (("a", self.ask("--json")[1]), ("b", guest.sockets())):
                path = self.dir / f"{name}-{side}{turn}"
                path.write_text(text, encoding="utf-8")
                words.append(str(path))
        return words[:2] + ["--again"] + words[2:]

    def join(self, guest, name):
        code, out, err = self.ask("join", "--json", *self.dumps(guest, name))
        lines = [json.loads(line) for line in out.splitlines()]
        found = [x for x in lines if x["kind"] == "disagreement"]
        ports = sorted(x["here"]["local_port"] for x in found if x["here"]["peer"] == PEER)
        causes = Counter((x["cause"], x["checked"]) for x in found)
        return code, causes, ports, f"exit {code}, {dict(causes)}, {lines[-1:]} {err.strip()}"

    def joined(self, what, guest, name, ports):
        code, causes, got, said = self.join(guest, name)
        want = {("half-open", True): len(ports)} if ports else {}
        check(code == (1 if ports else 0) and causes == want and got == ports,
              f"join {what}: {len(ports)} half-open", said)

    def probed(self, what, answer, code, ports, *options):
        # No answer proves nothing: it is asked again.
        for _ in range(3):
            got, out, err = self.ask("probe", "--idle", "0", "--port", str(PORT), "--send", "--json", *options)
            rows = [json.loads(line) for line in out.splitlines()]
            rows = [x for x in rows if x["kind"] == "probe"]
            if answer == "none" or all(x["answer"] != "none" for x in rows):
                break
        answers = Counter(x["answer"] for x in rows)
        harmed = sum(not x["unharmed"] for x in rows)
        check(got == code and answers == {answer: len(ports)} and not harmed,
              f"probe {what}: {len(ports)} {answer}, none harmed",
              f"exit {got}, {dict(answers)}, {harmed} harmed {err.strip()}")

    def tell(self):
        guest = Guest(self.lab, self.murphy, PORT)
        try:
            pool = Pool(PORT, N)
            self.joined("before", guest, "before", [])
            self.probed("before", "alive", 0, pool.ports)
        finally:
            guest.cut_power()
        self.probed("while it is off", "none", 3, pool.ports, "--wait", "0.5")
        # Another service comes back than was there: its connections are healthy.
        guest = Guest(self.lab, self.murphy, OTHER_PORT)
        try:
            new = Pool(OTHER_PORT, NEW)
            self.probed("after", "forgotten", 1, pool.ports)
            self.joined("after", guest, "after", pool.ports)
            said = pool.write()
            check(said == {"written": N}, f"first write: {N} succeed", dict(said))
            time.sleep(1)
            said = pool.write()
            check(said == {"ConnectionResetError": N}, f"second write: {N} get ECONNRESET", dict(said))
            said = new.write()
            check(said == {"written": NEW}, f"{NEW} new connections are well", dict(said))
            self.joined("in the end", guest, "end", [])
        finally:
            guest.cut_power()


def refused(words, why):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == SKIPPED:
        return
    check(done.returncode == 1 and why in done.stderr, f"{' '.join(words[1:])}: {why}", f"{done.returncode} {done.stderr}")


def main():
    lab, murphy = (str(Path(path).resolve()) for path in sys.argv[1:3])
    done = subprocess.run(["sh", "-ec", NETWORK], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no bridge with a TAP device here: {done.stderr.strip()}")
        return SKIPPED
    refused([lab, "peer", PEER], "only in a guest")
    refused([lab, "guest", "--murphy", murphy, "--tap", "lab-nobody", "/bin/true"], "No such device")
    try:
        with tempfile.TemporaryDirectory() as folder:
            Tale(lab, murphy, folder).tell()
    except Skip as why:
        print(why)
        return SKIPPED
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
