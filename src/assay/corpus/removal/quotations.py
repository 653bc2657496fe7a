"""Which strings of reports, labels and pages quote documents that are removed."""

import re
from collections.abc import Iterable
from typing import Any

LEAST = 12  # characters that count as a quotation
_KEY = 8  # characters by which quotations are looked up
_BREAK = re.compile(r"…|\[…\]|[\r\n]+")  # where an excerpt leaves something out, or lines were joined


def _plain(text: str) -> str:
    return " ".join(text.split())


def pieces(text: str) -> set[str]:
    """What a string may quote: all of it, and its parts between line ends and marks of omission."""
    found = {_plain(piece).strip("“”… ") for piece in (text, *_BREAK.split(text))}
    return {piece for piece in found if len(piece) >= LEAST}


class Quotations:
    """Strings that may quote documents. `see` is shown the documents, `quotes` knows afterwards what quoted any."""

    def __init__(self) -> None:
        self._by_key: dict[str, set[str]] = {}
        self._quoted: set[str] = set()

    def watch(self, strings: Iterable[str]) -> None:
        """Look for quotations in these strings too."""
        for text in strings:
            for piece in pieces(text):
                self._by_key.setdefault(piece[:_KEY], set()).add(piece)

    def see(self, text: str) -> None:
        """Note which of the strings quote a text."""
        if not self._by_key:
            return
        plain = _plain(text)
        for place in range(len(plain) - LEAST + 1):
            for piece in self._by_key.get(plain[place : place + _KEY], ()):
                if plain.startswith(piece, place):
                    self._quoted.add(piece)

    def quotes(self, text: str) -> bool:
        """Whether a string that was watched quotes any text that was seen."""
        return not self._quoted.isdisjoint(pieces(text))

    def without(self, said: Any) -> Any:
        """JSON data with a remark in the place of every quotation."""
        if isinstance(said, dict):
            return {self.without(name): self.without(value) for name, value in said.items()}
        if isinstance(said, list):
            return [self.without(value) for value in said]
        return "(removed on request)" if isinstance(said, str) and self.quotes(said) else said


def strings_of(said: Any) -> Iterable[str]:
    """All strings in JSON data, names of fields too."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield name
            yield from strings_of(value)
    elif isinstance(said, list):
        for value in said:
            yield from strings_of(value)
    elif isinstance(said, str):
        yield said
