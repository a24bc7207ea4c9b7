"""The example programs do what their first lines say, on a small scale."""

import subprocess

from PIL import Image

from conftest import PROGRAM


def test_mode_collapse_prints_a_table_and_draws(tmp_path):
    picture = tmp_path / "ring.png"
    command = [PROGRAM.with_name("mode_collapse"), "--seeds", "2", "--steps", "3", "--modes", "5", "--out", picture]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    rows = [line for line in process.stdout.splitlines() if " | " in line][1:]
    assert [row.split("  ")[0].strip() for row in rows][0] == "plain" and len(rows) == 4
    assert all(0 <= int(count) <= 5 for row in rows for count in row.split("|")[0].split()[-2:])
    with Image.open(picture) as image:  # a row a method, a column a seed
        assert image.height > 4 * 128 and image.width > 2 * 128


def test_mode_collapse_with_other_settings(tmp_path):
    command = [PROGRAM.with_name("mode_collapse"), "--seeds", "1", "--steps", "2", "--out", tmp_path / "x.png"]
    command += ["--only", "minibatch discr.", "--kernels", "3", "--dims", "4", "--latent", "16"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    rows = [line for line in process.stdout.splitlines() if " | " in line][1:]
    assert len(rows) == 1 and rows[0].startswith("minibatch discr.")
    process = subprocess.run([command[0], "--only", "other"], capture_output=True, text=True, timeout=120)
    assert process.returncode != 0 and "--only" in process.stderr


def test_mode_collapse_refuses_nonsense(tmp_path):
    command = [PROGRAM.with_name("mode_collapse"), "--seeds", "0", "--out", tmp_path / "x.png"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode != 0 and "--seeds" in process.stderr
    assert not (tmp_path / "x.png").exists()
