"""How many of ONNX's own node tests pass, as a Markdown table by operator.

    python bench/onnx_nodes.py [--reasons] [OPERATOR ...]

Each case of the package `onnx` is one model of one operator (or of the function that it stands for), with
inputs and outputs. Integers have to be equal, floats lie within the case's own tolerances. --reasons writes
the table of what does not pass, tests/frontends/onnx_nodes.txt, instead.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import edgerun
from edgerun.errors import EdgerunError

TABLE = Path(__file__).resolve().parent.parent / "tests" / "frontends" / "onnx_nodes.txt"


@functools.cache
def cases() -> dict[str, Any]:
    """The cases by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in collect_testcases(None)}


def operator_of(case: Any) -> str:
    """The operator under test: the first node that is no constant."""
    names = [node.op_type for node in case.model.graph.node]
    return next((name for name in names if name != "Constant"), "Constant")


def array_of(value: Any) -> Any:
    """A value of a case as an array; None for a sequence, a missing optional or another kind."""
    from onnx import TensorProto, numpy_helper

    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic) else None


def check(case: Any) -> str:
    """Why the case does not pass; empty where it does."""
    try:
        session = edgerun.Session(case.model.SerializeToString())
        for inputs, outputs in case.data_sets:
            reason = _check_set(case, session, inputs, outputs)
            if reason:
                return reason
    except EdgerunError as error:
        return _in_short(str(error))
    except Exception as error:  # one bad case does not stop the others, and is shown as what it is
        return f"crashes: {type(error).__name__}"
    return ""


def _check_set(case: Any, session: edgerun.Session, inputs: Iterable[Any], outputs: Iterable[Any]) -> str:
    fed, wanted = [array_of(v) for v in inputs], [array_of(v) for v in outputs]
    if any(v is None for v in [*fed, *wanted]):
        return "a sequence or an optional value"
    names = [port.name for port in case.model.graph.input]
    got = session.run({name: np.asarray(array) for name, array in zip(names, fed, strict=True)})
    for port, want in zip(case.model.graph.output, wanted, strict=True):
        reason = compare(np.asarray(got[port.name]), np.asarray(want), case.rtol, case.atol)
        if reason:
            return reason
    return ""


def compare(got: Any, want: Any, rtol: float, atol: float) -> str:
    if got.dtype != want.dtype:
        return "a result of another dtype"
    if got.shape != want.shape:
        return "a result of another shape"
    if want.dtype.kind not in "fV":
        return "" if np.array_equal(got, want) else "another result"
    close = np.allclose(got.astype(np.float64), want.astype(np.float64), rtol, atol, equal_nan=True)
    return "" if close else "another result"


def _in_short(message: str) -> str:
    """The reason alone: without the place, names, shapes and numbers of the case."""
    line = next((m for m in message.splitlines() if m.startswith("  operator")), message.splitlines()[0])
    line = re.sub(r"^.*?operator \d+ [\w.]+( '[^']*')?: ", "", line.strip())
    line = re.sub(r"^<?[\w ]+>?: ", "", line)
    line = re.sub(r"'[^']*'|\[[^\]]*\]|\([^)]*\)", "", line)
    return re.sub(r"\s+", " ", re.sub(r"-?\d+(\.\d+)?", "N", line)).strip(" .,:;")[:90] or "refused"


def failures(names: Iterable[str]) -> dict[str, str]:
    """Of those cases, the ones that do not pass: name -> reason."""
    found = {name: check(cases()[name]) for name in names}
    return {name: reason for name, reason in found.items() if reason}


def read_table(path: Path = TABLE) -> dict[str, tuple[str, str]]:
    """The cases that are known not to pass: name -> (operator, reason)."""
    rows = [line.split(" | ") for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {name: (operator, reason) for name, operator, reason in rows}


def write_table(failed: dict[str, str], path: Path = TABLE) -> None:
    rows = sorted((operator_of(cases()[name]), name, reason) for name, reason in failed.items())
    lines = ["# Cases of onnx's node tests that do not pass, written by bench/onnx_nodes.py --reasons."]
    lines += [f"{name} | {operator} | {reason}" for operator, name, reason in rows]
    made = path.with_suffix(".tmp")
    with made.open("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def counts(failed: dict[str, str], names: Iterable[str]) -> str:
    """The Markdown table: cases, those that pass, and why the others do not, by operator."""
    chosen = list(names)
    total = Counter(operator_of(cases()[name]) for name in chosen)
    rows = ["| operator | pass | of | reasons |", "|---|--:|--:|---|"]
    for operator in sorted(total):
        reasons = Counter(r for name, r in failed.items() if operator_of(cases()[name]) == operator)
        told = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common()).replace("|", "\\|")
        rows.append(f"| {operator} | {total[operator] - reasons.total()} | {total[operator]} | {told} |")
    rows.append(f"| all | {len(chosen) - len(failed)} | {len(chosen)} | |")
    return "\n".join(rows)


def main() -> None:
    os.environ["EDGERUN_CACHE"] = "off"  # what the importers make of the file now is compared
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operators", nargs="*", metavar="OPERATOR")
    parser.add_argument("--reasons", action="store_true", help="write the table of what does not pass")
    args = parser.parse_args()
    names = [n for n, c in cases().items() if not args.operators or operator_of(c) in args.operators]
    failed = failures(names)
    if args.reasons:
        write_table(failed)
    print(counts(failed, names))


if __name__ == "__main__":
    main()
