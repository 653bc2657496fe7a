"""The `assay` command."""

import errno
import gc
import inspect
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError, Parameter, convert

from assay.spec.errors import UserError

if TYPE_CHECKING:
    from cyclopts import Token

HELP = """A pre-training research lab in which only verified gains count.

Start with `assay init mylab`, then `assay run mylab --budget 20m`, then `assay report mylab --open`.
Inside a lab's folder its name can be left out. Every command prints machine-readable facts with `--json`.
"""

#: Command, module, one line of help. A command's own docstring has the details and examples.
COMMANDS = (
    ("init", "init:init", "Make a lab around a corpus."),
    ("plan", "plan:plan", "Say what a budget would buy, before it is spent."),
    ("run", "run:run", "Propose, test, verify and promote until a budget is spent."),
    ("status", "status:status", "Show where a lab stands."),
    ("log", "log:log", "Show what happened, in order."),
    ("runs", "runs:runs", "List a lab's finished runs, also as a table for other commands."),
    ("propose", "propose:propose", "Add a proposal from a file to the queue."),
    ("cancel", "cancel:cancel", "Withdraw a proposal that is queued or under test."),
    ("report", "report:report", "Write the report, a page to open in a browser."),
    ("train", "train:train", "Train one recipe and watch it live."),
    ("sample", "sample:sample", "Let a run go on from a text."),
    ("evaluate", "evaluate:evaluate", "Score runs on minimal pairs, multiple choice and other tasks."),
    ("export", "export:export", "Write a trained run for other programs, such as transformers."),
    ("compare", "compare:compare", "Is one recipe better than another?"),
    ("calibrate", "calibrate:calibrate", "Measure a lab's noise, and what reduces it."),
    ("audit", "audit:audit", "Test every promoted change again, and drop what no longer holds."),
    ("audit-log", "audit_log:audit_log", "Say which kept changes of another system's log stand beyond noise."),
    ("gc", "gc:gc", "Free checkpoints that no verdict needs, and views that can be made again."),
)
GROUPS = (
    ("corpus", "From raw text to a mixture one can defend.", (
        ("add", "corpus_add:add", "Take text into a lab, from files, folders and data sets."),
        ("clean", "corpus_clean:clean", "Remove documents and lines of poor quality, by thresholds of each domain."),
        ("dedup", "corpus_dedup:dedup", "Remove duplicate documents and repeated passages."),
        ("decontaminate", "corpus_decontaminate:decontaminate", "Take out text of evaluations."),
        ("export", "corpus_export:export", "Describe text for other programs, in Croissant."),
        ("remove", "corpus_remove:remove", "Remove documents on request, and make anew what was made of them."),
        ("licences", "corpus_licences:licences", "Show the licences of text, and take out what is refused."),
        ("tokenize", "corpus_tokenize:tokenize", "Make a corpus to train on out of the newest text."),
        ("mix", "corpus_mix:mix", "Show what a mixture comes to at each scale, as recipe lines too."),
        ("show", "corpus_show:show", "Tell a document's whole story, with the reasons of each step."),
        ("report", "corpus_report:report", "Write a report on a corpus, a page to open in a browser."),
        ("diff", "corpus_diff:diff", "Say what two editions, corpora or files have and have not in common."),
    )),
    ("tokenizer", "Tokenizers, and how they suit a text.", (
        ("train", "tokenizer:train", "Train a byte-level BPE on text."),
        ("compare", "tokenizer:compare", "Compare two tokenizers: vocabulary, compression, fertility."),
    )),
    ("quality", "What good text is: labels, agreement, and a classifier of them.", (
        ("label", "quality_label:label", "Grade a sample of documents, yourself or by Claude."),
        ("agree", "quality:agree", "Say how far two labellers agree."),
        ("train", "quality:train", "Distil labels, or text that you trust, into a classifier."),
        ("report", "quality:report", "Show what a classifier prefers, and whether its chances are true."),
    )),
    ("recipe", "Show and compare recipes.", (("show", "recipe:show", "Print a recipe as TOML."),
                                             ("diff", "recipe:diff", "Show the fields in which two recipes differ."))),
    ("trainer", "Programs that train in assay's place.", (
        ("check", "trainer:check", "Try a trainer.toml out."),
    )),
    ("vault", "The sealed held-out set.", (
        ("status", "vault:status", "Show how much of its worth is used up."),
        ("rotate", "vault:rotate", "Go on with the next part of it."),
    )),
    ("ledger", "The append-only history.", (("verify", "ledger:verify", "Check every entry and every decision."),
                                            ("budget", "ledger:budget", "Show what is left of the error budget."))),
    ("evidence", "Tests on tables of results.", (
        ("compare", "evidence:compare", "Is one table of runs better?"),
        ("noise", "noise:noise", "Where does the noise of a score come from?"),
        ("shrink", "shrink:shrink", "What is left of measured effects once luck is taken off?"),
    )),
    ("law", "Scaling laws from tables of runs.", (
        ("fit", "law:fit", "Fit loss as a function of parameters and tokens."),
        ("isoflop", "law_curves:isoflop", "Find the best size at each compute budget."),
        ("frontier", "law_curves:frontier", "Find the least loss for each compute."),
        ("proxy", "law_proxy:proxy", "Do small runs rank recipes as large ones do?"),
        ("multiplier", "law_multiplier:multiplier", "How much less compute does a new recipe need?"),
    )),
    ("mixture", "Mixture weights and what they lead to.", (
        ("fit", "mixture:fit", "Fit losses as functions of mixture weights."),
        ("predict", "mixture:predict", "Predict losses of mixtures, with uncertainty."),
        ("best", "mixture_best:best", "Find the mixture with the least predicted loss."),
        ("design", "mixture_design:design", "Choose the mixtures to train next."),
    )),
)  # fmt: skip
#: Commands whose words depend on each other, so that their usage cannot be read off their parameters.
USAGE = {
    "propose": "[LAB] FILE", "cancel": "[LAB] ID", "compare": "[LAB] OLD NEW",
    "evaluate": "[LAB] RUN [RUN2] --on FILE...", "export": "[LAB] RUN", "sample": "[LAB] RUN TEXT",
    "corpus add": "[LAB] NAME=PATH...", "corpus remove": "[LAB] SOURCE|HASH...",
    "corpus clean": "[LAB | IN OUT]", "corpus dedup": "[LAB | IN OUT]",
    "corpus show": "[LAB] DOC",
    "corpus decontaminate": "[LAB | IN OUT] --on FILE...",
    "recipe show": "[[LAB] RECIPE]",
    "recipe diff": "[LAB] OLD NEW",
}  # fmt: skip
#: What goes on from checkpoints after an interruption.
PAUSED = {
    "corpus": "Interrupted; nothing half done counts. `corpus add` goes on where it was, other steps start again.",
    "run": "Paused. Without --budget, `assay run` goes on with what was left of it.",
    "train": "Paused. The same command goes on where it stopped.",
    "compare": "Paused. The same command goes on where it stopped.",
    "evaluate": "Interrupted. The same command goes on after the files that were finished.",
    "calibrate": "Paused. The same command goes on where it stopped.",
    "quality": "Stopped; labels that were given are kept. The same command goes on.",
    "audit": "Paused. The same command goes on where it stopped.",
}
PACKAGE = "assay.interfaces.cli."


