"""Samples of the text in labs and bare files."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from assay.corpus.editions.edition import newest_edition
from assay.corpus.quality.sample import Sample, sample
from assay.corpus.split import choose_heldout, choose_sealed, draw
from assay.corpus.steps.bare_files import bare_shards
from assay.corpus.steps.bare_input import BareInput
from assay.corpus.steps.bare_output import read_manifest
from assay.corpus.steps.edition_input import EditionInput
from assay.corpus.steps.step import Batch

Progress = Callable[[int, int | None, str], None]


def sample_text(
    places: Sequence[Path], per_domain: int, *, seed: int = 0, doing: str = "reading", progress: Progress | None = None
) -> Sample:
    """Draw documents of each domain from labs' newest editions and from bare files or folders.

    Of a lab's text nothing is drawn that is held out or sealed when it is tokenised, so that neither a classifier nor
    who labels for it ever sees what a campaign is judged by.

    Raises:
        UserError: a place cannot be read, or holds no text.
    """
    with TemporaryDirectory() as work:
        sources: list[BareInput | EditionInput] = []
        passed_over: set[int] = set()
        for number, place in enumerate(places):
            if (place / "lab.toml").is_file():
                edition = EditionInput(newest_edition(place))
                passed_over |= _judging(edition)
                sources.append(edition)
            else:
                files = bare_shards(place / "kept" if read_manifest(place) else place)
                sources.append(BareInput(files, Path(work, str(number))))
        tick = (lambda done: progress(done, None, doing)) if progress else None
        batches: Iterator[Batch] = chain.from_iterable(map(_batches, sources))
        return sample(batches, per_domain, seed=seed, passed_over=passed_over, progress=tick)


def _batches(source: BareInput | EditionInput) -> Iterator[Batch]:
    for piece in source.pieces():
        yield piece.load()


def _judging(edition: EditionInput) -> set[int]:
    """Draws of the groups that are held out or sealed."""
    found: dict[str, set[int]] = {}
    for piece in edition.pieces():
        batch = piece.load()
        for domain, group in zip(batch.column("domain"), batch.column("group"), strict=True):
            found.setdefault(domain, set()).add(draw(group))
    draws = {domain: np.array(sorted(each), np.int64) for domain, each in found.items()}
    heldout = choose_heldout(draws)
    return {*heldout.tolist(), *choose_sealed(draws, heldout).tolist()}
