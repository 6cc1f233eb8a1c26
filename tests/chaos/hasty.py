"""The settings of the site of the small numbers: passwords are looked at as often, each in no time.

The real hasher takes a third of a second of a core by design, and nothing is claimed of that here.
"""

from __future__ import annotations

from imagesearch.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
