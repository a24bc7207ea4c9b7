"""Code that the command-line tools of the package share: one line for each input error, the rule for outputs, and
complete output files."""

import argparse
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys


class UserError(Exception):
    """One line that says where, what was expected, what was found and what to do. Code 2: the user's input is wrong."""

    def __init__(self, where, message, code=2):
        super().__init__(printable(f"[{where}] {' '.join(message.split())}"))
        self.code = code


def printable(text):
    """Returns the text with escapes for control characters and others that a terminal cannot show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError("usage", f"{message}. Hint: --help")


def run(main):
    """Runs main(arguments). For a UserError, prints one line and ends the program with its exit code; for a failure of
    the machine, such as a full disk, with code 1."""
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except OSError as error:
        line = f"error: [{error.filename or 'standard output'}] {error.strerror or error}"
        print(printable(line), file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes the rest of the output at its end
        sys.exit(1)


def missing_package(where, error):
    """Returns the UserError for an ImportError of a package that only the tools need."""
    name = (error.name or str(error)).split(".")[0]
    return UserError(where, f"expected the Python package '{name}', found none. Hint: pip install {name}")


def program():
    """Returns the path of the program fqgan, or None.

    It looks beside the library that $FQGAN_OPS names, on the PATH and in the build folder of the repository.
    """
    named = os.environ.get("FQGAN_OPS", "")
    folders = [pathlib.Path(named).parent] if named else []
    repository = pathlib.Path(__file__).resolve().parents[2]
    for folder in [*folders, *os.get_exec_path(), repository / "build" / "release"]:
        found = shutil.which("fqgan", path=str(folder))
        if found:
            return found
    return None


def command_line(*words):
    """Returns the program fqgan and the words as they can be copied into a shell."""
    return shlex.join([program() or "fqgan", *map(str, words)])


def module_line(module, *words):
    """Returns the command of a tool, with Python as it was called."""
    return shlex.join([sys.orig_argv[0], "-m", module, *map(str, words)])


def run_program(*arguments):
    """Runs the program fqgan, which exists, and returns its output. Its error is raised as UserError with its code."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout
    said = re.search(r"^error: \[(.*?)\] (.*)$", done.stderr, re.MULTILINE)
    where, problem = said.groups() if said else (program(), f"ended with code {done.returncode}: {done.stderr[-200:]}")
    raise UserError(where, problem, done.returncode if done.returncode > 0 else 1)


def add_force_flag(parser):
    parser.add_argument("--force", action="store_true", help="replace an output that is there already")


def belongs_to_run(file):
    """Whether a training writes this file: the rule of RunFolder::owns (fqgan/run/run_folder.cpp)."""
    folders = ("checkpoints", "samples", "curves")
    files = ("recipe.toml", "log.jsonl", "metrics.jsonl", ".lock", "last-checkpoint.txt", *folders)
    if is_run(file.parent):
        return file.name in files or re.fullmatch(r"events\.out\.tfevents\.[0-9]+\.fqgan", file.name) is not None
    return file.parent.name in folders and is_run(file.parent.parent)


def is_run(folder):
    """Whether the folder is a run: the rule of fqgan/core/run_marker.h."""
    beside = ("checkpoints", "log.jsonl")
    return os.path.exists(folder / "recipe.toml") and any(os.path.exists(folder / name) for name in beside)


def is_same_file(a, b):
    return os.path.exists(a) and os.path.exists(b) and os.path.samefile(a, b)


def check_target(where, target, force, reads):
    """Checks a file before it is written, by the rule of the program fqgan (fqgan/cli/target.h).

    reads: files and runs that the command reads. Errors: UserError for an input, a file that a training writes, and
    without `force` for a file that is there already.
    """
    another = "Hint: choose another name"
    place = target.resolve()
    for read in reads:
        files = [read, *(read / "checkpoints").glob("*.safetensors")] if is_run(read) else [read]
        if place == read.resolve() or any(is_same_file(target, file) for file in files):
            raise UserError(where, f"expected a name of its own, got an input of this command. {another}")
    if belongs_to_run(place):
        problem = "expected a name of its own, got a file of a run folder, which only its training writes"
        raise UserError(where, f"{problem}. {another}")
    if not force and os.path.lexists(target) and not target.is_dir():
        problem = "expected a new name, got one that is there already"
        raise UserError(where, f"{problem}. {another}, or replace it with --force")


@contextlib.contextmanager
def whole_file(target):
    """Yields a path beside `target` to write to. If nothing was raised, that file is then renamed to `target`."""
    target = pathlib.Path(target)
    if not target.name:
        raise UserError(target, "expected the name of a file, got a folder")
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            mode = os.fstat(file.fileno()).st_mode
        if target.is_dir():
            raise IsADirectoryError(f"'{target}' is a folder")
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(target, f"expected a file that can be written, got: {error.strerror or error}") from error
    try:
        yield partial
        os.chmod(partial, mode & 0o777)  # safetensors makes files that only their owner can read
        os.replace(partial, target)
    except OSError as error:
        error.filename = error.filename or str(target)  # a full disk names no file
        raise
    finally:
        partial.unlink(missing_ok=True)
