"""What the parity tests of the program share."""


def one_line_error(process, *parts):
    """Exit code 2 and one line of error, which names the parts. Returns the line."""
    assert process.returncode == 2, process.stderr
    lines = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, process.stderr
    for part in parts:
        assert str(part) in lines[0], lines[0]
    return lines[0]
