"""Every example in the help of `assay corpus`, `tokenizer` and `quality` runs, in a folder with what it names."""

import hashlib
import io
import json
import random
import shlex
import shutil
from pathlib import Path

import pytest
import zstandard

from assay.interfaces.cli.main import GROUPS, docstring
from tests.interfaces.cli.helpers import assay

EXAMPLES = [
    line.strip()
    for name, _, members in GROUPS
    if name in ("corpus", "tokenizer", "quality")
    for _, target, _ in members
    for line in docstring(target).splitlines()
    if line.startswith("    assay ")
]
#: What leaves the machine, opens a window, or needs an optional package and its model.
ELSEWHERE = ("hf:", "--by claude", "dclm.bin")
LADDER = "".join(
    f'[[ladder]]\nname = "{name}"\nwidth = 32\ndepth = 1\nflops = {flops}\n\n'
    for name, flops in (("small", 4e8), ("medium", 8e8), ("large", 1.6e9))
)
WORDS = (
    "night",
    "was",
    "long",
    "and",
    "people",
    "had",
    "to",
    "be",
    "with",
    "the",
    "river",
    "that",
    "of",
    "old",
    "town",
)


def prose(seed: int) -> str:
    draw = random.Random(seed)
    return "\n\n".join(
        " ".join(" ".join(draw.choices(WORDS, k=12)).capitalize() + "." for _ in range(8)) for _ in range(4)
    )


def code(seed: int) -> str:
    return "\n".join(f"def function_{seed}_{i}(value):\n    return value + {seed * i}\n" for i in range(20))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of two domains with text, and files of all the names in the examples."""
    folder = tmp_path_factory.mktemp("examples")
    for name, suffix in (("books", "txt"), ("manuals", "txt"), ("pages", "html")):
        (folder / name).mkdir()
        for i in range(20):
            text = prose(100 * len(name) + i)
            (folder / name / f"{i}.{suffix}").write_text(f"<p>{text}</p>" if suffix == "html" else text)
    (folder / "books" / "emma.txt").write_text(prose(7))
    for i, name in enumerate(("web", "books", "manuals", "old", "new", "code", "src")):
        write = code if name in ("code", "src") else prose
        records = [{"text": write(50 * i + n), "source": "example.org/blog"} for n in range(60)]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines)
        (folder / f"{name}.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    items = "".join(
        json.dumps({"sentence_good": prose(i)[:90], "sentence_bad": prose(i)[20:90]}) + "\n" for i in range(9)
    )
    for name in ("arc_easy", "hellaswag", "blimp"):
        (folder / f"{name}.jsonl.zst").write_bytes(zstandard.compress(items.encode()))
    (folder / "quiz.jsonl").write_text(items)
    (folder / "ladder.toml").write_text(LADDER)
    for line in (
        "assay init mylab --ladder ladder.toml --corpus prose=./books --corpus code=./src.jsonl.zst",
        "assay init empty --ladder ladder.toml --corpus tales=./old.jsonl",
        "assay corpus clean web.jsonl cleaned/",
        "assay tokenizer train tokenizer.json ./books --vocab 300",
        "assay quality train --good books.jsonl --rest web.jsonl --into quality",
    ):
        done = assay(*shlex.split(line)[1:], cwd=folder)
        assert done.code == 0, (line, done.err)
    for name in ("mine", "mylab/quality"):
        shutil.copytree(folder / "quality", folder / name)
    (folder / "gpt2").mkdir()
    shutil.copy(folder / "tokenizer.json", folder / "gpt2")
    for name in ("me", "claude"):
        answers = "".join(f"{i % 6}\n" for i in range(80))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(answers))
            words = ("quality", "label", "web.jsonl", "books", "--into", f"{name}.jsonl", "--author", name)
            assert assay(*words, "--per-domain", "30", cwd=folder).code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("example", [each for each in EXAMPLES if not any(word in each for word in ELSEWHERE)])
def test_an_example_of_a_help_text(
    prepared: Path, tmp_path: Path, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    example = example.replace(" --open", "")
    if "corpus diff mylab" in example:  # the ids of two editions, by their beginnings
        assert assay("corpus", "clean", folder / "mylab").code == 0
        one, other = sorted(path.parent.name[:6] for path in (folder / "mylab" / "text").glob("*/edition.json"))
        example = example.replace("3f2a", one).replace("81cd", other)
    if "french:" in example:
        assert assay("corpus", "add", folder / "mylab", f"french={folder / 'old.jsonl'}").code == 0
    if "corpus add mylab" in example:  # a lab that has none of it yet
        example = example.replace("mylab", "empty")
    if "corpus remove mylab" in example:
        assert assay("corpus", "add", folder / "mylab", f"web={folder / 'web.jsonl'}").code == 0
    if example.startswith("assay corpus clean web.jsonl.zst cleaned/"):
        shutil.rmtree(folder / "cleaned")
    if "quality train" in example:
        for name in ("quality", "mylab/quality"):
            shutil.rmtree(folder / name)
    first, second = (_hash(folder, name) for name in ("books/emma.txt", "books/1.txt"))
    example = example.replace("9f86d081884c7d65", first).replace("2c26b46b68ffc68f", second)
    inside = "3f9a2b17c0" in example  # the lab's own folder
    example = example.replace("3f9a2b17c0", first[:10])
    if "quality label" in example:
        monkeypatch.setattr("sys.stdin", io.StringIO("3\nq\n"))
    done = assay(*shlex.split(example)[1:], cwd=folder / "mylab" if inside else folder)
    assert done.code == 0, (example, done.out, done.err)


def _hash(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16]


def test_every_command_has_an_example() -> None:
    commands = {f"assay {name} {member}" for name, _, members in GROUPS for member, _, _ in members
                if name in ("corpus", "tokenizer", "quality")}  # fmt: skip
    assert {" ".join(example.split()[:3]) for example in EXAMPLES} == commands
    assert len(EXAMPLES) > 2 * len(commands)
