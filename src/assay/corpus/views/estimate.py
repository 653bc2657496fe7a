"""What making a view would take, reckoned before it is made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assay.corpus.manifest import amounts, open_corpus
from assay.corpus.steps.step import Step
from assay.corpus.views.annotation import account_of
from assay.corpus.views.view import ANNOTATIONS, VIEWS, keys

#: Bytes of text that a core handles a second, by what a step does: the commands' speeds on prose, somewhat below those
#: of benchmarks/RESULTS.md. What is not here is as slow as the slowest.
ASSUMED: dict[str, float] = {
    "gopher_quality+gopher_repetition": 8e6,
    "c4": 14e6,
    "fineweb": 40e6,
    "gopher_quality+gopher_repetition+c4+fineweb": 6e6,
    "quality": 20e6,
    "quality by embeddings": 2e6,
    "normalised": 40e6,
    "minhash": 20e6,
    "lines": 40e6,
    "paragraphs": 40e6,
    "substring": 25e6,
}
#: The same for writing what is left.
WRITING = 100e6


class Estimate(NamedTuple):
    """Seconds of one core, and what they rest on: nothing is left to do, steps of this corpus, or steps elsewhere."""

    seconds: float
    basis: Literal["made", "measured", "assumed"]


def estimate(corpus: Path, steps: Sequence[Step]) -> Estimate:
    """What making a view would take now; steps that another view has made already take nothing.

    Args:
        corpus: folder of a corpus.
        steps: at least one.
    """
    *_, last = folders = keys(corpus, steps)
    if (corpus / VIEWS / last).is_dir():
        return Estimate(0.0, "made")
    size, speeds = amounts(open_corpus(corpus, withdrawn=True)).bytes, _measured(corpus)
    kinds = [
        _kind(step.parameters())
        for step, folder in zip(steps, folders, strict=True)
        if not (corpus / ANNOTATIONS / folder).is_dir()
    ]
    seconds = size / WRITING + sum(size / (speeds.get(kind) or _assumed(kind)) for kind in kinds)
    return Estimate(seconds, "measured" if all(kind in speeds for kind in kinds) else "assumed")


def _kind(parameters: Mapping[str, Any]) -> str:
    """What a step's speed depends on."""
    if "filters" not in parameters:
        return str(parameters.get("method", ""))
    filters = "+".join(parameters["filters"])
    return f"{filters} by {parameters['features']}" if "features" in parameters else filters


def _assumed(kind: str) -> float:
    return ASSUMED.get(kind, min(ASSUMED.values()))


def _measured(corpus: Path) -> dict[str, float]:
    """Bytes a second of the steps that were made of a corpus, by their kinds."""
    spent: dict[str, list[tuple[int, float]]] = {}
    for report in sorted((corpus / ANNOTATIONS).glob("*/report.json")):
        account = account_of(report.parent)
        kind = _kind(json.loads(report.read_text(encoding="utf-8"))["parameters"])
        spent.setdefault(kind, []).append((account.into.bytes, account.cpu_seconds))
    return {
        kind: sum(size for size, _ in each) / seconds
        for kind, each in spent.items()
        if (seconds := sum(seconds for _, seconds in each)) > 0
    }
