"""Decoding, transparency and resizing against Pillow, and the cache killed in the middle of being built.

Needs Pillow, NumPy and the program fqgan_data_dump ($FQGAN_DATA_DUMP, else the release build's)."""

import io
import json
import os
import pathlib
import signal
import struct
import subprocess
import time
import zlib

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("PIL")
import PIL  # noqa: E402
from PIL import Image, ImageOps, features  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DUMP = pathlib.Path(os.environ.get("FQGAN_DATA_DUMP", ROOT / "build/release/tests/fqgan_data_dump"))
pytestmark = pytest.mark.skipif(not DUMP.exists(), reason=f"{DUMP} is not built")


def run(path, out, *settings, cache=None):
    environment = dict(os.environ, FQGAN_CACHE=str(cache or out.parent / "cache"))
    return subprocess.run([DUMP, path, out, *settings], capture_output=True, text=True, env=environment)


def load(path, tmp_path, *settings, **more):
    """(N x H x W x C uint8, description)"""
    done = run(path, tmp_path / "pixels.bin", *settings, **more)
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    pixels = np.fromfile(tmp_path / "pixels.bin", np.uint8)
    return pixels.reshape(info["images"], info["height"], info["width"], info["channels"]), info


def load_one(image_bytes, name, tmp_path, *settings):
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / name).write_bytes(image_bytes)
    return load(folder, tmp_path, "strict=true", *settings)[0][0]


def picture(mode="RGB", size=(37, 29), seed=0):
    """Smooth colours with noise and, where the mode has it, every degree of transparency."""
    width, height = size
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 100 * np.sin(x / (3 + k) + k) * np.cos(y / (5 - k) + k) for k in range(3)]
    rgb = np.clip(np.stack(planes, -1) + random.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(rgb)
    if mode in ("RGBA", "LA"):
        image.putalpha(
            Image.fromarray(
                np.clip((x * 255) // max(1, width - 1) + random.integers(-20, 20, x.shape), 0, 255).astype(np.uint8)
            )
        )
    return image.convert(mode)


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def array(image):
    result = np.asarray(image)
    return result[:, :, None] if result.ndim == 2 else result


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P"])
def test_png_without_transparency(mode, tmp_path):
    image = picture("RGB").quantize(50) if mode == "P" else picture(mode)
    expected = array(image.convert("L" if mode in ("L", "1") else "RGB"))
    np.testing.assert_array_equal(load_one(encoded(image, "PNG"), "a.png", tmp_path), expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_png_with_transparency(mode, tmp_path):
    if mode == "P":
        image = picture("RGB").quantize(50)
        image.info["transparency"] = bytes(range(0, 250, 5))
        data = encoded(image, "PNG", transparency=bytes(range(0, 250, 5)))
    else:
        data = encoded(picture(mode), "PNG")
    rgba = Image.open(io.BytesIO(data)).convert("RGBA")
    np.testing.assert_array_equal(load_one(data, "a.png", tmp_path, "alpha=keep"), array(rgba))
    ground = Image.new("RGBA", rgba.size, (10, 200, 90, 255))
    expected = array(Image.alpha_composite(ground, rgba).convert("RGB")).astype(int)
    got = load_one(data, "a.png", tmp_path, "background=[10, 200, 90]").astype(int)
    assert np.abs(got - expected).max() <= 1


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(values, colour_type):
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + values[y].astype(">u2").tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("channels, colour_type", [(1, 0), (3, 2), (4, 6)])
def test_png_of_16_bits(channels, colour_type, tmp_path):
    values = np.random.default_rng(1).integers(0, 65536, (9, 11, channels))
    got = load_one(png16(values, colour_type), "a.png", tmp_path, "alpha=keep")
    assert np.abs(got.astype(float) - values / 257).max() <= 0.51


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}])
def test_jpeg(mode, options, tmp_path):
    if mode == "L" and "subsampling" in options:
        pytest.skip("gray has nothing to subsample")
    data = encoded(picture(mode), "JPEG", **options)
    expected = array(Image.open(io.BytesIO(data)).convert("L" if mode == "L" else "RGB")).astype(int)
    got = load_one(data, "a.jpg", tmp_path).astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 2
    assert np.abs(got - expected).mean() < 0.1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(), "JPEG", exif=exif, quality=95)
    expected = array(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))).astype(int)
    got = load_one(data, "a.jpg", tmp_path).astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 2


@pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
def test_webp(mode, lossless, tmp_path):
    data = encoded(picture(mode), "WEBP", lossless=lossless, exact=True)
    expected = array(Image.open(io.BytesIO(data)).convert(mode)).astype(int)
    got = load_one(data, "a.webp", tmp_path, "alpha=keep").astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= (0 if lossless else 2)


FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def stretched(image, name, target, tmp_path):
    """Our stretch to target = (width, height), with the filter of that name; H x W x C."""
    options = ("fit=stretch", f"filter={name}", "alpha=keep", f"resolution={target[1]}", f"width={target[0]}")
    return load_one(encoded(image, "PNG"), "a.png", tmp_path, *options).astype(int)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "size, target",
    [
        ((37, 29), (16, 16)),
        ((37, 29), (64, 64)),
        ((200, 31), (24, 40)),
        ((5, 7), (50, 3)),
        ((300, 300), (7, 7)),
        ((64, 64), (63, 65)),
    ],
)
def test_stretch(name, mode, size, target, tmp_path):
    image = picture(mode, size)
    expected = array(image.resize(target, FILTERS[name])).astype(int)
    got = stretched(image, name, target, tmp_path)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1


@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="older versions always resize columns first")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_stretch_of_noise(name, mode, tmp_path):
    """Hard black and white: each pass clips, so that their order shows."""
    random = np.random.default_rng(5)
    for width, height, *target in random.integers(3, 60, (12, 4)):
        noise = random.integers(0, 2, (height, width, max(1, len(mode)))) * 255
        noise[..., 3:] = random.integers(0, 256, noise[..., 3:].shape)
        image = Image.fromarray(noise.astype(np.uint8).squeeze(-1) if mode == "L" else noise.astype(np.uint8), mode)
        expected = array(image.resize([int(side) for side in target], FILTERS[name])).astype(int)
        got = stretched(image, name, target, tmp_path)
        assert np.abs(got - expected).max() <= 1, (width, height, target)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (48, 48), (20, 30)])
def test_crop(size, tmp_path):
    image = picture("RGB", size)
    scale = 32 / min(size)
    scaled = image.resize((round(size[0] * scale), round(size[1] * scale)), Image.Resampling.BICUBIC)
    left, top = (scaled.width - 32) // 2, (scaled.height - 32) // 2
    expected = array(scaled.crop((left, top, left + 32, top + 32))).astype(int)
    got = load_one(encoded(image, "PNG"), "a.png", tmp_path, "fit=crop", "resolution=32").astype(int)
    assert np.abs(got - expected).max() <= 1


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (28, 28), (20, 10)])
def test_pad(size, tmp_path):
    image = picture("RGB", size)
    scale = min(1, 32 / max(size))
    scaled = image.resize((round(size[0] * scale), round(size[1] * scale)), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (32, 32), (9, 9, 9))
    canvas.paste(scaled, ((32 - scaled.width) // 2, (32 - scaled.height) // 2))
    got = load_one(encoded(image, "PNG"), "a.png", tmp_path, "resolution=32", "pad_value=9").astype(int)
    assert np.abs(got - array(canvas).astype(int)).max() <= 1


def test_gray_from_colour(tmp_path):
    image = picture("RGB")
    got = load_one(encoded(image, "PNG"), "a.png", tmp_path, "channels=1")
    np.testing.assert_array_equal(got, array(image.convert("L")))


def test_unreadable_images_are_named_and_skipped(tmp_path):
    data = encoded(picture(), "PNG")
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "good.png").write_bytes(data)
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    pixels, info = load(folder, tmp_path)
    assert info["images"] == 1 and info["names"] == ["good.png"]
    assert info["skipped"][0][0] == "cut.png"


def test_cache_survives_kill(tmp_path):
    """Killed in the middle, continued, and the same bytes as in one go."""
    folder = tmp_path / "images"
    folder.mkdir()
    data = encoded(picture("RGB", (600, 500)), "JPEG", quality=95)
    count = 1500  # progress is saved every two seconds: it must take longer
    (folder / "0000.jpg").write_bytes(data)
    for i in range(1, count):
        os.link(folder / "0000.jpg", folder / f"{i:04}.jpg")
    settings = ["resolution=96", "fit=crop", "filter=lanczos", "cache=on"]
    environment = dict(os.environ, FQGAN_CACHE=str(tmp_path / "killed"))
    process = subprocess.Popen(
        [DUMP, folder, tmp_path / "x.bin", *settings],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stride, deadline = 96 * 96 * 3, time.time() + 60
    while process.poll() is None and time.time() < deadline:
        partial = list((tmp_path / "killed" / "data").glob("*.partial"))
        if (
            partial
            and partial[0].stat().st_size >= count * (stride + 1)
            and any(partial[0].read_bytes()[count * stride :])
        ):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        pytest.skip("the machine was too fast to be interrupted")
    assert not list((tmp_path / "killed" / "data").glob("*.pixels"))
    again = run(folder, tmp_path / "again.bin", *settings, cache=tmp_path / "killed")
    assert again.returncode == 0, again.stderr
    assert "continuing at" in again.stderr
    whole = run(folder, tmp_path / "whole.bin", *settings, cache=tmp_path / "whole")
    assert whole.returncode == 0
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "whole.bin").read_bytes()
    assert json.loads(again.stdout)["key"] == json.loads(whole.stdout)["key"]
