"""What a document is called and where it comes from, as the rows of editions say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Domain, id and hash, as it came in, of a document.
Key = tuple[str, str, bytes]


@dataclass
class Origin:
    """What stays the same in all editions. `hash`: of the text as it came in, in hex."""

    id: str
    domain: str
    source: str
    licence: str
    retrieved: str
    group: str
    hash: str


def key_of(row: Mapping[str, Any]) -> Key:
    """By what a document is known in all editions."""
    return row["domain"], row["id"], row["hash"]


def origin_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an `Origin`."""
    said = ("id", "domain", "source", "licence", "retrieved", "group")
    return {name: row[name] for name in said} | {"hash": row["hash"].hex()}
