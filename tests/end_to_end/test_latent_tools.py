"""Images of seeds as NVIDIA's tools draw them (`sample --seeds`), `mix` and `interpolate`, for StyleGAN2 and BigGAN."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from safetensors.torch import load_file, save_file

from conftest import one_line_error, run
from test_style_based import LAYERS, TINY, write_images

CELL = 64  # pixels: images of 16 pixels are enlarged in grids
GAP = 2


def train(folder, channels="RGB", more="", conditional="false"):
    images = write_images(folder / "images", 16, 16, channels)
    recipe = folder / "tiny.toml"
    recipe.write_text(TINY.format(data=images, more=more))
    words = ("--set", "training.iterations=2", "--set", f"model.conditional={conditional}")
    process = run("train", recipe, "--out", folder / "run", *words)
    assert process.returncode == 0, process.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    """StyleGAN2 without classes."""
    return train(tmp_path_factory.mktemp("style"))


def done(*arguments):
    process = run(*arguments)
    assert process.returncode == 0, process.stderr
    return process.stderr


def latents_of(seeds, width):
    return torch.from_numpy(np.stack([np.random.RandomState(seed).randn(width) for seed in seeds])).float()


def images_of(model, folder, *words):
    out = folder / "images.safetensors"
    done("sample", model, "--out", out, "--force", *words)
    return load_file(out)["images"]


def images_of_z(model, folder, z, *words):
    save_file({"z": z}, folder / "z.safetensors")
    return images_of(model, folder, "--latents", folder / "z.safetensors", *words)


def pixels_of(images):
    return ((images + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).byte().numpy().astype(int)


def cells_of(path, rows, columns, left, top):
    """The images of a grid in their own size, as rows x columns x H x W x C."""
    picture = np.asarray(Image.open(path)).astype(int)
    step = CELL + GAP
    assert picture.shape[:2] == (top + rows * step - GAP, left + columns * step - GAP)
    at = [[(top + r * step, left + c * step) for c in range(columns)] for r in range(rows)]
    return np.array([[picture[y : y + CELL : 4, x : x + CELL : 4] for y, x in row] for row in at])


# ---- sample --seeds ----


def test_seeds_are_those_of_numpy(style, trained, tmp_path):
    seeds = [0, 1, 2, 85, 2**32 - 1]
    given = ("--seeds", "0-2,85,4294967295")
    constant = ("--noise", "constant")
    images = images_of(style, tmp_path, *given, *constant)
    assert torch.allclose(images, images_of_z(style, tmp_path, latents_of(seeds, 16), *constant), atol=1e-6)
    one = ("--class", "one")
    for words in (one, (*one, "--truncation", 0.5)):
        images = images_of(trained, tmp_path, *given, *words)
        assert torch.allclose(images, images_of_z(trained, tmp_path, latents_of(seeds, 8), *words), atol=1e-5)


def test_an_image_depends_on_its_seed_alone(style, trained, tmp_path):
    for model in (style, trained):  # with noise, and with a class drawn for each seed
        first, second = (images_of(model, tmp_path, "--seeds", seeds) for seeds in ("3-5", "9,5"))
        assert torch.allclose(first[2], second[1], atol=1e-5)
    done("sample", style, "--seeds", "3-5", "--out", tmp_path / "grid.png")
    assert len(list(Image.open(tmp_path / "grid.png").getbands())) == 3


@pytest.mark.parametrize(
    "words, names",
    [
        (("--seeds", "1-"), ("--seeds", "''")),
        (("--seeds", "4-2"), ("--seeds", "4-2")),
        (("--seeds", "4294967296"), ("--seeds", "4294967295", "4294967296")),
        (("--seeds", "-1"), ("--seeds", "-1")),
        (("--seeds", "1,,2"), ("--seeds", "''")),
        (("--seeds", "0-4294967295"), ("--seeds", "10000000")),
        (("--seeds", "1", "--seed", 2), ("--seeds", "--seed")),
        (("--seeds", "1", "--count", 2), ("--seeds", "--count")),
        (("--seeds", "1", "--latents", "z.safetensors"), ("--seeds", "--latents")),
        (("--seeds", "0-10000"), ("--seeds", "10001")),
    ],
)
def test_seeds_that_make_no_images(style, tmp_path, words, names):
    one_line_error(run("sample", style, "--out", tmp_path / "x.png", *words), *names)


# ---- mix ----


def mixed_by_hand(model, folder, rows, columns, layers, psi):
    """The images of NVIDIA's style_mixing.py, from w that the exported mapping network gives."""
    done("export", model, "--part", "mapping", "--out", folder / "mapping.pt", "--force")
    mapping = torch.jit.load(folder / "mapping.pt")
    rows, columns = (mapping(latents_of(seeds, 16), torch.tensor(psi)) for seeds in (rows, columns))
    grid = [columns]
    for row in rows:
        mixed = row.repeat(len(columns), 1, 1)
        mixed[:, layers] = columns[:, layers]
        grid += [row[None], mixed]
    save_file({"w": torch.cat(grid)}, folder / "w.safetensors")
    return images_of(model, folder, "--latents", folder / "w.safetensors", "--noise", "constant")


