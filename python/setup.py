"""Builds libfqgan_ops.so with the CMake files of the repository against the installed torch, and packs it.

It needs a C++20 compiler, cmake 3.25 or newer, and ninja or make. Compiled files remain in build/python of the
repository, so a second installation compiles only what has changed.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
BUILD = REPOSITORY / "build" / "python"
LIBRARY = "libfqgan_ops.so"


def torch_folder():
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        sys.exit(
            "[fqgan] expected torch to be installed. Hint: install it first, then pip install"
            " --no-build-isolation ./python"
        )
    return pathlib.Path(spec.origin).resolve().parent


def torch_version(folder):
    values = {}
    exec((folder / "version.py").read_text(encoding="utf-8"), values)
    return str(values["__version__"]).split("+")[0]


def check_sources():
    for needed in ["CMakeLists.txt", "cmake/Rooms.cmake", "fqgan/ops", "fqgan/core"]:
        if not (REPOSITORY / needed).exists():
            sys.exit(
                f"[fqgan] expected the repository around {HERE}, found no {REPOSITORY / needed}. Hint: run pip"
                " install --no-build-isolation ./python in a checkout of the whole repository"
            )


def run(*command):
    print("fqgan:", *command, flush=True)
    try:
        subprocess.run([str(part) for part in command], check=True)
    except FileNotFoundError:
        sys.exit(f"[fqgan] expected the program {command[0]}. Hint: install cmake, ninja and a C++20 compiler")
    except subprocess.CalledProcessError as error:
        sys.exit(f"[fqgan] {command[0]} failed with exit code {error.returncode}; its own message stands above")


class CMakeBuild(build_ext):
    """The only extension of this package is a library that torch loads, not a Python module."""

    def get_ext_filename(self, fullname):
        return os.path.join(*fullname.split(".")[:-1], LIBRARY)

    def build_extension(self, extension):
        check_sources()
        torch = torch_folder()
        version = torch_version(torch)
        folder = BUILD / f"torch-{version}-{sysconfig.get_platform()}"
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        run(
            "cmake",
            "-S",
            REPOSITORY,
            "-B",
            folder,
            *generator,
            "-DCMAKE_BUILD_TYPE=Release",
            f"-DFQGAN_TORCH={torch}",
            "-DFQGAN_OPERATORS_ONLY=ON",
            "-DFQGAN_TESTS=OFF",
        )
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", len(os.sched_getaffinity(0)))
        run("cmake", "--build", folder, "--target", "fqgan_ops", "--parallel", jobs)
        target = pathlib.Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / LIBRARY, target)
        (target.parent / "_built_with.py").write_text(f'TORCH = "{version}"\n', encoding="utf-8")


shutil.rmtree(BUILD / "setuptools", ignore_errors=True)  # files that are no longer there must not get into the wheel
(BUILD / "setuptools").mkdir(parents=True)
setup(
    ext_modules=[Extension("fqgan.libfqgan_ops", sources=[])],
    cmdclass={"build_ext": CMakeBuild},
    options={
        "build": {"build_base": str(BUILD / "setuptools")},
        "egg_info": {"egg_base": str(BUILD / "setuptools")},
    },
)
