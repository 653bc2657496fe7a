"""`assay quality label`: grades by a person at the terminal, or by Claude."""

import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

from assay.interfaces.cli.shared import Json, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.quality.labels import Excerpt, LabelFile
    from assay.researchers.exchange import Exchange

TextArgument = Annotated[
    list[Path], Parameter(name="TEXT", help="Labs, files or folders.", negative="", consume_multiple=True)
]
_KEYS = "0 to 5, s to skip, u to undo, ? for the rubric, q to stop"


def label(
    text: TextArgument,
    /,
    *,
    into: Annotated[Path, Parameter(help="The file of labels; it is added to.")],
    by: Annotated[Literal["person", "claude"], Parameter(help="Who grades.")] = "person",
    per_domain: Annotated[
        int, Parameter(help="Documents to draw from each domain.", validator=validators.Number(gte=1))
    ] = 100,
    author: Annotated[str | None, Parameter(help="Your name beside your labels; your user name if left out.")] = None,
    budget_usd: Annotated[float, Parameter(help="Most that Claude may cost for this file in all.")] = 5.0,
    seed: Annotated[int, Parameter(help="Of the draw.")] = 0,
    json: Json = False,
) -> None:
    """Grade a sample of documents on a rubric from 0 to 5: you at the terminal, or Claude.

    The documents drawn depend on the text and the seed alone, so two labellers get the same ones, and the command goes
    on where it stopped. Text that a lab holds out or seals is never shown. Claude needs ANTHROPIC_API_KEY; what it was
    asked and answered is kept beside the labels.

    Examples:

        assay quality label mylab --into me.jsonl
        assay quality label web.jsonl.zst books/ --into claude.jsonl --by claude --budget-usd 2
    """
    from assay.corpus.quality.labels import Excerpt, LabelFile, excerpt_of
    from assay.corpus.quality.reading import sample_text
    from assay.interfaces.cli.progress import corpus_progress
    from assay.spec.user import user_name

    if not into.absolute().parent.is_dir():
        raise UserError(f"{into}: there is no folder {into.parent}; make it first")
    labels = LabelFile(into)
    with corpus_progress(quiet=json) as progress:
        drawn = sample_text(text, per_domain, seed=seed, doing="drawing documents", progress=progress)
    # Domain after domain would let a tired labeller meet the last one only.
    ordered = sorted(drawn.documents, key=lambda document: document.drawn)
    excerpts = [Excerpt(id=each.id, domain=each.domain, text=excerpt_of(each.text)) for each in ordered]
    name = f"human:{author or user_name()}"
    facts: dict[str, Any] = {"drawn": len(excerpts), "labels": str(into)}
    if by == "claude":
        facts |= _by_claude(excerpts, labels, into, text, budget_usd, quiet=json)
    else:
        missing = labels.missing(excerpts, name)
        facts |= {"author": name, "new": _by_person(missing, labels, name, quiet=json), "given_up": 0, "cost_usd": 0.0}
    facts["graded"] = sum(each.author == facts["author"] for each in labels.labels)
    if json:
        print_json(facts)
        return
    print(f"{count(facts['new'], 'new label')} by {facts['author']}, {facts['graded']} in {into}")
    if facts["given_up"]:
        print(f"  {count(facts['given_up'], 'document')} got no usable answer; the same command asks again")
    if facts["cost_usd"]:
        print(f"  ${facts['cost_usd']:.2f} spent on them in all")


