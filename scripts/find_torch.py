"""Prints the folder of the `torch` that this Python would import. It does not import torch, which takes seconds."""

import importlib.util
import os
import sys

spec = importlib.util.find_spec("torch")
if spec is None or spec.origin is None:
    sys.exit(1)
print(os.path.dirname(os.path.abspath(spec.origin)))
