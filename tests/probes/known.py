"""Where edgerun does otherwise than LiteRT on purpose: what it refuses, and where its results are others."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from probes.base import Probe

_SCALES = (
    "LiteRT takes the stored integers as they are, whatever their scales: its result means another number"
)
_PLAIN = (
    "quantised numbers are no integers: LiteRT takes the stored ones, without regard to zero point and scale"
)
_NOTHING = "what a reduction of nothing is differs from type to type in LiteRT"
_NO_SCALE = "LiteRT divides by a scale of 0 that the tensor does not have"
_COMPUTED_UINT8 = "uint8 weights of floats are int8 in truth, which only those of old files are known to be"

# (operators, kinds, variants, reason); names apart are separated by spaces, * stands for anything.
REFUSED = (
    ("*", "*", "tanh*", "LiteRT leaves the activation out"),
    ("ADD MAXIMUM MINIMUM EQUAL", "float16", "*", "no exporter computes with float16 on a CPU"),
    ("MAXIMUM MINIMUM", "*", "empty", "LiteRT looks at no element, so it misses that it has no such type"),
    (
        "BATCH_MATMUL",
        "int8 to float32",
        "*",
        "LiteRT multiplies the stored integers and leaves out the scales",
    ),
    ("FULLY_CONNECTED", "int8 to int16", "*", "no exporter writes it"),
    ("CONV_2D FULLY_CONNECTED", "hybrid uint8", "computed*", _COMPUTED_UINT8),
    ("DEQUANTIZE MEAN SUM", "plain *", "*", _NO_SCALE),
    ("FAKE_QUANT", "*", "*", "LiteRT reads tensors of any type as float32"),
    ("FLOOR_DIV FLOOR_MOD", "int8 int16", "*", _PLAIN),
    ("MEAN SUM REDUCE_*", "*", "nothing*", _NOTHING),
    ("SUM REDUCE_PROD", "bool", "*", "truth values are no numbers"),
    ("AVERAGE_POOL_2D", "int16", "rescaled", _SCALES),
)
OTHERWISE = (
    ("MAXIMUM MINIMUM", "int8 uint8 int16", "second rescaled", _SCALES),
    ("MAXIMUM MINIMUM", "int8 uint8 int16", "three scales", _SCALES),
    ("GREATER* LESS*", "int16", "second rescaled", _SCALES),
    ("GREATER* LESS*", "int16", "three scales", _SCALES),
    ("AVERAGE_POOL_2D MAX_POOL_2D", "*", "rescaled", _SCALES),
    ("SELECT_V2", "*", "other scales", _SCALES),
    ("PAD", "*", "output of another scale", _SCALES),
    ("CONCATENATION", "int16", "two scales", _SCALES),
    ("NEG", "int8 int16", "*", _PLAIN),
    ("SOFTMAX", "uint8", "another output scale", "LiteRT's result always has the scale 1/256"),
    ("SUM", "int8 int16", "*", "LiteRT reads int8 and int16 as uint8"),
    ("DIV", "int8", "*", "LiteRT shifts by more than 31 bits where the dividend is small"),
    ("PRELU", "int16", "*", "LiteRT reads the slopes as int8"),
    ("ATAN2", "float32", "*", "LiteRT reads beyond its inputs where they have to be broadcast"),
    ("BATCH_MATMUL", "hybrid", "5-D*", "LiteRT counts the rows of four dimensions"),
    ("MATRIX_DIAG MATRIX_SET_DIAG", "*", "*", "LiteRT leaves its output as it was"),
    ("SIN COS", "float32", "large", "angles beyond 2^20"),
)
Entry = tuple[str, str, str, str]


def reason(probe: Probe, entries: tuple[Entry, ...]) -> str:
    """Why a probe is among them; "" when it is not."""
    return next((entry[3] for entry in entries if _fits(probe, entry)), "")


def unused(probes: list[Probe], entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """The entries that fit none of the probes."""
    return (entry for entry in entries if not any(_fits(probe, entry) for probe in probes))


def _fits(probe: Probe, entry: Entry) -> bool:
    operators, kinds, variants, _ = entry
    # Some kinds have a space in their names.
    kinds_fit = fnmatchcase(probe.kind, kinds) or any(probe.kind == kind for kind in kinds.split())
    return (
        any(fnmatchcase(probe.operator, name) for name in operators.split())
        and kinds_fit
        and fnmatchcase(probe.variant, variants)
    )
