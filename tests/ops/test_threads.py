"""What threads of libraries do while they have nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys

LOOK = """
import os, sys

class Look:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"))
            sys.meta_path.remove(self)

sys.meta_path.insert(0, Look())
os.environ["DJANGO_SETTINGS_MODULE"] = "imagesearch.settings"
import django
django.setup()
import numpy
"""


def test_numpy_is_loaded_with_threads_that_wait_without_spinning(short_folder):
    """By every program: it is read once, as the library is loaded."""
    given = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    given |= {"IMAGESEARCH_DATA_DIR": str(short_folder)}
    done = subprocess.run([sys.executable, "-c", LOOK], env=given, capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"
