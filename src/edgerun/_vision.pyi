from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FORMATS: tuple[str, ...]
FILTERS: tuple[str, ...]

class Preprocess:
    def __init__(
        self,
        *,
        format: str,
        size: tuple[int, int],
        crop: tuple[float, float, float, float],
        place: tuple[int, int, int, int],
        out_size: tuple[int, int],
        channels: int,
        planar: bool,
        type: str,
        gain: Sequence[float],
        bias: Sequence[float],
        table: bytes | None = None,
        filter: str = "auto",
        blue_first: bool = False,
        grey: bool = False,
        fill: int = 0,
        isa: str = "",
    ) -> None: ...
    @property
    def kernel(self) -> str: ...
    def run(self, planes: Sequence[npt.NDArray[np.uint8]], out: npt.NDArray[Any]) -> None: ...

def suppress(boxes: npt.NDArray[np.float32], classes: npt.NDArray[np.int32], overlap: float) -> list[int]: ...
