"""What systems leave among people's pictures: one rule for archives and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Apple's, Windows's, Synology's and QNAP's; each in any case.
NAMES = {
    "__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "recycler",
    "system volume information", "lost+found", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
    "picasa.ini", "zbthumbnail.info", "icon\r",
}  # fmt: skip
# What is hidden, and what an office program holds open; "." and ".." are neither.
HIDDEN = re.compile(r"\.[^.]|\.\.[^.]|\.{3}|~\$")


def is_clutter(parts: Iterable[str]) -> bool:
    """Whether a path, given as its parts, is of something that no person put there as a picture."""
    return any(part.casefold() in NAMES or HIDDEN.match(part) for part in parts)
