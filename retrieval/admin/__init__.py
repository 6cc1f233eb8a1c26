"""Edge: the admin site, a file per noun; it shows everything to staff, and its actions leave a trail."""

from django.apps import apps

from retrieval.admin import collections, encoders, images, jobs, long_jobs, names, operations, people

__all__ = ["collections", "encoders", "images", "jobs", "long_jobs", "names", "operations", "people"]

names.give(apps.get_app_config("retrieval").get_models())
