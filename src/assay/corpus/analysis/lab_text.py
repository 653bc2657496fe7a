"""Which text of a lab is looked at."""

from pathlib import Path

from assay.corpus.editions.edition import has_text, newest_edition


def lab_text(lab: Path, corpus: Path) -> Path:
    """The folder of a lab's newest edition; of its corpus where no text was ever taken in.

    Raises:
        UserError: its text is damaged.
    """
    return newest_edition(lab).folder if has_text(lab) else corpus
