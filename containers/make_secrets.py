"""Makes the secrets of the containers, a file each, which docker-compose.yml hands out; needs nothing but Python."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The containers' users are others than the host's: the files may be read, but nobody else gets into their folder.
FOLDER_MODE, FILE_MODE = 0o700, 0o444


def main(folder: Path = ROOT / "secrets", settings: Path = ROOT / ".env") -> None:
    """Make what is not there; what earlier versions had in ``.env`` goes on being valid."""
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    for name, text in wanted(values(settings)).items():
        file = folder / name
        if not file.exists():
            file.write_text(text + "\n")
            file.chmod(FILE_MODE)
    password = folder / "admin_password"
    sys.stdout.write(f"{folder} holds the secrets; the first password of the user admin is in {password}.\n")


def values(settings: Path) -> dict[str, str]:
    """What ``.env`` says, if it is there."""
    lines = settings.read_text().splitlines() if settings.exists() else []
    return dict(match.groups() for line in lines if (match := re.fullmatch(r"(\w+)=(.+)", line.strip())))


def wanted(said: dict[str, str]) -> dict[str, str]:
    """Every file's text; database and broker are those of docker-compose.yml unless ``.env`` names others."""
    database, broker = said.get("POSTGRES_PASSWORD") or secrets.token_hex(32), secrets.token_hex(32)
    return {
        "superuser_password": secrets.token_hex(32),
        "database_password": database,
        "database_url": said.get("DATABASE_URL") or f"postgresql://imagesearch:{database}@db/imagesearch",
        "broker.conf": f"requirepass {broker}",
        "redis_url": said.get("REDIS_URL") or f"redis://:{broker}@broker:6379/0",
        "secret_key": said.get("IMAGESEARCH_SECRET_KEY") or secrets.token_urlsafe(64),
        "mail_url": said.get("IMAGESEARCH_MAIL_URL") or "off",
        "oidc_client_secret": said.get("IMAGESEARCH_OIDC_CLIENT_SECRET") or "off",
        "admin_password": said.get("IMAGESEARCH_ADMIN_PASSWORD") or secrets.token_urlsafe(18),
    }


if __name__ == "__main__":
    main()
