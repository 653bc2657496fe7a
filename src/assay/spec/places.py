"""Where in a file something stands, so that a message can say it."""

import re
from pathlib import Path


def place(path: Path, key: str) -> str:
    """`FILE, line N`, where a key or name stands first in a TOML or JSON file; the file alone if it is not found."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return str(path)
    pattern = re.compile(rf"""(?<![\w.-])["']?{re.escape(key)}["']?\s*[=:]""")
    found = next((number for number, line in enumerate(lines, 1) if pattern.search(line)), None)
    return str(path) if found is None else f"{path}, line {found}"
