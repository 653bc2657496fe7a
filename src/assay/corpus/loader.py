"""Training batches: each a pure function of recipe, seed and the state that the batch before it carries."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.corpus.manifest import open_corpus
from assay.corpus.packed import PackedRows
from assay.corpus.packing import packing_of
from assay.corpus.reweighting import Reweighting
from assay.corpus.sampling import Stages, Uniforms
from assay.corpus.streams import Stream
from assay.corpus.windows import Windows
from assay.spec.errors import UserError
from assay.spec.recipe import Data
from assay.spec.run import Drawn
from assay.spec.scale import Shape

_TOKENS_AHEAD = 1 << 16  # half a megabyte of inputs, and as much of targets


class Batch(NamedTuple):
    """Sequences of one step, in arrays that belong to the caller.

    Attributes:
        tokens: (B, T) int64.
        targets: (B, T) int64, the token that follows each; -100 for padding, which is not learned from.
        domains: (B,) int64, index into `Loader.domains`.
        documents: (B, T) int64, number of the document within its row; None without data.document_mask.
        state: plain JSON data, from which a loader goes on exactly after this batch: steps done, sequences and tokens
            drawn by domain, and what `Loader.observe` made of the losses.
    """

    tokens: np.ndarray
    targets: np.ndarray
    domains: np.ndarray
    documents: np.ndarray | None
    state: dict[str, Any]


class _Ready(NamedTuple):
    """A batch that was drawn ahead, with sequences drawn by domain, targets of all workers, and the state after it."""

    batch: Batch | None
    drawn_D: np.ndarray
    targets: int
    state: dict[str, Any]


class Loader:
    """Batches of a corpus.

    Sequence number i of a run takes its randomness from counter value i (`sampling.Uniforms`): one number chooses the
    domain, one the place. Hence runs that differ in batch size or mixture still read in the same order as far as they
    can. The loader's state is part of every batch, as in Meta's lingua (Videau et al. 2024).

    Attributes:
        domains: names that the batches' domain numbers stand for.
        batch_tokens: targets in the last batch, padding left out, over the rows of all workers.

    Args:
        folder: corpus folder.
        data: what the recipe says of data.
        shape: context, batch and length of the run.
        seed: data order.
        state: of the batch after which to go on; None: at the beginning.
        rank: which worker this is; each gets its own rows of the same batch.
        world: number of workers, which may differ from that of the run that saved the state.

    Raises:
        UserError: a mixture names a domain that the corpus lacks, a domain is shorter than the context, or a batch has
            fewer sequences than there are workers.
    """

    def __init__(
        self, folder: Path, data: Data, shape: Shape, seed: int,
        state: dict[str, Any] | None = None, rank: int = 0, world: int = 1,
    ) -> None:  # fmt: skip
        manifest = open_corpus(folder)
        smallest = min(phase.batch for phase in shape.phases)
        if smallest < world:
            raise UserError(
                f"a step of {smallest} sequences cannot be shared by {world} workers; make data.batch larger"
                f"{' or data.batch_warmup 0' if data.batch_warmup else ''}, or use fewer devices"
            )
        self._stages = Stages(data, manifest, shape.sequences)
        self.domains = self._stages.domains
        self._shape, self._rank, self._world = shape, rank, world
        self._mask = data.document_mask
        self._streams = [Stream(folder, manifest.domains[name].train.shards, manifest.vocab) for name in self.domains]
        if data.packing == "best_fit":
            every = sorted(manifest.domains)
            numbers = [every.index(name) for name in self.domains]
            packing = packing_of(folder, shape.context)
            self._rows = PackedRows(
                packing, self._streams, self.domains, numbers, shape.context, manifest.end_of_text, seed
            )
        else:
            self._rows = Windows(self._streams, shape.context, manifest.end_of_text)
        state = state or {}
        self._reweighting = (
            Reweighting(data.reweight, self.domains, shape.sequences, state.get("reweighting"))
            if data.reweight
            else None
        )
        self._step: int = state.get("step", 0)
        self._observed: dict[str, Any] | None = state.get("reweighting")
        self._sequences_D = np.array(state.get("sequences", [0] * len(self.domains)))
        self._tokens_D = np.array(state.get("tokens", [0] * len(self.domains)))
        self._uniforms = Uniforms(seed, int(self._sequences_D.sum()))
        self._ready: deque[_Ready] = deque()
        self._now = _Ready(None, np.zeros_like(self._tokens_D), 0, self._state(self._step))
        self.batch_tokens = 0

    def next(self) -> Batch:
        """The batch of the next step."""
        if not self._ready:
            self._read_ahead()
        self._now = self._ready.popleft()
        self.batch_tokens = self._now.targets
        assert self._now.batch is not None
        return self._now.batch

    def _read_ahead(self) -> None:
        """Draw the next steps' batches together, for what a step is made of would have left the caches before each.

        What is observed of a batch decides the next one's domains where data.reweight says so: then it is one.
        """
        phase = self._shape.phase_at(self._step)
        most = 1 if self._reweighting else _TOKENS_AHEAD // (phase.batch * self._shape.context)
        steps = range(self._step, self._step + max(1, min(most, self._shape.steps - self._step)))
        sizes = [self._shape.phase_at(step).batch for step in steps]
        ends = np.cumsum(sizes).tolist()
        uniform_N2 = self._uniforms.take(ends[-1])
        domain_N = self._stages.choose(int(self._sequences_D.sum()), uniform_N2[:, 0], self._reweighting)
        place_N = self._rows.pick(domain_N, uniform_N2[:, 1], self._sequences_D)
        mine = [
            slice(end - size + self._rank * size // self._world, end - size + (self._rank + 1) * size // self._world)
            for end, size in zip(ends, sizes, strict=True)
        ]
        my_domain_N = np.concatenate([domain_N[part] for part in mine])
        tokens_NT, targets_NT, begins_NT = self._rows.read(my_domain_N, np.concatenate([place_N[p] for p in mine]))
        documents_NT = np.cumsum(begins_NT, axis=1) if self._mask else None
        at = 0
        for step, end, size, part in zip(steps, ends, sizes, mine, strict=True):
            rows, at = slice(at, at + part.stop - part.start), at + part.stop - part.start
            domain_B = domain_N[end - size : end]
            drawn_D = np.bincount(domain_B, minlength=len(self.domains))
            targets_D = self._rows.targets(drawn_D, domain_B, place_N[end - size : end])
            self._sequences_D = self._sequences_D + drawn_D
            self._tokens_D = self._tokens_D + targets_D
            state = self._state(step + 1)
            documents_BT = documents_NT[rows] if documents_NT is not None else None
            batch = Batch(tokens_NT[rows], targets_NT[rows], my_domain_N[rows], documents_BT, state)
            self._ready.append(_Ready(batch, drawn_D, int(targets_D.sum()), state))
        self._step = steps[-1] + 1

    def observe(self, nats: Mapping[str, float]) -> dict[str, Any]:
        """Take in what the last batch came to, for data.reweight.

        Args:
            nats: mean loss a token of each domain in the batch, over the rows of all workers.

        Returns:
            The batch's state with this in it, which is the one to save.
        """
        if self._reweighting:
            sequences = sum(self._now.state["sequences"])
            self._observed = self._reweighting.observe(nats, self._now.drawn_D, sequences)
            self._now = self._now._replace(state=self._now.state | {"reweighting": self._observed})
        return self._now.state

    def state(self) -> dict[str, Any]:
        """Where the loader is, as in `Batch.state`. Not to be changed."""
        return self._now.state

    def _state(self, step: int) -> dict[str, Any]:
        state = {"step": step, "sequences": self._sequences_D.tolist(), "tokens": self._tokens_D.tolist()}
        return state | ({"reweighting": self._observed} if self._observed else {})

    def counts(self) -> dict[str, Drawn]:
        """By domain, the tokens that all batches so far predicted, and how often that is the domain's text."""
        return {
            name: Drawn(tokens=tokens, epochs=tokens / stream.length)
            for name, tokens, stream in zip(self.domains, self._now.state["tokens"], self._streams, strict=True)
        }
