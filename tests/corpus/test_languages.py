"""Languages of many texts at once against py3langid, one text at a time."""

import numpy as np
import pytest

from assay.corpus import languages
from assay.corpus.texts import Texts

langid = pytest.importorskip("py3langid.langid", reason="py3langid is not installed here yet; run make")

# Article 1 of the Universal Declaration of Human Rights.
ARTICLE = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft begabt.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью.",
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem.",
}


def test_languages_of_one_article() -> None:
    found = languages.detect(Texts.of(list(ARTICLE.values())))
    assert found.codes.tolist() == list(ARTICLE)
    assert (found.confidence > 0.9).all()


def test_same_as_py3langid() -> None:
    texts = [" ".join([text] * n)[cut:] for n in (1, 3, 40) for cut in (0, 7, 50) for text in ARTICLE.values()]
    texts += [ARTICLE["en"].upper(), "é" * 3, "12 34 56", "x = [i for i in range(10)]\n" * 9, "a"]
    batch = Texts.of(texts)
    reference = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    found = languages.detect(batch)
    for i in range(len(texts)):
        code, confidence = reference.classify(languages.sample(batch, i))
        if found.codes[i] != languages.UNDETERMINED:
            assert (found.codes[i], found.confidence[i]) == (code, pytest.approx(confidence, abs=1e-4))


def test_no_text_depends_on_its_neighbours() -> None:
    texts = [*ARTICLE.values(), "", "   ", *(text * 30 for text in ARTICLE.values())]
    together = languages.detect(Texts.of(texts))
    alone = [languages.detect(Texts.of([text])) for text in texts]
    assert together.codes.tolist() == [each.codes[0] for each in alone]
    np.testing.assert_array_equal(together.confidence, [each.confidence[0] for each in alone])
    np.testing.assert_array_equal(together.of(["en", "de", "ru"]), [each.of(["en", "de", "ru"])[0] for each in alone])
    assert together.codes[len(ARTICLE)] == languages.UNDETERMINED


def test_nothing() -> None:
    assert len(languages.detect(Texts.of([])).codes) == 0
