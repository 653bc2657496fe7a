"""Personal data in many texts at once: numpy picks out the few places worth a look, patterns look at those."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.corpus.personal.keys import PLACEHOLDER, find_keys
from assay.corpus.personal.kinds import CONTEXT, EMAIL, IBAN, IPV6, NUMBERS, Kind
from assay.corpus.texts import Texts

_LONGEST = 256  # bytes after a place that a pattern sees: longer than any number, IBAN or address
_AT, _COLON = ord("@"), ord(":")


def _table(characters: bytes) -> np.ndarray:
    table = np.zeros(256, bool)
    table[np.frombuffer(characters, np.uint8)] = True
    return table


_DIGIT = _table(b"0123456789")
_UPPER = _table(bytes(range(65, 91)))
_HEX = _table(b"0123456789abcdefABCDEF")
_LOCAL = _table(bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123)) + b".!#$%&'*+=?^_{|}~-")
_BETWEEN = _table(b" ().-")
_WIDEST_GAP = 4  # `+1 (202) - 332`
_FEWEST_DIGITS, _SHORTEST = 4, 7  # of a number: 8.8.8.8


class Finding(NamedTuple):
    """A piece of personal data in a text: bytes `start` to `end`, its kind, and what may stand in its place."""

    start: int
    end: int
    kind: str
    placeholder: str


def find(texts: Texts) -> dict[int, list[Finding]]:
    """What is found in each text that has any, in order and without overlaps; kinds found first win."""
    base, end = int(texts.offsets[0]), int(texts.offsets[-1])
    texts = Texts(texts.data[base:end], texts.offsets - base)
    found: dict[int, list[Finding]] = defaultdict(list)
    for i in range(len(texts)):
        for start, end in find_keys(texts.bytes(i)):
            found[i].append(Finding(start, end, "key", PLACEHOLDER))
    for kind, places in _places(texts):
        owners = np.searchsorted(texts.offsets, places, side="right") - 1
        for place, owner in zip(places.tolist(), owners.tolist(), strict=True):
            first, last = texts.offsets[owner : owner + 2].tolist()
            _match(texts, kind, place, first, last, found[owner])
    for start, end, owner in _numbers(texts):
        first, last = texts.offsets[owner : owner + 2].tolist()
        _match_numbers(texts, start, end, first, last, found[owner])
    return {i: sorted(each) for i, each in found.items() if each}


def _match(texts: Texts, kind: Kind, place: int, first: int, last: int, found: list[Finding]) -> None:
    """Add what a pattern matches from a place on, in the text of bytes `first` to `last`."""
    view = texts.data[max(first, place - CONTEXT) : min(last, place + _LONGEST)].tobytes()
    before = place - max(first, place - CONTEXT)
    match = kind.pattern.match(view, before)
    if match:
        _add(found, kind, match, view[:before], place - first)


def _match_numbers(texts: Texts, start: int, end: int, first: int, last: int, found: list[Finding]) -> None:
    """Add the numbers in a run of digits and what stands between them, `+` or `(` before it included."""
    begin = max(first, start - CONTEXT)
    view = texts.data[begin : min(last, end + 2)].tobytes()
    opening = 1 if view[: start - begin].endswith((b"+", b"(")) else 0
    for kind in NUMBERS:
        for match in kind.pattern.finditer(view, start - begin - opening):
            before = view[max(0, match.start() - CONTEXT) : match.start()]
            _add(found, kind, match, before, begin - first + match.start())


def _add(found: list[Finding], kind: Kind, match: re.Match[bytes], before: bytes, place: int) -> None:
    """Add what matched at a place of its text, if it is one of its kind and nothing else was found there."""
    if match[0] == kind.placeholder.encode() or not kind.check(match, before):
        return
    end = place + len(match[0])
    if all(end <= other.start or place >= other.end for other in found):
        found.append(Finding(place, end, kind.name, kind.placeholder))


def _places(texts: Texts) -> Iterator[tuple[Kind, np.ndarray]]:
    """Where an e-mail address, an IBAN or an IPv6 address may begin."""
    data = texts.data
    starts = []
    for at in np.flatnonzero(data == _AT).tolist():
        low = max(0, at - 64, int(texts.offsets[np.searchsorted(texts.offsets, at, side="right") - 1]))
        other = np.flatnonzero(~_LOCAL[data[low:at]])
        start = low + int(other[-1]) + 1 if len(other) else low
        while start < at and not (_DIGIT[data[start]] or chr(data[start]).isalpha()):
            start += 1
        if start < at:
            starts.append(start)
    yield EMAIL, np.unique(np.array(starts, np.int64))
    if len(data) < 16:
        return
    digit = np.flatnonzero(_digits(data[2:-1])) + 2
    pairs = digit[_DIGIT[data[digit + 1]] & _UPPER[data[digit - 1]] & _UPPER[data[digit - 2]]] - 2
    yield IBAN, pairs[np.isin(pairs, texts.offsets) | ~(_UPPER | _DIGIT)[data[pairs - 1]]]
    colon = np.flatnonzero(data[4:] == _COLON) + 4
    groups = colon[
        np.isin(data[colon - 4], np.frombuffer(b"23", np.uint8))
        & _HEX[data[colon - 3]] & _HEX[data[colon - 2]] & _HEX[data[colon - 1]]
    ] - 4  # fmt: skip
    yield IPV6, groups[np.isin(groups, texts.offsets) | ~(_HEX | _table(b":.xX"))[data[groups - 1]]]


def _numbers(texts: Texts) -> Iterator[tuple[int, int, int]]:
    """Runs of digits, with at most three other characters of numbers between two: start, end, and whose they are."""
    data = texts.data
    digits = np.flatnonzero(_digits(data))
    if not len(digits):
        return
    owners = np.searchsorted(texts.offsets, digits, side="right") - 1
    gaps = np.diff(digits)
    joined = (gaps <= _WIDEST_GAP) & (owners[1:] == owners[:-1])
    for step in range(1, _WIDEST_GAP):
        wide = np.flatnonzero(joined & (gaps > step))
        joined[wide[~_BETWEEN[data[digits[wide] + step]]]] = False
    ends = np.append(np.flatnonzero(~joined), len(digits) - 1)
    starts = np.append(0, ends[:-1] + 1)
    chosen = (ends - starts + 1 >= _FEWEST_DIGITS) & (digits[ends] - digits[starts] >= _SHORTEST - 1)
    starts, ends = starts[chosen], ends[chosen]
    yield from zip(digits[starts].tolist(), (digits[ends] + 1).tolist(), owners[starts].tolist(), strict=True)


def _digits(data: np.ndarray) -> np.ndarray:
    return (data - np.uint8(48)) < 10
