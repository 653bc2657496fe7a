"""Which edits are on in a domain: all, unless together they would take too much of it."""

from collections.abc import Callable, Collection

import numpy as np

from assay.corpus.filters.thresholds import allowed


def switch(
    names: list[str],
    losses: Callable[[str], np.ndarray],
    sizes: np.ndarray,
    filled: np.ndarray,
    limit: float,
    within: Collection[str] = (),
) -> tuple[set[str], dict[str, float], np.ndarray]:
    """The edits that are on in a domain of N documents.

    Edits are taken in turn, the one that takes least first, as long as they take at most the limit of the bytes, and
    leave nothing of at most as large a share of the documents. Lines that two edits would take are counted twice, so
    that the limit errs on the safe side. A higher limit switches no edit off.

    Args:
        names: of the edits.
        losses: (N,) bytes that an edit would take from each document if it were the only one, by its name.
        sizes: (N,) bytes of the documents.
        filled: (N,) bytes of lines with something on them.
        limit: largest share that all edits together may take.
        within: those of them that change lines that stay; off where more than half of the documents have such lines.

    Returns:
        The edits that are on; what each would take on its own, as a share of the domain's bytes; and (N,) int64, at
        most how much those that are on take from each document: all of it where nothing may be left.
    """

    def emptied(lost: np.ndarray) -> np.ndarray:
        return (lost >= filled) & (lost > 0)

    total, count = max(int(sizes.sum()), 1), max(len(sizes), 1)
    shares = {name: int(losses(name).sum()) / total for name in names}
    most = {name: max(share, float(emptied(losses(name)).sum()) / count) for name, share in shares.items()}
    on: set[str] = set()
    lost = np.zeros(len(sizes), np.int64)
    rare = [name for name in names if name not in within or 2 * np.count_nonzero(losses(name)) <= len(sizes)]
    for name in sorted(rare, key=lambda name: (most[name], names.index(name))):
        more = lost + losses(name)
        gone = emptied(more)
        taken = int(np.where(gone, sizes, np.minimum(more, sizes)).sum())
        if taken > allowed(limit, int(sizes.sum())) or gone.sum() > allowed(limit, len(sizes)):
            break
        on.add(name)
        lost = more
    return on, shares, np.where(emptied(lost), sizes, np.minimum(lost, sizes))
