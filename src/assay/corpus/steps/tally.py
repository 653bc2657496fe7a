"""Counts of what happened to the documents of a batch, which add up to a step's account."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from assay.corpus.steps.account import Account, Amount, Files, Flow
from assay.corpus.steps.step import Judged


@dataclass
class Tally:
    """Documents and bytes, by domain and by rule. Adds up in any order."""

    into: Counter[str] = field(default_factory=Counter)
    into_bytes: Counter[str] = field(default_factory=Counter)
    out: Counter[str] = field(default_factory=Counter)
    out_bytes: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    removed_bytes: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    changed_bytes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        for name, counts in vars(other).items():
            mine: Counter[str] = getattr(self, name)
            for key, count in counts.items():  # not `update`, which would lose nothing, nor `+`, which drops zeros
                mine[key] += count

    def account(
        self, step: str, bad: dict[str, int], other_files: Mapping[str, Files], seconds: float, cpu_seconds: float
    ) -> Account:
        """All of it as what a step did."""
        domains = {
            name: Flow.model_validate(
                {
                    "in": Amount(documents=self.into[name], bytes=self.into_bytes[name]),
                    "out": Amount(documents=self.out[name], bytes=self.out_bytes[name]),
                }
            )
            for name in sorted(self.into)
        }
        flows = list(domains.values())
        return Account.model_validate(
            {
                "step": step,
                "in": sum((flow.into for flow in flows), Amount()),
                "out": sum((flow.out for flow in flows), Amount()),
                "removed": _amounts(self.removed, self.removed_bytes),
                "changed": _amounts(self.changed, self.changed_bytes),
                "domains": domains,
                "bad": dict(sorted(bad.items())),
                "other_files": other_files,
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu_seconds, 3),
            }
        )


def _amounts(documents: Counter[str], sizes: Counter[str]) -> dict[str, Amount]:
    return {rule: Amount(documents=documents[rule], bytes=sizes[rule]) for rule in sorted(documents)}


def tally(sizes: np.ndarray, codes: np.ndarray, names: list[str], judged: Judged) -> Tally:
    """Of one batch.

    Args:
        sizes: bytes of each document, (N,).
        codes: (N,), index into `names`, the domains, for each document.
    """
    result = Tally()
    after = sizes.copy()
    alive = np.ones(len(sizes), bool)
    for row, rule in judged.removed.items():
        result.removed[rule] += 1
        result.removed_bytes[rule] += int(sizes[row])
        alive[row] = False
        after[row] = 0
    for row, text in judged.texts.items():
        if alive[row]:
            after[row] = len(text.encode())
            for rule, amount in judged.taken_by(row, int(sizes[row] - after[row])).items():
                result.changed[rule] += 1
                result.changed_bytes[rule] += amount
    for counter, weights in (
        (result.into, None), (result.into_bytes, sizes), (result.out, alive), (result.out_bytes, after),
    ):  # fmt: skip
        counts = np.bincount(codes, weights, len(names))
        counter.update({name: int(count) for name, count in zip(names, counts, strict=True)})
    return result
