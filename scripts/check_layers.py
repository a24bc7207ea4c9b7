#!/usr/bin/env python3
"""Checks which room of fqgan/ includes which, forbidden names, and that CMake builds every source and test file.

scripts/check_layers.py               prints one line per violation; exit code 1 if there is one
scripts/check_layers.py --self-test   puts each kind of violation into a temporary tree and expects it to be found
"""

import pathlib
import re
import sys
import tempfile

# Room -> what it may include besides itself: rooms, or single files (then also the headers that those include).
FAMILY = "models/family.h"
WEIGHTS = "models/weights.h"
ALLOWED = {
    "core": [],
    "data": ["core"],
    "ops": ["core"],
    "losses": ["core"],
    "checkpoint": ["core"],
    "run": ["core"],
    "nn": ["core", "ops"],
    "pretrained": ["core", "nn"],
    "models": ["core", "data", "ops", "nn", "pretrained", "losses"],
    "training": ["core", "data", "ops", "nn", "checkpoint", FAMILY, WEIGHTS],
    "plot": ["core"],
    "metrics": ["core", "data", "ops", "nn", "pretrained", "checkpoint"],
    "inference": ["core", "data", "nn", "checkpoint", "run", "plot", FAMILY, WEIGHTS, "models/registry.h"],
    "profiling": ["core", "data", "ops", "nn", "training", FAMILY],
    "experiment": ["core", "data", "ops", "checkpoint", "run", "plot", "training", "metrics", "inference", "profiling",
                   FAMILY, "models/registry.h"],
    "sweep": ["core", "data", "run", "plot", "experiment"],
    "web": ["core", "run", "plot", "inference", "experiment"],
}
SEES_ALL = ["cli", "main.cpp"]

# (where it is forbidden: all of fqgan/ or some rooms; pattern; why)
FORBIDDEN = [
    (None, r"\bnn::(?:Feature)?(?:Alpha)?Dropout", "LibTorch's dropout uses global random state; take a generator"),
    (None, r"\bnn::init::", "LibTorch's initialisers use global random state; see nn/initialise.h"),
    (None, r"\b(?:torch|at)::(?:cuda::)?manual_seed", "global random state; see core/streams.h"),
    (None, r"#\s*include\s*[<\"](?:fmt|spdlog)/|\b(?:fmt|spdlog)::", "LibTorch's folder shadows fmt; see core/log.h"),
    (("ops", "core"), r"#\s*include\s*[<\"]torch/(?:torch|all)\.h", "slow to compile; include ATen's headers"),
]

INCLUDE = re.compile(r'^[ \t]*#\s*include\s*"([^"]+)"', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((.*?)\)"|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cpp", ".cc", ".cu", ".cuh"))


def without_comments(text):
    """Replaces comments and strings by blanks, except the names of included files. Line numbers do not change."""

    def blank(match):
        line_start = text.rfind("\n", 0, match.start()) + 1
        if re.match(r"[ \t]*#\s*include", text[line_start : match.start()]) and match[0].startswith('"'):
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return COMMENT_OR_TEXT.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def with_what_it_includes(root, file):
    """Returns the header fqgan/<file> and the existing headers of its own room that it includes."""
    room = file.split("/")[0]
    found, open_files = set(), [file]
    while open_files:
        name = open_files.pop()
        path = root / "fqgan" / name
        if name in found or not path.exists():
            continue
        found.add(name)
        included = (target.removeprefix("fqgan/") for target in INCLUDE.findall(without_comments(path.read_text())))
        open_files += [target for target in included if target.startswith(room + "/")]
    return found


def check_includes(root, path, text, doors):
    room = path.relative_to(root / "fqgan").parts[0]
    if room in SEES_ALL:
        allowed = None
    elif room in ALLOWED:
        allowed = ALLOWED[room]
    else:
        yield 1, f"room '{room}' is not in the table of scripts/check_layers.py"
        return
    for match in INCLUDE.finditer(text):
        target, line = match[1], line_of(text, match.start(1))
        if not target.startswith("fqgan/"):
            yield line, f'"{target}": own headers are included with their full path, "fqgan/..."'
            continue
        inner = target.removeprefix("fqgan/")
        if not (root / target).exists():
            yield line, f'"{target}" does not exist'
        elif allowed is not None and inner.split("/")[0] not in [room, *allowed] and inner not in doors[room]:
            yield line, f"'{room}' may not include \"{target}\" (it sees {', '.join(allowed) or 'nothing'})"


def check_forbidden(room, text):
    for rooms, pattern, why in FORBIDDEN:
        if rooms is None or room in rooms:
            for match in re.finditer(pattern, text):
                yield line_of(text, match.start()), f"'{match[0]}' is forbidden: {why}"


