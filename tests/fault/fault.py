#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Let the n-th allocation, read or write of murphy fail, for every n until none is left.

fault.py MURPHY

MURPHY is built with -Dfault=true. It captures this machine, then diagnoses and captures that capture, and
looks at the machine itself; each process of it counts its own calls. Whatever fails, it ends by
itself with a documented exit code, no source's process dies of a signal, every line of JSON is JSON,
and a capture that could not be written is not reported as done. To keep it short, n grows by an
eighth from 40 on, and there are two walks at a time.
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ANSWERS = {0, 1, 2, 3, 70}
SECONDS = 20
RULES = {
    "checks.d": "[house.tasks]\nwarning = loadavg.tasks > 0 and any(process.threads > 0)\n"
                "title = {culprit} is one of {loadavg.tasks}\ndo = look:  ls {comm}\n"
                "doc = One.\n\n  Two.\n[house.broken]\nwarning = 1 <\n",
    "known.d": "[t]\nid = house.tasks\nculprit = x*\nreason = so\nuntil = 2100-01-01\n",
}


def run(murphy, args, fault, mark):
    env = dict(os.environ, MURPHY_FAULT=fault, MURPHY_FAULT_MARK=str(mark))
    mark.unlink(missing_ok=True)
    done = subprocess.run([murphy, *args], env=env, capture_output=True, timeout=SECONDS,
                          check=False)
    return done, mark.exists()


def wrong_with(done):
    """What is wrong with that answer to a failed call; None: nothing."""
    err = done.stderr.decode(errors="replace")
    if done.returncode not in ANSWERS:
        return f"exit code {done.returncode}: {err.strip()[-300:]}"
    if "Sanitizer" in err or "runtime error" in err:
        return err[-2000:]
    if done.returncode == 70 and not err:
        return "exit code 70 without a word"
    for line in done.stdout.decode(errors="replace").splitlines() if "--json" in done.args else []:
        try:
            row = json.loads(line)
        except ValueError:
            return f"not JSON: {line[:200]}"
        if "signal" in str(row.get("why", "")):
            return f"a source died: {line[:300]}"
    return None


def walk(murphy, tmp, name, args, kind, check=lambda done: None, part=8):
    mark = tmp / f"mark.{name}.{kind}"
    n, runs, bad = 1, 0, []
    while True:
        done, fired = run(murphy, args, f"{kind}:{n}", mark)
        if not fired:
            break
        runs += 1
        wrong = wrong_with(done) or check(done)
        if wrong:
            bad.append(f"{name}, {kind}:{n}: {wrong}")
        n += 1 if n < 40 else max(1, n // part)
    print(f"{name}: {runs} times a failing {kind}, {len(bad)} bad answers")
    if not runs:
        bad.append(f"{name}: no {kind} was made to fail")
    return bad


def whole(done):
    lines = done.stdout.decode(errors="replace").splitlines()
    return None if done.returncode == 70 or any(" checks: " in x for x in lines) else "half a report"


def walk_archive(murphy, tmp, name, tree, kind):
    """Of murphy writing a capture, which is whole or not there."""
    archive = tmp / f"archive.{kind}"

    def honest(done):
        if done.returncode == 0 and not archive.exists():
            return "exit code 0 and no capture"
        if done.returncode == 70 and archive.exists():
            return "a torn capture was left"
        archive.unlink(missing_ok=True)
        return None

    return walk(murphy, tmp, name, ["capture", "--root", tree, str(archive)], kind, honest)


def main():
    murphy = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as two:
        tmp = Path(folder)
        tree = str(tmp / "tree")
        live = ["--for", "0.1", "--json"]
        subprocess.run([murphy, "capture", "--for", "0.1", tree], check=True, timeout=SECONDS)
        rules = tmp / "rules"
        for name, text in RULES.items():
            (rules / name).mkdir(parents=True)
            (rules / name / "x.conf").write_text(text, encoding="utf-8")
            (rules / name / "x.conf").chmod(0o644)
        house = ["--config", str(rules)]
        replay = ["--root", tree, "--json"]

        def begin(*args, **more):
            return two.submit(walk, murphy, tmp, *args, **more)

        # The longest first.
        walks = [
            begin("machine", live, "alloc"),
            begin("capture", replay, "alloc"),
            begin("text", ["--root", tree, "--only", "cpu"], "alloc", check=whole, part=64),
            begin("machine", live, "read"),
            begin("capture", replay, "read"),
            two.submit(walk_archive, murphy, tmp, "archive", tree, "alloc"),
            two.submit(walk_archive, murphy, tmp, "archive", tree, "write"),
            begin("explain", ["explain", "house.tasks", *house], "alloc"),
            begin("rules", [*replay, "--only", "house", *house], "alloc"),
            begin("assert", ["assert", *replay, "count(process) > 1"], "alloc"),
        ]
        bad = [line for one in walks for line in one.result()]
    print("\n".join(bad[:20]))
    return 1 if bad else 0


sys.exit(main())
