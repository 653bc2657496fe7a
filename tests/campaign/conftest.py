from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.lab import Lab
from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from tests.campaign.helpers import make_lab, write_text

MakeLab = Callable[..., Lab]


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two small domains, built once."""
    folder = tmp_path_factory.mktemp("corpus")
    write_text(folder / "text")
    sources = [Source(name, str(folder / "text" / name)) for name in ("prose", "verse")]
    build_corpus(folder / "corpora", sources, span_bytes=2048)
    return folder / "corpora"


@pytest.fixture
def lab(corpora: Path, tmp_path: Path) -> MakeLab:
    """Makes labs, numbered by order."""
    made: list[Lab] = []

    def make(**changes: Any) -> Lab:
        made.append(make_lab(tmp_path / f"lab{len(made)}", corpora, **changes))
        return made[-1]

    return make
