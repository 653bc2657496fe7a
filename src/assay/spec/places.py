"""Where in a file something stands, so that a message can say it."""

import re
from pathlib import Path

#: A table's line, and a key's.
_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_GIVEN = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def place(path: Path, key: str) -> str:
    """`FILE, line N`, where a TOML file says a dotted key, in whatever table; the file alone if it does not.

    What stands inside a value of several parts has the line of its own key, or where it shares one, that of the value.
    Of a JSON file it is the first line with the key's last part.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # as editors count
    except (OSError, UnicodeDecodeError):
        return str(path)
    if path.suffix == ".json":
        name = re.compile(rf'"{re.escape(key.rpartition(".")[2])}"\s*:')
        first = next((number for number, line in enumerate(lines, 1) if name.search(line)), None)
        return str(path) if first is None else f"{path}, line {first}"
    table, found, length = "", 0, 0
    arrays: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if header := _HEADER.match(line):
            table = _plain(header[2])
            if header[1] == "[[":
                arrays[table] = arrays.get(table, -1) + 1
                table = f"{table}.{arrays[table]}"
            said = table
        elif given := _GIVEN.match(line):
            said = f"{table}.{_plain(given[1])}".lstrip(".")
        else:
            continue
        said = said.removeprefix("change.")  # of a proposal, whose keys are those of recipes
        if (key == said or key.startswith(f"{said}.")) and len(said) > length:
            found, length = number, len(said)
    return f"{path}, line {found}" if found else str(path)


def _plain(key: str) -> str:
    """A dotted key without quotes and spaces."""
    return re.sub(r"""["'\s]""", "", key)
