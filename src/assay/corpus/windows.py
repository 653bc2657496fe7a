"""data.packing = stream: sequences are windows anywhere in a domain's token stream, as in nanoGPT."""

import numpy as np

from assay.corpus.streams import Stream


class Windows:
    """Windows of context + 1 tokens: the first `context` are inputs, the last `context` their targets."""

    def __init__(self, streams: list[Stream], context: int, end_of_text: int) -> None:
        self._streams, self._context, self._end_of_text = streams, context, end_of_text
        self._places_D = np.array([stream.length - context for stream in streams], dtype=np.float64)

    def pick(self, domain_B: np.ndarray, uniform_B: np.ndarray, _before_D: np.ndarray) -> np.ndarray:
        """First token of each window: a place in its domain, chosen by a number in [0, 1)."""
        return (uniform_B * self._places_D[domain_B]).astype(np.int64)

    def targets(self, drawn_D: np.ndarray, _domain_B: np.ndarray, _start_B: np.ndarray) -> np.ndarray:
        """(D,) targets by domain, of which so many sequences were drawn."""
        return self._context * drawn_D

    def read(self, domain_B: np.ndarray, start_B: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, targets and where documents begin, each (B, T).

        A document begins at the end of text before it, from which its first token is predicted, in training as in
        evaluation.
        """
        window_BT = np.empty((len(start_B), self._context + 1), dtype=np.int64)
        for row_T, domain, start in zip(window_BT, domain_B.tolist(), start_B.tolist(), strict=True):
            self._streams[domain].read(start, row_T)
        tokens_BT = window_BT[:, :-1].copy()
        return tokens_BT, window_BT[:, 1:].copy(), tokens_BT == self._end_of_text
