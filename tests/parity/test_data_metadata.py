"""The orientation in PNG, WebP and JPEG, and damaged PNG files, against Pillow."""

import io
import json
import struct
import zlib

import pytest
from test_data_images import DUMP, array, chunk, encoded, load, load_one, picture, run

np = pytest.importorskip("numpy")
pytest.importorskip("PIL")
from PIL import Image, ImageOps, features  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not DUMP.exists(), reason=f"{DUMP} is not built"),
    pytest.mark.filterwarnings("ignore"),  # Pillow's, of damaged files
]


def exif(orientation, order="<", kind=3, count=1):
    """A TIFF directory whose only entry is the orientation; kind 3: two bytes, 4: four bytes."""
    header = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    value = struct.pack(order + {3: "H2x", 4: "I"}[kind], orientation)
    return header + struct.pack(order + "HHHI", 1, 0x0112, kind, count) + value + bytes(4)


def raw_profile(block):
    return b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"


def xmp(orientation):
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation


def png(pixels, before=(), after=(), parts=2, end=True, interlaced=False):
    """pixels: H x W x 3. before, after: (type, data) of chunks before and after the image data."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    images = [pixels[y::rows, x::columns] for y, x, rows, columns in passes] if interlaced else [pixels]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for image in images for row in image if row.size))
    cuts = [i * len(data) // parts for i in range(parts + 1)]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, interlaced)
    chunks = [(b"IHDR", header), *before, *((b"IDAT", data[a:b]) for a, b in zip(cuts, cuts[1:])), *after]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks + [(b"IEND", b"")] * end)


def by_pillow(data):
    """Pillow's pixels, or None where it refuses the file."""
    try:
        return array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    except Exception:  # Pillow raises many kinds
        return None


def compare(files, tmp_path, ending="png"):
    """Reads files of equal sizes together, and returns the indices of those that differ from Pillow."""
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    for i, data in enumerate(files):
        (folder / f"{i:05}.{ending}").write_bytes(data)
    pixels, info = load(folder, tmp_path, "channels=3", "cache=off")
    got = dict(zip(info["names"], pixels))
    assert len(got) + len(info.get("skipped", [])) == len(files)
    different = []
    for i, data in enumerate(files):
        expected, image = by_pillow(data), got.get(f"{i:05}.{ending}")
        if (expected is None) != (image is None) or (image is not None and not np.array_equal(image, expected)):
            different.append(i)
    return different


PLACES = {
    "before": lambda block, _: {"before": [(b"eXIf", block)]},
    "after": lambda block, _: {"after": [(b"eXIf", block)]},
    "after another": lambda block, _: {"before": [(b"eXIf", exif(3))], "after": [(b"eXIf", block)]},
    "with a prefix": lambda block, _: {"before": [(b"eXIf", b"Exif\0\0" + block)]},
    "text": lambda block, _: {"before": [(b"tEXt", b"Raw profile type exif\0" + raw_profile(b"Exif\0\0" + block))]},
    "compressed text": lambda block, _: {
        "after": [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(block)))]
    },
    "international text": lambda block, _: {
        "before": [(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(raw_profile(block)))]
    },
    "xmp": lambda _, value: {"before": [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(value))]},
    "compressed xmp": lambda _, value: {
        "after": [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(value)))]
    },
    "exif before xmp": lambda block, _: {
        "before": [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(5)), (b"eXIf", block)]
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_png_orientation(place, tmp_path):
    pixels = array(picture("RGB", (12, 12)))
    blocks = [(value, exif(value, order, kind)) for value in range(10) for order in "<>" for kind in (3, 4)]
    files = [png(pixels, **PLACES[place](block, value)) for value, block in blocks]
    assert len({by_pillow(file).tobytes() for file in files}) == 8, "the eight orientations differ"
    assert compare(files, tmp_path) == []


