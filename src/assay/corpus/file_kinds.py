"""What a file holds, by its name: records, text, or something that is left out and named.

Source code is text too. Tables, data and documents of other programs (`.csv`, `.json`, `.pdf`) are not: what of them
would be text is not known.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from assay.corpus.html import SUFFIXES as PAGE_SUFFIXES
from assay.spec.errors import UserError

RECORD_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_EXPECTED = "expected a folder, .txt, .md, .html, source code, .jsonl, .jsonl.gz, .jsonl.zst, .parquet"

_PROSE = (
    ".txt", ".text", ".md", ".mdx", ".markdown", ".rst", ".adoc", ".org", ".tex", ".sty", ".cls", ".bib", ".texi",
    ".pod", ".man", ".xml", ".srt", ".vtt", ".po",
)  # fmt: skip
_CODE = (
    ".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".inl", ".cu", ".cuh",
    ".m", ".mm", ".rs", ".go", ".zig", ".nim", ".d", ".v", ".sv", ".svh", ".vhd", ".vhdl", ".java", ".kt",
    ".kts", ".scala", ".groovy", ".gradle", ".clj", ".cljs", ".cljc", ".edn", ".cs", ".fs", ".fsx", ".vb", ".js",
    ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".dart", ".rb", ".erb", ".pl", ".pm",
    ".t", ".php", ".swift", ".hs", ".lhs", ".ml", ".mli", ".elm", ".ex", ".exs", ".erl", ".hrl", ".lisp", ".cl",
    ".el", ".scm", ".rkt", ".lean", ".agda", ".idr", ".thy", ".jl", ".r", ".rmd", ".lua", ".tcl", ".sol", ".f",
    ".for", ".f77", ".f90", ".f95", ".f03", ".f08", ".ada", ".adb", ".ads", ".pas", ".pp", ".cob", ".asm", ".s",
    ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".cmd", ".awk", ".sed", ".vim", ".nix", ".glsl", ".vert",
    ".frag", ".hlsl", ".wgsl", ".metal", ".proto", ".thrift", ".graphql", ".css", ".scss", ".sass", ".less", ".sql",
    ".tf", ".hcl", ".bzl", ".cmake", ".mk", ".mak", ".am", ".ac", ".m4", ".in", ".j2", ".jinja",
)  # fmt: skip
_SETTINGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties")
#: Text by declaration, so that a file of other bytes is a fault.
TEXT_SUFFIXES = frozenset((*PAGE_SUFFIXES, *_PROSE, *_CODE, *_SETTINGS))


class OtherFile(NamedTuple):
    """A file of a folder that holds no text that can be read, which is no fault.

    Attributes:
        kind: `.pdf`, `empty`: under which it is counted.
        name: path within the folder.
    """

    kind: str
    name: str


def other_kind(path: Path) -> str:
    """What a file is counted as that holds no text that can be read; '' for all others."""
    if not path.is_file():
        return "link to a folder" if path.is_dir() else "no regular file"
    if not path.stat().st_size:
        return "empty"
    suffix = path.suffix.lower()
    if is_records(path) or suffix in TEXT_SUFFIXES:
        return ""
    if re.fullmatch(r"\.[a-z]\w*", suffix):
        return suffix
    return "" if _looks_like_text(path) else "not text"  # Makefile, LICENSE, GPL-2.0


def check_file(path: Path, last: str = "other plain text") -> None:
    """Raise `UserError` unless a path that a person named is a file that can be read.

    Args:
        last: of what can be named.
    """
    expected = f"{_EXPECTED} or {last}"
    if str(path) == "-" or (path.is_file() and path.absolute().parts[1:2] == ("dev",)):
        raise UserError(f"{path}: text is read several times, so not from a stream; write it to a file and name that")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; {expected}")
    kind = other_kind(path)
    if kind == "no regular file":
        raise UserError(f"{path}: neither a file nor a folder; {expected}")
    if kind == "empty":
        raise UserError(f"{path}: the file is empty")
    if kind:
        problem = "no plain text" if kind == "not text" else f"unknown extension '{path.suffix}'"
        raise UserError(f"{path}: {problem}; {expected}")


def is_records(path: Path) -> bool:
    """Whether a file is one of records, by its name."""
    return path.name.lower().endswith(RECORD_SUFFIXES)


def _looks_like_text(path: Path) -> bool:
    """Whether the first 8 KiB are UTF-8 without zero bytes (a character cut at the end is forgiven)."""
    with path.open("rb") as file:
        head = file.read(8192)
    if b"\0" in head or foreign_format(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == 8192 and error.start > len(head) - 4
    return True


def foreign_format(head: bytes) -> str:
    """What a file is that begins so, though it may be all letters; '' for text."""
    for beginning, name in ((b"%PDF-", "PDF"), (b"%!PS", "PostScript"), (b"{\\rtf", "RTF")):
        if head.startswith(beginning):
            return name
    return ""


def walk(folder: Path) -> Iterator[Path | OtherFile]:
    """Files below a folder, sorted folder by folder; hidden files and folders are left out, links to folders too."""
    for parent, folders, files in os.walk(folder, onerror=_raise):
        links = [name for name in folders if not name.startswith(".") and Path(parent, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
        for name in sorted((*files, *links)):
            if not name.startswith("."):
                path = Path(parent, name)
                kind = other_kind(path)
                yield OtherFile(kind, path.relative_to(folder).as_posix()) if kind else path


def _raise(error: OSError) -> NoReturn:
    raise error
