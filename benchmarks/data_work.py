"""Does the data work pay? Filters, deduplication and mixtures against plain concatenation, at equal compute.

Two conditions: the corpora as they were prepared, and the same with noise of the web and near duplicates planted in the
training text (`benchmarks/planting.py`), as a raw crawl has them. Held-out text is the same in both and never planted.
In each, arms that differ in nothing but `data.*` train with the same seeds and the same FLOPs; the score is the mean of
bits per byte over all domains on held-out text. The fitted mixture comes from a regression on small runs of many
mixtures on the corpora as prepared, half of them spread over all mixtures and half where the regression so far took
the best to be; it is used in both conditions.

Every finished run is a line of FOLDER/runs.jsonl, so that the script goes on where it was stopped. Needs the corpora
(`ASSAY_SHARED`, default `../shared`) and about an hour of one core.

    OMP_NUM_THREADS=1 python benchmarks/data_work.py FOLDER
    python benchmarks/data_work.py FOLDER --report
    python benchmarks/data_work.py FOLDER --report --svg effects.svg
"""

import argparse
import hashlib
import io
import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from planting import plant, write

from assay.campaign.lab import Lab, init_lab
from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.corpus.views.view import view_cost
from assay.evidence.mixtures.best import best_mixture
from assay.evidence.mixtures.design import informative, space_filling
from assay.evidence.mixtures.model import combined, fit_model
from assay.evidence.mixtures.regressor import Predictor
from assay.evidence.mixtures.simplex import limits_of
from assay.evidence.mixtures.table import MixtureTable
from assay.evidence.samples import compare_samples
from assay.interfaces.report.html import Content, element
from assay.interfaces.report.picture import Panel, picture, write_picture
from assay.interfaces.report.plot import axis_around, line, marker, place
from assay.spec.errors import UserError
from assay.spec.protocols import Executor
from assay.spec.recipe import Change, Recipe, changed, in_words
from assay.spec.run import Outcome, Run, Seed
from assay.spec.scale import shape_at

CORPORA = Path(os.environ.get("ASSAY_SHARED", "../shared")) / "corpora"
CONDITIONS = ("prepared", "planted")
TOKENIZER = "bpe:2048"
LADDER = [
    {"name": "proxy", "width": 64, "depth": 2, "flops": 1.75e11},
    {"name": "main", "width": 64, "depth": 2, "flops": 7e11},
]
#: The reference recipe with shorter sequences and smaller batches, as runs of under a million tokens need.
START: Change = {
    "model.position": "rope", "model.norm": "rmsnorm", "model.qk_norm": True, "model.mlp": "relu2",
    "optimiser.name": "muon", "optimiser.lr": 0.01, "optimiser.beta2": 0.95, "optimiser.muon_lr": 0.01,
    "schedule.name": "linear", "schedule.final": 0.0, "data.context": 128, "data.batch": 8,
}  # fmt: skip
FILTERS: Change = {"data.filters": "all", "data.filter_limit": 0.1}
DEDUP: Change = {"data.dedup": "minhash"}
ARMS: dict[str, Change] = {
    "plain": {},
    "filters": FILTERS,
    "dedup": DEDUP,
    "filters + dedup": FILTERS | DEDUP,
}
#: Filters, with domains weighted as plain concatenation has them: what filters leave of a domain sets no weight.
KEPT = "filters, weights kept"
#: These come after the first seeds; the first two were added when those had shown what filters do to weights.
LATER: dict[str, Change] = {
    KEPT: FILTERS,
    "gopher": {"data.filters": "gopher"},
    "filters, 30%": FILTERS | {"data.filter_limit": 0.3},
    "unimax": {"data.mixture_rule": "unimax"},
}
#: These wait for the regression.
FITTED = ("fitted mixture", "all three")
SEEDS = 4
#: Small runs for the regression: so many fill the space, then come rounds of those that may be the best.
FILLING, ROUNDS, A_ROUND = 24, 3, 8
PROXIES = FILLING + ROUNDS * A_ROUND
#: Of each domain's bytes; runs of less than a million tokens read no more of them.
SHARE = 0.25


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--report", action="store_true", help="only say what is known so far")
    arguments.add_argument("--svg", type=Path, help="with --report: draw the effects into this file")
    given = arguments.parse_args()
    if given.report:
        print(report(read_runs(given.folder)))
        if given.svg:
            write_picture(given.svg, drawn(read_runs(given.folder)))
        return
    if not CORPORA.is_dir():
        print(f"{CORPORA} is missing: nothing measured")
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    labs = {condition: lab_of(given.folder, condition) for condition in CONDITIONS}
    executors = {condition: lab.executor(workers=1) for condition, lab in labs.items()}
    try:
        for condition, arm, seed in planned():
            lab, known = labs[condition], read_runs(given.folder)
            if not any((row["condition"], row["arm"], row["seed"]) == (condition, arm, seed) for row in known):
                change = change_of(arm, labs["prepared"], known)
                if arm == KEPT:
                    change = change | {"data.mixture": sizes(lab)}
                row = measure(lab, executors[condition], condition, arm, seed, change)
                with (given.folder / "runs.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{condition:9} {arm:16} seed {seed}: {row['score']:.4f} in {row['seconds']:.0f} s", flush=True)
    finally:
        for executor in executors.values():
            executor.close()
    print(report(read_runs(given.folder)))


