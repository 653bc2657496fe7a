"""What the first look at a batch of lines finds out, so that later ones need not read what they pass through."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import xxhash

from assay.corpus.bad import LARGEST_DOCUMENT, BadDocument
from assay.corpus.records import clean, document_of, parse_line
from assay.corpus.steps.lines import Lines
from assay.corpus.steps.step import Survey
from assay.corpus.texts import Texts


@dataclass(frozen=True)
class Facts:
    """Of a batch of N documents, and the lines between them that are none.

    Attributes:
        sizes: bytes of each text, (N,) int64.
        names: the domains.
        domains: (N,) int32, index into `names` for each document.
        keys: (N,) uint64, hash of domain and id.
        prints: (N,) uint64, hash of the text.
        bad: (bad,) int64, the lines that are no documents, among those that are not blank.
        kinds: how many lines are bad in which way.
    """

    sizes: np.ndarray
    names: list[str]
    domains: np.ndarray
    keys: np.ndarray
    prints: np.ndarray
    bad: np.ndarray
    kinds: dict[str, int]

    def __len__(self) -> int:
        return len(self.sizes)

    def arrays(self) -> Survey:
        said = json.dumps({"names": self.names, "kinds": self.kinds}).encode()
        return {
            "sizes": self.sizes, "domains": self.domains, "keys": self.keys, "prints": self.prints, "bad": self.bad,
            "said": np.frombuffer(said, np.uint8),
        }  # fmt: skip

    @classmethod
    def of(cls, arrays: Survey) -> "Facts":
        arrays = dict(arrays)
        said = json.loads(arrays.pop("said").tobytes())
        return cls(**{**arrays, **said})  # pyright: ignore[reportArgumentType]

    def without(self, rows: np.ndarray, lines: np.ndarray, kind: str) -> "Facts":
        """Less some documents, by their place in the batch and that of their lines."""
        kept = np.setdiff1d(np.arange(len(self)), rows)
        return Facts(
            self.sizes[kept], self.names, self.domains[kept], self.keys[kept], self.prints[kept],
            np.union1d(self.bad, lines), {**self.kinds, kind: self.kinds.get(kind, 0) + len(rows)},
        )  # fmt: skip


def document_key(domain: str, name: str) -> int:
    """Hash of the domain and id of a document."""
    return xxhash.xxh3_64_intdigest(f"{domain}\0{name}".encode())


def load_line(line: bytes) -> Any:
    """The value of a line that is known to be JSON, also of what only Python's own reader takes, such as NaN."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def examine(lines: Lines, domain: str, settled: bool, skip_bad: bool) -> tuple[Facts, list[Any], Texts]:
    """Facts, records and texts of a batch.

    Args:
        domain: of records that name none, or of all.
        settled: of all.
        skip_bad: pass over lines that are no documents.

    Raises:
        BadDocument: the first line that is no document, unless they are passed over.
    """
    raw = lines.raw
    starts, ends, numbers = lines.bounds
    pieces = [raw[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    bad: list[int] = []
    kinds: Counter[str] = Counter()
    try:
        records = list(map(orjson.loads, pieces))
        strings = [record["text"] for record in records]
        texts = Texts.of(strings)
        sizes = texts.sizes
        fine = not len(sizes) or (sizes.min() > 0 and sizes.max() <= LARGEST_DOCUMENT)
        fine = fine and not any(map(str.isspace, strings))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        fine, records, texts = False, [], Texts.of([])
    if not fine:
        records = []
        for i, piece in enumerate(pieces):
            where = lines.where(int(numbers[i]))
            try:
                record = parse_line(piece, where, lines.offset + int(starts[i]))
                document_of(record, where, "", "")
                records.append(record)
            except BadDocument as found:
                if not skip_bad:
                    raise
                bad.append(i)
                kinds[found.kind] += 1
        texts = Texts.of([record["text"] for record in records])
    rows = np.delete(numbers, bad).tolist() if bad else numbers.tolist()
    codes: dict[str, int] = {}
    hashed = xxhash.xxh3_64_intdigest
    domains, keys = [], []
    for record, number in zip(records, rows, strict=True):
        named = None if settled else record.get("domain")
        name = named if isinstance(named, str) and named else domain
        domains.append(codes.setdefault(name, len(codes)))
        given = record.get("id")
        keys.append(document_key(name, f"{lines.name}:{number}" if given is None else clean(given)))
    data, offsets = texts.data.data, texts.offsets.tolist()
    prints = [hashed(data[offsets[i] : offsets[i + 1]]) for i in range(len(texts))]
    facts = Facts(
        texts.sizes, list(codes), np.array(domains, np.int32), np.array(keys, np.uint64), np.array(prints, np.uint64),
        np.array(bad, np.int64), dict(kinds),
    )  # fmt: skip
    return facts, records, texts
