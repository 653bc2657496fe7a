"""Which language a text is in: naive Bayes over byte n-grams, many texts at a time.

The model is py3langid's (langid.py: Lui and Baldwin, ACL 2012), which ships it and needs nothing but numpy. Its n-grams
are found by an automaton that takes one byte at a time; here the automaton takes a byte of every text at once, which
gives py3langid's own answers many times as fast.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from assay.corpus.texts import Texts

#: Bytes that are looked at of a text: all of a short one, else windows spread evenly over it.
SAMPLE_BYTES = 1024
WINDOWS = 4
#: Code of a text that nothing can be said about.
UNDETERMINED = "und"
_TOGETHER = 2048  # texts that the automaton reads at once


@dataclass(frozen=True)
class Languages:
    """The language of each of N texts.

    Attributes:
        codes: (N,) ISO 639 codes, `zxx` where there is no language (code, tables, numbers), `und` for a text without
            any n-gram that the model knows.
        confidence: (N,) probability of that language among those that the model knows.
        chances: (N, L) probability of each of the `known` languages.
        known: (L,) their codes.
    """

    codes: np.ndarray
    confidence: np.ndarray
    chances: np.ndarray
    known: np.ndarray

    def of(self, wanted: Sequence[str]) -> np.ndarray:
        """(N,) probability of being in one of some languages; 0 for a text that nothing can be said about."""
        # In rows, since the order in which numbers are added must not depend on how many texts there are.
        chances = np.ascontiguousarray(self.chances[:, np.isin(self.known, wanted)]).sum(1)
        return np.where(self.codes == UNDETERMINED, 0, chances)


@dataclass(frozen=True)
class _Model:
    """Tables of the automaton and of the classifier. States S, n-grams F, classes C."""

    row_S: np.ndarray
    following_RB: np.ndarray
    """Next state by row and byte; states share rows."""
    found_S: np.ndarray
    """N-gram that ends in a state, or -1."""
    weight_FC: np.ndarray
    prior_C: np.ndarray
    class_C: np.ndarray
    """Place of each class's code in `codes`; some languages have a class a script."""
    codes: np.ndarray


def detect(texts: Texts) -> Languages:
    """The most probable language of each text, from a sample of its bytes."""
    model = _model()
    chances_NL = np.empty((len(texts), len(model.codes)), np.float32)
    undetermined_N = np.zeros(len(texts), bool)
    for start in range(0, len(texts), _TOGETHER):
        end = min(start + _TOGETHER, len(texts))
        samples = [sample(texts, i) for i in range(start, end)]
        chances_NL[start:end], undetermined_N[start:end] = _classify(samples, model)
    best_N = chances_NL.argmax(1)
    codes_N = np.where(undetermined_N, UNDETERMINED, model.codes[best_N])
    return Languages(codes_N, chances_NL[np.arange(len(texts)), best_N], chances_NL, model.codes)


def sample(texts: Texts, i: int) -> bytes:
    """What is looked at of text i, in the form that the model was trained on: NFC, and no text all in capitals."""
    start, end = texts.offsets[i : i + 2].tolist()
    size = end - start
    if size <= SAMPLE_BYTES:
        content = texts.bytes(i)
    else:
        width = SAMPLE_BYTES // WINDOWS
        places = [start + k * (size - width) // (WINDOWS - 1) for k in range(WINDOWS)]
        content = b" ".join(texts.data[place : place + width].tobytes() for place in places)
    if content.isascii():
        return content.lower() if content.isupper() else content
    text = content.decode(errors="ignore")  # windows may cut characters
    text = text.lower() if text.isupper() else text
    return unicodedata.normalize("NFC", text).encode()


def _classify(samples: list[bytes], model: _Model) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each language, (N, L), and whether nothing can be said, (N,)."""
    texts_N = np.argsort([-len(each) for each in samples], kind="stable")  # so that those still read stand first
    lengths_N = np.array([len(samples[i]) for i in texts_N])
    longest = int(lengths_N[0])
    bytes_TN = np.zeros((longest, len(samples)), np.uint8)
    for column, i in enumerate(texts_N.tolist()):
        bytes_TN[: lengths_N[column], column] = np.frombuffer(samples[i], np.uint8)
    reading_T = np.searchsorted(-lengths_N, -np.arange(longest), side="left")
    found_TN = np.full((longest, len(samples)), -1, np.int32)
    state_N = np.zeros(len(samples), np.int32)
    following, row_S, found_S = model.following_RB.ravel(), model.row_S, model.found_S
    for t, n in enumerate(reading_T.tolist()):
        state_N = following[(row_S[state_N[:n]] << 8) + bytes_TN[t, :n]]
        found_TN[t, :n] = found_S[state_N]
    scores_NC = np.empty((len(samples), len(model.prior_C)), np.float32)
    for column, i in enumerate(texts_N.tolist()):
        found = found_TN[: lengths_N[column], column]
        grams, counts = np.unique(found[found >= 0], return_counts=True)
        weights = model.weight_FC[grams]
        scores_NC[i] = np.log1p(counts.astype(np.float32)) @ weights + (model.prior_C if len(grams) else 0)
    return _chances(scores_NC, np.array([len(each) for each in samples]), model), np.all(scores_NC == 0, axis=1)


def _chances(scores_NC: np.ndarray, lengths_N: np.ndarray, model: _Model) -> np.ndarray:
    """Probabilities (N, L): softmax at a temperature of the square root of the length, as in py3langid."""
    scaled_NC = scores_NC / np.sqrt(np.maximum(lengths_N, 1))[:, None].astype(np.float32)
    chances_NC = np.exp(scaled_NC - scaled_NC.max(1, keepdims=True))
    chances_NC /= chances_NC.sum(1, keepdims=True)
    chances_NL = np.zeros((len(scores_NC), len(model.codes)), np.float32)
    for place, language in enumerate(model.class_C.tolist()):
        chances_NL[:, language] += chances_NC[:, place]
    return chances_NL


def known() -> tuple[str, ...]:
    """Codes of the languages that the model knows."""
    return tuple(_model().codes.tolist())


@cache
def _model() -> _Model:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model: Any = LanguageIdentifier.from_model_file(MODEL_FILE)
    codes = list(dict.fromkeys(model.nb_classes))
    return _Model(
        row_S=np.asarray(model.tk_row, np.int32),
        following_RB=np.asarray(model.tk_nextmove, np.int32).reshape(-1, 256),
        found_S=np.asarray(model.tk_output, np.int32),
        weight_FC=np.asarray(model.nb_ptc, np.float32),
        prior_C=np.asarray(model.nb_pc, np.float32),
        class_C=np.array([codes.index(code) for code in model.nb_classes]),
        codes=np.array(codes),
    )
