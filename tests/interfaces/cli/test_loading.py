"""What answers at once loads little; every command explains itself with examples that are right."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from assay.interfaces.cli.main import COMMANDS, GROUPS, build

from .helpers import assay, process

HEAVY = {"torch", "scipy", "pandas", "matplotlib", "optuna", "anthropic", "pyarrow", "alembic", "tokenizers"}
NAMES = [name for name, *_ in COMMANDS] + [f"{group} {name}" for group, _, members in GROUPS for name, *_ in members]


def loaded(*words: str) -> set[str]:
    """Top-level modules that a command line has loaded when it ends."""
    code = (
        "import sys\nfrom assay.interfaces.cli.main import main\n"
        f"sys.argv = ['assay', *{list(words)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["report", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert not loaded(*words) & (HEAVY | {"sqlalchemy", "numpy"})


@pytest.mark.parametrize("words", [["status"], ["log"]])
def test_looking_at_a_lab_loads_nothing_heavy(used: Path, words: list[str]) -> None:
    assert not loaded(*words, str(used)) & HEAVY


def test_proposing_and_planning_do_not_load_torch(used: Path) -> None:
    assert "torch" not in loaded("plan", str(used))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_examples(name: str) -> None:
    done = assay(*name.split(), "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: assay {name}")
    assert "For example:" in done.out
    examples = [line.strip() for line in done.out.splitlines() if line.startswith("    assay ")]
    assert examples, done.out
    assert any(line.startswith(f"assay {name}") for line in examples)
    assert "--json" in done.out


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_words_that_the_command_takes(name: str) -> None:
    app = build()
    for line in assay(*name.split(), "--help").out.splitlines():
        if line.startswith("    assay "):
            words = shlex.split(line.strip())[1:]
            app.parse_args(words, exit_on_error=False, print_error=False)


def test_the_front_page_lists_every_command_in_the_order_of_use() -> None:
    out = assay("--help").out
    places = [out.index(f"│ {name} ") for name, *_ in (*COMMANDS, *GROUPS)]
    assert places == sorted(places)
    assert assay().out == out


def test_version() -> None:
    assert process("--version").out.strip() == "0.1.0"
