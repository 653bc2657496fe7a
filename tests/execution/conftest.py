import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.execution.local import LocalExecutor
from tests.execution.helpers import FAKES, WEIGHTS
from tests.training.tiny import write_corpus

HERE = Path(__file__).parent


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalExecutor]]:
    """Makes executors that run the fakes, by default as this platform starts processes, and closes them."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])))
    made: list[LocalExecutor] = []

    def make(workers: int = 1, **options: Any) -> LocalExecutor:
        made.append(LocalExecutor(workers, WEIGHTS, **(FAKES | options)))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text for real trainings of a second or less."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tiny")


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    """Runs the built-in trainer and evaluation, one run at a time."""
    made = LocalExecutor(1, {"docs": 1.0, "code": 1.0})
    yield made
    made.close()
