"""Packed runs: several models in one process, their weights stacked, against one by one

Runs per hour of one core, in processor time, everything counted that a run does but scoring. Then, for 16 seeds, how
far the final loss of a packed run is from that of the same run alone, beside what seeds alone make of it.
"""

import statistics
from pathlib import Path
from typing import Any

from harness import Options, cpu_seconds, in_turn, medians, t_interval, table

from assay.spec.hardware import Hardware
from assay.spec.lab import DEFAULT_LADDER
from assay.spec.run import RunOrder
from assay.spec.scale import Scale
from assay.training.packed import train_pack
from assay.training.pause import Pause
from training_sections.overheads import build, order

SIZES = (
    ("10k", Scale(name="10k", width=32, depth=1, flops=1e12), 20),
    ("119k, the ladder's smallest", DEFAULT_LADDER[0], 10),
    ("1M", Scale(name="1M", width=128, depth=5, flops=1e12), 2),
)
PACKS = (4, 16)
SEEDS = 16


def written(folder: Path, made: RunOrder, pack: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(made.model_copy(update={"hardware": Hardware(pack=pack)}).model_dump_json())
    return folder


def trained(base: Path, scale: Scale, steps: int, corpus: Path, seeds: range, pack: int) -> list[float]:
    """Final losses of one run a seed, in packs of so many (1: each alone, as without packing)."""
    from assay.training.trainer import train_run

    orders = {
        written(base / f"{seed}", order(scale, steps, corpus, seed), pack): order(scale, steps, corpus, seed)
        for seed in seeds
    }
    with Pause() as pause:
        if pack == 1:
            results = [train_run(each, folder, pause) for folder, each in orders.items()]
        else:
            found = list(orders.items())
            results = [
                result
                for start in range(0, len(found), pack)
                for result in train_pack(dict(found[start : start + pack]), pause).values()
            ]
    losses = [result.loss for result in results]
    assert None not in losses
    return [loss for loss in losses if loss is not None]


def measure(options: Options) -> tuple[dict[str, Any], str]:
    corpus = build(options.work / "packed-corpus")
    number = iter(range(10**6))
    rows: list[list[str]] = []
    speed: dict[str, dict[str, float]] = {}

    def seconds(scale: Scale, steps: int, pack: int) -> float:
        count = max(PACKS)
        base = options.work / "packed-runs" / str(next(number))
        return cpu_seconds(lambda: trained(base, scale, steps, corpus, range(count), pack)) / count

    for name, scale, steps in SIZES[:1] if options.quick else SIZES:
        steps = 2 if options.quick else steps
        sides = {str(pack): (lambda pack=pack: seconds(scale, steps, pack)) for pack in (1, *PACKS)}  # noqa: B023
        for side in sides.values():
            side()
        found = medians(in_turn(sides, options.repeats))
        hour = {pack: 3600 / (each / steps * 330) for pack, each in found.items()}
        speed[name] = hour
        rows.append(
            [name, f"{hour['1']:,.0f}", *(f"{hour[str(k)]:,.0f} ({hour[str(k)] / hour['1']:.2f}x)" for k in PACKS)]
        )
    text = table(["parameters", "one by one", *(f"packs of {k}" for k in PACKS)], rows)

    steps, count = (3, 3) if options.quick else (330, SEEDS)
    scale, base = DEFAULT_LADDER[0], options.work / "packed-seeds"
    alone = trained(base / "alone", scale, steps, corpus, range(count), 1)
    packed = trained(base / "packed", scale, steps, corpus, range(count), count)
    differences = [a - b for a, b in zip(packed, alone, strict=True)]
    low, high = t_interval(differences)
    deviation = statistics.stdev(alone)
    agreement = {
        "seeds": count, "mean_difference": statistics.fmean(differences), "low": low, "high": high,
        "seed_deviation": deviation, "largest_difference": max(map(abs, differences)),
    }  # fmt: skip
    text += (
        f"\n\nRuns of 330 steps per hour of a core, generation 0.\n\nFinal training loss of {count} seeds, packed "
        f"minus alone: mean {agreement['mean_difference']:+.2e} [{low:+.2e}, {high:+.2e}] nats a token (95%), largest "
        f"{agreement['largest_difference']:.2e}; a quarter of the seeds' deviation is {deviation / 4:.2e}."
    )
    return {"runs_per_hour": speed, "agreement": agreement}, text
