"""`assay tokenizer train` and `assay tokenizer compare`."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json, size
from assay.spec.errors import UserError


def train(
    out: Annotated[Path, Parameter(help="Where to write the tokenizer.json.")],
    *sources: Annotated[str, Parameter(help="Folders and files of text, as `assay corpus add` takes them.")],
    vocab: Annotated[int, Parameter(help="Most tokens, from 257 to 65536.")] = 8192,
    json: Json = False,
) -> None:
    """Train a byte-level BPE on all of some text, in the Hugging Face format.

    The same text gives the same tokenizer, which is that of the trainer of the `tokenizers` library. Only the words
    and how often each occurs are held in memory, of at most eight million different words; of more, the rarest are
    left out.

    Examples:

        assay tokenizer train tokenizer.json ./books
        assay tokenizer train mine.json ./books ./code.jsonl --vocab 16384
    """
    from assay.corpus.documents import Source
    from assay.corpus.sources import read_source
    from assay.corpus.tokenizers.bpe import FEWEST, MOST
    from assay.corpus.tokenizers.kinds import tokenizer_named
    from assay.interfaces.cli.progress import corpus_progress

    if not FEWEST <= vocab <= MOST:
        raise UserError(f"--vocab {vocab}: give a number of tokens from {FEWEST} to {MOST}, for example --vocab 4096")
    wanted = tokenizer_named(f"bpe:{vocab}")
    if not sources:
        raise UserError("no text to train on; expected: assay tokenizer train OUT PATH…")
    if out.is_dir():
        raise UserError(f"{out} is a folder; name the file to write, such as {out / 'tokenizer.json'}")
    if out.exists() and not _is_tokenizer(out):
        raise UserError(f"{out} exists and is no tokenizer; choose another name, so that it is not lost")
    started, done, documents = time.monotonic(), 0, 0
    with corpus_progress(quiet=json) as progress:

        def texts() -> Iterator[bytes]:
            nonlocal done, documents
            for location in sources:
                for document in read_source(Source("text", location)):
                    content = document.text.encode()
                    yield content
                    done, documents = done + len(content), documents + 1
                    if progress is not None and not documents % 64:
                        progress(done, None, f"counting words of {location}")
            if progress is not None:
                progress(done, done, "merging")

        tokenizer = wanted.make(texts)
    assert tokenizer.serialised is not None
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".tmp-{os.getpid()}-{out.name}")
    temporary.write_text(tokenizer.serialised, encoding="utf-8")
    temporary.replace(out)
    if json:
        print_json({"tokenizer": str(out), "vocab": tokenizer.vocab, "documents": documents, "bytes": done,
                    "seconds": time.monotonic() - started})  # fmt: skip
        return
    print(f"Wrote {out}: {tokenizer.vocab} tokens, from {documents} documents ({size(done)}).")
    if tokenizer.vocab < vocab:
        print("It is smaller than asked for, since every word of the text has become one token.")
    print(f"Next: `assay corpus tokenize LAB --tokenizer {out}`, or `assay init LAB --tokenizer {out}`.")


def _is_tokenizer(path: Path) -> bool:
    from tokenizers import Tokenizer

    try:
        Tokenizer.from_file(str(path))
    except Exception:  # the library has no error of its own
        return False
    return True


def compare(
    first: Annotated[str, Parameter(help="'bytes', a tokenizer.json, a corpus' folder or a lab.")],
    second: Annotated[str, Parameter(help="Another one.")],
    *,
    on: Annotated[
        tuple[str, ...], Parameter(name="--on", negative="", help="NAME=PATH of text to try; may be repeated.")
    ] = (),
    json: Json = False,
) -> None:
    """Compare two tokenizers: what their vocabularies share, and how each suits some text.

    For each text it says bytes a token (compression), tokens a word (fertility), and how many documents do not come
    back from their tokens as they were. At most the first megabyte of each text is tried; without --on, and where one
    of the two is a lab or a corpus, a megabyte from all over each domain that it trains on.

    Examples:

        assay tokenizer compare bytes mylab
        assay tokenizer compare mylab tokenizer.json --on prose=./books --json
    """
    from assay.corpus.tokenizers.measures import fit, overlap

    names = ("first", "second")
    pair = {name: _tokenizer(text) for name, text in zip(names, (first, second), strict=True)}
    shared = overlap(*pair.values())
    fits = {}
    texts = _given(on) if on else _own((first, second))
    for name, sample in texts.items():
        fits[name] = {which: fit(tokenizer, sample) for which, tokenizer in pair.items()}
    if json:
        print_json({
            "first": {"name": first, "vocab": pair["first"].vocab},
            "second": {"name": second, "vocab": pair["second"].vocab},
            "overlap": {**shared.model_dump(), "jaccard": round(shared.jaccard, 4)},
            "on": {name: {which: found.facts() for which, found in both.items()} for name, both in fits.items()},
        })  # fmt: skip
        return
    print(f"first:  {first}, {pair['first'].vocab} tokens\nsecond: {second}, {pair['second'].vocab} tokens")
    print(
        f"Both have {shared.shared} tokens; {shared.only_first} are only in the first, {shared.only_second} only in "
        f"the second (Jaccard {shared.jaccard:.3f})."
    )
    for name, both in fits.items():
        print(f"{name}:")
        for which, found in both.items():
            print(
                f"  {which:6} {found.bytes_per_token:5.2f} bytes a token, {found.fertility:5.2f} tokens a word, "
                f"{found.used} different tokens, {found.changed} of {found.documents} documents changed"
            )
    if not fits:
        print("No text was tried; name some with --on NAME=PATH, for example --on prose=./books.")


def _given(on: tuple[str, ...]) -> dict[str, list[str]]:
    """The beginning of each text that --on names."""
    from assay.corpus.documents import Source
    from assay.corpus.sources import read_source
    from assay.corpus.tokenizers.measures import SAMPLE_BYTES

    found: dict[str, list[str]] = {}
    for text in on:
        name, _, location = text.partition("=")
        if not (name and location):
            raise UserError(f"--on {text}: expected NAME=PATH, for example --on prose=./books")
        size, sample = 0, list[str]()
        for document in read_source(Source(name, location)):
            sample.append(document.text)
            size += len(document.text)
            if size >= SAMPLE_BYTES:
                break
        found[name] = sample
    return found


def _own(places: tuple[str, str]) -> dict[str, list[str]]:
    """Text of the labs and corpora among two places."""
    from assay.corpus.tokenizers.measures import SAMPLE_BYTES
    from assay.corpus.views.training import sample_texts

    found: dict[str, list[str]] = {}
    for place in places:
        folder = _corpus(place)
        if folder is not None:
            for name, sample in sample_texts(folder, SAMPLE_BYTES).items():
                found[f"{name} of {place}" if name in found else name] = sample
    return found


def _corpus(place: str) -> Path | None:
    """The corpus folder that a place is, or a lab's."""
    from assay.interfaces.cli.shared import open_lab

    if (Path(place) / "lab.toml").is_file():
        lab = open_lab(Path(place))
        lab.close()
        return lab.corpus_dir
    return Path(place) if (Path(place) / "manifest.json").is_file() else None


def _tokenizer(text: str):
    from assay.corpus.tokenizers.kinds import load_tokenizer, tokenizer_named

    folder = _corpus(text)
    if folder is not None:
        return load_tokenizer(folder)
    wanted = tokenizer_named(text)
    if wanted.trained:
        raise UserError(f"'{text}' is not trained yet; `assay tokenizer train` makes a tokenizer.json to compare")
    return wanted.make(lambda: [])
