"""The contract of an evaluation task, and what its rows and results are made of."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class Measured(NamedTuple):
    """What was measured on one item."""

    values: dict[str, float]
    """By measure; the same measures for every item of a task. Those of `LOWER_IS_BETTER` should fall, others rise."""
    group: str = ""
    """The part of the task that the item belongs to, such as a paradigm; "" where there are none."""
    weight: float = 1.0
    """In means over items: 1, or its bytes where a mean is one over bytes."""
    options: int = 0
    """How many answers there were to choose from, for the accuracy of guessing; 0 where nothing is chosen."""
    text: str = ""
    """What the model wrote, where it was asked to."""


class Query(NamedTuple):
    """How likely is the continuation after the prompt, which may be empty?"""

    prompt: str
    continuation: str


#: Measures that a better model has less of.
LOWER_IS_BETTER = ("bits_per_byte", "bits")


class Row:
    """One line of an evaluation file; its fields are asked for by name and type.

    Raises:
        UserError: the line is no object, or a field is missing or of another type; the message names file and line.
    """

    def __init__(self, record: Any, where: str) -> None:
        if not isinstance(record, dict):
            raise UserError(f"{where}: expected an object, but found {_short(record)}")
        self._record, self._where = record, where

    def text(self, name: str, empty: bool = False) -> str:
        """A string, which may be empty only if `empty`."""
        return self._checked(self._get(name), name, empty)

    def optional(self, *names: str) -> str:
        """The first of these fields that there is, as text; "" without any."""
        return next((str(self._record[name]) for name in names if name in self._record), "")

    def texts(self, name: str) -> list[str]:
        """A list of at least two strings."""
        found = self._get(name)
        if not isinstance(found, list) or len(found) < 2:
            raise self.wrong(name, "a list of at least two texts", found)
        return [self._checked(value, name) for value in found]

    def index(self, name: str, count: int) -> int:
        """The number of one of `count` things, from 0; digits in quotes pass for a number."""
        found = self._get(name)
        number = int(found) if isinstance(found, str) and found.isdecimal() else found
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
            raise self.wrong(name, f"a whole number from 0 to {count - 1}", found)
        return number

    def wrong(self, name: str, expected: str, found: Any) -> UserError:
        """The error of a field that is not what was expected."""
        return UserError(f"{self._where}: '{name}' should be {expected}, but is {_short(found)}")

    def _get(self, name: str) -> Any:
        if name not in self._record:
            raise UserError(
                f"{self._where}: no field '{name}'; there are: {', '.join(map(str, self._record)) or 'none'}"
            )
        return self._record[name]

    def _checked(self, value: Any, name: str, empty: bool = False) -> str:
        if not isinstance(value, str) or not (value.strip() or empty):
            raise self.wrong(name, "text", value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong(name, "text without half surrogate pairs", value) from None
        return value


class Task(Protocol):
    """One way to evaluate a model; an item is whatever `read` makes of a row.

    `fields` are those that a row needs; a file whose rows have them is recognised by them. `measure` gives one result
    an item, in order, and for the same items the same values to 1e-5 nats however the reader batches them. `texts` are
    those of an item that no training text should hold; where answers follow a question, it comes first, alone.
    """

    fields: tuple[str, ...]

    def read(self, row: Row) -> Any: ...
    def measure(self, items: Sequence[Any], reader: "Reader") -> list[Measured]: ...
    def texts(self, item: Any) -> list[str]: ...


def bits_per_byte(nats: float, text: str) -> float:
    """Bits for each byte of the text, at a cost in nats."""
    return nats / (math.log(2) * len(text.encode()))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
