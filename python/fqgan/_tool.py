"""What the package's command-line tools share: one line for whatever is wrong with their input, and whole files."""

import argparse
import contextlib
import os
import pathlib
import sys


class UserError(Exception):
    """One line that says where, what was expected, what came, and what to do. Code 2: the user's input is wrong."""

    def __init__(self, where, message, code=2):
        super().__init__(f"[{where}] {' '.join(message.split())}")
        self.code = code


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError("usage", f"{message}. Hint: --help")


def run(main):
    """Runs main(arguments) and ends the program; a UserError is one line and its exit code."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)


def missing_package(where, error):
    """For an ImportError of a package that only the tools need."""
    name = (error.name or str(error)).split(".")[0]
    return UserError(where, f"expected the Python package '{name}', found none. Hint: pip install {name}")


@contextlib.contextmanager
def whole_file(target):
    """Gives a path beside `target` to write to; what stands there then becomes `target`, if nothing was raised."""
    target = pathlib.Path(target)
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
    finally:
        partial.unlink(missing_ok=True)
