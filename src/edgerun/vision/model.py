"""A session with its card: picture in, predictions out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from edgerun.errors import ModelError
from edgerun.ir.types import TensorInfo
from edgerun.session import Session
from edgerun.vision.card import Card
from edgerun.vision.card_sources import resolve_card
from edgerun.vision.decoders import make_decoder
from edgerun.vision.detections import Prediction
from edgerun.vision.frame import Image
from edgerun.vision.labels import Labels
from edgerun.vision.media import decode_reduced, read_bytes
from edgerun.vision.preprocess import Placement, Preprocessor

_log = logging.getLogger(__name__)

Array = npt.NDArray[Any]


class Engine(Protocol):
    """What a Model needs of a Session."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]: ...
    @property
    def outputs(self) -> tuple[TensorInfo, ...]: ...
    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]: ...
    def twin(self) -> Engine: ...


class Model:
    """Preprocessing, session and decoder. One at a time: `twin()` makes one for another thread.

    The three stages are there by themselves, for a pipeline that times them:
    prepare(image) -> Placement, infer() -> outputs, decode(outputs, placement) -> Prediction.
    Raises ModelError for a model that takes no single picture, ConfigError for a card that does not
    fit it.
    """

    def __init__(self, session: Engine, card: Card, name: str = "model") -> None:
        if len(session.inputs) != 1:
            raise ModelError(
                f"The model takes no single picture: it has {len(session.inputs)} inputs."
            )
        self.session = session
        self.card = card
        self.name = name
        self.preprocessor = Preprocessor(card.input, session.inputs[0])
        self._decoder = make_decoder(card, session.outputs, session.inputs)
        self._feeds = {session.inputs[0].name: self.preprocessor.empty()}

    def __call__(self, image: Image, size: tuple[int, int] | None = None) -> Prediction:
        """Predictions for uint8 [height, width, 3], blue first, or [height, width] grey.

        size: width and height of the whole picture, of which `image` is a smaller form.
        """
        placement = self.prepare(image)
        if size is not None:
            placement = placement.of_whole(*size)
        return self.decode(self.infer(), placement)

    def read(self, path: str | Path) -> tuple[Image, tuple[int, int]]:
        """A picture file as far as this model needs it, and width and height of all of it.

        A JPEG that is much larger than the model's input is decoded at a half to an eighth of its size:
        `model(*model.read(path))`. Raises InputError.
        """
        path = Path(path)
        return decode_reduced(read_bytes(path), f"The file {str(path)!r}", self.preprocessor.reduction)

    def prepare(self, image: Image) -> Placement:
        """Fills this model's own input array. Raises InputError for what is no picture."""
        (array,) = self._feeds.values()
        return self.preprocessor(image, array)

    def prepared(self) -> Mapping[str, Array]:
        """This model's own input array, by its name, as the last `prepare` left it."""
        return self._feeds

    def infer(self) -> dict[str, Array]:
        """Runs the session on the prepared input."""
        return self.session.run(self._feeds)

    def decode(self, outputs: Mapping[str, Array], placement: Placement) -> Prediction:
        """The meaning of the outputs, in pixels of the picture that was placed so."""
        return self._decoder(outputs, placement)

    def warm_up(self) -> None:
        """One inference on a black picture, so that the first real frame is not the slow one."""
        self(np.zeros((self.preprocessor.height, self.preprocessor.width, 3), np.uint8))

    def twin(self) -> Model:
        """The same model for another thread or stream; packed weights are shared."""
        return Model(self.session.twin(), self.card, self.name)

    def summary(self) -> str:
        """What goes in, what comes out and how that is known, in a few lines."""
        info = self.session.inputs[0]
        shape = "x".join(map(str, info.shape))
        return (
            f"model     {self.name}, {info.dtype}[{shape}], input {self.preprocessor.meaning}\n"
            f"{self.card.summary()}"
        )


def load(
    path: str | Path,
    labels: str | Path | None = None,
    threads: int | None = None,
    backend: Literal["edgerun", "litert", "onnxruntime"] = "edgerun",
    threshold: float | None = None,
    top: int | None = None,
    card: Card | None = None,
) -> Model:
    """The model at `path` with its card; what is given here goes before what the card says.

    labels: a .txt or .pbtxt file. threshold: lowest score of a detection. top: classes shown. card: of
    the same model, loaded before, so that it is not looked up, and told, again. Raises ModelError,
    ConfigError.
    """
    path = Path(path)
    session = Session(path, threads=threads, backend=backend)
    known = card is not None
    if card is None:
        card = resolve_card(
            path, session.inputs, session.outputs, session.operators, session.metadata
        )
    given: dict[str, Any] = {"threshold": threshold, "top": top}
    if labels is not None:
        given["labels"] = Labels.read(labels)
    card = replace(card, **{key: value for key, value in given.items() if value is not None})
    try:
        model = Model(session, card, path.stem)
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from error
    if not known:
        _log.info("%s: %s, %s.", path.name, card.task, card.source)
        for note in card.notes:
            _log.warning("%s: %s.", path.name, note)
    return model
