"""How numbers, intervals, times and changes are written: the same everywhere in the report."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

UNBOUNDED = "not bounded yet"
UNKNOWN = "–"
MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits: 1,230, 12.3, 0.0123, 1.23×10⁷."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    if power >= 6 or power < -4:
        return scientific(value, digits)
    text = f"{float(f'{mantissa}e{power}'):,.{max(0, digits - 1 - power)}f}"
    return text.replace("-", MINUS)


def scientific(value: float, digits: int = 2) -> str:
    """A number as a power of ten: 1.2×10¹¹."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", MINUS)


def whole(value: float) -> str:
    return f"{value:,.0f}"


def percent(value: float | None, signed: bool = True) -> str:
    """Per cent, with two decimals below 10; an effect carries its sign."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    decimals = 2 if size < 10 else 1 if size < 100 else 0
    if 0 < size < 0.005:
        return f"{_sign(value, signed)}{significant(size, 1)}%"
    return f"{_sign(value, signed)}{size:,.{decimals}f}%"


def _sign(value: float, signed: bool) -> str:
    return MINUS if value < 0 else "+" if signed and value > 0 else ""


def percent_range(low: float | None, high: float | None) -> str:
    """The ends of an interval in per cent."""
    return _range(low, high, percent, UNBOUNDED)


def multiplier(value: float | None) -> str:
    return "beyond range" if value is None else f"{value:.2f}×" if value < 100 else f"{value:,.0f}×"


def multiplier_range(low: float | None, high: float | None) -> str:
    """The ends of a multiplier's interval; an end that left the measured range is not bounded."""
    return _range(low, high, multiplier, "no interval")


def _range(low: float | None, high: float | None, write: Any, neither: str) -> str:
    if low is None and high is None:
        return neither
    if low is None:
        return f"up to {write(high)}, below {UNBOUNDED}"
    if high is None:
        return f"from {write(low)}, above {UNBOUNDED}"
    return f"{write(low)} to {write(high)}"


def score(value: float | None) -> str:
    """Bits per byte."""
    return UNKNOWN if value is None else f"{value:.4f}"


def difference(value: float | None) -> str:
    """A difference in bits per byte."""
    return UNKNOWN if value is None else f"{_sign(value, True)}{abs(value):.4f}"


def e_value(value: float | None) -> str:
    return UNKNOWN if value is None else significant(value)


def flops(value: float) -> str:
    return f"{scientific(value)} FLOPs"


def duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds)} s"


def size(count: float) -> str:
    """Bytes in decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{significant(count / factor)} {unit}"
    return f"{count:.0f} B"


def data_cost(cost: Mapping[str, Any]) -> str:
    """What choosing training text took, took away and leads to: `1.2 s of one core; 312 documents less …`."""
    removed, left = cost["removed"], cost["left"]
    share = removed["bytes"] / max(1, removed["bytes"] + left["bytes"])
    rules = sorted(cost["rules"].items(), key=lambda item: -item[1])
    by = f" (most by {', '.join(f'{rule}: {count:,}' for rule, count in rules[:3])})" if rules else ""
    said = (
        f"{cost['cpu_seconds']:.1f} s of one core; {plural(removed['documents'], 'document')} less{by}, "
        f"{size(removed['bytes'])} less ({100 * share:.1f}%), {removed['tokens']:,} tokens less"
    )
    if not cost["content"]:
        said = (f"{cost['cpu_seconds']:.1f} s of one core; " if cost["cpu_seconds"] else "") + "no text taken away"
    return said + (f"; times a run reads it: {epochs(cost['epochs'])}" if cost["epochs"] else "")


def epochs(by_scale: Mapping[str, Mapping[str, float]]) -> str:
    """How often runs read each domain: `small: code 0.12, prose 0.4`."""
    return "; ".join(
        f"{scale}: {', '.join(f'{name} {significant(value)}' for name, value in domains.items())}"
        for scale, domains in by_scale.items()
    )


def money(usd: float) -> str:
    return f"${usd:,.2f}"


def time(iso: str | None) -> str:
    """A moment in UTC, to the minute."""
    if not iso:
        return UNKNOWN
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def value(thing: Any) -> str:
    """A recipe's value as people write it."""
    match thing:
        case bool():
            return "on" if thing else "off"
        case float():
            return f"{thing:g}"
        case None:
            return "by tokens"
        case dict():
            return ", ".join(f"{key} {value(weight)}" for key, weight in thing.items())
        case _:
            return str(thing)


def change(changed: Mapping[str, Any]) -> str:
    """A change to a recipe in one line."""
    return "; ".join(f"{key} = {value(new)}" for key, new in changed.items()) or "nothing"


def nice_step(span: float, count: int) -> float:
    """The round number (1, 2 or 5 times a power of ten) that divides a span into about so many parts."""
    raw = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
