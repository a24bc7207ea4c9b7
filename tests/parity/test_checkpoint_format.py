"""Python's safetensors package opens what fqgan writes.

tests/checkpoint/golden.hex holds the bytes that the C++ test CheckpointFormat.WritesTheFrozenBytes requires of our
writer, so that reading them here is reading a file of ours.
"""

import hashlib
import pathlib
import struct

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
safetensors_torch = pytest.importorskip("safetensors.torch")

GOLDEN = pathlib.Path(__file__).parents[1] / "checkpoint" / "golden.hex"


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "golden.safetensors"
    file.write_bytes(bytes.fromhex(GOLDEN.read_text()))
    return file


def expected_tensors():
    return {
        "network.g.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "network.g.scale": torch.arange(3, dtype=torch.float64) - 0.125,
        "average.g.weight": torch.arange(5).bfloat16(),
        "average.g.half": torch.arange(3).half() * -2,
        "state.d.count": torch.tensor(-7),
        "state.d.codes": torch.arange(4, dtype=torch.int32) * 100000,
        "state.d.bytes": torch.tensor([250, 251, 252, 253, 254, 255, 0], dtype=torch.uint8),
        "state.d.used": torch.tensor([False, True, False]),
        "state.d.none": torch.zeros(0, 3),
        'state.klasse "ä"': torch.ones(1, 1, 2),
    }


def test_load_file_gives_every_tensor(path):
    loaded = safetensors_torch.load_file(path)
    expected = expected_tensors()
    assert loaded.keys() == expected.keys()
    for name, tensor in expected.items():
        assert loaded[name].dtype == tensor.dtype and loaded[name].shape == tensor.shape, name
        assert torch.equal(loaded[name], tensor), name


def test_metadata_is_unicode_text(path):
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format_version"] == "1"
    assert metadata["counters"] == '{"iteration":120}'
    assert metadata["recipe"] == "# Grüße, 世界\nfamily = \"biggan\"\n\tx = 'a\\b'\r\n"


def test_checksums_can_be_verified_without_fqgan(path):
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + length], content[8 + length :]
    assert hashlib.sha256(data).hexdigest() == metadata["checksum.data"]
    blank = header.replace(metadata["checksum.metadata"].encode(), b"0" * 64, 1)
    assert hashlib.sha256(blank).hexdigest() == metadata["checksum.metadata"]
