"""Sums up the result files of GoogleTest and pytest (XML) in a folder: "412 tests, 3 skipped, 0 failed"."""

import pathlib
import sys
import xml.etree.ElementTree as xml

count = {"tests": 0, "skipped": 0, "failures": 0, "errors": 0}
for path in pathlib.Path(sys.argv[1]).glob("*.xml"):
    for suite in xml.parse(path).getroot().iter("testsuite"):
        for key in count:
            count[key] += int(suite.get(key, 0))
if count["tests"]:
    print(f"{count['tests']} tests, {count['skipped']} skipped, {count['failures'] + count['errors']} failed")