@pytest.mark.parametrize("orientation", [2, 6, 8])
@pytest.mark.parametrize("size", [(37, 29), (400, 300)])  # the larger file has its end behind the first 64 KiB
def test_png_orientation_of_an_oblong(orientation, size, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = png(noise, after=[(b"eXIf", exif(orientation))])
    np.testing.assert_array_equal(load_one(data, "a.png", tmp_path), by_pillow(data))


MALFORMED = [
    b"",
    b"II",
    b"XX*\0\x08\0\0\0",
    exif(6)[:14],
    exif(6).replace(b"\x08\0\0\0", b"\xff\xff\xff\xff", 1),
    exif(6, count=2),
    exif(0),
    exif(9),
]


@pytest.mark.parametrize("block", MALFORMED)
def test_malformed_exif_is_upright(block, tmp_path):
    pixels = array(picture())
    got = load_one(png(pixels, before=[(b"eXIf", block)]), "a.png", tmp_path)
    np.testing.assert_array_equal(got, pixels)
    if features.check("webp"):
        data = encoded(picture(), "WEBP", lossless=True, exif=block or b"\0")
        np.testing.assert_array_equal(load_one(data, "a.webp", tmp_path), pixels)


def webp(orientation, size, **options):
    prefix = b"Exif\0\0" if orientation % 2 else b""
    block = prefix + exif(orientation, "<" if orientation % 4 < 2 else ">")
    return encoded(picture("RGB", size), "WEBP", exact=True, exif=block, **options)


@pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
def test_webp_orientation(tmp_path):
    assert compare([webp(value, (12, 12), lossless=True) for value in range(1, 9)], tmp_path, "webp") == []


@pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
@pytest.mark.parametrize("lossless", [True, False])
def test_webp_orientation_of_an_oblong(lossless, orientation, tmp_path):
    data = webp(orientation, (300, 200), lossless=lossless)
    got, expected = load_one(data, "a.webp", tmp_path).astype(int), by_pillow(data).astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= (0 if lossless else 2)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 7])
def test_xmp_orientation(format, orientation, tmp_path):
    if format == "WEBP" and not features.check("webp"):
        pytest.skip("Pillow without WebP")
    options = {"lossless": True} if format == "WEBP" else {"quality": 95}
    data = encoded(picture(), format, xmp=xmp(orientation), **options)
    got, expected = load_one(data, "a.img.jpg", tmp_path).astype(int), by_pillow(data).astype(int)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 2


BLOCKS = np.kron(np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
NOISE = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
TRAILER = [(b"eXIf", exif(6)), (b"tEXt", b"Comment\0none"), (b"tIME", bytes(7))]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("pixels", [BLOCKS, NOISE], ids=["blocks", "noise"])
def test_cut_png(pixels, parts, interlaced, tmp_path):
    """Every prefix of a file: without an end chunk, within a checksum, within a chunk, within the pixels."""
    data = png(pixels, before=[(b"tEXt", b"a\0b")], after=TRAILER, parts=parts, interlaced=interlaced)
    files = [data[:length] for length in range(1, len(data) + 1)]
    read = [by_pillow(file) is not None for file in files]
    assert any(read[:-1]) and not all(read)
    assert compare(files, tmp_path) == []


def test_wrong_bytes_behind_the_pixels(tmp_path):
    """One wrong bit anywhere in the image data or behind it, but not in the EXIF block itself."""
    data = png(NOISE, after=TRAILER[1:])
    first = data.index(b"IDAT") + 4
    files = [data[:i] + bytes([data[i] ^ 0x20]) + data[i + 1 :] for i in range(first, len(data))]
    assert compare(files, tmp_path) == []


def test_a_cut_png_is_named(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "good.png").write_bytes(png(NOISE))
    (folder / "cut.png").write_bytes(png(NOISE)[:300])
    done = run(folder, tmp_path / "pixels.bin")
    assert json.loads(done.stdout)["skipped"] == [["cut.png", "damaged PNG (truncated)"]]
