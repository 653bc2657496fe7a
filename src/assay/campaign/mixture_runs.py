"""A lab's own runs on different mixtures, as the table that a mixture regression is fitted to."""

from collections import defaultdict
from typing import Any

from assay.campaign.lab import Lab
from assay.corpus.manifest import open_corpus
from assay.corpus.mixtures.apply import parts_of
from assay.evidence.tables import Table
from assay.spec.errors import UserError
from assay.spec.recipe import Data
from assay.spec.scale import shape_at

#: Beginning of the weight columns' names; the domains' scores go by the domains' own.
WEIGHT = "weight/"
#: Fields that act on a run's main mixture alone, at their defaults.
_UNMIXED = {name: getattr(Data(), name) for name in (
    "mixture", "mixture_rule", "temperature", "epoch_limit", "epoch_limits"
)}  # fmt: skip


def mixture_runs(lab: Lab, scale: str | None = None) -> tuple[Table, list[str]]:
    """Finished runs at one scale that differ in nothing but mixture and seeds.

    Of several recipes (mixture aside) the one with most different mixtures is taken, because other changes would be
    mistaken for the mixture's work.

    Args:
        scale: name of a rung; the smallest if left out.

    Returns:
        One row a run: weight/DOMAIN, DOMAIN (its score in bits per byte) and `score`; and notes on what was left out.

    Raises:
        UserError: no such scale, or no two mixtures were trained there.
    """
    names = [rung.name for rung in lab.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    scale = scale or names[0]
    rung = lab.config.ladder[names.index(scale)]
    manifest = lab.corpus()
    tokens, vocab = manifest.train_tokens(), manifest.vocab
    recipes = {**lab.store.recipes(), lab.config.start.hash: lab.config.start}
    groups: defaultdict[str, list[tuple[dict[str, float], dict[str, Any]]]] = defaultdict(list)
    for row in lab.store.run_rows():
        if row["scale"] != scale or row["status"] != "finished" or row["recipe"] not in recipes:
            continue
        recipe = recipes[row["recipe"]]
        left = open_corpus(lab.text_dir(recipe)).train_tokens() if recipe.data.selection() else tokens
        _, main, _ = parts_of(recipe.data, left, shape_at(recipe, rung, vocab).tokens)
        total = sum(main.weights.values())
        weights = {name: main.weights.get(name, 0.0) / total for name in tokens}
        rest = recipe.model_copy(update={"stream": 0, "data": recipe.data.model_copy(update=_UNMIXED)})
        if any(weights == other and row["domains"] == seen["domains"] for other, seen in groups[rest.hash]):
            continue  # the same run once more, as calibration does to see what one seed's repeats differ by
        groups[rest.hash].append((weights, row))
    chosen = max(groups.values(), key=_mixtures, default=[])
    if _mixtures(chosen) < 2:
        raise UserError(
            f"{lab.folder}: no recipe was trained on two different mixtures at '{scale}'; propose changes of "
            f"data.mixture first, or name another --scale"
        )
    columns = {WEIGHT + name: tuple(repr(weights[name]) for weights, _ in chosen) for name in tokens}
    columns |= {name: tuple(repr(row["domains"].get(name, "")) for _, row in chosen) for name in tokens}
    columns["score"] = tuple(repr(row["score"]) for _, row in chosen)
    left = sum(map(len, groups.values())) - len(chosen)
    notes = [f"{left} runs at '{scale}' left out: their recipes differ in more than the mixture"] if left else []
    return Table(lab.folder, columns, tuple(range(1, len(chosen) + 1))), notes


def _mixtures(group: list[tuple[dict[str, float], dict[str, Any]]]) -> int:
    """How many different mixtures there are."""
    return len({tuple(weights.values()) for weights, _ in group})
