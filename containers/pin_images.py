"""Pins the images to the bytes that their names stand for today: writes their digests into ``.env``. Needs docker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The variable of each image, and the name that it has without one.
IMAGES = {
    "BASE_IMAGE": "python:3.12-slim-trixie",
    "BROKER_IMAGE": "valkey/valkey:9.1",
    "DATABASE_IMAGE": "pgvector/pgvector:0.8.7-pg18",
}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def main(settings: Path = ROOT / ".env") -> None:
    """Ask the registry for every digest first, then write all of them or nothing."""
    pinned = {variable: f"{image}@{digest(image)}" for variable, image in IMAGES.items()}
    lines = settings.read_text().splitlines() if settings.exists() else []
    kept = [line for line in lines if line.partition("=")[0] not in IMAGES]
    settings.write_text("\n".join([*kept, *(f"{variable}={image}" for variable, image in pinned.items())]) + "\n")


def digest(image: str) -> str:
    """What the registry says of a name; ends the program with a sentence when it says nothing."""
    words = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        sys.exit(f"docker cannot be run, which asks the registry for digests: {error.strerror}.")
    found = done.stdout.strip()
    if done.returncode or not DIGEST.fullmatch(found):
        sys.exit(f"The digest of {image} cannot be asked for: {done.stderr.strip() or found or 'no answer'}")
    return found


if __name__ == "__main__":
    main()
