"""Two versions of a text, in a few lines."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest

MOST_LINES = 10
WIDTH = 160
_BEFORE = 40  # characters of a long line that stand before what differs
_LOOKED_AT = 200  # lines after the first difference; comparing takes time with their square


def text_difference(before: str, after: str) -> list[str]:
    """Lines that went, with "- " before them, and that came, with "+ "; long ones around where they differ.

    At most `MOST_LINES`, with a last line that says so if there are more. Blank lines are not shown.
    """
    one, two = before.splitlines(), after.splitlines()
    same = 0
    while same < min(len(one), len(two)) and one[same] == two[same]:
        same += 1
    while len(one) > same and len(two) > same and one[-1] == two[-1]:
        one.pop()
        two.pop()
    found = list(_lines(one[same : same + _LOOKED_AT], two[same : same + _LOOKED_AT]))
    cut = len(found) > MOST_LINES or max(len(one), len(two)) - same > _LOOKED_AT
    if not found and before != after:
        return ["(only blank lines or line ends differ)"] if not cut else ["…"]
    return [*found[:MOST_LINES], *(["…"] if cut else [])]


def _lines(one: list[str], two: list[str]) -> Iterator[str]:
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for left, right in zip_longest(one[a:b], two[c:d]):
            start = _start(left, right) if left is not None and right is not None else 0
            if left is not None and left.strip():
                yield f"- {_clip(left, start)}"
            if right is not None and right.strip():
                yield f"+ {_clip(right, start)}"


def _start(left: str, right: str) -> int:
    """Where to begin showing two lines, so that the first difference is seen."""
    place = next((i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(left), len(right)))
    return max(0, place - _BEFORE) if max(len(left), len(right)) > WIDTH else 0


def _clip(line: str, start: int) -> str:
    shown = line[start : start + WIDTH]
    return ("…" if start else "") + shown + ("…" if start + WIDTH < len(line) else "")
