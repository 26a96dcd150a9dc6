#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Refuse an #include that points against the flow of data.

check-layers.py [ROOT] | --self-test

MAY is the table in docs/ARCHITECTURE.md: every folder of src/ may include itself and base/, all
below sample/ also table/ and sample/, and beyond that only what its row says.
"""
import re
import sys
import tempfile
from pathlib import Path

MAY = {
    "base": "",
    "table": "",
    "sample": "table",
    "engine": "",
    "host": "",
    "bpf": "",
    "sql": "",
    "source": "engine host bpf",
    "act": "host",
    "store": "host",
    "feed": "host source store",
    "model": "engine",
    "check": "model",
    "view": "model",
    "render": "check view",
    "look": "host feed model check",
    "ui": "host look view render",
    "lab": "",
    "cmd": "engine host bpf sql source act store feed model check view render look ui",
}
COMMON = {"base", "table", "sample"}
ABOVE = {"base", "table", "sample"}  # these three do not get COMMON
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
MAIN_LINES = 30


def allowed(folder):
    may = {folder, "base"} | set(MAY[folder].split())
    return may if folder in ABOVE else may | COMMON


def violations(root):
    src = root / "src"
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".c", ".h", ".def", ".in") or not path.is_file():
            continue
        where = path.relative_to(src)
        if len(where.parts) < 2:
            yield f"{path}: a file belongs into a folder of src/"
            continue
        folder = where.parts[0]
        if folder not in MAY:
            yield f"{path}: unknown folder {folder}/"
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            if "/" not in target:
                yield f'{path}:{number}: "{target}": write the folder too'
            elif target.split("/")[0] not in allowed(folder):
                yield f'{path}:{number}: {folder}/ may not include "{target}"'
        if str(where) == "cmd/main.c" and len(lines) >= MAIN_LINES:
            yield f"{path}: {len(lines)} lines, must be under {MAIN_LINES}"


def self_test():
    """What is forbidden is refused, what is allowed is not, for every pair of folders."""
    wrong = 0
    for folder in MAY:
        for target in [*MAY, "tests"]:
            with tempfile.TemporaryDirectory() as root:
                file = Path(root) / "src" / folder / "x.c"
                file.parent.mkdir(parents=True)
                file.write_text(f'/* x */\n#include "{target}/y.h"\n', encoding="utf-8")
                refused = bool(list(violations(Path(root))))
            if refused == (target in allowed(folder)):
                print(f"{folder} -> {target}: refused is {refused}")
                wrong += 1
    # Said once more by hand, so that a slip in MAY or allowed() shows.
    for folder, target, want in (("check", "model", True), ("check", "host", False),
                                 ("base", "table", False), ("table", "sample", False),
                                 ("model", "source", False), ("render", "look", False),
                                 ("source", "feed", False), ("cmd", "lab", False),
                                 ("lab", "check", False), ("view", "sample", True)):
        if (target in allowed(folder)) != want:
            print(f"{folder} -> {target}: allowed must be {want}")
            wrong += 1
    return wrong


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    found = list(violations(root))
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
