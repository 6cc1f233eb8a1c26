"""The app's settings as one frozen, typed object; ``imagesearch.settings`` builds it, the app only reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one picture, archive, query or caller may cost. Sizes in bytes, times in seconds, rates per minute."""

    image_bytes: int = 25 * MIB
    image_pixels: int = 50_000_000
    jpeg_pixels: int = 200_000_000
    image_side: int = 20_000
    document_pages: int = 500
    video_bytes: int = 100 * MIB
    video_looks: int = 600
    video_scenes: int = 200
    archive_bytes: int = 200 * MIB
    archive_members: int = 2_000
    archive_real_bytes: int = 1024 * MIB
    decode_cpu: int = 20
    decode_wall: int = 30
    decode_memory: int = 1536 * MIB
    decode_seconds: int = 60
    archive_decode_seconds: int = 1_800
    json_bytes: int = 1 * MIB
    table_bytes: int = 32 * MIB
    anonymous_searches: int = 30
    user_searches: int = 120
    upload_searches: int = 60
    user_fetches: int = 30
    fetch_seconds: int = 15
    fetches_at_once: int = 4
    link_pages: int = 120
    login_per_user: int = 5
    login_per_address: int = 20
    provider_per_address: int = 60
    user_images: int = 1_000_000
    user_bytes: int = 1024 * 1024 * MIB

    @property
    def file_bytes(self) -> int:
        """The largest file that is taken, be it a picture or a video."""
        return max(self.image_bytes, self.video_bytes)


@dataclass(frozen=True)
class Ledger:
    """How embedding work is leased and retried. Times in seconds.

    ``attempts`` is how often a picture may end badly; ``claims`` how often its worker may vanish without a word, which
    is seldom the picture's fault.
    """

    batch: int = 32
    lease: int = 120
    attempts: int = 3
    claims: int = 10
    backoff: int = 5
    undo: int = 10


@dataclass(frozen=True)
class Provider:
    """The house's own identity provider (OpenID Connect), as which client it knows this site, and what it calls groups.

    ``group`` may sign in (empty: everybody whom it vouches for), ``admin_group`` steers the site (empty: nobody).
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = ""
    group: str = ""
    admin_group: str = ""
    groups_claim: str = "groups"
    scopes: str = "openid profile email"

    @property
    def asks_groups(self) -> bool:
        """Whether anything hangs on groups."""
        return bool(self.group or self.admin_group)


@dataclass(frozen=True)
class Conf:
    """Where things live and how far they may go."""

    data_dir: Path
    weights_dir: Path
    encoder: str = "compact-v1"
    public_search: bool = False
    fetch: bool = True
    source_folders: tuple[Path, ...] = ()
    source_networks: tuple[str, ...] = ()
    mail_from: str = ""
    site: str = "http://localhost:8000"
    origins: tuple[str, ...] = ()
    provider: Provider | None = None
    passwords: bool = True
    own_names: tuple[str, ...] = ()
    decode_processes: int = 2
    decode_line: int = 5
    unprotected_decoder: bool = False
    working_side: int = 512
    thumbnail_sizes: tuple[int, ...] = (320, 1280)
    exact_candidates: int = 10_000
    token_days: int = 90
    session_idle_hours: int = 72
    session_days: int = 30
    trail_days: int = 90
    trash_days: int = 30
    metrics_networks: tuple[str, ...] = ()
    x_accel_prefix: str = ""
    postgres_tools: Path = Path("/usr/bin")
    broker: str = "redis://127.0.0.1:6379/0"
    proxies: int = 0
    limits: Limits = field(default_factory=Limits)
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def originals(self) -> Path:
        """Folder of the uploaded bytes, by content: ``<sha[:2]>/<sha>``."""
        return self.data_dir / "media" / "originals"

    @property
    def thumbnails(self) -> Path:
        """Folder of the re-encoded small pictures."""
        return self.data_dir / "media" / "thumbnails"

    @property
    def incoming(self) -> Path:
        """Folder of files on their way in; on the same file system as the originals, so that a rename is atomic."""
        return self.data_dir / "media" / "incoming"


def get() -> Conf:
    """The settings in force."""
    conf: Conf = settings.IMAGESEARCH
    return conf
