"""Lists of words with how often they are written, from files in the manner of spelling checkers and segmenters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import InvalidInput

# "the 23135851162" of symspellpy, "swimming pool 218498560", "狗 6014 n" of jieba: words, a count, perhaps a kind.
LINE = re.compile(r"(?P<word>\S+(?: \S+)*?) (?P<count>\d+)(?: (?P<kind>[a-z]+))?")
# Of a list that names kinds (nouns, verbs, what describes) by jieba's letters: how many of each. Names of persons and
# bodies are left out, and so are words without a meaning of their own but for the commonest.
KINDS = {
    "n": (0.77, {"n", "ng", "nz", "s", "f", "g", "zg"}),
    "v": (0.15, {"v", "vn", "vg"}),
    "a": (0.08, {"a", "an", "b", "z"}),
}
GRAMMAR = 0.005
HAN = re.compile(r"[\u3400-\u9fff]+")


@dataclass(frozen=True)
class Entry:
    """A word or phrase, and the share (0..1) of all written words of its list that it is."""

    word: str
    share: float


def read(path: Path, *, most: int) -> list[Entry]:
    """The commonest words of a list, at most so many, commonest first; a list with kinds gives of each its part.

    Raises InvalidInput for a file that cannot be read, and for one without such lines.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of("words", f"{path.name} is no list of words: {error}") from error
    found = [match for line in text.splitlines() if (match := LINE.fullmatch(line.strip()))]
    if not found:
        raise InvalidInput.of("words", f"{path.name} is no list of words: no line is a word and its count.")
    total = sum(int(match["count"]) for match in found)
    ordered = sorted(found, key=lambda match: -int(match["count"]))
    kept = _by_kind(ordered, most=most) if any(match["kind"] for match in ordered) else ordered[:most]
    return [Entry(match["word"].lower(), int(match["count"]) / total) for match in kept]


def _by_kind(ordered: Sequence[re.Match[str]], *, most: int) -> list[re.Match[str]]:
    """Of each kind its part, and the commonest of any kind: the words of grammar, which are to be known as such."""
    words = [match for match in ordered if HAN.fullmatch(match["word"])]
    kept = dict.fromkeys(words[: round(GRAMMAR * most)])
    for share, letters in KINDS.values():
        kept |= dict.fromkeys([match for match in words if match["kind"] in letters][: round(share * most)])
    return sorted(kept, key=lambda match: -int(match["count"]))[:most]


def joined(lists: Iterable[Sequence[Entry]], *, names: Iterable[str]) -> list[Entry]:
    """One list, each word once, commonest first; ``names`` that no list has come last, as words never written."""
    shares: dict[str, float] = {}
    for entry in (entry for entries in lists for entry in entries):
        shares[entry.word] = max(shares.get(entry.word, 0.0), entry.share)
    found = sorted(shares.items(), key=lambda item: -item[1])
    rest = dict.fromkeys(name for name in names if name not in shares)
    return [Entry(word, share) for word, share in found] + [Entry(name, 0.0) for name in rest]