def planned() -> Iterator[tuple[str, str, int]]:
    """Runs in the order of their use: three seeds of what needs no fit, the fit, three of what does, then the rest."""
    for seeds in (range(3), range(3, SEEDS)):
        yield from ((condition, arm, seed) for seed in seeds for condition in reversed(CONDITIONS) for arm in ARMS)
        yield from (("prepared", f"proxy {number}", 0) for number in range(PROXIES))
        yield from ((condition, arm, seed) for seed in seeds for condition in CONDITIONS for arm in (*FITTED, *LATER))


def read_runs(folder: Path) -> list[dict[str, Any]]:
    path = folder / "runs.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def lab_of(folder: Path, condition: str) -> Lab:
    """The lab of a condition, made on the first call."""
    place = folder / condition
    if (place / "lab.toml").exists():
        return Lab(place)
    text = folder / "text" / condition
    text.mkdir(parents=True, exist_ok=True)
    sources: list[Source] = []
    for path in sorted(CORPORA.glob("*.jsonl.zst")):
        target = text / f"{path.name.partition('.')[0]}.jsonl"
        (plant if condition == "planted" else write)(sample(path), target)
        sources.append(Source(target.stem, str(target)))
    manifest = build_corpus(place / "corpora", sources, TOKENIZER)
    start = changed(Recipe(), START).model_dump(mode="json")
    return init_lab(place, manifest, {"start": start, "ladder": LADDER})


def sample(path: Path) -> list[dict[str, Any]]:
    """Documents of a domain, less those beyond `SHARE` of its bytes, drawn by a hash of their ids."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        records = [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]
    records.sort(key=lambda record: hashlib.sha256(record["id"].encode()).digest())
    sizes = np.cumsum([len(record["text"].encode()) for record in records])
    return records[: int(np.searchsorted(sizes, SHARE * sizes[-1])) + 1]


def change_of(arm: str, lab: Lab, known: list[dict[str, Any]]) -> Change:
    """What an arm changes of the start recipe."""
    if arm in ARMS or arm in LATER:
        return (ARMS | LATER)[arm]
    if arm.startswith("proxy"):
        names, points = designed(lab, known, int(arm.split()[1]) + 1)
        return {"data.mixture": dict(zip(names, points[-1].tolist(), strict=True))}
    weights = fitted(lab, known)
    return {"data.mixture": weights} | (FILTERS | DEDUP if arm == "all three" else {})


def sizes(lab: Lab) -> dict[str, float]:
    """Weights of plain concatenation."""
    tokens = lab.corpus().train_tokens()
    return {name: count / sum(tokens.values()) for name, count in tokens.items()}


def designed(lab: Lab, known: list[dict[str, Any]], count: int) -> tuple[list[str], np.ndarray]:
    """The first mixtures to train, shape (count, domains): as `assay mixture design` gives them, then a round at a time
    as its `--aim best` does.
    """
    shares = sizes(lab)
    names, limits = list(shares), limits_of(list(shares))
    points = space_filling(np.array(list(shares.values())), FILLING, limits, None, seed=0)
    for seed in range(ROUNDS):
        if count > len(points):
            points = np.concatenate(
                [points, informative(fit(names, points, known), points, A_ROUND, limits, "best", seed)[0]]
            )
    return names, points[:count]


def fit(names: list[str], points: np.ndarray, known: list[dict[str, Any]]) -> Predictor:
    """The regression of `assay mixture fit` on the small runs at these points: the mean of the domains' losses."""
    found = {row["arm"]: row["domains"] for row in known}
    rows = [found[f"proxy {number}"] for number in range(len(points))]
    losses = {name: np.array([row[name] for row in rows]) for name in names}
    return combined(fit_model(MixtureTable("proxies", tuple(names), points, losses, ())))[0]


def fitted(lab: Lab, known: list[dict[str, Any]]) -> dict[str, float]:
    """The mixture that the regression holds for the best."""
    names, points = designed(lab, known, PROXIES)
    best, _ = best_mixture(fit(names, points, known), points, limits_of(names))
    return {name: round(weight, 4) for name, weight in zip(names, best.mixture.tolist(), strict=True)}


def measure(lab: Lab, executor: Executor, condition: str, arm: str, seed: int, change: Change) -> dict[str, Any]:
    """Train and score one run."""
    recipe = changed(lab.config.start, change)
    scale = lab.config.ladder[0 if arm.startswith("proxy") else 1]
    run = Run(
        recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus=lab.config.corpus.id, trainer=lab.trainer()
    )
    manifest = lab.corpus()
    executor.submit(lab.order(run, manifest.vocab), lab.run_dir(run.hash))
    outcome: Outcome | None = None
    while outcome is None:
        outcome = dict(executor.poll(0.5)).get(run.hash)
    if outcome.score is None:
        raise UserError(f"run {run.hash} {outcome.status}: {outcome.message}")
    view = lab.text_dir(recipe)
    return {
        "condition": condition, "arm": arm, "seed": seed, "run": run.hash, "recipe": recipe.hash, "change": change,
        "score": outcome.score, "domains": outcome.domains, "seconds": outcome.seconds, "flops": outcome.flops,
        "tokens": shape_at(recipe, scale, manifest.vocab).tokens,
        "cost": None if view == lab.corpus_dir else view_cost(view).model_dump(mode="json"),
    }  # fmt: skip


