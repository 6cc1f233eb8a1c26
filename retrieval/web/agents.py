"""What a browser calls itself, in two words that a person knows it by."""

from __future__ import annotations

from django.utils.translation import gettext as _

# The first that is found counts: browsers call themselves by the names of others as well.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
            ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def name(agent: str) -> str:
    """Return browser and system, as far as they can be told from what a program says of itself."""
    found = [next((known for sign, known in known_as if sign in agent), "") for known_as in (BROWSERS, SYSTEMS)]
    return ", ".join(word for word in found if word) or _("Unknown browser")
