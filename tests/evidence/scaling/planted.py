"""Runs made from a known law, in the shapes that people's tables have."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.evidence.scaling.runs import Runs

Floats = NDArray[np.float64]

REFERENCE = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[4] / "shared")) / "reference"
CHINCHILLA = REFERENCE / "chinchilla" / "runs.csv"
with_chinchilla = pytest.mark.skipif(not CHINCHILLA.is_file(), reason="the shared reference data is not here")

#: A, B, E, α, β, unlike any published ones.
LAW = (120.0, 5200.0, 1.4, 0.28, 0.41)


def loss(params: Floats, tokens: Floats, law: tuple[float, ...] = LAW) -> Floats:
    a, b, e, alpha, beta = law
    return e + a * params**-alpha + b * tokens**-beta


def sizes(sides: int = 7) -> tuple[Floats, Floats]:
    """A grid of params and tokens, both over two decades."""
    params, tokens = np.meshgrid(np.geomspace(3e7, 3e9, sides), np.geomspace(5e8, 5e10, sides))
    return params.ravel(), tokens.ravel()


def runs(noise: float = 0.0, seed: int = 0, sides: int = 7, law: tuple[float, ...] = LAW) -> Runs:
    params, tokens = sizes(sides)
    scatter = np.random.default_rng(seed).normal(0, noise, len(params)) if noise else np.zeros(len(params))
    return Runs.of(params, tokens, loss(params, tokens, law) * np.exp(scatter))


def table(path: Path, rows: Runs, **more: object) -> Path:
    """The runs as a CSV file, with further columns."""
    lines = [",".join(["params", "tokens", "loss", *more])]
    for i in range(len(rows)):
        entries = [f"{rows.params[i]:.10g}", f"{rows.tokens[i]:.10g}", f"{rows.loss[i]:.8g}"]
        lines.append(",".join([*entries, *(str(list(column)[i]) for column in more.values())]))  # type: ignore[call-overload]
    path.write_text("\n".join(lines) + "\n")
    return path


def close(value: float, expected: float, relative: float) -> bool:
    return math.isclose(value, expected, rel_tol=relative)
