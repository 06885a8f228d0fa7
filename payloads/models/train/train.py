"""Trains the tile sorter, writes its fp32 and int8 files, and measures both on held-out tiles."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterator
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the first import of onnxruntime

import numpy as np
import onnx
import onnxruntime
import torch
from network import TileSorter, parameters, stamped, to_onnx
from numpy.typing import NDArray
from onnxruntime import quantization
from tiles import LABELS, NIGHT, Globe, Tiles, draw
from torch.nn import functional

log = logging.getLogger("train")

MODELS = Path(__file__).parents[1]
INPUT_SCALE = 1.0 / 255.0
TRAINING_TILES, HELD_OUT_TILES, CALIBRATION_TILES = 60_000, 6_000, 512
EPOCHS, BATCH, PEAK_RATE = 30, 200, 4e-3
CLOUD_WEIGHT = 4.0  # brings the loss of the cloud fraction near that of the classes


def main() -> None:
    """Do all of it; some fifteen minutes on two cores."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=20260)
    options.add_argument("--out", type=Path, default=MODELS)
    options.add_argument("--tiles", type=int, default=TRAINING_TILES)
    options.add_argument("--epochs", type=int, default=EPOCHS)
    chosen = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    globe = Globe(chosen.seed)
    seen = draw(chosen.tiles, chosen.seed, globe, held_out=False)
    unseen = draw(HELD_OUT_TILES, chosen.seed, globe, held_out=True)
    counts = np.bincount(seen.label).tolist()
    log.info("training tiles by label: %s", dict(zip(LABELS, counts, strict=True)))
    network = train(seen, chosen.epochs, chosen.seed)
    exact, small = write(network, seen, chosen.seed, chosen.out)
    judge(exact, small, unseen)


def train(seen: Tiles, epochs: int, seed: int) -> TileSorter:
    """Fit the network: cross entropy for the class, L1 for the cloud fraction by day."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    network = TileSorter()
    steps = epochs * (len(seen.label) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps)
    chance = np.random.default_rng([seed, 2])
    network.train()
    for epoch in range(epochs):
        losses = [step(network, optimiser, schedule, *batch) for batch in batches(seen, chance)]
        log.info("epoch %2d: loss %.4f", epoch + 1, np.mean(losses))
    return network.eval()


def batches(
    seen: Tiles, chance: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield shuffled batches as tensors, mirrored at random: orbits rise and fall."""
    order = chance.permutation(len(seen.label))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        pixels = seen.pixels[chosen]
        if chance.random() < 0.5:
            pixels = pixels[:, :, ::-1]
        if chance.random() < 0.5:
            pixels = pixels[:, ::-1]
        truth = torch.from_numpy(seen.label[chosen]), torch.from_numpy(seen.cloud_fraction[chosen])
        yield torch.from_numpy(scaled(pixels)), *truth


def step(
    network: TileSorter,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    tile: torch.Tensor,
    label: torch.Tensor,
    cloud_fraction: torch.Tensor,
) -> float:
    """Take one step of the optimiser and return the loss before it."""
    logits, cloud = network(tile)
    by_day = label != NIGHT
    cloud_loss = (cloud[:, 0] - cloud_fraction).abs()[by_day].mean()
    loss = functional.cross_entropy(logits, label) + CLOUD_WEIGHT * cloud_loss
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
    return loss.item()


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return tiles as the network wants them: float32 (n, 3, 64, 64) in 0..1."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) * np.float32(INPUT_SCALE)


def write(network: TileSorter, seen: Tiles, seed: int, folder: Path) -> tuple[Path, Path]:
    """Write the fp32 model and, calibrated on training tiles, the int8 one."""
    metadata = {
        "labels": ",".join(LABELS),
        "keep": "land,sea",
        "input_scale": repr(INPUT_SCALE),
        "input_layout": "NCHW, RGB",
        "licence": "Apache-2.0",
        "trained_on": "NASA Blue Marble Next Generation under composed clouds, night and noise "
        "(highbay's own camera); labels from the GSHHG land mask",
        "seed": str(seed),
    }
    exact, small = folder / "tile-sorter-fp32.onnx", folder / "tile-sorter-int8.onnx"
    model = to_onnx(network, {**metadata, "precision": "fp32"})
    onnx.save(model, exact)
    quantization.quantize_static(
        exact,
        small,
        Calibration(seen.pixels[:CALIBRATION_TILES]),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["Conv", "Relu", "Gemm", "GlobalAveragePool"],
    )
    onnx.save(stamped(onnx.load(small), {**metadata, "precision": "int8 (QDQ)"}), small)
    log.info("%d parameters; %d and %d bytes", parameters(model), *map(_size, (exact, small)))
    return exact, small


class Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands tiles to onnxruntime, which measures how large activations grow."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._rest = iter(scaled(pixels))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next tile, or None after the last."""
        tile = next(self._rest, None)
        return None if tile is None else {"tile": tile[None]}


def judge(exact: Path, small: Path, unseen: Tiles) -> None:
    """Log what the model card states."""
    answers = {}
    for path in (exact, small):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        parts = np.array_split(scaled(unseen.pixels), len(unseen.label) // 500)
        found = [session.run(None, {"tile": part}) for part in parts]
        guess = np.concatenate([logits for logits, _ in found]).argmax(1)
        cloud = np.concatenate([share for _, share in found])[:, 0]
        answers[path] = guess
        day = unseen.label != NIGHT
        error = np.abs(cloud - unseen.cloud_fraction)[day].mean()
        log.info(
            "\n%s: top-1 %.4f, cloud fraction MAE by day %.4f",
            path.name,
            (guess == unseen.label).mean(),
            error,
        )
        log.info("%s", confusion(unseen.label, guess))
        clear = day & (np.abs(unseen.cloud_fraction - 0.5) > 0.05)
        log.info("top-1 by day away from half-cloudy: %.4f", (guess == unseen.label)[clear].mean())
    log.info("\nfp32 and int8 agree on %.4f", (answers[exact] == answers[small]).mean())


def confusion(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> str:
    """Return the confusion matrix as a Markdown table, truth in rows."""
    counts = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(counts, (truth, guess), 1)
    lines = ["| truth \\ answer | " + " | ".join(LABELS) + " |", "|---" * 5 + "|"]
    lines += [
        f"| {name} | " + " | ".join(map(str, row)) + " |"
        for name, row in zip(LABELS, counts, strict=True)
    ]
    return "\n".join(lines)


def _size(path: Path) -> int:
    return path.stat().st_size


if __name__ == "__main__":
    main()
