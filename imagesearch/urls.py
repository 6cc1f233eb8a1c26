"""Which address leads to which part."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from retrieval.web import health

admin.autodiscover()

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("retrieval.api.urls")),
    path("", include("retrieval.web.urls")),
]
