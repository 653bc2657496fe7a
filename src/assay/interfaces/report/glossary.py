"""How to read the report: its few technical words, in plain ones."""

from assay.interfaces.report.html import Html
from assay.interfaces.report.parts import definitions, section

WORDS = {
    "bits per byte": """
        The score that decides: how many bits the model needs on average to write one byte of text it was not trained
        on, the same bytes for every run. Lower is better. Effects are reductions of it, so positive means better.""",
    "pair": """
        The champion and the candidate trained with the same seed at the same scale with equal compute. What the seed
        does to both cancels in the difference.""",
    "e-value": """
        Evidence against “no better than the champion”. If the change did nothing, an e-value would be 1 or less on
        average, and would reach 100 in one case of a hundred at most, however often one looks and whenever one stops.
        The proof takes the differences to be roughly normal.""",
    "threshold": """
        The e-value that this test needed. It grows with the number of proposals, because whoever tries many things
        finds something by luck; keeping to it keeps the expected share of false promotions below the stated limit.""",
    "confidence sequence": """
        The 95% intervals here. Unlike usual ones they hold at every moment at once, so it does no harm that testing
        went on until something showed. With two or three pairs they are not bounded yet.""",
    "compute multiplier": """
        How many times as much compute the generation before would need for the same loss, read off its own
        loss–compute curve between measured points. “Beyond range”: the loss lies outside that curve, and nothing is
        guessed. “Preliminary”: it rests on fewer than three scales.""",
    "supported, refuted, inconclusive": """
        Supported: the threshold was reached at two scales, the second time on seeds that no run had used. Refuted:
        shown to be smaller than is worth having, or training diverged. Inconclusive: neither; the proposal may still
        be right.""",
    "smallest detectable effect": """
        The true effect that would have been found with 80% probability within the pairs allowed, at the noise
        measured. An inconclusive verdict says little about effects smaller than this.""",
    "generation, champion": """
        Each promoted change makes a new champion, the recipe that later proposals must beat. Generation 0 is the recipe
        the lab began with.""",
    "half-way check": """
        A candidate’s first run stops half-way, and a candidate far behind the champion there is dropped. Dropping early
        can lose a good proposal but never promotes a bad one.""",
}


def glossary() -> Html:
    words = [(word, " ".join(text.split())) for word, text in WORDS.items()]
    return section("words", "How to read this page", definitions(words, class_="words"))
