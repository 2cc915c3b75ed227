"""Whether LiteRT lives through a model, tried in a process of its own: some real files make it crash."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from edgerun.errors import ModelError

_SECONDS = 60

_SCRIPT = """
import sys
from ai_edge_litert.interpreter import Interpreter, OpResolverType
interpreter = Interpreter(
    model_content=sys.stdin.buffer.read(),
    num_threads=1,
    experimental_op_resolver_type=OpResolverType[sys.argv[1]],
)
interpreter.allocate_tensors()
for detail in interpreter.get_input_details():
    interpreter.tensor(detail["index"])().fill(0)
interpreter.invoke()
"""


def refuse_crash(model: str | Path | bytes, resolver: str = "AUTO") -> None:
    """Raises ModelError for a model that kills LiteRT. model: a .tflite file or its bytes; resolver: the name
    of an OpResolverType. Does nothing for what LiteRT refuses with a message of its own."""
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, resolver], input=data, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return
    if done.returncode < 0:
        name = "the model" if isinstance(model, bytes) else str(model)
        raise ModelError(f"LiteRT crashes on {name} ({signal.Signals(-done.returncode).name}).")


def message(error: Exception) -> str:
    """What LiteRT says in an error, on one line: it strings its sentences together, and repeats them."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]} ..."
