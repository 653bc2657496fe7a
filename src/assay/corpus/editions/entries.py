"""Entries of a document's list of steps: what changed its text, and how many bytes each rule took away.

`clean: web_lines.javascript -120, personal_data.email +3 (1 finding)`
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_RULE = re.compile(r"(.+?) ([+-]\d+)(?:, |$)")
_ENTRY = re.compile(r"(?P<rules>.+? [+-]\d+(?:, .+? [+-]\d+)*)(?: \((?P<detail>.*)\))?", re.DOTALL)


class Entry(NamedTuple):
    """A change of a text. `taken`: bytes taken away by rule; in entries of earlier versions, None."""

    taken: dict[str, int | None]
    detail: str


def write_entry(step: str, taken: Mapping[str, int], detail: str) -> str:
    """What a step changed, in a line."""
    rules = ", ".join(f"{rule} {-size:+d}" for rule, size in taken.items())
    return f"{step}: {rules} ({detail})" if detail else f"{step}: {rules}"


def read_entry(step: str, entry: str) -> Entry:
    """What `write_entry` wrote for a step."""
    said = entry.removeprefix(f"{step}: ")
    found = _ENTRY.fullmatch(said)
    if found:
        return Entry({rule: -int(size) for rule, size in _RULE.findall(found["rules"])}, found["detail"] or "")
    rules, _, detail = said.partition(" (")
    return Entry(dict.fromkeys(rules.split(", ")), detail.removesuffix(")"))