@pytest.mark.parametrize("layers, words, psi", [(None, (), 1.0), ([0, 1, 4], ("--truncation", 0.5), 0.5)])
def test_mix_is_the_grid_of_style_mixing(style, tmp_path, layers, words, psi):
    given = () if layers is None else ("--layers", "0-1,4")
    out = tmp_path / "mix.png"
    done("mix", style, "--rows", "85,7", "--columns", "1-3", *given, *words, "--out", out)
    expected = mixed_by_hand(style, tmp_path, [85, 7], [1, 2, 3], layers or list(range(LAYERS - 1)), psi)
    cells = cells_of(out, 3, 4, left=2 * 6 + 8, top=13)
    assert (cells[0, 0] == 0).all()
    found = cells.reshape(12, *cells.shape[2:])[1:]
    assert np.abs(found - pixels_of(expected)).max() <= 1


@pytest.mark.parametrize(
    "words, names",
    [
        (("--rows", "1", "--columns", "2", "--layers", "2-6"), ("--layers", "5", "6")),
        (("--rows", "1", "--columns", "x"), ("--columns", "'x'")),
        (("--rows", "1"), ("--columns",)),
        (("--rows", "0-999", "--columns", "0-99"), ("--rows", "10000", "101101")),
        (("--rows", "1", "--columns", "2", "--class", "a"), ("--class",)),
        (("--rows", "1", "--columns", "2", "--truncation-cutoff", 2), ("truncation-cutoff",)),
    ],
)
def test_wrong_mixes(style, tmp_path, words, names):
    one_line_error(run("mix", style, "--out", tmp_path / "x.png", *words), *names)


def test_mix_needs_one_w_for_each_layer(trained, style, tmp_path):
    words = ("--rows", "1", "--columns", "2", "--out")
    one_line_error(run("mix", trained, *words, tmp_path / "x.png"), "mix", "layer")
    one_line_error(run("mix", style, *words, tmp_path / "x.jpg"), "--out", ".png")


# ---- interpolate ----


def frames_of(path, mode="RGB"):
    """(milliseconds, pixels) of each frame; without transparency they are opaque."""
    frames = []
    with Image.open(path) as film:
        for frame in ImageSequence.Iterator(film):
            frame.load()
            assert mode == "RGBA" or frame.convert("RGBA").getextrema()[3] == (255, 255)
            frames.append((frame.info["duration"], np.asarray(frame.convert(mode)).astype(int)))
    return frames


def test_a_film_returns_to_its_first_image(style, tmp_path):
    out = tmp_path / "film.webp"
    words = ("--seeds", "4,9,2", "--steps", 5)
    done("interpolate", style, *words, "--fps", 25, "--lossless", "--out", out)
    with Image.open(out) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (15, (16, 16), 0)
    frames = frames_of(out)
    assert {duration for duration, _ in frames} == {40}
    ends = pixels_of(images_of(style, tmp_path, "--seeds", "4,9,2", "--noise", "constant"))
    for seed in range(3):
        assert np.abs(frames[5 * seed][1] - ends[seed]).max() <= 1
    done("interpolate", style, *words, "--out", tmp_path / "frames")
    files = sorted((tmp_path / "frames").glob("*.png"))
    assert [path.name for path in files] == [f"{i:05d}.png" for i in range(15)]
    assert all((np.asarray(Image.open(path)) == frame).all() for path, (_, frame) in zip(files, frames))
    done("interpolate", style, *words, "--out", out, "--force", "--quality", 50)
    lossy = frames_of(out)
    assert len(lossy) == 15 and (lossy[0][1] != frames[0][1]).any()
    assert np.mean(np.abs(lossy[0][1] - frames[0][1])) < 40


def test_films_keep_transparency(tmp_path):
    model = train(tmp_path, "RGBA", 'alpha = "keep"')
    done("interpolate", model, "--seeds", "1,2", "--steps", 3, "--lossless", "--out", tmp_path / "film.webp")
    expected = pixels_of(images_of(model, tmp_path, "--seeds", "1,2", "--noise", "constant"))
    with Image.open(tmp_path / "film.webp") as film:
        assert (film.n_frames, film.mode) == (6, "RGBA")
    frames = frames_of(tmp_path / "film.webp", "RGBA")
    assert expected[..., 3].min() < 255
    assert np.abs(frames[0][1] - expected[0]).max() <= 1 and np.abs(frames[3][1] - expected[1]).max() <= 1
    done("interpolate", model, "--seeds", "1,2", "--steps", 3, "--out", tmp_path / "frames")
    for (_, frame), path in zip(frames, sorted((tmp_path / "frames").glob("*.png")), strict=True):
        seen, there = frame[..., 3:] > 0, np.asarray(Image.open(path)).astype(int)
        assert (frame * seen == there * seen).all()


