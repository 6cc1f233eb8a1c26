"""Cursor pages for every list of the API."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """Newest first; ``page_size`` up to 200."""

    ordering = "-created_at"
    page_size_query_param = "page_size"
    max_page_size = 200