def check_built(root):
    """Finds files that no line of CMake names. CMake builds rooms by name and tests by folder (cmake/Rooms.cmake)."""
    rooms_text = (root / "CMakeLists.txt").read_text()
    shared = re.findall(r"fqgan_shared_library\(\S+ ([^)]*)\)", rooms_text)
    built = set(re.findall(r"fqgan_room\((\w+)", rooms_text)) | {room for group in shared for room in group.split()}
    for path in sorted((root / "fqgan").rglob("*.cpp")):
        parts = path.relative_to(root / "fqgan").parts
        if len(parts) > 1 and parts[0] not in built:
            yield path, f"is not built: no fqgan_room({parts[0]} ...) in CMakeLists.txt"
    tests_text = "\n".join(path.read_text() for path in sorted((root / "tests").rglob("CMakeLists.txt")))
    tested = set(re.findall(r"fqgan_room_tests\((\w+)", tests_text)) | {"support", "stubs"}
    for path in sorted((root / "tests").rglob("*.cpp")):
        parts = path.relative_to(root / "tests").parts
        if not (len(parts) == 2 and parts[0] in tested) and not re.search(rf"\b{re.escape(path.name)}", tests_text):
            yield path, "is not built: CMake builds tests/<room>/*.cpp of each fqgan_room_tests(<room> ...)"


def violations(root):
    doors = {
        room: set().union(*(with_what_it_includes(root, file) for file in allowed if file.endswith(".h")))
        for room, allowed in ALLOWED.items()
    }
    for path in sources(root / "fqgan"):
        text = without_comments(path.read_text())
        room = path.relative_to(root / "fqgan").parts[0]
        found = [*check_includes(root, path, text, doors), *check_forbidden(room, text)]
        for line, message in found:
            yield f"{path.relative_to(root)}:{line}: {message}"
    for path, message in check_built(root):
        yield f"{path.relative_to(root)}: {message}"


# A tree without violations, and for the self-test what is planted there: (file, line of text, part of the message).
CLEAN = {
    "CMakeLists.txt": "fqgan_shared_library(fqgan_ops core ops)\nfqgan_room(models x)\nfqgan_room(training x)\n",
    "tests/CMakeLists.txt": "fqgan_room_tests(core x)\n",
    "tests/core/error_test.cpp": "",
    "tests/support/support.cpp": "",
    "fqgan/core/error.h": "",
    "fqgan/ops/quantize.cpp": '#include "fqgan/core/error.h"\n',
    "fqgan/models/family.h": '#include "fqgan/models/phase.h"\n',
    "fqgan/models/phase.h": "",
    "fqgan/models/biggan/biggan.h": '#include "fqgan/core/error.h"  // not torch::nn::Dropout\n',
    "fqgan/training/loop.cpp": '#include "fqgan/models/family.h"\n#include "fqgan/models/phase.h"\n// fmt::print\n'
    'auto text = "torch::manual_seed";\n',
    "fqgan/main.cpp": '#include "fqgan/models/biggan/biggan.h"\n',
}
PLANTED = [
    ("fqgan/core/bad.h", '#include "fqgan/ops/quantize.cpp"', "'core' may not include"),
    ("fqgan/training/bad.cpp", '#include "fqgan/models/biggan/biggan.h"', "'training' may not include"),
    ("fqgan/models/bad.cpp", '#include "fqgan/training/loop.cpp"', "'models' may not include"),
    ("fqgan/models/bad.cpp", '#include "family.h"', "full path"),
    ("fqgan/models/bad.cpp", '#include "fqgan/models/missing.h"', "does not exist"),
    ("fqgan/strange/bad.h", "", "not in the table"),
    ("fqgan/models/bad.cpp", "torch::nn::Dropout2d drop;", "dropout"),
    ("fqgan/models/bad.cpp", "torch::nn::init::xavier_uniform_(weight);", "initialisers"),
    ("fqgan/training/bad.cpp", "torch::manual_seed(1);", "global random state"),
    ("fqgan/ops/bad.cpp", "#include <torch/torch.h>", "slow to compile"),
    ("fqgan/models/bad.cpp", "#include <spdlog/spdlog.h>", "shadows fmt"),
    ("fqgan/nn/bad.cpp", "", "no fqgan_room(nn"),
    ("tests/nn/forgotten_test.cpp", "", "is not built"),
    ("tests/core/deeper/forgotten_test.cpp", "", "is not built"),
]


def run_self_test():
    def write(root, file, text):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for file, text in CLEAN.items():
            write(root, file, text)
        problems = [f"reported in a clean tree: {line}" for line in violations(root)]
        for file, text, expected in PLANTED:
            write(root, file, "// planted\n" + text + "\n")
            found = list(violations(root))
            if not (len(found) == 1 and found[0].startswith(file) and expected in found[0]):
                problems.append(f"planted '{text}' in {file}, expected one line with '{expected}', got {found}")
            (root / file).unlink()
    return problems


def main():
    if sys.argv[1:] not in ([], ["--self-test"]):
        sys.exit(__doc__)
    self_test = len(sys.argv) > 1
    found = run_self_test() if self_test else list(violations(pathlib.Path(__file__).resolve().parent.parent))
    print("\n".join(found), end="\n" if found else "")
    name = "check_layers self-test" if self_test else "check_layers"
    print(f"{name}: {len(found)} violations" if found else f"{name}: ok")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