def test_paths_in_z_are_great_circles(trained, tmp_path):
    """BigGAN has no w. One row of the picture for each pair of neighbours, with both ends."""
    done("interpolate", trained, "--seeds", "5,6,5", "--steps", 3, "--class", "two", "--out", tmp_path / "strip.png")
    a, b = latents_of([5, 6], 8).double()
    angle = torch.acos(a @ b / a.norm() / b.norm())
    between = ((angle / 2).sin() * (a + b) / angle.sin()).float()
    z = torch.stack([a.float(), between, b.float(), b.float(), between, a.float()])
    expected = pixels_of(images_of_z(trained, tmp_path, z, "--class", "two"))[..., 0]
    picture = np.asarray(Image.open(tmp_path / "strip.png")).astype(int)
    left = picture.shape[1] - 3 * (CELL + GAP) + GAP
    for i in range(6):
        y, x = i // 3 * (CELL + GAP), left + i % 3 * (CELL + GAP)
        assert np.abs(picture[y : y + CELL : 8, x : x + CELL : 8] - expected[i]).max() <= 1


def test_classes_of_mapped_latents(tmp_path):
    """In w the classes of neighbouring seeds may differ; a mixed grid has one class, or those of its seeds."""
    model = train(tmp_path, conditional="true")
    given = ("--seeds", "1,2", "--class", "class0", "--class", "class1")
    done("interpolate", model, *given, "--steps", 2, "--out", tmp_path / "x.safetensors")
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == {"images"}
    assert torch.allclose(found["images"][::2], images_of(model, tmp_path, *given, "--noise", "constant"), atol=1e-5)
    one_line_error(run("interpolate", model, *given, "--space", "z", "--out", tmp_path / "y"), "--class", "several")
    pictures = []
    for words in ((), ("--class", "class0"), ("--class", "class1")):
        done("mix", model, "--rows", "1", "--columns", "2,3", *words, "--out", tmp_path / "mix.png", "--force")
        pictures.append((tmp_path / "mix.png").read_bytes())
    assert pictures[1] != pictures[2]
    words = ("--rows", "1", "--columns", "2", "--class", "class0", "--class", "class1")
    one_line_error(run("mix", model, *words, "--out", tmp_path / "y.png"), "--class", "several")


def test_paths_in_w_are_straight(style, tmp_path):
    done("export", style, "--part", "mapping", "--out", tmp_path / "mapping.pt")
    w = torch.jit.load(tmp_path / "mapping.pt")(latents_of([1, 2], 16), torch.tensor(1.0))
    save_file({"w": w.mean(0, keepdim=True)}, tmp_path / "w.safetensors")
    for words in ((), ("--truncation", 0.5), ("--truncation", 0.5, "--truncation-cutoff", 2)):
        out = ("--out", tmp_path / "x.safetensors", "--force")
        done("interpolate", style, "--seeds", "1,2", "--steps", 2, *words, *out)
        middle = images_of(style, tmp_path, "--latents", tmp_path / "w.safetensors", "--noise", "constant", *words)
        found = load_file(tmp_path / "x.safetensors")["images"]
        assert found.shape[0] == 4 and torch.allclose(found[1], middle[0], atol=1e-5)
    done("interpolate", style, "--seeds", "1,2", "--steps", 2, "--space", "z", "--out", tmp_path / "z.safetensors")
    assert not torch.allclose(load_file(tmp_path / "z.safetensors")["images"], found)


@pytest.mark.parametrize(
    "words, names",
    [
        (("--seeds", "1", "--out", "x.png"), ("--seeds", "two")),
        (("--seeds", "1,2", "--steps", 1, "--out", "x.png"), ("--steps", "2", "'1'")),
        (("--seeds", "1,2", "--steps", 10000, "--out", "x.webp"), ("--steps", "20000")),
        (("--seeds", "1,2", "--fps", 25, "--out", "x.png"), ("--fps", ".webp")),
        (("--seeds", "1,2", "--fps", 0, "--out", "x.webp"), ("--fps", "'0'")),
        (("--seeds", "1,2", "--lossless", "--quality", 3, "--out", "x.webp"), ("--lossless", "--quality")),
        (("--seeds", "1,2", "--space", "y", "--out", "x.png"), ("--space", "'z'", "'y'")),
        (("--seeds", "1,2", "--space", "w", "--out", "x.png"), ("--space", "z", "w")),
        (("--seeds", "1,2", "--class", 0, "--class", 1, "--out", "x.png"), ("--class", "several")),
        (("--seeds", "1,2", "--noise", "none", "--out", "x.png"), ("--noise",)),
        (("--seeds", "1,2", "--out", "x.jpg"), ("x.jpg", ".jpg")),
    ],
)
def test_wrong_interpolations(trained, tmp_path, words, names):
    one_line_error(run("interpolate", trained, *words, cwd=tmp_path), *names)
    assert not list(tmp_path.iterdir())
