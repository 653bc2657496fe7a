import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .helpers import assay, edit

#: Scales of some thirty to a hundred steps: a fraction of a second a run.
LADDER = "".join(
    f'[[ladder]]\nname = "{name}"\nwidth = 32\ndepth = 1\nflops = {flops}\n\n'
    for name, flops in (("one", 3e8), ("two", 6e8), ("three", 1.2e9))
)
START = "[optimiser]\nlr = 3e-4\n[data]\ncontext = 16\nbatch = 4\n"
IDEA = """
hypothesis = "A higher learning rate learns more in so few steps."
author = "human:ada"
[change.optimiser]
lr = 0.004
[predicted]
effect = 2.0
low = 0.0
high = 4.0
"""
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "naïve", "café", "serves", "crème")

MakeLab = Callable[[], Path]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text of two domains, a ladder, a start recipe and a proposal."""
    folder = tmp_path_factory.mktemp("material")
    draw = random.Random(0)
    for domain in ("prose", "verse"):
        (folder / domain).mkdir()
        for number in range(10):
            words = [draw.choice(WORDS) + (domain[0] if draw.random() < 0.3 else "") for _ in range(2000)]
            (folder / domain / f"{number}.txt").write_text(" ".join(words), encoding="utf-8")
    for name, text in (("ladder.toml", LADDER), ("start.toml", START), ("idea.toml", IDEA)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def fresh(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that has run nothing. Not to be changed."""
    folder = tmp_path_factory.mktemp("labs") / "fresh"
    done = assay(
        "init", folder, "--corpus", f"prose={material / 'prose'}", "--corpus", f"verse={material / 'verse'}",
        "--ladder", material / "ladder.toml", "--recipe", material / "start.toml", "--seed", "7",
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="session")
def used(fresh: Path, material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a few runs, a person's proposal under test and another in the queue. Not to be changed."""
    folder = tmp_path_factory.mktemp("labs") / "used"
    shutil.copytree(fresh, folder)
    assert assay("propose", folder, material / "idea.toml").code == 0
    done = assay("run", folder, "--budget", "8runs")
    assert done.code == 0, done.err
    second = material / "second.toml"
    second.write_text((material / "idea.toml").read_text().replace("lr = 0.004", "lr = 0.005"))
    assert assay("propose", folder, second).code == 0
    return folder


def _copier(original: Path, folder: Path) -> MakeLab:
    made: list[Path] = []

    def copy() -> Path:
        made.append(folder / f"{original.name}{len(made) or ''}")
        shutil.copytree(original, made[-1])
        return made[-1]

    return copy


@pytest.fixture
def lab(fresh: Path, tmp_path: Path) -> Path:
    """A copy of the fresh lab."""
    return _copier(fresh, tmp_path)()


@pytest.fixture
def used_lab(used: Path, tmp_path: Path) -> Path:
    """A copy of the used lab."""
    return _copier(used, tmp_path)()


@pytest.fixture
def configure(lab: Path) -> Callable[..., Path]:
    """Sets keys of the copy's lab.toml, named with dots."""

    def change(**keys: object) -> Path:
        def apply(data: dict[str, object]) -> None:
            for name, value in keys.items():
                table: dict[str, object] = data
                *path, leaf = name.split("__")
                for part in path:
                    table = table.setdefault(part, {})  # type: ignore[assignment]
                table[leaf] = value

        edit(lab / "lab.toml", apply)
        return lab

    return change
