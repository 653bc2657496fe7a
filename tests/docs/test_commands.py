"""Every command in the documents runs, on a ladder of a fraction of a second a run.

A ```console block is a session: lines that begin with `$ ` are commands, the rest is output and not checked. All
blocks of a page run one after another in one folder. What would take long or leave the machine is replaced by the
table below, nothing else.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

LADDER = "".join(
    f'[[ladder]]\nname = "{name}"\nwidth = 32\ndepth = 1\nflops = {flops}\n\n'
    for name, flops in (("small", 4e8), ("medium", 8e8), ("large", 1.6e9))
)
REPLACED = (
    (r"^assay init (\w+)(?!.*--ladder)", r"assay init \1 --ladder tiny-ladder.toml"),
    (r"--budget \S+", "--budget 12runs"),
    (r"--pairs \d+", "--pairs 2"),
    (r" --open\b", ""),
    (r"^(assay calibrate \w+) --budget \S+", r"\1 --budget 60runs"),
    (r"--by claude --budget-usd \d+", "--author claude"),
    (r"^(assay quality label)", r"for i in $(seq 99); do echo $((i % 6)); done | \1"),
)
#: Set-up, which the project's own checks run on a clean clone.
SKIPPED = ("make ", "pip install", "git clone", "cd assay", "pre-commit", "export ", ".venv/bin/pip", "python -m venv")


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def files(page: Path) -> dict[str, str]:
    """TOML blocks that begin with a comment naming a file are that file."""
    blocks = re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return dict(blocks)


WITH_COMMANDS = [page for page in PAGES if any(not c.startswith(SKIPPED) for c in commands(page))]


def test_there_are_documented_commands() -> None:
    assert {"README.md", "first-lab.md"} <= {page.name for page in WITH_COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path)


def test_commands_of_the_readme(tmp_path: Path) -> None:
    run_page(ROOT / "README.md", tmp_path)


def run_page(page: Path, folder: Path) -> None:
    prepare(folder)
    for name, text in files(page).items():
        (folder / name).write_text(text)
    if page.name != "README.md":
        make_lab(folder, commands(page))
    for command in commands(page):
        if command.startswith(SKIPPED):
            continue
        for pattern, replacement in REPLACED:
            command = re.sub(pattern, replacement, command)
        shell(command, folder)


def prepare(folder: Path) -> None:
    """What a reader has: some text, a recipe or two to compare, and the example tables."""
    for place in (folder, folder / "docs" / "examples"):
        shutil.copytree(ROOT / "docs" / "examples", place, dirs_exist_ok=True)
    shutil.copytree(ROOT / "examples", folder / "examples")
    books = folder / "books"
    books.mkdir()
    for i in range(40):
        (books / f"{i}.txt").write_text(f"Chapter {i}.\n\n" + f"It was the {i}th night, and all was still. " * 60)
    (folder / "livres").mkdir()
    for i in range(40):
        text = f"C'était la nuit numéro {i}, et le village dormait au bord de la rivière. " * 30
        (folder / "livres" / f"{i}.txt").write_text(f"Chapitre {i}.\n\n{text}")
    packed = (ROOT / "src" / "assay").rglob("*.py")
    lines = "".join(
        json.dumps({"text": path.read_text(), "id": path.relative_to(ROOT).as_posix()}) + "\n"
        for path in sorted(packed)
        if path.stat().st_size
    )
    (folder / "src.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    (folder / "tiny-ladder.toml").write_text(LADDER)
    (folder / "old.toml").write_text("")
    (folder / "new.toml").write_text("[optimiser]\nlr = 0.002\n")


def make_lab(folder: Path, lines: list[str]) -> None:
    """Pages after the tutorial that speak of a lab called mylab begin with one that has been run a little."""
    if any(line.startswith("assay init mylab") for line in lines) or not any("mylab" in line for line in lines):
        return
    shell("assay init mylab --ladder tiny-ladder.toml --corpus prose=./books --corpus code=./src.jsonl.zst", folder)
    shell("assay run mylab --budget 14runs", folder)


def shell(command: str, folder: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    if "RUN" in command.split("/")[-1] or "/RUN" in command:
        run = next(path.name for path in (folder / "mylab" / "runs").iterdir())
        command = command.replace("RUN", run)
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
