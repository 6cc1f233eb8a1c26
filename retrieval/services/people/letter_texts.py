"""The words of letters: plain text in the language that is active, one link at most, nothing that a stranger chose."""

from __future__ import annotations

from django.utils.translation import gettext as _

from retrieval import conf
from retrieval.models import Letter, LetterKind
from retrieval.services.people.posting import Mail, line
from retrieval.services.people.sign_in_link import INVITATION_GOOD_FOR

HOURS = int(INVITATION_GOOD_FOR.total_seconds() // 3600)


def write(letter: Letter, *, address: str, link: str) -> Mail:
    """Write a letter to an account."""
    name = line(letter.user.get_username()) if letter.user else ""
    subject, parts = _words(LetterKind(letter.kind))
    said = {"name": name, "site": conf.get().site, "hours": HOURS, "link": f"\n{link}"}
    body = "\n\n".join(part.format(**said).replace(" \n", "\n") for part in parts)
    return Mail(address, f"[imagesearch] {subject}", f"{body}\n")


def _words(kind: LetterKind) -> tuple[str, list[str]]:
    """The subject, and the paragraphs."""
    return {
        LetterKind.RESET: _reset,
        LetterKind.INVITATION: _invitation,
        LetterKind.CONFIRMATION: _confirmation,
        LetterKind.NEW_ADDRESS: _new_address,
        LetterKind.NEW_PASSWORD: _new_password,
    }[kind]()


def _reset() -> tuple[str, list[str]]:
    asked = _("Somebody, probably you, asked for a new password of the account {name} on {site}.")
    link = _("This link signs you in once and lets you choose one. It is good for an hour: {link}")
    return _("A new password"), [asked, link, _("If it was not you, nothing has changed, and you need do nothing.")]


def _invitation() -> tuple[str, list[str]]:
    there = _("There is an account for you on {site}. Its name is {name}.")
    link = _("This link signs you in once and lets you choose a password. It is good for {hours} hours: {link}")
    return _("Your account"), [there, link]


def _confirmation() -> tuple[str, list[str]]:
    asked = _("The account {name} on {site} is to have this address of mail.")
    link = _("Open this link within a day to confirm it: {link}")
    return _("Is this your address?"), [
        asked,
        link,
        _("If it was not you, nothing has changed, and you need do nothing."),
    ]


def _new_address() -> tuple[str, list[str]]:
    said = _("The account {name} on {site} has another address of mail now. This one gets no more of its mails.")
    return _("Your address was changed"), [said, _("If it was not you, tell whoever runs the site.")]


def _new_password() -> tuple[str, list[str]]:
    said = _("The account {name} on {site} has a new password. All browsers are signed out, tokens open nothing.")
    return _("Your password was changed"), [said, _("If it was not you, tell whoever runs the site.")]
