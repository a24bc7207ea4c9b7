#!/usr/bin/env python3
"""Checks the compiled kernels: check_kernel_objects.py OBJECT...

Each file of fqgan/ops/kernels is compiled for its own instruction set. It may hand the linker its tables and nothing
else, and it may contain no instruction beyond its set: else an older processor could run into one.
"""

import pathlib
import re
import subprocess
import sys

BFLOAT16 = r"\bv(dpbf16ps|cvtneps2bf16|cvtne2ps2bf16)"
BEYOND = {"plain": r"%[yz]mm", "avx2": r"%zmm|%k[0-7]", "avx512": BFLOAT16}  # by the first words of a file's name
HARMLESS = {"DW.ref.__gxx_personality_v0"}  # a pointer to the C++ library's exception handling


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def problems(path):
    name = path.name.split(".")[0]
    instruction_set = name.removesuffix("_convolution")
    for line in output_of("nm", "-C", "--extern-only", "--defined-only", str(path)).splitlines():
        symbol = line.split(maxsplit=2)[2]
        if symbol not in HARMLESS and not re.fullmatch(rf"fqgan::ops::kernels::{instruction_set}::\w+", symbol):
            yield f"defines {symbol} for other files too"
    if instruction_set in BEYOND:
        found = re.search(BEYOND[instruction_set], output_of("objdump", "-d", "--no-show-raw-insn", str(path)))
        if found:
            yield f"contains {found[0]}, which its instruction set lacks"


def main():
    paths = [pathlib.Path(name) for name in sys.argv[1:]]
    kernels = [path for path in paths if path.parent.name == "kernels" and path.name != "instruction_set.cpp.o"]
    found = [f"{path.name}: {problem}" for path in kernels for problem in problems(path)]
    print("\n".join(found + [f"{len(kernels)} files of kernels, {len(found)} problems"]))
    sys.exit(1 if found or not kernels else 0)


if __name__ == "__main__":
    main()
