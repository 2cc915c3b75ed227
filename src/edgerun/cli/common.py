"""What several commands share: arguments, tables, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from edgerun.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

BACKENDS = ("edgerun", "litert", "onnxruntime")


def model_argument(function: Command) -> Command:
    return click.argument("model", type=PATH)(function)


def threads_option(function: Command) -> Command:
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="CPU threads for one inference; by default what the machine allows.",
    )(function)


def json_option(function: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def existing(path: Path) -> Path:
    """The path, or an InputError that it does not exist."""
    if not path.exists():
        raise InputError(f"There is no file or folder {str(path)!r}.")
    return path


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def print_json(value: Any) -> None:
    click.echo(json.dumps(value))


def print_table(rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Aligned columns, the first row the heading; columns whose digit is in `right` end flush."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if str(i) in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def _shape(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """NAME=1x224x224x3, any number of them, as shapes by name."""
    shapes = {}
    for value in values:
        name, _, sizes = value.rpartition("=")
        if not name or not all(d.isascii() and d.isdigit() for d in sizes.split("x")):
            raise click.BadParameter(f"expected NAME=1x224x224x3, got {value!r}.")
        shapes[name] = tuple(map(int, sizes.split("x")))
    return shapes


shape_option = click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shape,
    metavar="NAME=1x224x224x3",
    help="Another shape for an input; may be given several times.",
)


@contextmanager
def progress(items: Iterable[Any], length: int | None, as_json: bool) -> Iterator[Iterable[Any]]:
    """`items` under a progress bar on a terminal; no bar where JSON runs over the same terminal."""
    if not sys.stderr.isatty() or (as_json and sys.stdout.isatty()):
        yield items
        return
    with click.progressbar(items, length=length, file=sys.stderr, show_pos=True) as bar:
        yield bar