def _by_person(excerpts: Sequence["Excerpt"], labels: "LabelFile", name: str, quiet: bool) -> int:
    """Show one excerpt after another and read grades from standard input. Returns how many labels were added."""
    from assay.corpus.quality.labels import Label
    from assay.corpus.quality.rubric import GRADES, instructions

    def say(text: str) -> None:
        if not quiet:
            print(text)

    say(instructions())
    place, before = 0, len(labels.labels)
    while place < len(excerpts):
        excerpt = excerpts[place]
        say(f"\n─── {place + 1} of {len(excerpts)} {'─' * 60}\n{_wrapped(excerpt.text)}\n{'─' * 74}")
        say(f"grade ({_KEYS}): ")
        line = sys.stdin.readline()
        said = line.strip().lower()
        if not line or said == "q":
            break
        if said == "?":
            say(instructions())
        elif said == "s":
            place += 1
        elif said == "u":
            if len(labels.labels) > before:
                key = labels.labels[-1].key
                labels.take_back()
                place = next(i for i, each in enumerate(excerpts) if each.key == key)
        elif said.isdecimal() and int(said) in GRADES:
            time = datetime.now(UTC).isoformat(timespec="seconds")
            labels.add(Label(**excerpt.model_dump(), grade=int(said), author=name, time=time))
            place += 1
        else:
            say(f"not understood; say {_KEYS}")
    return len(labels.labels) - before


def _wrapped(text: str) -> str:
    lines = [textwrap.wrap(line, 100, drop_whitespace=False) or [""] for line in _printable(text).splitlines()]
    return "\n".join(part for line in lines for part in line)


def _printable(text: str) -> str:
    """Text that cannot steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in text)


def _by_claude(
    excerpts: Sequence["Excerpt"], labels: "LabelFile", into: Path, text: Sequence[Path], budget: float, quiet: bool
) -> dict[str, Any]:
    from assay.interfaces.cli.progress import target_progress
    from assay.researchers.claude.grading import ClaudeGrader
    from assay.researchers.claude.messages import OR_WITHOUT, read_key
    from assay.spec.protocols import OutOfMoney, ResearcherUnavailable

    settings = _settings(text, budget)
    record, spent = _exchanges(into.with_name(f"{into.name}.claude"))
    grader = ClaudeGrader(settings, record, spent())
    missing = labels.missing(excerpts, grader.name)
    new, given_up = 0, 0
    try:
        read_key()
        with target_progress(len(missing), quiet=quiet or not sys.stderr.isatty()) as tick:
            for excerpt in missing:
                found = grader.grade(excerpt)
                if found is None:
                    given_up += 1
                else:
                    labels.add(found)
                    new += 1
                tick("label")
    except OutOfMoney:
        raise UserError(
            f"the money for Claude is used up: ${spent():.2f} of ${budget:.2f} is spent, and the next request might "
            f"cost more than the rest; {count(new, 'new label')} kept; raise --budget-usd to go on"
        ) from None
    except ResearcherUnavailable as error:
        why = str(error).replace(OR_WITHOUT, "or grade yourself: --by person")
        raise UserError(f"{why} ({count(new, 'new label')} kept)") from None
    return {"author": grader.name, "new": new, "given_up": given_up, "cost_usd": round(spent(), 4)}


def _settings(text: Sequence[Path], budget: float) -> Any:
    """A lab's own settings for Claude where there is a lab, with this file's budget."""
    from assay.spec.base import read_toml
    from assay.spec.lab import ClaudeSettings, LabConfig

    for place in text:
        if (place / "lab.toml").is_file():
            own = LabConfig.parse(read_toml(place / "lab.toml"), str(place / "lab.toml")).researchers.claude
            return own.model_copy(update={"budget_usd": budget})
    return ClaudeSettings(budget_usd=budget)


def _exchanges(path: Path) -> tuple[Callable[["Exchange"], None], Callable[[], float]]:
    """A file of exchanges: what adds one to it, and what they have cost in all."""
    from assay.corpus.records import json_lines

    costs = [float(record["cost_usd"]) for _, record in json_lines(path)] if path.is_file() else []

    def record(exchange: "Exchange") -> None:
        costs.append(exchange.cost_usd)
        with path.open("ab") as file:
            file.write(json.dumps(exchange.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    return record, lambda: sum(costs)
