"""Mixtures whose losses are known, and the published ones."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REGMIX = Path(os.environ.get("ASSAY_SHARED", "../shared")) / "reference" / "regmix"
needs_regmix = pytest.mark.skipif(not REGMIX.is_dir(), reason=f"{REGMIX} is missing (ASSAY_SHARED names the folder)")


def mixtures(rows: int, domains: int, seed: int, strength: float = 0.5) -> Floats:
    return np.random.default_rng(seed).dirichlet(np.full(domains, strength), rows)


def loss(weights: Floats) -> Floats:
    """Each domain lowers the loss by less and less; the later ones hardly matter. Convex, so it has one minimum."""
    force = 0.6 ** np.arange(weights.shape[1])
    return 3 + np.exp(-6 * weights) @ force


def write_table(path: Path, columns: dict[str, object]) -> Path:
    rows = zip(*[list(column) for column in columns.values()], strict=True)  # type: ignore[call-overload]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def planted(path: Path, rows: int = 40, domains: int = 3, noise: float = 0.01, seed: int = 0) -> Path:
    """A table with index, weights `w_a`, `w_b` … and `loss`."""
    weights = mixtures(rows, domains, seed)
    values = loss(weights) + noise * np.random.default_rng(seed + 1).standard_normal(rows)
    names = [f"w_{chr(97 + place)}" for place in range(domains)]
    return write_table(
        path,
        {"index": range(1, rows + 1), **dict(zip(names, weights.T.tolist(), strict=True)), "loss": values.tolist()},
    )
