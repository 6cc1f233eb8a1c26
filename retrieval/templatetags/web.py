"""Small tags of the templates: icons, the shape of a picture's box, words for codes, sizes for people."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Any

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from retrieval import conf, downloads
from retrieval.matching import Judgement
from retrieval.models import Image
from retrieval.services.people import rights
from retrieval.services.searching.search import SearchAnswer
from retrieval.web import bands, words

register = template.Library()

# 24 x 24, drawn with a round 1.75 pen.
ICONS = {
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>',
    "camera": '<path d="M4 8.5h3l1.6-2.5h6.8L17 8.5h3a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9.5a1 1 0 0 1 '
    '1-1Z"/><circle cx="12" cy="13.5" r="3.2"/>',
    "collections": '<rect x="3.5" y="8" width="17" height="12" rx="2"/><path d="M6 5h12M8 2.5h8"/>',
    "upload": '<path d="M12 15.5V4.5m0 0L7.5 9M12 4.5 16.5 9"/><path d="M4 15.5V19a1.5 1.5 0 0 0 1.5 1.5h13A1.5 1.5 0 '
    '0 0 20 19v-3.5"/>',
    "activity": '<path d="M3 12.5h4l3-7.5 4 14 3-6.5h4"/>',
    "account": '<circle cx="12" cy="8.5" r="4"/><path d="M4.5 20.5c.8-3.6 3.8-5.5 7.5-5.5s6.7 1.9 7.5 5.5"/>',
    "alike": '<rect x="3.5" y="3.5" width="11" height="11" rx="2"/><path d="M18 9.5h.5a2 2 0 0 1 2 2v7a2 2 0 0 1-2 '
    '2h-7a2 2 0 0 1-2-2V18"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "words": '<path d="M4 7V4.5h16V7M12 4.5v15m-3 0h6"/>',
    "larger": '<path d="M14 4h6v6m0-6-7 7M10 20H4v-6m0 6 7-7"/>',
    "minus": '<path d="M5 12h14"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "download": '<path d="M12 4.5v11m0 0L7.5 11m4.5 4.5 4.5-4.5M5 20h14"/>',
    "trash": '<path d="M4.5 6.5h15M9.5 6V4.5h5V6M6.5 6.5l.8 13h9.4l.8-13M10 10.5v5.5m4-5.5v5.5"/>',
    "settings": '<path d="M4 7h9m5 0h2M4 17h2m5 0h9"/><circle cx="15.5" cy="7" r="2.5"/><circle cx="8.5" cy="17" '
    'r="2.5"/>',
    "review": '<path d="M3.5 13h5l1.5 2.5h4l1.5-2.5h5"/><path d="M6.5 4.5h11l3 8.5v5a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 '
    '0 0 1 3.5 18v-5Z"/>',
    "workshop": '<path d="M9 3.5h6m-5 0v6L5 18.4a1.4 1.4 0 0 0 1.2 2.1h11.6a1.4 1.4 0 0 0 1.2-2.1l-5-8.9v-6M7.8 '
    '14.5h8.4"/>',
    "left": '<path d="m14.5 5-7 7 7 7"/>',
    "right": '<path d="m9.5 5 7 7-7 7"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "picture": '<rect x="3.5" y="4.5" width="17" height="15" rx="2"/><circle cx="9" cy="10" r="1.6"/><path d="m4 '
    '17.5 5-4.5 3.5 3 3.5-3.5 4.5 4"/>',
    "folder": '<path d="M3.5 18V6.5A1.5 1.5 0 0 1 5 5h4.5l2 2.5H19A1.5 1.5 0 0 1 20.5 9v9a1.5 1.5 0 '
    '0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18Z"/>',
    "retry": '<path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.4L19.5 9"/><path d="M19.5 4v5h-5"/>',
    "key": '<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8.5-8.5m-4 4 3 3"/>',
    "link": '<path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L12 7"/><path d="M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 '
    '5.7 5.7L12 17"/>',
    "lock": '<rect x="5" y="10.5" width="14" height="10" rx="2"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5"/>',
    "people": '<circle cx="9" cy="9" r="3.5"/><path d="M2.5 20c.6-3.2 3.2-5 6.5-5s5.9 1.8 6.5 5"/><path d="M15.5 '
    '5.8a3.3 3.3 0 0 1 0 6.4m2.3 3.3c2 .6 3.3 2.1 3.7 4.5"/>',
    "globe": '<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5.5 5 11.5 0 17-5-5.5-5-11.5 0-17Z"/>',
    "help": '<circle cx="12" cy="12" r="8.5"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7m0 2.7v.2"/>',
}
VISIBILITY_ICONS = {"private": "lock", "shared": "people", "public": "globe"}
# Which place of the bar a page belongs to, by the name of its address.
PLACES = {
    "search": "search", "collections": "collections", "collection": "collections", "collection_settings": "collections",
    "sources": "collections",
    "upload": "upload", "activity": "activity", "account": "account", "concepts": "account", "concept": "account",
    "watches": "account", "watch": "account",
    "encoders": "workshop", "evaluations": "workshop", "evaluation": "workshop", "judging": "workshop",
    "judging_pool": "workshop", "compressions": "workshop", "compression": "workshop", "training": "workshop",
    "training_run": "workshop", "beside": "workshop", "maps": "workshop", "map": "workshop",
    "copies": "review", "alerts": "review", "batches": "review", "batch": "review",
}  # fmt: skip
NARROWEST, WIDEST, STEP = 40, 300, 5


@register.filter
def theme(request: Any) -> str:
    """Return the theme that a person chose: light, dark, or as the system has it. A refusal may have no request."""
    cookies = request.COOKIES if request else {}
    return str(cookies.get(settings.THEME_COOKIE_NAME, "system"))


@register.filter
def place(request: Any) -> str:
    """Return which place of the bar the page of a request belongs to; empty for none, as of a refusal."""
    found = getattr(request, "resolver_match", None)
    return PLACES.get(found.url_name, "") if found else ""


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon; the control that holds it carries the name for screen readers."""
    drawing = mark_safe(ICONS[name])
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', drawing)


