"""What a step did, in words."""

from assay.corpus.steps.account import Account
from assay.interfaces.cli.shared import count, duration, size


def print_account(account: Account) -> None:
    """Documents and bytes in and out, by rule and by domain."""
    into, out = account.into, account.out
    print(
        f"{account.step}: {count(into.documents, 'document')} ({size(into.bytes)}) in, {out.documents} "
        f"({size(out.bytes)}) out, in {duration(account.seconds)}"
    )
    for rule, amount in account.removed.items():
        print(f"  {rule}: {count(amount.documents, 'document')} removed ({size(amount.bytes)})")
    for rule, amount in account.changed.items():
        print(f"  {rule}: {count(amount.documents, 'document')} changed ({size(amount.bytes)} taken out)")
    print_passed_over(account)
    if len(account.domains) > 1 or account.step == "add":
        width = max(map(len, account.domains))
        for name, flow in account.domains.items():
            kept = "" if flow.out == flow.into else f" of {flow.into.documents} ({size(flow.into.bytes)})"
            print(f"  {name:{width}}  {flow.out.documents} ({size(flow.out.bytes)}){kept}")


def print_passed_over(account: Account) -> None:
    """Records that are no documents, and files that hold no text."""
    for kind, number in account.bad.items():
        print(f"  passed over, {kind}: {number}")
    for kind, found in account.other_files.items():
        names = ", ".join(found.names) + ", …" * (found.files > len(found.names))
        print(f"  passed over, {kind}: {count(found.files, 'file')} ({names})")
