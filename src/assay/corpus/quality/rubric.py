"""What a good document is: grades 0 to 5, for people and language models alike."""

from assay.spec.base import sha256_text

GRADES = range(6)

#: After the additive scale of FineWeb-Edu (Penedo et al. 2024, appendix F), widened from school teaching to what a
#: language model can learn from. A document has the highest grade all of whose sentences, up to there, hold.
RUBRIC = (
    "Nothing to learn from: noise, boilerplate, lists of links, spam, or text that is garbled.",
    "Some facts or sentences of use, among much that is irrelevant, repeated or broken.",
    "On a subject and readable, but shallow, disorganised, or mostly promotion or chatter.",
    "Coherent and informative: explains, tells or shows something, with minor flaws.",
    "Clear, well organised, substantial and hardly any irrelevant content; code that works and is explained.",
    "Outstanding: what one would choose to teach from; accurate, complete and well written throughout.",
)

#: Of labels; those made with another rubric are about something else.
RUBRIC_HASH = sha256_text("\n".join(RUBRIC))[:12]


def instructions() -> str:
    """The rubric as text, a line for each grade."""
    return "\n".join(f"{grade}: {meaning}" for grade, meaning in enumerate(RUBRIC))
