"""A Merkle root over documents, as Certificate Transparency computes it (RFC 6962, section 2.1).

It depends on the documents and their order alone, never on shards, and grows with one hash a document.
"""

import hashlib
from collections.abc import Iterable, Sequence


def document_leaf(text_hash: bytes, domain: str, name: str, source: str, licence: str) -> bytes:
    """The leaf of a document: a hash over that of its text, and its domain, id, source and licence."""
    fields = [field.encode() for field in (domain, name, source, licence)]
    return leaf(b"".join((text_hash, *(len(field).to_bytes(8, "big") + field for field in fields))))


def leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\0" + content).digest()


class MerkleTree:
    """Takes leaves in order; holds no more than a hash for every bit of their number."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._peaks: list[tuple[int, bytes]] = []  # height and root of the whole subtrees, from left to right
        self.extend(leaves)

    def extend(self, leaves: Iterable[bytes]) -> None:
        peaks = self._peaks
        for node in leaves:
            height = 0
            while peaks and peaks[-1][0] == height:
                node = hashlib.sha256(b"\1" + peaks.pop()[1] + node).digest()
                height += 1
            peaks.append((height, node))

    def root(self) -> str:
        """Hex root; of no leaves, the hash of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").hexdigest()
        *rest, (_, node) = self._peaks
        for _, left in reversed(rest):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node.hex()


def merkle_root(leaves: Sequence[bytes]) -> str:
    return MerkleTree(leaves).root()
