"""What the parity tests of the program and of the Python tools share."""

import importlib
import sys

import pytest


def one_line_error(process, *parts):
    """Exit code 2 and one line of error, which names the parts. Returns the line."""
    assert process.returncode == 2, process.stderr
    lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, process.stderr
    for part in parts:
        assert str(part) in lines[0], lines[0]
    return lines[0]


def refused_by(module, capsys, arguments, *parts):
    """A tool of the package, called in this process, ends with code 2 and one line of error, which names the parts."""
    with pytest.raises(SystemExit) as ending, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        importlib.import_module("fqgan._tool").run(module.main)
    said = capsys.readouterr().err
    assert ending.value.code == 2 and said.startswith("error: [") and said.count("\n") == 1, said
    for part in parts:
        assert str(part) in said, said
