#!/usr/bin/env python3
"""Checks what a formatter does not: file lengths, the comment at the head of a file, tabs, long lines, trailing spaces.

Warnings (a long file, a difference from clang-format) do not fail the check.
"""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE_LIMIT = 120  # characters
LENGTH_WARNING, LENGTH_LIMIT = 250, 400  # lines of a file in fqgan/
FOLDERS = ["fqgan", "tests", "scripts", "cmake", "python", "examples", "benchmarks", "recipes"]
SUFFIXES = {".h", ".cpp", ".py", ".sh", ".cmake", ".toml", ".txt"}


def files():
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")] + list(ROOT.iterdir())
    return sorted(path for path in found if path.is_file() and path.suffix in SUFFIXES)


def check_file(path):
    """Yields (is_error, line, message)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield True, number, "a tab"
        if len(line) > LINE_LIMIT:
            yield True, number, f"{len(line)} characters, at most {LINE_LIMIT} are allowed"
        if line != line.rstrip():
            yield True, number, "spaces at the end of the line"
    if ROOT / "fqgan" in path.parents:
        documented = path.suffix == ".cpp" and path.with_suffix(".h").exists()  # the header says what it is
        opening = lines[0] if lines else ""
        if not documented and not opening.startswith(("//", "/*", "# ", "#!")):
            yield True, 1, "a file in fqgan/ opens with a comment that says what it is"
        if len(lines) > LENGTH_LIMIT:
            yield True, len(lines), f"{len(lines)} lines, at most {LENGTH_LIMIT} are allowed: one concept per file"
        elif len(lines) > LENGTH_WARNING:
            yield False, len(lines), f"{len(lines)} lines, up to {LENGTH_WARNING} are usual"


def unformatted(paths):
    """Returns the paths that clang-format would change; none if it is not installed."""
    if not shutil.which("clang-format"):
        return
    for path in paths:
        text = path.read_bytes()
        done = subprocess.run(["clang-format", f"--assume-filename={path}"], input=text, capture_output=True, cwd=ROOT)
        if done.returncode == 0 and done.stdout != text:
            yield path


def main():
    errors, warnings = 0, 0
    paths = files()
    for path in paths:
        for is_error, line, message in check_file(path):
            errors, warnings = errors + is_error, warnings + (not is_error)
            print(f"{path.relative_to(ROOT)}:{line}: {'' if is_error else 'warning: '}{message}")
    for path in unformatted([path for path in paths if path.suffix in (".h", ".cpp")]):
        warnings += 1
        print(f"{path.relative_to(ROOT)}: warning: clang-format -i would change it")
    print(f"check_style: {errors} errors, {warnings} warnings in {len(paths)} files")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
