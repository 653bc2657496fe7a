"""How well and how fast mixtures' losses are predicted: our default against linear regression and LightGBM.

Fits each to the 512 mixtures that RegMix trained at 1M parameters and predicts the Pile-CC loss of 256 others, measured
at 1M and at 60M. Needs the reference tables (`ASSAY_SHARED`, default `../shared`) and `pip install 'assay[lightgbm]'`.

    OMP_NUM_THREADS=1 python benchmarks/mixture.py
"""

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assay.evidence.mixtures import boosting
from assay.evidence.mixtures.model import Z95, Floats, spearman
from assay.evidence.mixtures.table import shares_of, training_table
from assay.evidence.tables import read_table
from assay.spec.registry import load, names

REGMIX = Path(os.environ.get("ASSAY_SHARED", "../shared")) / "reference" / "regmix"
TARGET = "metric/the_pile_pile_cc_val_loss"
REPEATS = 2


def timed(work: Callable[[], object]) -> float:
    """Least processor seconds of several repetitions; wall time depends on what else runs."""
    found: list[float] = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    if not REGMIX.is_dir():
        print(f"{REGMIX} is missing: nothing measured")
        return
    try:
        import lightgbm
    except ImportError:
        print("LightGBM is not installed (`pip install 'assay[lightgbm]'`): nothing measured")
        return
    table = training_table(
        read_table(REGMIX / "train_mixture_1m.csv"), [TARGET], losses=read_table(REGMIX / "train_pile_loss_1m.csv")
    )
    values = table.targets[TARGET]
    tests = {
        size: (
            shares_of(read_table(REGMIX / f"test_mixture_{size}.csv"), table.domains),
            read_table(REGMIX / f"test_pile_loss_{size}.csv").numbers(TARGET),
        )
        for size in ("1m", "60m")
    }
    print(f"date      {datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, one thread")
    print(f"versions  Python {platform.python_version()}, numpy {np.__version__}, lightgbm {version('lightgbm')}")
    print(f"task      {len(values)} mixtures of {len(table.domains)} domains, least of {REPEATS} fits\n")
    print("regressor          Spearman 1M  60M     error 1M  in 95%  CPU s   against gp")

    def trees() -> Any:
        """One model as RegMix fits it: weights as they are, no uncertainty."""
        return lightgbm.train(
            boosting.SETTINGS | {"seed": 42}, lightgbm.Dataset(table.weights, values), boosting.TREES
        )  # fmt: skip

    seconds: dict[str, float] = {}

    def show(name: str, took: float, predict: Callable[[Floats], tuple[Floats, Floats | None]]) -> None:
        seconds[name] = took
        mean, sd = predict(tests["1m"][0])
        off = np.abs(mean - tests["1m"][1])
        inside = "–" if sd is None else f"{np.mean(off < Z95 * sd):.2f}"
        ranks = [spearman(predict(mixtures)[0], measured) for mixtures, measured in tests.values()]
        print(f"{name:<18} {ranks[0]:<12.4f} {ranks[1]:<7.4f} {np.sqrt(np.mean(off**2)):<9.4f} {inside:<7} "
              f"{took:<7.2f} {took / seconds['gp']:.2f}x")  # fmt: skip

    for name in names("mixture_regressor"):
        kind = load("mixture_regressor", name)
        fitted = kind.fit(table.weights, values, 0)
        show(name, timed(lambda kind=kind: kind.fit(table.weights, values, 0)),
             lambda mixtures, fitted=fitted: (fitted.predict(mixtures).mean, fitted.predict(mixtures).sd))  # fmt: skip
    booster = trees()
    show("lightgbm, one fit", timed(trees), lambda mixtures: (np.asarray(booster.predict(mixtures)), None))


if __name__ == "__main__":
    main()