def build(words: Sequence[str] = ()) -> App:
    """The command tree. Commands are named by import path, so that none is loaded before it is called.

    Args:
        words: of the command line. The command that they name gets its docstring as help, the others one line.
    """
    app = App(
        name="assay", help=HELP, version=lambda: version("assay"), help_format="plaintext",
        suppress_keyboard_interrupt=False,  # `main` answers it
        default_parameter=Parameter(converter=_value),
    )  # fmt: skip
    for place, (name, target, line) in enumerate(COMMANDS):
        chosen = list(words[:1]) == [name]
        _add(app, name, target, docstring(target) if chosen else line, place)
    for place, (name, line, members) in enumerate(GROUPS, len(COMMANDS)):
        group = App(name=name, help=line, help_format="plaintext", sort_key=place)
        for order, (member, target, member_line) in enumerate(members):
            chosen = list(words[:2]) == [name, member]
            _add(group, member, target, docstring(target) if chosen else member_line, order, f"{name} {member}")
        app.command(group)
    return app


def _value(kind: Any, tokens: "Sequence[Token]") -> Any:
    """What the words of an option mean. As cyclopts has it, but that numbers which are whole are not rounded to."""
    if kind is not int:
        return convert(kind, tokens)
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, not {tokens[0].value!r}") from None


def _add(app: App, name: str, target: str, text: str, place: int, path: str = "") -> None:
    called = path or name
    usage = f"Usage: assay {called} {USAGE[called]} [OPTIONS]" if called in USAGE else None
    app.command(PACKAGE + target, name=name, help=text, sort_key=place, usage=usage)


def docstring(target: str) -> str:
    """A command's docstring, a line for each paragraph, so that it wraps to any width; indented lines as they are."""
    module, _, function = (PACKAGE + target).partition(":")
    text = inspect.getdoc(getattr(import_module(module), function)) or ""
    paragraphs = text.split("\n\n")
    joined = "\n\n".join(p if p.startswith(" ") else " ".join(p.split("\n")) for p in paragraphs)
    return re.sub("^Examples?:$", "For example:", joined, flags=re.M)  # the heading alone would hide the section


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 a check failed, 2 bad input, 130 paused by Ctrl-C or SIGTERM."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    gc.set_threshold(100_000, 20, 20)  # loading modules makes few cycles; looking for them took a sixth of the time
    signal.signal(signal.SIGTERM, _interrupt)
    words = sys.argv[1:]
    try:
        sys.exit(
            build(words)(
                words, exit_on_error=False, print_error=False, result_action="return_int_as_exit_code_else_zero"
            )
        )
    except CycloptsError as error:
        print(f"assay: {' '.join(str(error).split())}", file=sys.stderr)
        print("Try `assay --help`, or `assay COMMAND --help` for examples.", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        said = str(error).replace("\n", "\\n")  # of the name of a file
        print(f"assay: {said}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        problem = _explain(error)
        if problem is None:
            raise
        print(f"assay: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"\n{PAUSED.get(words[0] if words else '', 'Interrupted.')}", file=sys.stderr)
        sys.exit(130)


def _interrupt(*_: object) -> None:
    """What stops a program in order pauses as Ctrl-C does."""
    raise KeyboardInterrupt


def _explain(error: OSError) -> str | None:
    """What a person can do about an error of the file system; None if nothing is known."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"the disk is full ({error.filename or 'while writing'}); free some space and run the same command again: "
            f"nothing that was finished is lost"
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"no permission to use {error.filename}; choose another folder, or change whose it is"
    if error.filename and error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        return f"{error.filename}: {str(error.strerror).lower()}; name a place where a file or folder can be"
    return None
