from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

def resize_quantize(
    src: npt.NDArray[np.uint8],
    dst: npt.NDArray[Any],
    *,
    crop: tuple[float, float, float, float],
    place: tuple[int, int, int, int],
    mix: npt.NDArray[np.float32] | Sequence[Sequence[float]],
    bias: npt.NDArray[np.float32] | Sequence[float],
    fill: float = 0.0,
    zero_point: int = 0,
) -> None: ...
