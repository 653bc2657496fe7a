"""What pages and pictures may replace."""

from pathlib import Path

from assay.spec.errors import UserError


def check_replaced(path: Path, begins: bytes, kind: str) -> None:
    """Raise `UserError` if a file is there that is no older one of the kind, such as the text that is read."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        found = file.read(len(begins))
    if found and found.lower() != begins:
        raise UserError(f"{path} exists and is no {kind}; choose another name, so that it is not lost")
