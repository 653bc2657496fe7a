"""`assay corpus clean`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.interfaces.cli.corpus_step import run_asked
from assay.interfaces.cli.shared import Json, Overwrite, Words, Workers, print_json, size
from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.corpus.steps.account import Account
    from assay.spec.cleaning import Cleaning


def clean(
    *words: Words,
    filters: Annotated[
        list[str] | None, Parameter(name="--filter", negative="", help="A filter; repeatable, in the order of use.")
    ] = None,
    thresholds: Annotated[
        Literal["learned", "published"],
        Parameter(help="learned: relaxed where a published one would remove too much of a domain."),
    ] = "learned",
    limit: Annotated[
        float,
        Parameter(
            help="Largest share of a domain that may go, in documents and in bytes, where thresholds are learned; "
            "1: as published."
        ),
    ] = 0.05,
    threshold: Annotated[
        list[str] | None,
        Parameter(negative="", help="[DOMAIN:]FILTER.RULE=NUMBER, or =off; repeatable."),
    ] = None,
    option: Annotated[
        list[str] | None, Parameter(negative="", help="[DOMAIN:]FILTER.OPTION=VALUE, as JSON or a word; repeatable.")
    ] = None,
    workers: Workers = 1,
    skip_bad: Annotated[
        bool, Parameter(negative="", help="Pass over records that cannot be read, and count them.")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Remove poor documents and lines: from a lab's newest edition, which makes a new one, or from IN to OUT.

    Filters are used in the order given; left out, they are gopher_quality, gopher_repetition, c4 and fineweb. Each has
    rules that compare a measure of a document to a threshold, or edits that take lines out. Published thresholds were
    made for web pages. So by default all rules and edits together take at most --limit of a domain, 5%: where they
    would take more, thresholds are relaxed to that domain's own distribution, and edits are off. The tables show both
    thresholds, and what each rule and all together remove. For a crawl of the web, --thresholds published does what the
    papers did.

    To name besides: web_lines (menus, notices, counters), language (one that is wanted), personal_data (e-mail
    addresses, telephone numbers, keys … are replaced), listed_words (a list of yours), quality (the best share by a
    classifier of `assay quality train`).

    OUT is a .jsonl, .jsonl.gz or .jsonl.zst for what stays, or a folder, for what goes too, with the reasons.

    Examples:

        assay corpus clean mylab
        assay corpus clean web.jsonl.zst cleaned/ --thresholds published
        assay corpus clean manuals.jsonl cleaned.jsonl --filter fineweb --json
        assay corpus clean mylab --threshold gopher_quality.few_words=20
        assay corpus clean mylab --threshold code:c4.curly_bracket=off
        assay corpus clean web.jsonl out.jsonl --filter web_lines --filter language
        assay corpus clean mylab --limit 0.1
        assay corpus clean mylab --filter language --option language.languages=en --option french:language.languages=fr
        assay corpus clean mylab --filter quality --option quality.classifier=mine
    """
    from assay.corpus.steps.clean import Clean

    step = Clean(_settings(filters, thresholds == "learned", limit, threshold or [], option or []))
    account, place = run_asked(step, words, workers=workers, skip_bad=skip_bad, overwrite=overwrite, quiet=json)
    if json:
        print_json({**account.model_dump(by_alias=True), **place})
        return
    _show(account)
    for what, name in place.items():
        print(f"  {what}: {name}")


def _settings(
    filters: list[str] | None, learn: bool, limit: float, thresholds: list[str], options: list[str]
) -> "Cleaning":
    """The settings that a command line asks for. Raises `UserError` for what is misspelt."""
    import json

    from assay.spec.cleaning import Cleaning

    if not 0 < limit <= 1:
        raise UserError(
            f"--limit {limit:g}: give a share above 0, such as 0.05 for 5%, and at most 1, for thresholds as published"
        )
    by_hand: dict[str, float | None] = {}
    for each in thresholds:
        name, equals, value = each.rpartition("=")
        try:
            by_hand[name] = None if value == "off" else float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise UserError(f"--threshold {each}: expected [DOMAIN:]FILTER.RULE=NUMBER, or =off")
    chosen: dict[str, dict[str, Any]] = {}
    for each in options:
        name, equals, value = each.partition("=")
        domain, colon, name = name.rpartition(":")
        owner, dot, field = name.partition(".")
        if not equals or not dot:
            raise UserError(f"--option {each}: expected [DOMAIN:]FILTER.OPTION=VALUE")
        owner = domain + colon + owner
        try:
            chosen.setdefault(owner, {})[field] = json.loads(value)
        except json.JSONDecodeError:
            chosen.setdefault(owner, {})[field] = value
    said: dict[str, Any] = {"learn": learn and limit < 1, "thresholds": by_hand, "options": chosen}
    if limit < 1:
        said["limit"] = limit
    if filters:
        said["filters"] = filters
    return Cleaning.parse(said, "assay corpus clean")


def _show(account: "Account") -> None:
    from assay.interfaces.cli.corpus_account import print_account

    print_account(account)
    report = account.report
    _table_of_domains(account)
    rows = [
        (each["domain"], each["rule"], f"{each['side']} {each['published']:.4g}", _used(each), each["origin"],
         _percent(each["published_would_remove"]), str(each["removes"]["documents"]), _percent(each["share"]),
         size(each["removes"]["bytes"]))
        for each in report["rules"]
        if each["origin"] != "published" or each["removes"]["documents"]
    ]  # fmt: skip
    if rows:
        print("\nRules that remove something, or were relaxed, each on its own:\n")
        heads = ("domain", "rule", "published", "used", "threshold", "published takes", "removes", "share", "bytes")
        _table(heads, rows)
    off = [
        (each["domain"], each["rule"], "" if each["would_take"] is None else _percent(each["would_take"]))
        for each in report["edits"]
        if not each["on"]
    ]
    if off:
        print("\nEdits that are off:\n")
        _table(("domain", "edit", "would take of the bytes"), off)
    if few := report["too_few_to_remove_any"]:
        limit = _percent(report["limit"])
        print(
            f"\nSo few documents that {limit} of them is less than one: learned rules remove none of {', '.join(few)}"
        )
    print()


def _table_of_domains(account: "Account") -> None:
    """What went of each domain, beside what published thresholds would have removed, and the limit."""
    report = account.report
    rows = []
    for each in report["domains"]:
        flow = account.domains[each["domain"]]
        documents, taken = flow.into.documents - flow.out.documents, flow.into.bytes - flow.out.bytes
        rows.append((
            each["domain"], str(each["documents"]), _percent(each["published_would_remove"]), str(documents),
            _percent(documents / max(flow.into.documents, 1)), _percent(taken / max(flow.into.bytes, 1)),
        ))  # fmt: skip
    if not rows:
        return
    said = f", with a limit of {_percent(report['limit'])}" if report["limit"] is not None else ""
    print(f"\nAll rules and edits together{said}:\n")
    _table(("domain", "documents", "published take", "removed", "of documents", "of bytes"), rows, left=1)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _used(rule: dict[str, Any]) -> str:
    return "off" if rule["used"] is None else f"{rule['used']:.4g}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], left: int = 2) -> None:
    """Columns as wide as what is in them; names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"  {'  '.join(cells)}".rstrip())
