"""Names and arithmetic in braces, as in `--lr={optimiser.lr}` or `{steps - 1}`; nothing is ever executed.

In braces stand names, numbers, `+ - * / // % **` and `round`, `floor`, `ceil`, `sqrt`, `min`, `max`. `{{` and `}}` are
braces themselves.
"""

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b if abs(b) <= 64 else float(a) ** b,  # which overflows where whole numbers take for ever
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "round": round, "floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt, "min": min, "max": max,
}  # fmt: skip


def names_of(expression: str) -> set[str]:
    """The names that an expression without braces uses. Raises `ValueError` when it is not one."""
    found: set[str] = set()
    _walk(_parse(expression), lambda name: found.add(name) or 1.0, checking=True)
    return found


def names_in(text: str) -> set[str]:
    """The names in a text's braces. Raises `ValueError` when something in braces is not an expression."""
    return {name for match in _HOLE.finditer(text) if match[1] is not None for name in names_of(match[1])}


def value_of(expression: str, values: Mapping[str, Any]) -> Any:
    """What an expression without braces comes to.

    Raises:
        ValueError: arithmetic with something that is not a number, or with no result.
    """
    try:
        return _walk(_parse(expression), values.__getitem__, checking=False)
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"'{expression}' cannot be worked out: {error}") from None


def fill(text: str, values: Mapping[str, Any]) -> str:
    """A text with its braces filled in. Raises `ValueError` as `value_of` does."""

    def put(match: re.Match[str]) -> str:
        return match[0][0] if match[1] is None else as_text(value_of(match[1], values))

    return _HOLE.sub(put, text)


def fill_typed(value: Any, values: Mapping[str, Any]) -> Any:
    """Nested data with braces filled in; a text that is nothing but one pair of braces becomes the value itself."""
    if isinstance(value, Mapping):
        return {key: fill_typed(inner, values) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [fill_typed(inner, values) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, str):
        return value
    whole = _HOLE.fullmatch(value)
    return value_of(whole[1], values) if whole and whole[1] is not None else fill(value, values)


def texts_in(value: Any) -> list[str]:
    """All texts in nested data."""
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in texts_in(inner)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in texts_in(inner)]  # pyright: ignore[reportUnknownVariableType]
    return [value] if isinstance(value, str) else []


def as_text(value: Any) -> str:
    """A value as a command line has it: numbers in full, `true`, `null`, JSON for tables."""
    return value if isinstance(value, str) else json.dumps(value)


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"'{{{expression}}}' is not a name or arithmetic; write {{{{ and }}}} for braces") from None


def _walk(node: ast.expr, look_up: Callable[[str], Any], checking: bool) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name() | ast.Attribute():
            return look_up(_dotted(node))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_walk(operand, look_up, checking)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b = _walk(left, look_up, checking), _walk(right, look_up, checking)
            return 1.0 if checking else _OPERATORS[type(op)](a, b)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS and arguments:
            numbers = [_walk(argument, look_up, checking) for argument in arguments]
            return 1.0 if checking else _FUNCTIONS[name](*numbers)
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is neither a name nor arithmetic that is known here")


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{_dotted(inner)}.{name}"
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is not a name")
