"""Documents with their provenance, and the key by which they are split."""

import hashlib
import re
from dataclasses import dataclass

from assay.spec.errors import UserError

UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True)
class Document:
    """One text, where it comes from, and with which others it must stay together.

    `group` names the source file: documents of one group fall on the same side of the split, in whichever
    domain they are. It never holds a path of this machine, so a corpus that is moved splits the same way.
    """

    text: str
    id: str
    source: str
    licence: str
    group: str


def content_group(content: bytes) -> str:
    """Group of everything that was taken from one source file: a hash of the file's bytes."""
    return "content:" + hashlib.sha256(content).hexdigest()


def id_group(document_id: str) -> str:
    """Group of a record that names its document: `repository:path#3` belongs to `repository:path`."""
    return "id:" + document_id.partition("#")[0]


@dataclass(frozen=True)
class Source:
    """A domain's name and where its text is: a path, `hf:ORG/NAME[:CONFIG[:SPLIT]]`, or `python:code|tests|docs`.

    Raises:
        UserError: the name is not lower-case letters, digits, `_` and `-`.
    """

    name: str
    location: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", self.name):
            raise UserError(
                f"corpus domain '{self.name}': a name should be lower-case letters, digits, '_' and '-', "
                f"starting with a letter or digit, as in 'prose=./books'"
            )
