"""Which address leads to which part."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from retrieval.web import health
from retrieval.web.views import entry

admin.autodiscover()

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    # One page asks for the old password, and counts.
    path("admin/password_change/", admin.site.admin_view(RedirectView.as_view(pattern_name="web:account"))),
    path("admin/login/", entry.to_admin, {"page": admin.site.login}),
    path("admin/logout/", entry.sign_out),  # one way out, which empties the browser
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("retrieval.api.urls")),
    path("", include("retrieval.web.urls")),
]