@register.simple_tag
def visibility_icon(visibility: str) -> SafeString:
    """Draw who sees a collection."""
    return icon(VISIBILITY_ICONS[visibility])


@register.filter
def shape(image: Image) -> str:
    """Return the class that reserves the box of a picture: its ratio in steps of 5 %, from 2:5 to 3:1.

    A class and not a style attribute, which the content security policy forbids.
    """
    percent = round(100 * image.width / image.height / STEP) * STEP
    return f"ar-{min(max(percent, NARROWEST), WIDEST)}"


@register.filter
def exceeds_thumbnail(image: Image) -> bool:
    """Tell whether the picture has more pixels than its largest thumbnail."""
    return max(image.width, image.height) > max(conf.get().thumbnail_sizes)


@register.filter
def is_extreme(image: Image) -> bool:
    """Tell whether a picture is so tall or wide that its box would show a small part of it; it is shown whole then."""
    return not NARROWEST * 0.75 <= 100 * image.width / image.height <= WIDEST / 0.75


@register.filter
def administrator(user: Any) -> bool:
    """Tell whether to offer what the services let administrators do."""
    return rights.administrator(user)


@register.filter
def staff(user: Any) -> bool:
    """Tell whether to offer the way to the administration."""
    return rights.staff(user)


@register.filter
def word(value: str) -> str:
    """Return the word for a state, a role, a visibility, a measure or a part of the system."""
    return words.name(value)


@register.filter
def grade(value: str) -> str:
    """Return the word for a grade of an answer."""
    return words.grade(value)


@register.filter
def split(text: str) -> list[str]:
    """Cut a text at its spaces."""
    return text.split()


@register.filter
def item(values: Mapping[str, Any], name: str) -> Any:
    """Return what stands under a name."""
    return values[name]


@register.filter
def label(image: Image) -> str:
    """Return what a picture is called: its title, else the start of its id."""
    return image.title or str(image.id)[-12:]


@register.filter
def reason(code: str, message: str = "") -> str:
    """Return the sentence for an error code."""
    return words.reason(code, message)


@register.simple_tag
def script_words() -> dict[str, str]:
    """Return what the scripts say."""
    return words.for_scripts()


@register.filter
def bounded(candidates: int) -> str:
    """Write how many pictures were searched; filters are counted up to a bound only, beyond it there are more."""
    bound = conf.get().exact_candidates
    return f"{intcomma(bound)}+" if candidates == bound + 1 else intcomma(candidates)


@register.filter
def score(value: Any) -> str:
    """Write a score with two digits after the point; nothing for a search by words alone."""
    return "" if value is None else f"{value:.2f}"


@register.filter
def last_heading(answer: SearchAnswer) -> str:
    """Return what the last hit stands under, empty without one."""
    return bands.heading(answer.hits[-1], answer=answer) if answer.hits else ""


@register.filter
def told(judgement: Judgement) -> str:
    """Return in words what a picture has to do with the query, and what was done to it."""
    edits = ", ".join(words.edit(edit) for edit in judgement.edit)
    verdict = words.name(judgement.verdict.value)
    return f"{verdict}: {edits}" if edits else verdict


@register.filter
def done(judgement: Judgement) -> str:
    """Return in words what was done to a picture; where nothing was, what it has to do with the query."""
    return ", ".join(words.edit(edit) for edit in judgement.edit) or words.name(judgement.verdict.value)


@register.filter
def number(value: float) -> str:
    """Write a number of pixels as drawings take it, in any language."""
    return f"{value:.1f}"


@register.filter
def moment(second: float) -> str:
    """Write when something is shown in a video, as players do: 0:42, 1:02:03."""
    minutes, rest = divmod(int(second), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def plays(image: Image) -> bool:
    """Tell whether browsers play the video that a scene is of."""
    return image.format in downloads.PLAYED


@register.filter
def times(share: float, side: int) -> str:
    """Write a share of a side as drawings take it, in any language."""
    return number(share * side)


@register.filter
def thirds(place: tuple[int, int]) -> str:
    """Return in words where in a picture something lies."""
    return words.third(*place)


@register.filter
def percent(share: float) -> str:
    """Write a share from 0 to 1 in tenths of a percent, rounded down: 100.0 % says that nothing at all was missed."""
    return f"{floor(round(1000 * share, 6)) / 10:.1f} %"


@register.filter
def span(seconds: int) -> str:
    """Write how long something will still take, roughly."""
    if seconds < 90:
        return gettext("about {n} s left").format(n=seconds)
    return gettext("about {n} min left").format(n=round(seconds / 60))


@register.filter
def jobs(kind: Any) -> str:
    """Return what the pages call a kind of long work."""
    return str(words.JOBS[str(kind)])
