"""Code that the programs of this package share: folders of images as the other tools read them, and fqgan evaluate."""

import json
import os
import pathlib
import re
import subprocess
import sys

from fqgan import _tool
from fqgan._tool import UserError

FQGAN_READS = (".png", ".jpg", ".jpeg", ".webp")


def check_folder(flag, path, tool, reads):
    """Requires a folder in which the other tool and fqgan read the same images, and returns their number.

    reads: a function from the path of a file in this folder to whether the tool reads it.
    """
    where, folder = f"{flag} {path}", pathlib.Path(path)
    if not folder.is_dir():
        raise UserError(where, "expected a folder of images, found " + ("a file" if folder.exists() else "none"))
    count, nested = 0, False
    for place, _, names in os.walk(folder, followlinks=True):
        inside = pathlib.Path(place).relative_to(folder)
        for name in sorted(names):
            file = inside / name
            hidden = any(part.startswith(".") for part in file.parts)
            theirs = reads(file)
            ours = file.suffix.lower() in FQGAN_READS and not hidden
            if theirs != ours:
                one, other = (tool, "fqgan") if theirs else ("fqgan", tool)
                problem = f"expected images that both read, found {file}, which {one} reads and {other} does not"
                raise UserError(where, f"{problem}. Hint: move it, or save it as PNG beside the others")
            count += ours
            nested = nested or (ours and bool(inside.parts))
    if not nested:
        return count
    require_program()
    found = json.loads(_tool.run_program("inspect", path, "--json"))["images"]
    if found != count:
        problem = f"expected {count} images, of which fqgan reads {found}: the folders in it are those of splits"
        raise UserError(where, f"{problem}. Hint: give one of them")
    return count


def require_program():
    if not _tool.program():
        raise UserError("fqgan", "expected the program fqgan on the PATH or in build/release. Hint: ./quickstart.sh")


def weights_flags(weights):
    """The flags for a file of weights; None: those in the cache folder."""
    if weights is None:
        return []
    if not str(weights).endswith(".safetensors"):
        hint = _tool.module_line("fqgan.pretrained", "inception", weights, "--out", "inception.safetensors")
        raise UserError(weights, f"expected weights as .safetensors. Hint: {hint} turns a .pth file into one")
    return ["--weights", weights]


def evaluate(arguments, flags=(), silent=False):
    """Runs fqgan evaluate. Returns what it prints, as JSON; None if that is nothing.

    Its warnings and its error go to stderr, with `silent` only the error, after which this process ends with its exit
    code. flags: pairs of a pattern for a flag of fqgan evaluate and what the calling tool names it, for these lines.
    """
    require_program()
    command = [_tool.program(), "evaluate", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        if line.startswith("error: ") or (line.startswith("warning: ") and not silent):
            for pattern, name in flags:
                line = re.sub(pattern, name, line)
            print(line, file=sys.stderr)
    if done.returncode != 0:
        sys.exit(done.returncode if done.returncode > 0 else 1)
    return json.loads(done.stdout) if done.stdout else None
