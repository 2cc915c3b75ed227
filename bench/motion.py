"""What motion gating saves and what it costs: `python -m bench.motion [MODEL]`.

For each shared clip: the share of frames that are passed over, and the share of detections (by the
model on every frame) that lie in these frames. A detection of something that moved in the frames before
is not lost to events: "new" counts only boxes that no box of the last frame looked at overlaps by half.
Needs the shared material.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import edgerun
from edgerun.vision.media import VideoReader
from edgerun.vision.metrics import overlaps
from edgerun.vision.motion import MotionGate

SHARED = Path(os.environ.get("EDGERUN_SHARED", Path(__file__).parents[2] / "shared"))


def main() -> None:
    logging.disable(logging.WARNING)
    given = sys.argv[1] if len(sys.argv) > 1 else "yolov8n_full_integer_quant_416.tflite"
    model = edgerun.load(SHARED / "models" / "detection" / given)
    print(f"{'clip':40}{'frames':>8}{'still':>8}{'boxes':>8}{'in still':>10}{'new there':>11}")
    for path in sorted((SHARED / "media" / "video").glob("*.mp4")):
        gate, frames, still, boxes, passed, new = MotionGate(), 0, 0, 0, 0, 0
        known: list[tuple[float, ...]] = []
        with VideoReader(path) as video:
            for number, image in enumerate(video):
                looked = gate.update(image, number / video.fps)
                found = [d.box for d in model(image).items]
                frames, still, boxes = frames + 1, still + (not looked), boxes + len(found)
                if looked:
                    known = found
                    continue
                passed += len(found)
                table = overlaps(found, known)
                new += sum(not (row >= 0.5).any() for row in table)
        parts = ((still, frames), (passed, boxes), (new, boxes))
        share = [f"{100 * n / max(of, 1):.1f} %" for n, of in parts]
        print(f"{path.name:40}{frames:8}{share[0]:>8}{boxes:8}{share[1]:>10}{share[2]:>11}")


if __name__ == "__main__":
    main()
