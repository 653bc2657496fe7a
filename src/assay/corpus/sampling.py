"""Which domain each sequence of a run comes from, and at what place: randomness by counter, mixtures by stage."""

from collections.abc import Iterator

import numpy as np

from assay.corpus.manifest import Manifest
from assay.corpus.mixtures.apply import parts_of
from assay.corpus.reweighting import Reweighting
from assay.spec.errors import UserError
from assay.spec.recipe import Data

_WORDS = 4  # 64-bit words that Philox makes for each value of its counter
_UNIT = 2.0**-53
_AHEAD = 1024  # sequences whose numbers are made at once, since making those of a few takes as long


class Uniforms:
    """Two numbers in [0, 1) for each sequence from number `first` on.

    Sequence number i takes them from counter value i of a Philox generator whose key is the seed (Salmon et al. 2011,
    "Parallel random numbers: as easy as 1, 2, 3"), so that they depend on nothing else.
    """

    def __init__(self, seed: int, first: int) -> None:
        self._generator = np.random.Philox(key=seed, counter=first)
        self._ready = np.empty((0, 2))

    def take(self, count: int) -> np.ndarray:
        """Those of the next sequences, (count, 2)."""
        if len(self._ready) < count:
            made = max(count, _AHEAD)
            words_BW = self._generator.random_raw(_WORDS * made).reshape(made, _WORDS)
            self._ready = np.concatenate([self._ready, (words_BW[:, :2] >> np.uint64(11)) * _UNIT])
        taken, self._ready = self._ready[:count], self._ready[count:]
        return taken


class Choice:
    """A choice among domains with given weights, zero or more, at least one positive."""

    def __init__(self, weights_D: np.ndarray) -> None:
        self._used = np.flatnonzero(weights_D)
        used = weights_D[self._used]
        self._bounds = np.cumsum(used / used.sum())[:-1]

    def __call__(self, uniform_B: np.ndarray) -> np.ndarray:
        """A domain's index for each number in [0, 1)."""
        return self._used[np.searchsorted(self._bounds, uniform_B, side="right")]


class Stages:
    """The mixtures of a run, as `corpus.mixtures` has them: in an opening or closing part it may be another one.

    Attributes:
        domains: those that any stage draws from, in order of their names.
        weights: (S, D), the mixture of each stage over `domains`, adding up to one.

    Raises:
        UserError: a mixture names a domain that the corpus lacks, or a domain is shorter than the context.
    """

    def __init__(self, data: Data, manifest: Manifest, sequences: int) -> None:
        _check_names(data, manifest)
        opening, main, closing = parts_of(data, manifest.train_tokens(), sequences * data.context)
        opened = round(opening.share * sequences)
        closed = max(opened, sequences - round(closing.share * sequences))
        stages = [
            (opening.weights, 0, opened),
            (main.weights, opened, closed),
            (closing.weights, closed, sequences),
        ]
        used = [(mixture, end) for mixture, begin, end in stages if end > begin]
        self.domains = tuple(sorted({name for mixture, _ in used for name, weight in mixture.items() if weight > 0}))
        for name in self.domains:
            tokens = manifest.domains[name].train.tokens
            if tokens <= data.context:
                raise UserError(
                    f"domain '{name}' has {tokens} training tokens, too few for data.context {data.context}; "
                    f"shorten the context, give the domain more text, or set its weight to zero"
                )
        shares = [np.array([mixture.get(name, 0.0) for name in self.domains]) for mixture, _ in used]
        self.weights = np.stack([share_D / share_D.sum() for share_D in shares])
        self._choices = [Choice(share_D) for share_D in shares]
        self._ends = [end for _, end in used]

    def choose(self, first: int, uniform_B: np.ndarray, reweighting: Reweighting | None) -> np.ndarray:
        """Index into `domains` for each of the sequences from number `first` on, given a number in [0, 1) for each."""
        if len(self._choices) == 1 and not reweighting:
            return self._choices[0](uniform_B)
        domain_B = np.empty(len(uniform_B), dtype=np.int64)
        for stage, rows in self._parts(first, len(uniform_B)):
            choice = Choice(reweighting.weights(self.weights[stage])) if reweighting else self._choices[stage]
            domain_B[rows] = choice(uniform_B[rows])
        return domain_B

    def _parts(self, first: int, count: int) -> Iterator[tuple[int, slice]]:
        """Which of `count` sequences from number `first` on are in which stage."""
        begin = 0
        for stage, end in enumerate(self._ends):
            stop = min(count, end - first)
            if stop > begin:
                yield stage, slice(begin, stop)
                begin = stop


def _check_names(data: Data, manifest: Manifest) -> None:
    for field, numbers in data.by_domain().items():
        for name in numbers:
            if name not in manifest.domains:
                raise UserError(
                    f"{field} names domain '{name}', which corpus {manifest.id} lacks; "
                    f"it has: {', '.join(sorted(manifest.domains))}"
                )
