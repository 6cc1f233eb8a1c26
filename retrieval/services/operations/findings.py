"""What the audit finds, and what mends each kind of it."""

from __future__ import annotations

from dataclasses import dataclass

# Of one kind so many are listed; there may be more.
SHOWN = 1_000

REPAIR = "manage.py audit --repair"
FROM_BACKUP = "bring the file back from a backup; manage.py restore checks what it holds"
MENDS = {
    "no_encoder": "start the site once, or activate an encoder in the administration",
    "weights_wrong": "put the right file back, from a backup or where it came from",
    "original_missing": FROM_BACKUP,
    "original_changed": FROM_BACKUP,
    "size_wrong": REPAIR,
    "extension_old": "install a newer pgvector",
    "committed_twice": "nothing is lost; please report it, as this must never be",
    "same_picture_twice": "delete one of the two",
    "reference_dangling": "bring back who or what is named, from a backup, or delete the row in the administration",
    "value_unknown": "set one of the known values in the administration or the database",
}


@dataclass(frozen=True)
class Finding:
    """Something that ought not to be: a stable code, what it is about, and a sentence."""

    code: str
    subject: str
    message: str

    @property
    def mend(self) -> str:
        """What mends it: a command, or what a person has to do where no command can."""
        return MENDS.get(self.code, REPAIR)
