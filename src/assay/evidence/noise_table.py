"""Parts of the noise from a plain table of runs: columns init, data, value and perhaps repeat and scale."""

from pathlib import Path
from typing import Any

from assay.evidence.tables import read_table
from assay.evidence.variance import Components, Interval, crossed
from assay.spec.errors import UserError


def noise_table(path: Path, value: str = "value") -> list[dict[str, Any]]:
    """Parts of the variance of a score at each scale, in the unit of the values and in per cent of their mean.

    Args:
        path: CSV or TSV with a row a run. `init` and `data` say which seeds were the same; runs with both the same are
            repeats. With a column `scale` each scale is split by itself.
        value: column of the scores.

    Returns:
        One row a scale: `scale`, `runs`, `mean`, `repeats`, and for each part `value`, `low`, `high`, `percent`.

    Raises:
        UserError: what is wrong with the table, in one sentence.
    """
    table = read_table(path, ("init", "data", value), least=4)
    names = list(dict.fromkeys(table.text("scale"))) if "scale" in table.columns else [None]
    found: list[dict[str, Any]] = []
    for name in names:
        rows = table if name is None else table.where("scale", name, least=4)
        values = rows.numbers(value)
        init, data = ([entry.strip() for entry in rows.text(column)] for column in ("init", "data"))
        if "repeat" in rows.columns:
            keys = [(a, b, r.strip()) for a, b, r in zip(init, data, rows.text("repeat"), strict=True)]
            if len(set(keys)) < len(keys):
                twice = next(key for i, key in enumerate(keys) if key in keys[:i])
                raise UserError(
                    f"{path}: init {twice[0]}, data {twice[1]}, repeat {twice[2]} stands there twice; keep one row"
                )
        try:
            parts = crossed(init, data, [float(v) for v in values])
        except UserError as error:
            raise UserError(f"{path}{f', scale {name}' if name is not None else ''}: {error}") from None
        mean = float(values.mean())
        found.append(
            {"scale": name, "runs": len(values), "mean": mean, "repeats": parts.repeats, "parts": _facts(parts, mean)}
        )
    return found


def _facts(parts: Components, mean: float) -> dict[str, dict[str, float | None] | None]:
    def said(part: Interval | None) -> dict[str, float | None] | None:
        if part is None:
            return None
        percent = 100 * part.value / abs(mean) if mean else None
        return {"value": part.value, "low": part.low, "high": part.high, "percent": percent}

    return {
        "initialisation": said(parts.init), "data order": said(parts.data), "interaction": said(parts.interaction),
        "repeat": said(parts.repeat), "total": said(parts.total),
    }  # fmt: skip
