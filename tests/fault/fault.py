#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Let the n-th allocation, read or write of murphy fail, for every n until none is left.

fault.py MURPHY

MURPHY is built with -Dfault=true. It captures this machine, then diagnoses and captures that capture, and
looks at the machine itself; each process of it counts its own calls. Whatever fails, it ends by itself with a documented exit code, no source's
process dies of a signal, every line of JSON is JSON, and a capture that could not be written is not
reported as done. To keep it short, n grows by an eighth from 40 on.
"""
import json
import os
import subprocess
import sys
import tempfile
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


def walk(murphy, name, args, kind, mark, check=lambda done: None, part=8):
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


def main():
    murphy = sys.argv[1]
    bad = []
    with tempfile.TemporaryDirectory() as tmp:
        mark, archive = Path(tmp) / "mark", Path(tmp) / "capture"
        tree = str(Path(tmp) / "tree")
        live = ["--for", "0.1"]
        subprocess.run([murphy, "capture", *live, tree], check=True, timeout=SECONDS)
        bad += walk(murphy, "capture", ["--root", tree, "--json"], "alloc", mark)
        bad += walk(murphy, "capture", ["--root", tree, "--json"], "read", mark)
        text = ["--root", tree, "--only", "cpu"]

        def whole(done):
            lines = done.stdout.decode(errors="replace").splitlines()
            return None if done.returncode == 70 or any(" checks: " in x for x in lines) else "half a report"

        bad += walk(murphy, "text", text, "alloc", mark, whole, part=64)
        bad += walk(murphy, "machine", [*live, "--json"], "alloc", mark)
        bad += walk(murphy, "machine", [*live, "--json"], "read", mark)

        def honest(done):
            if done.returncode == 0 and not archive.exists():
                return "exit code 0 and no capture"
            if done.returncode == 70 and archive.exists():
                return "a torn capture was left"
            archive.unlink(missing_ok=True)
            return None

        bad += walk(murphy, "capture", ["capture", "--root", tree, str(archive)], "write", mark,
                    honest)
        rules = Path(tmp) / "rules"
        for name, text in RULES.items():
            (rules / name).mkdir(parents=True)
            (rules / name / "x.conf").write_text(text, encoding="utf-8")
            (rules / name / "x.conf").chmod(0o644)
        house = ["--config", str(rules)]
        bad += walk(murphy, "rules", ["explain", "house.tasks", *house], "alloc", mark)
        bad += walk(murphy, "rules", ["--root", tree, "--only", "house", "--json", *house], "alloc", mark)
        bad += walk(murphy, "assert", ["assert", "--root", tree, "--json", "count(process) > 1"], "alloc", mark)
        archive.unlink(missing_ok=True)
        bad += walk(murphy, "capture", ["capture", "--root", tree, str(archive)], "alloc", mark,
                    honest)
    print("\n".join(bad[:20]))
    return 1 if bad else 0


sys.exit(main())
