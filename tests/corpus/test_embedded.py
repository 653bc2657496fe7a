"""The embedded corpus of the running Python, and of made-up ones."""

import inspect
import json.decoder
import re
import textwrap
from email.message import Message
from pathlib import Path

import pytest

from assay.corpus import embedded
from assay.corpus.build import build_corpus
from assay.corpus.documents import Document
from assay.corpus.manifest import Manifest
from assay.corpus.sources import Source, read_source
from assay.spec.errors import UserError

from .helpers import rows


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Path]:
    folder = tmp_path_factory.mktemp("embedded")
    manifest = build_corpus(folder, embedded.embedded_sources())
    return manifest, folder / manifest.id


def test_domains_are_large_enough_to_learn_from(built: tuple[Manifest, Path]) -> None:
    manifest, _ = built
    assert {"code", "docs"} <= set(manifest.domains) <= {"code", "docs", "tests"}
    assert manifest.domains["code"].train.bytes > 3e6
    assert manifest.domains["docs"].train.bytes > 1e6
    for domain in manifest.domains.values():
        assert domain.heldout.bytes > 32 * 1024


def test_docstrings_fall_where_their_code_falls(built: tuple[Manifest, Path]) -> None:
    table = rows(built[1])
    code = {row["id"]: row["split"] for row in table if row["domain"] == "code"}
    checked = 0
    for row in table:
        if row["source"] == "python docstrings":
            path = row["id"].removesuffix(":docstrings").replace(".", "/")
            checked += 1
            assert row["split"] == (code.get(f"{path}.py") or code[f"{path}/__init__.py"])
    assert checked > 300
    assert {row["split"] for row in table if row["source"] == "python docstrings"} == {"train", "heldout"}


@pytest.fixture(scope="module")
def docs() -> dict[str, Document]:
    return {document.id: document for document in read_source(Source("docs", "python:docs"))}


def test_docs_hold_docstrings_topics_and_descriptions(docs: dict[str, Document]) -> None:
    assert {document.source for document in docs.values()} == {
        "python docstrings", "python help", "package description"
    }  # fmt: skip
    decoder = docs["json.decoder:docstrings"]
    assert "json.decoder.JSONDecoder\n\nSimple JSON <https://json.org> decoder" in decoder.text
    assert (json.decoder.JSONDecoder.raw_decode.__doc__ or "").split("\n")[0] in decoder.text
    assert "import" in docs["topic:import"].text
    assert docs["topic:import"].licence == "PSF-2.0"
    pydantic = next(document for document in docs.values() if document.id.startswith("pydantic "))
    assert pydantic.licence == "MIT"
    assert not any(document.id.startswith("assay ") for document in docs.values())


def test_every_docstring_of_a_module_is_there(docs: dict[str, Document]) -> None:
    """Against the docstrings that the compiled module itself carries."""
    for thing in (textwrap.TextWrapper, textwrap.TextWrapper.wrap, textwrap.dedent, textwrap.shorten):
        assert (inspect.getdoc(thing) or "missing") in docs["textwrap:docstrings"].text


def test_code_is_code_and_tests_are_tests() -> None:
    code = {document.id for document in read_source(Source("code", "python:code"))}
    assert {"json/decoder.py", "ast.py"} <= code
    assert not any(re.search(r"(^|/)(tests?|site-packages|encodings)/|_sysconfigdata", name) for name in code)
    if any(source.name == "tests" for source in embedded.embedded_sources()):
        tests = {document.id for document in read_source(Source("tests", "python:tests"))}
        assert "test/test_json/test_decode.py" in tests
        assert not tests & code


@pytest.fixture
def stdlib(tmp_path: Path) -> Path:
    """A standard library whose modules would do harm if they were imported, without a test suite."""
    for name, text in {
        "good.py": 'raise SystemExit\n\ndef f():\n    """' + "What it is for. " * 20 + '"""\n',
        "latin.py": "# -*- coding: latin-1 -*-\nx = 'Gr\xfc\xdfe'\n",
        "package/__init__.py": '"""' + "All of the package. " * 20 + '"""\n',
        "undocumented.py": "x = 1\n",
        "site-packages/other.py": "y = 1\n",
        "test/support.py": "z = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="latin-1")
    (tmp_path / "broken.py").write_bytes(b"# coding: nonsense\n\xff\n")
    return tmp_path


def _read(location: str, stdlib: Path) -> dict[str, Document]:
    return {document.id: document for document in embedded.read(location, stdlib)}


def test_a_distribution_without_test_suite(stdlib: Path) -> None:
    assert [source.name for source in embedded.embedded_sources(stdlib)] == ["code", "docs"]
    (stdlib / "test" / "test_large.py").write_text("x = 1\n" * 200_000)
    assert [source.name for source in embedded.embedded_sources(stdlib)] == ["code", "docs", "tests"]


def test_files_are_parsed_never_imported(stdlib: Path) -> None:
    code = _read("python:code", stdlib)
    assert set(code) == {"good.py", "latin.py", "package/__init__.py", "undocumented.py"}
    assert "Grüße" in code["latin.py"].text
    docs = _read("python:docs", stdlib)
    assert docs["good:docstrings"].text.startswith("good.f\n\nWhat it is for.")
    assert docs["good:docstrings"].group == code["good.py"].group
    assert docs["package:docstrings"].group == code["package/__init__.py"].group
    assert "undocumented:docstrings" not in docs


def test_unknown_embedded_domain() -> None:
    with pytest.raises(UserError, match="'all' is no embedded domain; known are: code, docs, tests"):
        list(read_source(Source("x", "python:all")))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT"), ("License", "other")], "MIT"),
        ([("License", "BSD-3-Clause")], "BSD-3-Clause"),
        ([("License", "UNKNOWN"), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT License"),
        ([("License", "Copyright\nall the text"), ("Classifier", "Topic :: Text")], "unknown"),
        ([], "unknown"),
    ],
)
def test_licence_of_a_package(fields: list[tuple[str, str]], expected: str) -> None:
    about = Message()
    for key, value in fields:
        about[key] = value
    assert embedded.licence_of(about) == expected
