"""A step from bare files to bare files, without a lab."""

from pathlib import Path

from assay.corpus.steps.account import Account
from assay.corpus.steps.bare_files import bare_shards
from assay.corpus.steps.bare_input import BareInput
from assay.corpus.steps.bare_output import SUFFIXES, BareFile, BareFolder, check_output, read_manifest
from assay.corpus.steps.engine import Progress, run_step
from assay.corpus.steps.step import Step
from assay.corpus.workfolder import work_folder
from assay.spec.errors import UserError

_OTHER_FORMATS = (".json", ".ndjson", ".gz", ".zst", ".xz", ".zip", ".parquet", ".txt", ".md", ".html", ".csv", ".tsv")


def run_bare(
    step: Step,
    source: Path,
    target: Path,
    *,
    workers: int = 1,
    skip_bad: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Account:
    """Run a step over a file or folder and write what comes out.

    Args:
        source: .jsonl, .jsonl.gz, .jsonl.zst, .parquet or text, or a folder of such, or one that a step wrote.
        target: `….jsonl`, `….jsonl.gz` or `….jsonl.zst` for what is kept; any other name without a dot for a folder
            with what is kept and what is removed.
        skip_bad: pass over what is no document, and count it.
        overwrite: replace what has the target's name already, if it is a file or a folder that a step wrote.

    Raises:
        UserError: the input cannot be read, or the output not be written. Nothing is left under the target's name.
    """
    single = target.name.lower().endswith(SUFFIXES)
    if target.absolute().parts[1:2] == ("dev",):
        raise UserError(f"{target}: a result has to be a file or a folder; give it a name")
    if not single and target.suffix.lower() in _OTHER_FORMATS:
        raise UserError(f"{target}: expected a name that ends in {', '.join(SUFFIXES)}, or a folder")
    if (source / "lab.toml").is_file():
        raise UserError(f"{source} is a lab, whose text is not written to {target}; leave that away for a new edition")
    files = bare_shards(source / "kept" if read_manifest(source) else source)
    check_output(source, target, folder=not single, overwrite=overwrite)
    with work_folder(target.absolute().parent) as work:
        documents = BareInput(files, work / "facts", skip_bad=skip_bad)
        output = (BareFile if single else BareFolder)(target, source, overwrite)
        return run_step(step, documents, output, work, workers=workers, progress=progress)
