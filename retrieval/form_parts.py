"""Forms with files, read with the files' names whole: Django's own reader takes joiners out of them."""

from __future__ import annotations

import functools
import html
from typing import Any

from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import ImmutableList, MultiValueDict

# Zero width non-joiner and joiner: Persian, Hindi and emoji are written with them.
JOINERS = "\u200c\u200d"


class FormParts(MultiPartParser):
    """Reads the parts of a form."""

    def sanitize_file_name(self, file_name: str) -> str | None:
        """Return the name without folders and signs that are not shown; None when nothing is left."""
        name = html.unescape(file_name).rsplit("/")[-1].rsplit("\\")[-1]
        name = "".join(sign for sign in name if sign.isprintable() or sign in JOINERS)
        return None if name.strip(JOINERS) in {"", ".", ".."} else name


def keep_names(request: HttpRequest) -> None:
    """Have the form of this request, which is not read yet, read so."""
    request.parse_file_upload = functools.partial(_parsed, request)  # type: ignore[method-assign]


def _parsed(request: HttpRequest, meta: dict[str, Any], body: Any) -> tuple[QueryDict, MultiValueDict[str, Any]]:
    handlers = request.upload_handlers
    request.upload_handlers = ImmutableList(handlers, warning="The form is read already.")
    return FormParts(meta, body, request.upload_handlers, request.encoding).parse()
