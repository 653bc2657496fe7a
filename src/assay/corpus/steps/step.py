"""What every step over documents is: surveys that can be made shard by shard, a decision, and its application.

This is a map, a reduce and another map, so that the same step runs in one process, in several, or on many machines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from assay.corpus.texts import Texts

#: What a survey found in a batch: arrays by name, which the engine keeps on disk between rounds.
Survey = dict[str, np.ndarray]


class Batch(Protocol):
    """Consecutive documents of the input.

    Attributes:
        first: number of the first of them in the whole input, counted from 0. Numbers do not depend on shards.
        texts: their texts.
    """

    first: int

    @property
    def texts(self) -> Texts: ...

    def __len__(self) -> int: ...

    def column(self, name: str) -> Sequence[str]:
        """A field of each document: `id`, `domain`, `source`, `licence`, `retrieved` or `group`."""
        ...


@dataclass(frozen=True)
class Judged:
    """What a step makes of a batch. Documents it does not name stay as they are; all are numbered within the batch.

    Attributes:
        removed: the rule that removes a document, by its number.
        texts: the new text of a document that was changed and not removed.
        changed: the rules that changed it, in the order of their use.
        details: what was seen, in a few words, of removed and changed documents: `duplicate of prose:12, Jaccard 0.83`.
        taken: the bytes that each of those rules took away; where there is nothing, and for what these leave of the
            difference, the first rule answers.
    """

    removed: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    changed: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    details: Mapping[int, str] = field(default_factory=dict)
    taken: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def taken_by(self, row: int, shorter: int) -> dict[str, int]:
        """Bytes that each rule took away from a document that is now so many bytes shorter."""
        rules = self.changed[row]
        taken = dict(zip(rules, self.taken.get(row, (0,) * len(rules)), strict=True))
        taken[rules[0]] += shorter - sum(taken.values())
        return taken


class Step(Protocol):
    """A step over documents.

    The engine calls `survey(0, …)` for every batch, `decide(0, …)` once, then round 1 in the same way, up to `rounds`,
    and in the end `apply` for every batch. Batches come in any order and in any process; surveys reach `decide` in the
    order of the documents. **What comes out must not depend on where one batch ends and the next begins**, nor on the
    number of workers. A step without anything to learn from the whole has `rounds` 0 and ignores the plan.

    Attributes:
        name: of the step, a verb: `clean`, `dedup`.
        rounds: how many surveys it takes.
    """

    @property
    def name(self) -> str: ...

    @property
    def rounds(self) -> int: ...

    def parameters(self) -> dict[str, Any]:
        """JSON data that, with the input and the tool's version, decides all that comes out."""
        ...

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """What a batch says in round `number`, given the plan that the round before ended with (at first None)."""
        ...

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        """The plan after round `number`; picklable. `work` is a folder for large arrays, mapped into memory."""
        ...

    def apply(self, batch: Batch, plan: Any) -> Judged:
        """What becomes of the documents of a batch."""
        ...

    def report(self, plan: Any) -> dict[str, Any]:
        """JSON data about what was learned and decided: thresholds, clusters, boilerplate."""
        ...
