"""Where the sessions of an Interpreter come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from edgerun.errors import EdgerunError
from edgerun.frontends.tflite import TfliteFile
from edgerun.ir.graph import Value
from edgerun.ir.types import Shape
from edgerun.session import Session


@dataclass(frozen=True)
class Source:
    """What sessions of a model are made of. file: `data`, checked; preserve: tensors keep their values from
    the first run on."""

    file: TfliteFile
    data: bytes
    threads: int | None
    preserve: bool

    def session(self, shapes: Mapping[str, Shape], signature: str | None, *, preserve: bool) -> Session:
        """A session of an entry point, with other shapes for the inputs named. preserve: every tensor keeps
        its value. Raises RuntimeError."""
        with self.errors():
            return Session(
                self.data,
                self.threads,
                shapes=shapes,
                signature=signature,
                preserve_all_tensors=preserve,
            )

    def values(self, shapes: Mapping[str, Shape], signature: str | None) -> dict[int, Value]:
        """The tensors that a run of an entry point reads and computes, by index; none where there is no one
        graph of them, because it is decided at run time."""
        try:
            graph = self.file.graph(shapes, signature)
        except EdgerunError:
            return {}
        made = [*graph.inputs, *graph.outputs, *(v for node in graph.nodes for v in node.outputs)]
        return {value.index: value for value in made if value.index >= 0}

    def remembers(self, shapes: Mapping[str, Shape], signature: str | None) -> bool:
        """Whether an entry point has variables, so that another run is not the same again."""
        return bool(self.file.graph(shapes, signature).states)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raises edgerun's errors as the RuntimeError that scripts for LiteRT expect."""
        try:
            yield
        except EdgerunError as error:
            raise self.error(error) from error

    def error(self, error: EdgerunError) -> RuntimeError:
        """The RuntimeError that says what an error of edgerun says."""
        return RuntimeError(str(error).replace("<bytes>", self.file.path))
