"""What commands that clean or deduplicate share: a step over a lab's newest edition, or from IN to OUT."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.interfaces.cli.shared import find_lab
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.steps.account import Account
    from assay.corpus.steps.step import Step


def run_asked(
    step: "Step",
    words: tuple[str, ...],
    *,
    beside: Sequence[Path] = (),
    workers: int,
    skip_bad: bool,
    overwrite: bool,
    quiet: bool,
) -> "tuple[Account, dict[str, Any]]":
    """Run a step on what `[LAB]` or `IN OUT` names; what it did, and where that lies.

    Args:
        beside: what the step reads besides.

    Raises:
        UserError: too many words, or the step cannot be done.
    """
    from assay.corpus.steps.bare import run_bare
    from assay.corpus.steps.lab import run_in_lab
    from assay.interfaces.cli.progress import corpus_progress

    with corpus_progress(quiet=quiet) as progress:
        if len(words) == 2:
            source, target = map(Path, words)
            for path in beside:
                if target.exists() and path.exists() and path.samefile(target):
                    raise UserError(f"{target}: this is read too; choose another name for what comes out")
            account = run_bare(
                step, source, target, workers=workers, skip_bad=skip_bad, overwrite=overwrite, progress=progress
            )
            return account, {"output": str(target)}
        if len(words) < 2:
            lab = find_lab(Path(words[0]) if words else None)
            account, edition = run_in_lab(step, lab, workers=workers, progress=progress)
            return account, {"edition": edition}
    raise UserError(f"too much given ({' '.join(words)}); expected: assay corpus {step.name} [LAB], or IN OUT")
