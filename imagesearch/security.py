"""The headers that keep a browser from running, framing or leaking what it should not."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.debug import SafeExceptionReporterFilter

GetResponse = Callable[[HttpRequest], HttpResponse]
Policy = dict[str, tuple[str, ...]]

STRICT: Policy = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}

# What two third-party pages cannot do without, and only they get: style elements, allowed by the digest of their text,
# as a test computes. The admin's Alpine.js is the build that evaluates nothing; see docs/decisions/.
ADMIN_COLOURS = "'sha256-CftXQ/6rIQ3AMOrJUsQzoK+KGLgk4scJJlfXyvE/1mQ='"
ADMIN_HTMX_INDICATOR = "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"
DOCS_FRAME = "'sha256-MMpT0iDxyjALd9PdfepImGX3DBfJPXZ4IlDWdPAgtn0='"
GRANTS: dict[str, Policy] = {
    "/admin/": {
        "style-src": ("'self'", ADMIN_COLOURS, ADMIN_HTMX_INDICATOR),
    },
    "/api/v1/docs/": {"style-src": ("'self'", DOCS_FRAME)},
}


# On every answer beside the policy.
COMPANIONS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class HiddenSettings(SafeExceptionReporterFilter):
    """What an error page of a developer's site hides: addresses too, as those of database and broker hold passwords."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL$|BROKER|^DATABASES$|^IMAGESEARCH$", re.IGNORECASE
    )


def policy_for(path: str) -> str:
    """The Content-Security-Policy of an address: the strict one, and for a few what they cannot do without."""
    granted = next((grant for prefix, grant in GRANTS.items() if path.startswith(prefix)), {})
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in {**STRICT, **granted}.items())


def headers_without_django(path: str) -> list[tuple[bytes, bytes]]:
    """All headers that Django's middleware and ours give an answer, for one that is given before Django is asked."""
    found = {
        "Content-Security-Policy": policy_for(path),
        **COMPANIONS,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    }
    if settings.SECURE_HSTS_SECONDS:
        found["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
    return [(name.lower().encode(), value.encode()) for name, value in found.items()]


class Headers:
    """Middleware: adds the policy and its companions to every answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the headers set; a view's own policy is left alone."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy_for(request.path_info))
        for name, value in COMPANIONS.items():
            response.headers.setdefault(name, value)
        return response
