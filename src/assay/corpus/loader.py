"""Training batches: each a pure function of recipe, seed and the state that the batch before it carries."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.corpus.manifest import open_corpus
from assay.corpus.sampling import Stages, uniforms
from assay.corpus.streams import Stream
from assay.spec.recipe import Data
from assay.spec.scale import Shape


class Batch(NamedTuple):
    """Sequences of one step, in arrays that belong to the caller.

    Attributes:
        tokens: (B, T) int64.
        targets: (B, T) int64, the token that follows each.
        domains: (B,) int64, index into `Loader.domains`.
        documents: (B, T) int64, number of the document within its row; None without data.document_mask.
        state: plain JSON data, from which a loader goes on exactly after this batch.
    """

    tokens: np.ndarray
    targets: np.ndarray
    domains: np.ndarray
    documents: np.ndarray | None
    state: dict[str, Any]


class Loader:
    """Batches of a corpus, as in nanoGPT: a random window of context + 1 tokens for every sequence.

    Sequence number i of a run takes its randomness from counter value i (`sampling.uniforms`): one number chooses the
    domain, one the place. Hence runs that differ in batch size or mixture still read in the same order as far as they
    can. The loader's state is part of every batch, as in Meta's lingua (Videau et al. 2024).

    Args:
        folder: corpus folder.
        data: what the recipe says of data.
        shape: context, batch and length of the run.
        seed: data order.
        state: of the batch after which to go on; None: at the beginning.
        rank: which worker this is; each gets its own rows of the same batch.
        world: number of workers, which may differ from that of the run that saved the state.

    Raises:
        UserError: a mixture names a domain that the corpus lacks, or a domain is shorter than the context.
    """

    def __init__(
        self, folder: Path, data: Data, shape: Shape, seed: int,
        state: dict[str, Any] | None = None, rank: int = 0, world: int = 1,
    ) -> None:  # fmt: skip
        manifest = open_corpus(folder)
        self._stages = Stages(data, manifest, shape.steps * shape.batch)
        self.domains = self._stages.domains
        self._shape, self._seed, self._rank, self._world = shape, seed, rank, world
        self._streams = [Stream(folder, manifest.domains[name].train.shards) for name in self.domains]
        self._starts = np.array([stream.length - shape.context for stream in self._streams], dtype=np.float64)
        self._step: int = state["step"] if state else 0

    def next(self) -> Batch:
        """The batch of the next step."""
        whole, context = self._shape.batch, self._shape.context
        first = self._step * whole
        uniform_B2 = uniforms(self._seed, first, whole)
        domain_B = self._stages.choose(first, uniform_B2[:, 0])
        start_B = (uniform_B2[:, 1] * self._starts[domain_B]).astype(np.int64)
        mine = slice(self._rank * whole // self._world, (self._rank + 1) * whole // self._world)
        domain_B, start_B = domain_B[mine], start_B[mine]
        window_BT = np.empty((len(domain_B), context + 1), dtype=np.int64)
        for row_T, domain, start in zip(window_BT, domain_B.tolist(), start_B.tolist(), strict=True):
            self._streams[domain].read(start, row_T)
        self._step += 1
        return Batch(window_BT[:, :-1].copy(), window_BT[:, 1:].copy(), domain_B, None, {"step": self._step})
