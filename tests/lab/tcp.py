#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""While a lab runs murphy tcp has its verdict first, with the process whose socket it is; of healthy twins none.

tcp.py MURPHY-LAB MURPHY [LAB...]

What was wrong with connections of this host before the lab began does not count.
"""
import json
import subprocess
import sys
import time

NOBODY = None  # no process has the socket: orphans, connections that wait for accept()

# Lab, verdict, whose socket it is by its process's name; a twin has no verdict but fine.
CASES = [
    ("close-wait", "close-wait", "lab-closewait"),
    ("close-wait-brief", "fine", NOBODY),
    ("listen-overflow", "listen-overflow", "lab-listener"),
    ("zero-window", "zero-window", "lab-"),
    ("path-mtu", "path-mtu", "lab-client"),
    ("path-mtu-told", "fine", NOBODY),
    ("send-held", "send-stalled", "lab-client"),
    ("send-paced", "send-stalled", "lab-client"),
    ("send-barred", "send-stalled", "lab-client"),
    ("send-shaped", "fine", NOBODY),
    ("peer-gone", "peer-gone", "lab-client"),
    ("syn-void", "syn-void", "lab-client"),
    ("keepalive-failing", "keepalive-failing", "lab-client"),
    ("fin-wait1", "fin-wait1", NOBODY),
    ("last-ack", "last-ack", NOBODY),
    ("never-accepted", "never-accepted", NOBODY),
    ("nagle", "nagle", "lab-client"),
    ("nagle-nodelay", "fine", NOBODY),
]
PATIENCE_S = 20
HEALTHY_LOOKS = 20


def connections(murphy):
    """What is wrong, in order."""
    run = subprocess.run([murphy, "tcp", "--json", "--verdict", "wrong"], stdout=subprocess.PIPE, timeout=60, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines[-1]["kind"] == "tcp" and run.returncode in (0, 3), run
    return [line for line in lines if line["kind"] == "connection"]


def ready(lab):
    """True when it runs; its exit code when it does not."""
    for line in lab.stdout:
        if line.startswith("ready"):
            return True
        print("  " + line.rstrip())
    return lab.wait()


def judge(murphy, verdict, command, before):
    """What is not as it should be, or None."""
    seen = "nothing"
    looks, end = 0, time.monotonic() + PATIENCE_S
    while time.monotonic() < end and (verdict != "fine" or looks < HEALTHY_LOOKS):
        looks += 1
        new = [c for c in connections(murphy) if c["cookie"] not in before]
        if verdict == "fine" and new:
            return f"{new[0]['verdict']} of {new[0].get('command')}"
        if new and verdict != "fine":
            first = new[0]
            seen = f"{first['verdict']} of {first.get('command')}"
            mine = first.get("pid") is None if command is NOBODY else (first.get("command") or "").startswith(command)
            if first["verdict"] == verdict and mine:
                return None
        time.sleep(0.1)
    return None if verdict == "fine" else f"{seen} instead of {verdict}"


def main():
    lab_program, murphy, *names = sys.argv[1:]
    failed = passed = skipped = 0
    for name, verdict, command in CASES:
        if names and name not in names:
            continue
        before = {c["cookie"] for c in connections(murphy)}
        lab = subprocess.Popen([lab_program, "run", name, "--for", "120"], stdout=subprocess.PIPE, text=True)
        try:
            code = ready(lab)
            wrong = judge(murphy, verdict, command, before) if code is True else None
        finally:
            lab.terminate()
            lab.wait()
        if code is not True and code == 77:
            skipped += 1
            print(f"{name}: skipped, it cannot run here")
        elif code is not True or wrong:
            failed += 1
            print(f"FAIL {name}: {wrong or f'the lab ended with {code}'}")
        else:
            passed += 1
            print(f"{name}: {verdict}")
    print(f"{passed} labs as they should be, {failed} not, {skipped} skipped")
    if passed == 0 and failed == 0:
        return 77
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
