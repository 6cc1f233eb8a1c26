"""How words are spelled in indexes and queries alike: composed, divided, and which scripts have no spaces."""

from __future__ import annotations

import re
import unicodedata

# Thai to Khmer, kana, Han and Hangul: PostgreSQL's parser takes a whole run of them for one word.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# What divides words in file names, as ``retrieval_words`` has it; between letters they do so in a query as well.
DIVIDERS, BETWEEN_LETTERS = re.compile(r"[./\\_-]+"), re.compile(r"(?<=\w)[./\\_-]+(?=\w)|_+")
JOINERS = dict.fromkeys((0x200C, 0x200D))


def composed(text: str) -> str:
    """Return the text as words are kept: composed (NFC), without joiners."""
    return unicodedata.normalize("NFC", text).translate(JOINERS)


def divided(text: str) -> str:
    """Return the composed text with spaces where dividers stand."""
    return DIVIDERS.sub(" ", composed(text))
