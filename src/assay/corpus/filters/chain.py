"""Filters one after the other: each sees the texts as those before it left them."""

from collections.abc import Iterator, Sequence

import numpy as np

from assay.corpus.filters.filter import Edited, Filter
from assay.corpus.filters.kept_lines import line_sizes
from assay.corpus.filters.parsed import LONGEST, Parsed, chunks
from assay.corpus.texts import Texts

#: By the name of a filter with edits: (N, edits) bool, which are switched on for each of N documents.
Switches = dict[str, np.ndarray]


def measure(filters: Sequence[Filter], texts: Texts, switches: Switches) -> dict[str, np.ndarray]:
    """Every statistic of N texts, (N,) float64 each, as `FILTER.STATISTIC`; a document's do not depend on the others.

    Of a document longer than `LONGEST` its beginning is measured.
    """
    found: dict[str, list[np.ndarray]] = {}
    for first, parsed in chunks(texts, LONGEST):
        for each in filters:
            if each.edits:
                edited = each.edit(parsed, switches[each.name][first : first + len(parsed)])
                parsed = Parsed(_replaced(parsed.texts, edited)) if edited.texts else parsed
            if each.rules:
                for name, values in each.measure(parsed).items():
                    found.setdefault(f"{each.name}.{name}", []).append(values.astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def losses(filters: Sequence[Filter], texts: Texts) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What learned edits would take away from N texts if each were the only one.

    Returns:
        By filter, (N, edits) int64; and (N,) int64, bytes of lines with something on them.
    """
    found: dict[str, list[np.ndarray]] = {}
    filled: list[np.ndarray] = []
    for _, whole in chunks(texts, longest=None):
        long = len(whole) == 1 and len(whole.data) > LONGEST
        parts = [Parsed(piece) for piece in _pieces(whole.texts)] if long else [whole]
        filled.append(_summed([_filled(part) for part in parts]))
        for each in filters:
            if any(edit.learned for edit in each.edits):
                found.setdefault(each.name, []).append(_summed([each.losses(part) for part in parts]))
    none = np.zeros(0, np.int64)
    return {name: np.concatenate(parts) for name, parts in found.items()}, np.concatenate([none, *filled])


def _summed(parts: list[np.ndarray]) -> np.ndarray:
    """Of the pieces of a document, or of many documents in one piece."""
    return parts[0] if len(parts) == 1 else np.sum(parts, axis=0)


def _filled(parsed: Parsed) -> np.ndarray:
    """(N,) bytes of lines with something on them."""
    lines = parsed.screen_lines
    first, after = parsed.words_of(lines)
    return lines.sums(line_sizes(parsed, lines) * (first < after))


class Changes:
    """What the edits of a chain made of N texts.

    Attributes:
        texts: the new text of each that changed, by number.
        rules: `FILTER.EDIT` of every edit that changed it, by number.
        details: what was changed, in words, by number.
        taken: bytes that each of those edits took away, by number.
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.rules: dict[int, tuple[str, ...]] = {}
        self.details: dict[int, str] = {}
        self.taken: dict[int, tuple[int, ...]] = {}


def edit(filters: Sequence[Filter], texts: Texts, switches: Switches) -> Changes:
    """Make every edit that is switched on."""
    changes = Changes()
    for first, parsed in chunks(texts, longest=None):
        current = parsed
        changed: dict[int, bytes] = {}
        for each in filters:
            if not each.edits:
                continue
            on = switches[each.name][first : first + len(parsed)]
            edited = _edited(each, current, on)
            used = edited.taken != 0 if edited.used is None else edited.used
            for i, text in edited.texts.items():
                changed[i] = text
                names = tuple(f"{each.name}.{edit.name}" for edit, was in zip(each.edits, used[i], strict=True) if was)
                changes.rules[first + i] = changes.rules.get(first + i, ()) + names
                taken = tuple(edited.taken[i][used[i]].tolist())
                changes.taken[first + i] = changes.taken.get(first + i, ()) + taken
                if i in edited.details:
                    before = changes.details.get(first + i)
                    changes.details[first + i] = "; ".join(filter(None, (before, edited.details[i])))
            current = Parsed(_replaced(current.texts, edited)) if edited.texts else current
        changes.texts.update({first + i: text.decode() for i, text in changed.items()})
    return changes


def _edited(each: Filter, parsed: Parsed, on: np.ndarray) -> Edited:
    """The edits of a filter; a long document is taken in pieces of whole lines."""
    if len(parsed) > 1 or len(parsed.data) <= LONGEST:
        return each.edit(parsed, on)
    parts = [each.edit(Parsed(piece), on) for piece in _pieces(parsed.texts)]
    if not any(part.texts for part in parts):
        return parts[0]
    text = b"\n".join(
        part.texts.get(0, piece.bytes(0)) for part, piece in zip(parts, _pieces(parsed.texts), strict=True)
    )
    used = [part.taken != 0 if part.used is None else part.used for part in parts]
    details = "; ".join(part.details[0] for part in parts if 0 in part.details)
    return Edited(
        {0: text}, np.sum([part.taken for part in parts], axis=0), np.any(used, axis=0), {0: details} if details else {}
    )


def _pieces(texts: Texts) -> Iterator[Texts]:
    """A long document in pieces between newlines, of at most `LONGEST` bytes where its lines allow it."""
    raw, start = texts.bytes(0), 0
    while start <= len(raw):
        end = len(raw)
        if end - start > LONGEST:
            cut = raw.rfind(b"\n", start, start + LONGEST)
            cut = raw.find(b"\n", start) if cut < 0 else cut
            end = cut if cut >= 0 else end
        yield Texts(texts.data, texts.offsets[0] + np.array([start, end]))
        start = end + 1


def _replaced(texts: Texts, edited: Edited) -> Texts:
    """The texts with those that an edit changed."""
    parts = [edited.texts.get(i) if i in edited.texts else texts.bytes(i) for i in range(len(texts))]
    kept = [part for part in parts if part is not None]
    offsets = np.concatenate(([0], np.cumsum([len(part) for part in kept])))
    return Texts(np.frombuffer(b"".join(kept), np.uint8), offsets)
