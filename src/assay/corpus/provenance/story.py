"""The story of a document: where it comes from, and what each step did to it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from assay.corpus.editions.origin import Origin

#: Characters of a hash that name a document; fewer may be a slip of the pen.
SHORTEST = 6
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Chapter:
    """A document after one step.

    Attributes:
        place: id of the edition, or the folder.
        step: that made it.
        fate: `added`, `kept`, `changed` or `removed`.
        rules: that changed or removed it.
        detail: what was seen.
        bytes: of its text then.
        text: its text then.
    """

    place: str
    step: str
    fate: str
    rules: tuple[str, ...]
    detail: str
    bytes: int
    text: str


@dataclass
class DocumentStory(Origin):
    """A document and what became of it, from the first step to the last."""

    extra: dict[str, Any]
    chapters: list[Chapter] = field(default_factory=list)

    def facts(self, characters: int) -> dict[str, Any]:
        """As JSON data, with so much of each text."""
        chapters = [asdict(chapter) for chapter in self.chapters]
        for chapter in chapters:
            chapter["text"] = chapter["text"][:characters]
        return {**{name: value for name, value in vars(self).items() if name != "chapters"}, "history": chapters}


def hash_prefix(wanted: str) -> str:
    """The beginning of a hash, if that may be meant; else ''."""
    return wanted.lower() if len(wanted) >= SHORTEST and set(wanted.lower()) <= _HEX else ""


def is_called(wanted: str, domain: str, name: str) -> bool:
    """Whether a document is meant: by its id, or by `DOMAIN:ID`, as steps write it."""
    return wanted in (name, f"{domain}:{name}")
