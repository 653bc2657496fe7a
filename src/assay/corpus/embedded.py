"""The embedded corpus: text that is on every machine with Python, so that a first campaign needs no download.

Three domains: `code` (the standard library), `tests` (its test suite) and `docs` (its docstrings, the topics of
`help()`, and the descriptions of installed packages). Files are read and parsed, never imported.
"""

import ast
import inspect
import io
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

from assay.corpus.documents import UNKNOWN_LICENCE, Document, Source, content_group
from assay.spec.errors import UserError

PREFIX = "python:"
PYTHON_LICENCE = "PSF-2.0"

_TEST_FOLDERS = {"test", "tests", "idle_test"}
# `encodings` is generated character tables and `pydoc_data` is the text of the docs domain in quotes: neither is code.
_LEFT_OUT = {"site-packages", "dist-packages", "__pycache__", "encodings", "pydoc_data"}
# Linux distributions that split off the test suite keep its helpers; less than this is not the test suite.
_LEAST_TESTS_BYTES = 1 << 20
_LEAST_CHARACTERS = 200
_FUNCTION_WORDS = frozenset(
    ("the", "of", "and", "to", "in", "is", "a", "for", "with", "that", "on", "as", "this", "be", "it", "are", "by")
)
_LEAST_FUNCTION_WORDS = 0.08


def standard_library() -> Path:
    """The folder of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def embedded_sources(stdlib: Path | None = None) -> list[Source]:
    """The domains of the embedded corpus; `tests` only where Python came with its test suite."""
    size = sum(path.stat().st_size for path in _files(stdlib or standard_library(), tests=True))
    names = ("code", "docs") if size < _LEAST_TESTS_BYTES else ("code", "docs", "tests")
    return [Source(name, PREFIX + name) for name in names]


def read(location: str, stdlib: Path | None = None) -> Iterator[Document]:
    """Documents of `python:code`, `python:tests` or `python:docs`. Raises `UserError` for anything else."""
    stdlib = stdlib or standard_library()
    match location.removeprefix(PREFIX):
        case "code":
            return _read_files(stdlib, tests=False)
        case "tests":
            return _read_files(stdlib, tests=True)
        case "docs":
            return _read_docs(stdlib)
        case other:
            raise UserError(f"{location}: '{other}' is no embedded domain; known are: code, docs, tests")


def _files(stdlib: Path, tests: bool) -> list[Path]:
    found: list[Path] = []
    for path in sorted(stdlib.rglob("*.py")):
        folders = set(path.relative_to(stdlib).parts[:-1])
        # _sysconfigdata describes how this interpreter was built, with paths of the machine that built it.
        if folders & _LEFT_OUT or path.name.startswith("_sysconfigdata"):
            continue
        if bool(folders & _TEST_FOLDERS) == tests:
            found.append(path)
    return found


def _python_text(content: bytes) -> str | None:
    """Text of a source file in its declared encoding (PEP 263); None where that is wrong on purpose, as in tests."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
        text.encode()
    except (SyntaxError, UnicodeError):
        return None
    return None if "\0" in text else text


def _read_files(stdlib: Path, tests: bool) -> Iterator[Document]:
    for path in _files(stdlib, tests):
        content = path.read_bytes()
        text = _python_text(content)
        if text and text.strip():
            name = path.relative_to(stdlib).as_posix()
            yield Document(text, name, "python standard library", PYTHON_LICENCE, content_group(content))


def _read_docs(stdlib: Path) -> Iterator[Document]:
    yield from _docstrings(stdlib)
    yield from _topics(stdlib / "pydoc_data" / "topics.py")
    yield from _descriptions()


def _docstrings(stdlib: Path) -> Iterator[Document]:
    """One document a module: its docstrings under their qualified names. Its group is that of the module's code."""
    for path in _files(stdlib, tests=False):
        content = path.read_bytes()
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError):
            continue
        parts = path.relative_to(stdlib).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = "\n\n".join(f"{name}\n\n{docstring}" for name, docstring in _walk(tree, module)) + "\n"
        if len(text) >= _LEAST_CHARACTERS and _encodable(text):
            yield Document(text, f"{module}:docstrings", "python docstrings", PYTHON_LICENCE, content_group(content))


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        docstring = ast.get_docstring(node)
        if docstring:
            yield name, docstring.strip()
        for child in node.body:
            yield from _walk(child, f"{name}.{getattr(child, 'name', '')}")


def _encodable(text: str) -> bool:
    """Escapes in a string can spell half a surrogate pair, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _topics(path: Path) -> Iterator[Document]:
    """One document a topic of `help()`; each is a page of the language reference, so each is its own group."""
    if not path.is_file():
        return
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            for topic, text in ast.literal_eval(node.value).items():
                text = inspect.cleandoc(text) + "\n"
                if len(text) >= _LEAST_CHARACTERS:
                    yield Document(text, f"topic:{topic}", "python help", PYTHON_LICENCE, content_group(text.encode()))


def _descriptions() -> Iterator[Document]:
    """The long descriptions of installed packages that are English prose; ours is left out, since it tells of this."""
    for distribution in metadata.distributions():
        about = cast(Message | None, distribution.metadata)
        if about is None:  # newer Pythons, for an installation that lost its METADATA
            continue
        name = about.get("Name", "")
        text = (str(about.get_payload() or "") or about.get("Description", "")).strip() + "\n"
        if name.lower() != "assay" and _is_prose(text) and _encodable(text):
            identifier = f"{name} {about.get('Version', '')}"
            yield Document(text, identifier, "package description", licence_of(about), content_group(text.encode()))


def _is_prose(text: str) -> bool:
    """Whether a text is long enough and has the share of function words that English running text has."""
    words = re.findall(r"[a-z]+", text.lower())
    frequent = sum(word in _FUNCTION_WORDS for word in words)
    return len(text) >= _LEAST_CHARACTERS and frequent >= _LEAST_FUNCTION_WORDS * len(words)


def licence_of(about: Message) -> str:
    """What a package's metadata say of its licence: the expression, a short licence field, or the classifiers."""
    for field in ("License-Expression", "License"):
        value = about.get(field, "").strip()
        if value and value != "UNKNOWN" and len(value) <= 100 and "\n" not in value:
            return value
    classifiers = [value for value in about.get_all("Classifier", []) if value.startswith("License ::")]
    return "; ".join(value.rpartition(" :: ")[2] for value in classifiers) or UNKNOWN_LICENCE