def scores_of(runs: list[dict[str, Any]], condition: str) -> dict[str, dict[int, float]]:
    """Scores of a condition's arms, by seed."""
    scores: dict[str, dict[int, float]] = {}
    for row in runs:
        if row["condition"] == condition and not row["arm"].startswith("proxy"):
            scores.setdefault(row["arm"], {})[row["seed"]] = row["score"]
    return scores


def report(runs: list[dict[str, Any]]) -> str:
    """Tables of effects against plain concatenation, in Markdown."""
    lines: list[str] = []
    for condition in CONDITIONS:
        scores = scores_of(runs, condition)
        plain = scores.pop("plain", {})
        if not plain:
            continue
        lines += [f"\n**{condition}** — plain concatenation: {statistics.mean(plain.values()):.4f} bits per byte\n"]
        lines += ["| arm | pairs | saved, % (95%) | verdict | p | documents less | tokens less | CPU s |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for arm, found in scores.items():
            cost = next(row["cost"] for row in runs if (row["condition"], row["arm"]) == (condition, arm))
            lines.append(f"| {arm} | {_effect(plain, found)} | {_cost(cost)} |")
    changes = {row["arm"]: row["change"] for row in runs if row["arm"] in FITTED[:1]}
    lines += [f"\nfitted: `{in_words(change)}`" for change in changes.values()]
    return "\n".join(lines)


def drawn(runs: list[dict[str, Any]]) -> str:
    """The same as a picture."""
    found = {condition: scores_of(runs, condition) for condition in CONDITIONS}
    effects = {
        condition: {arm: saved(scores["plain"], of) for arm, of in scores.items() if arm != "plain"}
        for condition, scores in found.items()
    }
    ends = [end for arms in effects.values() for each in arms.values() if each for end in each[1:3]]
    axis = axis_around([0.0, *ends], 0.06)
    x_ticks = [(axis.at(tick), f"{tick:+.1f}%" if tick else "0") for tick in axis.ticks(6)]
    panels: list[Panel] = []
    for condition, arms in effects.items():
        marks: list[Content] = [line(axis.at(0), 0, axis.at(0), 100, "plain concatenation", class_="zero")]
        for number, (arm, each) in enumerate(arms.items()):
            y = 100 * (1 - (number + 0.75) / len(arms))
            if each is not None:
                effect, low, high, verdict, _ = each
                kind = {"supported": "good", "refuted": "bad"}.get(verdict, "unsure")
                said = f"{arm}: {effect:+.2f}% [{low:+.2f}, {high:+.2f}], {verdict}"
                marks.append(place(0, 100 * (1 - (number + 0.45) / len(arms)), element("text", arm, x=4)))
                marks.append(line(axis.at(low), y, axis.at(high), y, said, class_=f"interval {kind}"))
                marks.append(marker(1, axis.at(effect), y, said, class_=f"mark {kind}"))
        panels.append(Panel(marks, x_ticks, [], "bits per byte saved", condition, height=38 * len(arms)))
    text = (
        "Bits per byte saved against plain concatenation at equal compute, with 95% intervals over pairs of seeds;"
        " right of 0 is better. Green: supported at 5%, one-sided; red: worse; yellow: neither."
    )
    return picture("Does the data work pay?", text, panels)


def saved(plain: dict[int, float], arm: dict[int, float]) -> tuple[float, float, float, str, float] | None:
    """Per cent saved, its 95% interval, the verdict and its p-value; None for fewer than two pairs."""
    seeds = sorted(plain.keys() & arm.keys())
    if len(seeds) < 2:
        return None
    found = compare_samples([plain[seed] for seed in seeds], [arm[seed] for seed in seeds], paired=True)
    assert found.lo is not None
    assert found.hi is not None
    unit = -100 / statistics.mean(plain[seed] for seed in seeds)
    return unit * found.effect, unit * found.hi, unit * found.lo, found.verdict, found.p_value


def _effect(plain: dict[int, float], arm: dict[int, float]) -> str:
    count = len(plain.keys() & arm.keys())
    found = saved(plain, arm)
    if found is None:
        return f"{count} | – | too few pairs | –"
    effect, low, high, verdict, p = found
    return f"{count} | {effect:+.2f} [{low:+.2f}, {high:+.2f}] | {verdict} | {p:.3f}"


def _cost(cost: dict[str, Any] | None) -> str:
    if cost is None:
        return "0 | 0 | 0"
    whole = cost["removed"]["tokens"] + cost["left"]["tokens"]
    share = 100 * cost["removed"]["tokens"] / whole
    return f"{cost['removed']['documents']:,} | {share:.1f}% | {cost['cpu_seconds']:.0f}"


if __name__ == "__main__":
    main()
