#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is listed is written, and what is written is listed.

check-docs.py [ROOT]

- every check of src/check/check.def has an id, and docs/findings/ID.md; every page a check;
- what a lab wants, and what may come along with it, are ids of checks.
"""
import re
import sys
from pathlib import Path

LISTED = re.compile(r"^(?:CHECK|LAB)\((\w+)\)", re.M)
ID = re.compile(r'\.id = "([^"]+)"')
WANT = re.compile(r'\.want = "([^"]+)"')
ALSO = re.compile(r'\.also = \{([^}]*)\}')


def check_ids(src, bad):
    ids = {}
    for name in LISTED.findall((src / "check/check.def").read_text(encoding="utf-8")):
        text = (src / "check" / f"{name}.c").read_text(encoding="utf-8")
        found = ID.findall(text)
        if len(found) != 1:
            bad.append(f"src/check/{name}.c: {len(found)} lines .id = \"...\", must be one")
        for id_ in found:
            if not re.fullmatch(r"[a-z0-9]+\.[a-z0-9-]+", id_):
                bad.append(f"src/check/{name}.c: {id_}: an id is family.name")
            if id_.replace(".", "_").replace("-", "_") != name:
                bad.append(f"src/check/{name}.c: {id_}: the file is named by its id")
            ids[id_] = name
    return ids


def main():
    top = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    src, bad = top / "src", []
    ids = check_ids(src, bad)
    if not (top / "docs/findings").is_dir():
        print("no docs/findings yet")
        return 77
    pages = {p.stem for p in (top / "docs/findings").glob("*.md")}
    bad += [f"docs/findings/{i}.md: missing" for i in sorted(set(ids) - pages)]
    bad += [f"docs/findings/{p}.md: no check has this id" for p in sorted(pages - set(ids))]
    for lab in sorted((src / "lab").glob("*.c")):
        text = lab.read_text(encoding="utf-8")
        for want in WANT.findall(text) + re.findall(r'"([^"]+)"', " ".join(ALSO.findall(text))):
            if want not in ids:
                bad.append(f"{lab.relative_to(top)}: names {want}, which is no check's id")
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
