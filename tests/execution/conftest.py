import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.execution.local import LocalExecutor
from tests.execution.helpers import FAKES, WEIGHTS

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
