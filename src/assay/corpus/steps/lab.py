"""A step from a lab's newest edition to the next one."""

from pathlib import Path

from assay.corpus.editions.edition import TEXT, newest_edition
from assay.corpus.editions.lock import making_edition
from assay.corpus.steps.account import Account
from assay.corpus.steps.edition_input import EditionInput
from assay.corpus.steps.edition_output import EditionOutput
from assay.corpus.steps.engine import Progress, run_step
from assay.corpus.steps.step import Step
from assay.corpus.workfolder import work_folder


def run_in_lab(step: Step, lab: Path, *, workers: int = 1, progress: Progress | None = None) -> tuple[Account, str]:
    """Run a step over a lab's newest edition; the account, and the id of the edition that came out.

    Raises:
        UserError: the lab has no text, or its files are damaged. The lab is left as it was.
    """
    with making_edition(lab), work_folder(lab / TEXT) as work:
        parent = newest_edition(lab)
        output = EditionOutput(lab, parent.id, step.name)
        account = run_step(step, EditionInput(parent), output, work, workers=workers, progress=progress)
        return account, output.edition
