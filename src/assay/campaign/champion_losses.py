"""What a lab's champion makes of the lab's corpus, document by document."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assay.campaign.lab import Lab
from assay.corpus.analysis.excerpts import excerpt
from assay.corpus.analysis.facts import DocumentLoss, Losses
from assay.corpus.manifest import is_withdrawn
from assay.evaluation.documents import Scored, Stretch
from assay.spec.errors import UserError

#: Documents shown from each end.
SHOWN = 12


def champion_losses(
    lab: Lab, seed: int = 0, tick: Callable[[int], None] = lambda _done: None
) -> tuple[Losses | None, str]:
    """Bits per byte by domain and the hardest and easiest documents of a sample; or None, and why there are none.

    The champion's run at the largest scale that left a checkpoint is scored in a process of its own.

    Args:
        tick: hears how many documents are done.
    """
    found = _run(lab)
    if isinstance(found, str):
        return None, found
    scored = list(_score(lab.run_dir(found["hash"]), seed, tick))
    if not all(math.isfinite(each.nats) for each in scored):
        return None, f"Run {found['hash'][:8]} of the champion diverged: its losses are no finite numbers."
    return summary(scored, found["hash"], found["recipe"], found["scale"]), ""


def _run(lab: Lab) -> dict[str, Any] | str:
    champion = lab.generation_recipes()[-1]
    if lab.self_scored():
        return "The lab’s trainer scores its own checkpoints, which are not ours to read."
    if is_withdrawn(lab.corpus_dir):
        return "The text that the champion was trained on was withdrawn, after a removal on request."
    rows = [
        row
        for row in lab.store.run_rows()
        if row["recipe"] == champion and row["status"] == "finished"
        and any((lab.run_dir(row["hash"]) / "checkpoint").glob("step-*"))
    ]  # fmt: skip
    if not rows:
        return f"The champion (recipe {champion[:8]}) has no finished run with a checkpoint yet; `assay run` trains it."
    sizes = {scale.name: scale.flops for scale in lab.config.ladder}
    return max(rows, key=lambda row: (sizes.get(row["scale"], 0.0), row["hash"]))


def _score(folder: Path, seed: int, tick: Callable[[int], None]) -> Sequence[Scored]:
    command = [sys.executable, "-m", "assay.evaluation.documents", str(folder), "--seed", str(seed)]
    found: list[Scored] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            row = json.loads(line)
            nats = row.pop("nats")
            found.append(Scored(Stretch(**row), nats))
            tick(len(found))
        said = process.stderr.read()
    if process.returncode:
        last = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise UserError(f"the champion's run {folder} could not score the corpus: {last.removeprefix('error: ')}")
    return found


def summary(scored: Sequence[Scored], run: str, recipe: str, scale: str) -> Losses:
    """Means by domain and side over bytes, and both ends of the order."""
    totals: dict[str, dict[str, tuple[float, int]]] = {}
    for each in scored:
        sides = totals.setdefault(each.stretch.domain, {})
        nats, size = sides.get(each.stretch.side, (0.0, 0))
        sides[each.stretch.side] = nats + each.nats, size + each.bytes
    order = sorted(scored, key=lambda each: (-each.bits_per_byte, each.stretch.document))
    count = min(SHOWN, len(order) // 2)
    return Losses(
        run=run,
        recipe=recipe,
        scale=scale,
        domains={
            name: {side: nats / (math.log(2) * size) for side, (nats, size) in sorted(sides.items())}
            for name, sides in sorted(totals.items())
        },
        documents={
            side: sum(each.stretch.side == side for each in scored) for side in sorted({e.stretch.side for e in scored})
        },
        hardest=tuple(map(_loss, order[:count])),
        easiest=tuple(map(_loss, order[::-1][:count])),
    )


def _loss(each: Scored) -> DocumentLoss:
    return DocumentLoss(
        id=each.stretch.id, domain=each.stretch.domain, excerpt=excerpt(each.stretch.text), side=each.stretch.side,
        bytes=each.bytes, bits_per_byte=each.bits_per_byte,
    )  # fmt: skip
