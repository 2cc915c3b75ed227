"""Trains the demo model: `python training/train.py FRAMES OUT --minutes 25`.

FRAMES holds folders written by generate.py. Writes OUT/net.pt (moving average of the weights) and a
line of OUT/curve.csv after every epoch.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import queue
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from net import CLASSES, Net
from torch import Tensor

STRIDE = 8
UNIT = 4 * STRIDE  # pixels of a side whose logarithm is 0


class Frames:
    """Random crops of the rendered frames."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.scan()

    def scan(self) -> None:
        """Takes up what is there, so that training can begin while frames are still rendered."""
        parts = sorted(path.parent for path in self.folder.glob("*/truth.npy"))
        self.images = [np.load(part / "images.npy", mmap_mode="r") for part in parts]
        self.truths = [np.load(part / "truth.npy") for part in parts]

    def batch(self, size: int, height: int, width: int) -> tuple[Tensor, list[np.ndarray]]:
        """Pictures uint8 [size, 3, height, width], red first, and the truth of each."""
        pictures = np.empty((size, height, width, 3), np.uint8)
        truths = []
        for k in range(size):
            part = int(self.rng.integers(len(self.truths)))
            index = int(self.rng.integers(len(self.images[part])))
            image, truth = self.images[part][index], self.truths[part][index]
            most = image.shape[1] - width, image.shape[0] - height
            x, y = self._corner(truth, *most, width, height)
            crop, truth = image[y : y + height, x : x + width], _cropped(truth, x, y, width, height)
            if self.rng.random() < 0.5:
                crop = crop[:, ::-1]
                truth[:, [1, 3]] = width - truth[:, [3, 1]]
            pictures[k] = crop[..., self.rng.permutation(3)]
            truths.append(truth)
        return torch.from_numpy(pictures).permute(0, 3, 1, 2), truths

    def _corner(
        self, truth: np.ndarray, most_x: int, most_y: int, width: int, height: int
    ) -> tuple[int, int]:
        """Left and top of a crop: mostly one with the middle of an object, for empty ones teach
        little."""
        rows = truth[(truth[:, 0] >= 0) & (truth[:, 5] == 0)]
        if not len(rows) or self.rng.random() < 0.2:
            return int(self.rng.integers(0, most_x + 1)), int(self.rng.integers(0, most_y + 1))
        left, top, right, bottom = rows[self.rng.integers(len(rows)), 1:5]
        x = (left + right) / 2 - width * self.rng.uniform(0.2, 0.8)
        y = (top + bottom) / 2 - height * self.rng.uniform(0.2, 0.8)
        return int(np.clip(x, 0, most_x)), int(np.clip(y, 0, most_y))


