"""Frozen models, canonical JSON, content hashes, and reading TOML with errors a person can act on."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from assay.spec.errors import UserError
from assay.spec.places import place

_EXPECTED = {
    "extra_forbidden": "no such key",
    "missing": "this key is required",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "a text that is not empty",
}
_LONGEST = 120  # characters of a value that a message repeats


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, finite numbers only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


class Frozen(BaseModel):
    """Base of every specification: immutable, strict, no unknown keys, content-hashed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)

    def identity(self) -> dict[str, Any]:
        """What the hash covers: only fields that differ from their default.

        So adding a field later, whose default means "as before", leaves every old hash as it was.
        """
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def hash(self) -> str:
        """Content hash: 16 hex digits of SHA-256 over the canonical JSON of `identity()`."""
        return sha256_text(canonical_json(self.identity()))[:16]

    @classmethod
    def parse(cls, data: Any, where: str | Path) -> Self:
        """Validate plain data; on failure one sentence that names `where`, the key and what was expected.

        Args:
            where: what the data are; of a TOML file the line of the key is named too.

        Raises:
            UserError: the data do not fit.
        """
        try:
            text = json.dumps(data)
        except TypeError:  # what TOML can say and JSON cannot
            raise UserError(f"{where}: dates and times are not expected here; put them in quotes") from None
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise UserError(explain(error, where)) from None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read and validate a TOML file. Raises `UserError` naming file, line, key and what was expected."""
        return cls.parse(read_toml(path), path)

    def to_toml(self) -> str:
        """TOML text of every field that is not None, defaults included; reads back to an equal model."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def explain(error: ValidationError, where: str | Path, table: str = "") -> str:
    """One sentence for the first problem in a pydantic error, naming the key (of a table) and what was expected.

    Args:
        where: what is wrong; of a TOML file the line of the key is named too.
    """
    # A key that is misspelt is also missing; the spelling is what to look at.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    # A part in angle brackets tells which member of a union was meant, which is no part of the file.
    key = (
        ".".join(part for part in [*table.split("."), *map(str, first["loc"])] if part and not part.startswith("<"))
        or "the whole file"
    )
    kind = first["type"]
    if isinstance(where, Path):
        where = place(where, key)
    if kind == "extra_forbidden":
        sentence = f"{where}: unknown key '{key}'; remove it or correct its spelling"
    elif kind == "missing":
        sentence = f"{where}: key '{key}' is missing; it is required"
    elif kind == "value_error":
        message = first["msg"].removeprefix("Value error, ")
        sentence = f"{where}: {message}" if key == "the whole file" else f"{where}: key '{key}': {message}"
    elif kind == "too_short":
        least = first["ctx"]["min_length"] if "ctx" in first else 1
        sentence = f"{where}: key '{key}' should have at least {'one entry' if least == 1 else f'{least} entries'}"
    else:
        expected = _EXPECTED.get(kind) or first["msg"].removeprefix("Input should be ").removeprefix("String should ")
        expected = expected.replace("match pattern", "a text that matches")
        found = repr(first.get("input"))
        found = found if len(found) <= _LONGEST else found[:_LONGEST] + "…"
        sentence = f"{where}: key '{key}' should be {expected}, but is {found}"
    more = error.error_count() - 1
    return sentence + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain data. Raises `UserError` when it is missing or malformed."""
    try:
        return tomllib.loads(_read(path, "TOML"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file into plain data. Raises `UserError` when it is missing or malformed."""
    try:
        return json.loads(_read(path, "JSON"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None


def _read(path: Path, kind: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a {kind} file was expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None
