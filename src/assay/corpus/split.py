"""Which documents are held out, and which are sealed: by a hash of the source file, never by order, place or chance."""

import hashlib
from collections.abc import Mapping

import numpy as np

from assay.spec.errors import UserError

HELDOUT_FRACTION = 0.05
#: Held out beyond that and sealed in the vault; a domain of fewer groups than `LEAST_GROUPS` can spare none.
SEALED_FRACTION = 0.10
LEAST_GROUPS = 20
MOST_SEALED_GROUPS = 1_000
_RANGE = 1 << 63


def draw(group: str) -> int:
    """A number in [0, 2⁶³) that a group draws by its hash; it stands for the group from here on."""
    return int.from_bytes(hashlib.sha256(b"assay split\0" + group.encode()).digest()[:8], "big") >> 1


def choose_heldout(domains: Mapping[str, np.ndarray], fraction: float = HELDOUT_FRACTION) -> np.ndarray:
    """The draws of the held-out groups: a fraction of all, at least one and never all in every domain.

    A group is on one side in all domains. The outcome depends on names and sets of draws alone: the groups that
    draw lowest are held out, with exceptions only where a small domain would be left without one side. A domain of a
    single group can spare none, so it has no say.

    Args:
        domains: for each domain the distinct draws of its groups, int64.

    Raises:
        UserError: a domain shares its few groups with others so that no split was found.
    """
    threshold = int(fraction * _RANGE)
    divided = {name: draws for name, draws in sorted(domains.items()) if len(draws) > 1}
    heldout = {int(drawn) for draws in divided.values() for drawn in draws[draws < threshold]}
    for draws in divided.values():
        count = _count(draws, heldout)
        if count == 0:
            heldout.add(int(draws.min()))
        elif count == len(draws):
            heldout.remove(int(draws.max()))
    for name, draws in divided.items():
        if not 0 < _count(draws, heldout) < len(draws):
            raise UserError(
                f"domain '{name}' has only {len(draws)} source documents and shares them with other domains, so "
                f"they cannot be divided into training and held-out text; give it more files or records"
            )
    return np.array(sorted(heldout), dtype=np.int64)


def choose_sealed(domains: Mapping[str, np.ndarray], heldout: np.ndarray) -> np.ndarray:
    """The draws of the groups that the vault seals: held out too, and apart from the ordinary held-out groups.

    They are those that draw lowest above the held-out ones: a tenth of all, in every domain of at least
    `LEAST_GROUPS` groups at least one and at most a fifth. No group of a smaller domain is sealed.

    Args:
        domains: for each domain the distinct draws of its groups, int64.
        heldout: what `choose_heldout` gave.
    """
    small = [draws for draws in domains.values() if len(draws) < LEAST_GROUPS]
    taken = np.concatenate([heldout, *small])
    threshold = int((HELDOUT_FRACTION + SEALED_FRACTION) * _RANGE)
    sealed: set[int] = set()
    for draws in domains.values():
        if len(draws) >= LEAST_GROUPS:
            candidates = np.setdiff1d(draws, taken)
            wanted = max(1, int((candidates < threshold).sum()))
            sealed.update(candidates[: min(wanted, len(draws) // 5, MOST_SEALED_GROUPS)].tolist())
    return np.array(sorted(sealed), dtype=np.int64)


def _count(draws: np.ndarray, heldout: set[int]) -> int:
    return int(np.isin(draws, np.fromiter(heldout, np.int64, len(heldout))).sum())