def _cropped(truth: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """The objects of a crop; one of which little remains is ignored."""
    rows = truth[truth[:, 0] >= 0].copy()
    whole = (rows[:, 3] - rows[:, 1]) * (rows[:, 4] - rows[:, 2])
    rows[:, [1, 3]] = np.clip(rows[:, [1, 3]] - x, 0, width)
    rows[:, [2, 4]] = np.clip(rows[:, [2, 4]] - y, 0, height)
    left = (rows[:, 3] - rows[:, 1]) * (rows[:, 4] - rows[:, 2])
    rows[left < 0.35 * whole, 5] = 1
    return rows[left > 0]


def targets(
    truths: list[np.ndarray], height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Heat [n, classes, rows, columns], 1 at centres and falling around; care [n, 1, ...], 0 where
    an ignored object is; box weight [n, 1, ...]; boxes [n, 4, ...] in pixels."""
    rows, columns, n = height // STRIDE, width // STRIDE, len(truths)
    heat = np.zeros((n, CLASSES, rows, columns), np.float32)
    care = np.ones((n, 1, rows, columns), np.float32)
    weight = np.zeros((n, 1, rows, columns), np.float32)
    boxes = np.zeros((n, 4, rows, columns), np.float32)
    for k, truth in enumerate(truths):
        # Large ones first: a small one before it has the last word.
        for item in sorted(truth, key=lambda row: -(row[3] - row[1]) * (row[4] - row[2])):
            index, box = int(item[0]), item[1:5]
            cell = box / STRIDE
            if item[5]:
                right, bottom = math.ceil(cell[2]), math.ceil(cell[3])
                care[k, 0, int(cell[1]) : bottom, int(cell[0]) : right] = 0
                continue
            cx, cy = (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2
            column, row = min(int(cx), columns - 1), min(int(cy), rows - 1)
            spread = 0.35 + 0.08 * math.sqrt((cell[2] - cell[0]) * (cell[3] - cell[1]))
            x = np.arange(columns) - column
            y = np.arange(rows)[:, None] - row
            blob = np.exp(-(x**2 + y**2) / (2 * spread**2)).astype(np.float32)
            blob[blob < 0.01] = 0
            np.maximum(heat[k, index], blob, out=heat[k, index])
            core = np.where(blob > 0.3, blob, 0)
            mine = core > 0
            weight[k, 0][mine] = (core / core.sum())[mine]
            boxes[k][:, mine] = box[:, None]
            care[k, 0, row, column] = 1
    return tuple(map(torch.from_numpy, (heat, care, weight, boxes)))  # type: ignore[return-value]


def corners(raw: Tensor) -> Tensor:
    """Boxes [n, 4, rows, columns] as left, top, right, bottom in pixels."""
    rows, columns = raw.shape[2:]
    x = (torch.arange(columns) + 0.5 + raw[:, 0]) * STRIDE
    y = (torch.arange(rows)[:, None] + 0.5 + raw[:, 1]) * STRIDE
    w, h = (raw[:, k].clamp(-4, 4).exp() * UNIT / 2 for k in (2, 3))
    return torch.stack([x - w, y - h, x + w, y + h], 1)


def loss(
    logits: Tensor, raw: Tensor, wanted: tuple[Tensor, Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Focal loss of the scores, and 1 - IoU with a distance term of the boxes."""
    heat, care, weight, boxes = wanted
    logits = logits.float()
    p = torch.sigmoid(logits)
    peak = heat >= 0.999
    right = (1 - p) ** 2 * F.logsigmoid(logits) * peak
    wrong = (1 - heat) ** 4 * p**2 * F.logsigmoid(-logits) * ~peak
    count = peak.sum().clamp(min=1)
    scores = -((right + wrong) * care).sum() / count
    found = corners(raw.float())
    low, high = torch.maximum(found[:, :2], boxes[:, :2]), torch.minimum(found[:, 2:], boxes[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (found[:, 2:] - found[:, :2]).prod(1) + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared
    hull_low = torch.minimum(found[:, :2], boxes[:, :2])
    hull_high = torch.maximum(found[:, 2:], boxes[:, 2:])
    away = ((found[:, :2] + found[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2).square().sum(1)
    diagonal = (hull_high - hull_low).square().sum(1)
    cost = 1 - shared / union.clamp(min=1) + away / diagonal.clamp(min=1)
    return scores, (cost * weight[:, 0]).sum() / count


def save(net: Net, path: Path) -> None:
    """Whole or not at all: the process may be stopped at any time."""
    half = path.with_suffix(".tmp")
    torch.save(net.state_dict(), half)
    half.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--crop", type=int, nargs=2, default=(192, 256), metavar=("H", "W"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epoch", type=int, default=150, help="batches of an epoch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", type=Path, help="a net.pt to go on from")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    frames = Frames(options.frames, options.seed)
    net = Net()
    if options.weights:
        net.load_state_dict(torch.load(options.weights))
    net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), options.rate, weight_decay=0.02)
    made: queue.Queue = queue.Queue(4)

    def make() -> None:
        while True:
            pictures, truths = frames.batch(options.batch, *options.crop)
            made.put((pictures, targets(truths, *options.crop)))

    threading.Thread(target=make, daemon=True).start()
    curve = (options.out / "curve.csv").open("w", newline="")
    table = csv.writer(curve)
    table.writerow(["epoch", "batches", "minutes", "rate", "score_loss", "box_loss"])
    # Time, not epochs: each batch takes what it takes, a pause of the process does not count.
    spent, step, epoch = 0.0, 0, 0
    sums = np.zeros(2)
    while spent < options.minutes * 60:
        begin = time.monotonic()
        part = spent / (options.minutes * 60)
        rate = options.rate * min(step / 200 + 0.01, 1.0) * (0.5 + 0.5 * math.cos(math.pi * part))
        for group in optimiser.param_groups:
            group["lr"] = rate
        pictures, wanted = made.get()
        image = (pictures.float() / 255).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits, raw = net(image)
        scores, boxes = loss(logits, raw, wanted)
        optimiser.zero_grad()
        (scores + 2 * boxes).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        keep = min(0.998, step / (step + 20))
        with torch.no_grad():
            for old, new in zip(
                average.state_dict().values(), net.state_dict().values(), strict=True
            ):
                if old.is_floating_point():
                    old.lerp_(new, 1 - keep)
        sums += scores.item(), boxes.item()
        step += 1
        spent += min(time.monotonic() - begin, 2.0)
        if step % options.epoch == 0 or spent >= options.minutes * 60:
            epoch += 1
            count = (step - 1) % options.epoch + 1
            means = [f"{value / count:.4f}" for value in sums]
            table.writerow([epoch, step, f"{spent / 60:.2f}", f"{rate:.6f}", *means])
            curve.flush()
            sums[:] = 0
            frames.scan()
            save(average, options.out / "net.pt")
    curve.close()


if __name__ == "__main__":
    main()
