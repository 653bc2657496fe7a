from pathlib import Path

import pytest

from assay.training import environment
from tests.training.tiny import write_corpus

environment.prepare()  # one thread in this process, so that it can be forked


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))
