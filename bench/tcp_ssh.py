#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions of ssh as people and scripts have them, for tcp_healthy.py, until it is ended.

tcp_ssh.py FOLDER ADDRESS TYPING BULK: so many in which somebody types, so many copies each way.
FOLDER has a key, and a known_hosts that is written.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

WORD_S, KEY_S = (0.3, 3.0), (0.04, 0.25)
CHUNK = 1 << 16


def session(folder, address, *words, tty=False, **more):
    argv = ["ssh", "-F", "none", "-p", "2222", "-i", f"{folder}/key", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={folder}/known_hosts"]
    return subprocess.Popen([*argv, *(["-tt"] if tty else []), f"root@{address}", *words], stderr=subprocess.DEVNULL, **more)


def typist(child):
    """A key each 40 to 250 ms, a line now and then, and pauses to think; the terminal there echoes."""
    chance = random.Random()
    while child.poll() is None:
        for _ in range(chance.randint(2, 12)):
            os.write(child.stdin.fileno(), b"x")
            time.sleep(chance.uniform(*KEY_S))
        os.write(child.stdin.fileno(), b"\n" if chance.random() < 0.5 else b" ")
        time.sleep(chance.uniform(*WORD_S))


def listen(child):
    while os.read(child.stdout.fileno(), CHUNK):
        pass


def main():
    folder, address = sys.argv[1:3]
    typing, bulk = map(int, sys.argv[3:5])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children = []
    try:
        for _ in range(typing):
            child = session(folder, address, "cat", tty=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            children.append(child)
            for work in (typist, listen):
                threading.Thread(target=work, args=(child,), daemon=True).start()
        with open("/dev/zero", "rb") as zero:
            for _ in range(bulk):
                children.append(session(folder, address, "cat >/dev/null", stdin=zero, stdout=subprocess.DEVNULL))
                children.append(session(folder, address, "cat /dev/zero", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        sys.exit("a session has ended")
    finally:
        for child in children:
            child.kill()
            child.wait()


main()
