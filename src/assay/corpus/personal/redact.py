"""Text with placeholders where personal data was."""

from collections.abc import Sequence

from assay.corpus.personal.find import Finding


def redact(text: bytes, found: Sequence[Finding]) -> bytes:
    """A text with each finding's placeholder in its place. Findings are in order and do not overlap."""
    parts, end = [], 0
    for each in found:
        parts += [text[end : each.start], each.placeholder.encode()]
        end = each.end
    return b"".join([*parts, text[end:]])
