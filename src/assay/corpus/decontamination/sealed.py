"""The sealed documents as n-gram hashes that say nothing to whoever does not have the vault's key.

The file holds 64-bit hashes of n-grams, encrypted and authenticated with a key that lies in the vault: no text, no
name and no length of a document. Without the key it is noise, so that not even a guess at the text can be tested.
Once it is written, decontamination reads the key and never the text. Whoever may read the vault can also test guesses;
that is its owner alone.
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.corpus.decontamination.evaluations import document_key
from assay.corpus.decontamination.ngrams import NGrams, ngrams_of
from assay.corpus.private import write_private
from assay.corpus.sealed import open_sealed, read_part

KEY = "ngrams.key"
_FORMAT = 1
_ROW = np.dtype([("hash", "<u8"), ("size", "u1"), ("item", "<i4")])


@dataclass(frozen=True)
class SealedNGrams:
    """N-grams of the sealed documents.

    Attributes:
        commitment: of the vault, as in the corpus' manifest.
        items: how many sealed spans there are.
        documents: keys of the sealed documents themselves.
    """

    commitment: str
    items: int
    documents: frozenset[int]
    _rows: np.ndarray
    _anchors: np.ndarray

    def ngrams(self, first_item: int) -> NGrams:
        """As n-grams of an index, numbering items from `first_item` on."""
        nobody = np.full(len(self._rows), -1, np.int32)
        return NGrams(
            self._rows["hash"], self._rows["size"], (self._rows["item"] + first_item).astype(np.int32), nobody, nobody,
            self._anchors,
        )  # fmt: skip


def sealed_ngrams(vault: Path, path: Path, n: int) -> SealedNGrams:
    """Read the file of hashes; write it first if it is not there, is of another vault, or for another n.

    Args:
        vault: `vault/<corpus id>`.
        path: of the file.

    Raises:
        UserError: the vault is missing or out of reach.
    """
    sealed = open_sealed(vault)
    key = _key(vault)
    found = _read(path, key, sealed.commitment, n)
    if found is None:
        _write(path, key, vault, n)
        found = _read(path, key, sealed.commitment, n)
        assert found is not None, "what was just written reads"
    return found


def _key(vault: Path) -> bytes:
    path = vault / KEY
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return bytes.fromhex(path.read_text(encoding="ascii"))


def _write(path: Path, key: bytes, vault: Path, n: int) -> None:
    sealed = open_sealed(vault)
    texts = [span.text for number in range(len(sealed.parts)) for span in read_part(vault, sealed, number)]
    rows = ngrams_of(texts, range(len(texts)), n)
    packed = np.empty(len(rows.hashes), _ROW)
    packed["hash"], packed["size"], packed["item"] = rows.hashes, rows.sizes, rows.items
    lines = (vault / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    records = map(json.loads, lines)
    documents = np.array([document_key(row["domain"], row["id"]) for row in records], "<u8")
    said = {
        "n": n,
        "commitment": sealed.commitment,
        "items": len(texts),
        "rows": len(packed),
        "documents": len(documents),
    }
    content = json.dumps(said).encode() + b"\n" + packed.tobytes() + documents.tobytes() + rows.anchors.tobytes()
    nonce = secrets.token_bytes(16)
    body = bytes([_FORMAT]) + nonce + _cipher(key, nonce, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(body + _tag(key, body))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path, key: bytes, commitment: str, n: int) -> SealedNGrams | None:
    """None if the file is missing, damaged, or not what is asked for."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    body, tag = whole[:-32], whole[-32:]
    if len(body) < 17 or body[0] != _FORMAT or not hmac.compare_digest(tag, _tag(key, body)):
        return None
    head, _, rest = _cipher(key, body[1:17], body[17:]).partition(b"\n")
    said = json.loads(head)
    if said["n"] != n or said["commitment"] != commitment:
        return None
    end = said["rows"] * _ROW.itemsize
    rows = np.frombuffer(rest[:end], _ROW)
    documents = np.frombuffer(rest[end : end + 8 * said["documents"]], "<u8")
    anchors = np.frombuffer(rest[end + 8 * said["documents"] :], "<u8")
    return SealedNGrams(commitment, said["items"], frozenset(documents.tolist()), rows, anchors)


def _cipher(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """XOR with SHAKE-256 of key and nonce; its own inverse."""
    stream = hashlib.shake_256(b"assay sealed n-grams\0" + key + nonce).digest(len(content))
    return (np.frombuffer(content, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.new(b"authentic\0" + key, body, hashlib.sha256).digest()
