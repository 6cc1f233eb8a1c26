"""Edge: the admin site, a file per noun; it shows everything to staff, and its actions leave a trail."""

from retrieval.admin import collections, encoders, images, jobs, operations, people

__all__ = ["collections", "encoders", "images", "jobs", "operations", "people"]
