"""Every snippet of README.md and docs/*.md runs: Python as it stands, commands with settings that take seconds."""

import functools
import itertools
import pathlib
import re
import shlex
import shutil
import subprocess

import pages
import pytest

# What only compiles or installs, and what needs files that cannot be made here.
NOT_RUN = (
    *("./quickstart.sh", "./test.sh", "scripts/device_check.sh", "pip install", "cmake ", "ninja "),
    "build/release/tests/",
)
NEEDS = {"<": "a placeholder", "cuda": "a GPU", "--from biggan-pytorch": "weights of BigGAN-PyTorch"}
NEEDS |= {"nvidia": "weights of NVIDIA's networks"}
NEEDS |= {"fqgan.pretrained": "a network", "--features inception": "weights of Inception"}
CODE = re.compile(r"^    (\./|fqgan |python |pip |ninja |cmake |build/|from |import |[A-Z_]+=)", re.MULTILINE)


@functools.cache
def help_of(command):
    done = subprocess.run([str(pages.BUILD / "fqgan"), command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, command
    return done.stdout


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "checkout"
    folder.mkdir()
    return pages.make_folder(folder)


@pytest.mark.parametrize("page", pages.PAGES)
def test_snippets_say_their_language(page):
    """Otherwise nothing would run them."""
    assert {language for language, _ in pages.blocks(page)} <= {"python", "sh", "cpp"}
    outside = pages.FENCE.sub("", pages.text_of(page))
    assert not CODE.search(outside), f"a snippet without ```: {CODE.search(outside)[0]}"


@pytest.mark.parametrize("page", pages.PAGES)
def test_flags_and_files_exist(page):
    for words in pages.lines_of_program(page):
        for word in words[2:]:
            if re.match("--?[a-z]", word):
                assert re.search(rf"(?<![\w-]){word}(?![\w-])", help_of(words[1])), f"{word} of {shlex.join(words)}"
            if re.match("(recipes|extractors|results)/", word):
                assert (pages.ROOT / word).exists(), shlex.join(words)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in pages.PAGES if pages.commands(page) or pages.python_code(page)])
def test_snippets_run(page, template):
    folder = template.with_name(pathlib.Path(page).stem)
    shutil.copytree(template, folder, symlinks=True)
    for command in pages.commands(page):
        if command.startswith(NOT_RUN) or any(sign in command for sign in NEEDS):
            continue
        words = itertools.dropwhile(lambda word: re.match("[A-Z_]+=", word), shlex.split(command))
        pages.run_command(list(words), folder)
    code = pages.python_code(page)
    if "fqgan._core" in code and not list(pages.BUILD.glob("_core.*.so")):
        pytest.skip("built without the headers of Python")
    if code:
        (folder / "page.py").write_text(code)
        pages.run_command(["python", "page.py"], folder)
