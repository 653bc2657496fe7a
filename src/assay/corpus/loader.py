"""Training batches: each a pure function of recipe, seed and the state that the batch before it carries."""

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
        self._observed: dict[str, Any] | None = state.get("reweighting")
        self._step: int = state.get("step", 0)
        self._sequences_D = np.array(state.get("sequences", [0] * len(self.domains)))
        self._tokens_D = np.array(state.get("tokens", [0] * len(self.domains)))
        self._drawn_D = np.zeros_like(self._sequences_D)
        self._uniforms = Uniforms(seed, int(self._sequences_D.sum()))
        self.batch_tokens = 0

    def next(self) -> Batch:
        """The batch of the next step."""
        first, whole = int(self._sequences_D.sum()), self._shape.phase_at(self._step).batch
        uniform_B2 = self._uniforms.take(whole)
        domain_B = self._stages.choose(first, uniform_B2[:, 0], self._reweighting)
        place_B = self._rows.pick(domain_B, uniform_B2[:, 1], self._sequences_D)
        self._drawn_D = np.bincount(domain_B, minlength=len(self.domains))
        self._sequences_D = self._sequences_D + self._drawn_D
        targets_D = self._rows.targets(self._drawn_D, domain_B, place_B)
        self._tokens_D = self._tokens_D + targets_D
        self.batch_tokens = int(targets_D.sum())
        self._step += 1
        mine = slice(self._rank * whole // self._world, (self._rank + 1) * whole // self._world)
        tokens_BT, targets_BT, begins_BT = self._rows.read(domain_B[mine], place_B[mine])
        documents_BT = np.cumsum(begins_BT, axis=1) if self._mask else None
        return Batch(tokens_BT, targets_BT, domain_B[mine], documents_BT, self.state())

    def observe(self, nats: Mapping[str, float]) -> dict[str, Any]:
        """Take in what the last batch came to, for data.reweight.

        Args:
            nats: mean loss a token of each domain in the batch, over the rows of all workers.

        Returns:
            The batch's state with this in it, which is the one to save.
        """
        if self._reweighting:
            self._observed = self._reweighting.observe(nats, self._drawn_D, int(self._sequences_D.sum()))
        return self.state()

    def state(self) -> dict[str, Any]:
        """Where the loader is, as in `Batch.state`."""
        state = {
            "step": self._step,
            "sequences": self._sequences_D.tolist(),
            "tokens": self._tokens_D.tolist(),
        }
        return state | ({"reweighting": self._observed} if self._observed else {})

    def counts(self) -> dict[str, Drawn]:
        """By domain, the tokens that all batches so far predicted, and how often that is the domain's text."""
        return {
            name: Drawn(tokens=tokens, epochs=tokens / stream.length)
            for name, tokens, stream in zip(self.domains, self._tokens_D.tolist(), self._streams, strict=True)
        }
