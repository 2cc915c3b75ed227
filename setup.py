"""The two extension modules. No instruction-set flag anywhere: csrc/base/target_region.h says why."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from pybind11.setup_helpers import Pybind11Extension
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
SANITIZE = os.environ.get("EDGERUN_SANITIZE", "")
STRICT = os.environ.get("EDGERUN_STRICT") == "1"

COMPILE = ["-std=c++17", "-O2", "-g0", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra"]
LINK = ["-pthread"]
if STRICT:
    COMPILE.append("-Werror")
if SANITIZE:
    COMPILE += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g1", "-O1"]
    # By calls, g++ compiles the unrolled kernels in a fraction of the time; clang ignores it.
    COMPILE += ["--param", "asan-instrumentation-with-call-threshold=0"]
    LINK.append(f"-fsanitize={SANITIZE}")
elif sys.platform == "linux":
    LINK.append("-s")


def sources(*folders: str) -> list[str]:
    """The C++ files of the engine's floors; tests are programs of their own."""
    found = [p for folder in folders for p in (ROOT / "csrc" / folder).rglob("*.cc")]
    return sorted(str(p.relative_to(ROOT)) for p in found)


HEADERS = sorted(
    str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*") if p.suffix in (".h", ".inc", ".inl")
)


class ParallelBuild(build_ext):
    """Compiles the files of an extension at the same time, and only those that changed."""

    def build_extensions(self) -> None:
        compiler = self.compiler
        # Objects outlive this build (pip would drop them), in a folder for each way to compile.
        way = repr((compiler.compiler_so_cxx, COMPILE, sys.implementation.cache_tag))
        self.build_temp = f"build/objects-{hashlib.sha256(way.encode()).hexdigest()[:12]}"
        self.force = True  # to link: the module there may be made of another way's objects
        jobs = int(os.environ.get("MAX_JOBS", len(os.sched_getaffinity(0))))
        newest_header = max((ROOT / p).stat().st_mtime for p in [*HEADERS, "setup.py"])

        def compile_parallel(  # the signature of distutils' CCompiler.compile
            files, output_dir=None, macros=None, include_dirs=None, debug=0,
            extra_preargs=None, extra_postargs=None, depends=None,
        ):  # fmt: skip
            macros, objects, extra, pp_opts, build = compiler._setup_compile(
                output_dir, macros, include_dirs, files, depends, extra_postargs
            )
            flags = compiler._get_cc_args(pp_opts, debug, extra_preargs)

            def compile_one(obj: str) -> None:
                source, extension = build[obj]
                target = Path(obj)
                newest = max(newest_header, Path(source).stat().st_mtime)
                if not target.exists() or target.stat().st_mtime < newest:
                    compiler._compile(obj, source, extension, flags, extra, pp_opts)

            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(compile_one, [o for o in objects if o in build]))
            return objects

        compiler.compile = compile_parallel
        super().build_extensions()


COMMON = {
    "include_dirs": ["csrc"],
    "depends": HEADERS,
    "extra_compile_args": COMPILE,
    "extra_link_args": LINK,
    "language": "c++",
}
# Kernels of another machine compile to nothing.
ENGINE = sources("base", "executor", "ops", "kernels", "bindings")
engine = Pybind11Extension("edgerun._engine", ENGINE, **COMMON)
vision = cythonize(
    [
        Extension(
            "edgerun._vision",
            ["csrc/bindings/vision.pyx", "csrc/base/isa.cc", *sources("kernels/picture", "vision")],
            **COMMON,
        )
    ],
    build_dir=f"build/cython-{sysconfig.get_platform()}",
    compiler_directives={"language_level": 3},
)
setup(ext_modules=[engine, *vision], cmdclass={"build_ext": ParallelBuild})
