"""Django's settings, one section per concern; the only reader of the environment (through ``imagesearch.env``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor  # type: ignore[import-untyped]

from imagesearch import api_pages, datadir, env, identity, logs, mailing, safety, servers
from imagesearch.embedded import postgres
from retrieval.conf import MIB, Conf, Limits, Provider

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Folders ---------------------------------------------------------------------------------------------------------
DATA_DIR = datadir.prepare(env.path("IMAGESEARCH_DATA_DIR", BASE_DIR / "var"))
# Torch makes a folder for compiled networks as soon as it is loaded, by default in /tmp.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(DATA_DIR / "cache" / "torch"))

# --- Who may call, and how safely ------------------------------------------------------------------------------------
DEBUG = env.boolean("IMAGESEARCH_DEBUG")
HOST = env.address("IMAGESEARCH_HOST", "127.0.0.1")
PORT = env.integer("IMAGESEARCH_PORT", default=8000, low=1, high=65535)
HTTPS = env.boolean("IMAGESEARCH_HTTPS")
PROXIES = env.integer("IMAGESEARCH_PROXIES", default=0, low=0, high=10)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.hosts("IMAGESEARCH_ALLOWED_HOSTS")]
SECRET_KEY = env.secret("IMAGESEARCH_SECRET_KEY") or datadir.secret_key(DATA_DIR)
ADMIN_PASSWORD = env.secret("IMAGESEARCH_ADMIN_PASSWORD")
safety.require_safe_hosts(ALLOWED_HOSTS)
safety.require_safe_debug(debug=DEBUG, hosts=ALLOWED_HOSTS, listen=HOST, https=HTTPS)
safety.require_safe_secret(SECRET_KEY)

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
# By this beginning of their names browsers know that no neighbouring host may have set them.
_HOST = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_HOST}sessionid", f"{_HOST}csrftoken"
LANGUAGE_COOKIE_NAME, THEME_COOKIE_NAME, LINK_COOKIE_NAME = f"{_HOST}django_language", f"{_HOST}theme", f"{_HOST}link"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
ORIGINS = env.origins("IMAGESEARCH_ORIGINS")
safety.require_own_origins(ORIGINS, ALLOWED_HOSTS)
CSRF_TRUSTED_ORIGINS = [*ORIGINS, *(f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS if HTTPS)]
CSRF_FAILURE_VIEW = "retrieval.web.views.forgery.refused"
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "imagesearch.security.HiddenSettings"
if not HTTPS and safety.LOCAL_HOSTS.issuperset([*ALLOWED_HOSTS, HOST]):
    # A site for this machine alone has no HTTPS for `check --deploy` to miss.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
FILE_UPLOAD_PERMISSIONS = 0o600
# Beside the pictures and not in the system's temporary folder, which may be small, or memory.
SPOOL = FILE_UPLOAD_TEMP_DIR = datadir.inside(DATA_DIR, "spool")

# --- Parts -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "imagesearch",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages are found in urls.py, where the web server alone looks
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "import_export",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "retrieval",
]
MIDDLEWARE = [
    "retrieval.web.callers.Callers",
    "retrieval.telemetry.Measure",
    "django.middleware.security.SecurityMiddleware",
    "imagesearch.security.Headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "retrieval.web.compressing.Compressed",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "retrieval.web.bodies.BodyLimit",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "retrieval.web.outage.Outage",
]
ROOT_URLCONF = "imagesearch.urls"
WSGI_APPLICATION = "imagesearch.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request", "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]  # fmt: skip

# --- Database and broker ---------------------------------------------------------------------------------------------
DATABASE_URL = env.url("DATABASE_URL", schemes=servers.DATABASE_SCHEMES)
REDIS_URL = env.url("REDIS_URL", schemes=servers.BROKER_SCHEMES)
servers.require_named_database(DATABASE_URL)
servers.require_numbered_database(REDIS_URL)
DATABASE_POOL = env.integer("IMAGESEARCH_DATABASE_POOL", default=20, low=0, high=200)

DATABASES: dict[str, dict[str, Any]] = {"default": servers.database(DATABASE_URL or servers.postgres(DATA_DIR).url())}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASE_POOL:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER = REDIS_URL or servers.valkey(DATA_DIR).url()
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Background work -------------------------------------------------------------------------------------------------
CELERY_BROKER_URL, CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = servers.broker(BROKER), True
CELERY_BROKER_TRANSPORT_OPTIONS = servers.TRANSPORT
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TASK_SERIALIZER, CELERY_ACCEPT_CONTENT = "json", ["json"]
CELERY_TASK_IGNORE_RESULT, CELERY_RESULT_BACKEND = True, None
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT, CELERY_TASK_TIME_LIMIT = 60, 90
CELERY_TASK_DEFAULT_QUEUE, CELERY_TIMEZONE = "embedding", "UTC"
LONG_TASKS = ("long_job", "deliver", "read_sources", "care_for_indexes", "guard_recall", "drop_expired")
CELERY_WORKER_PREFETCH_MULTIPLIER, CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 1, 30
# A new child loads torch and the encoder before it answers. On a busy machine Celery's 4 s are too few: it would kill
# one child after the other, for ever.
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 3600
CELERY_WORKER_HIJACK_ROOT_LOGGER = CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_ROUTES = {f"retrieval.tasks.{name}": {"queue": "long"} for name in LONG_TASKS}
CELERY_BEAT_SCHEDULE = {
    "reconcile": {"task": "retrieval.tasks.reconcile", "schedule": 30.0, "options": {"expires": 300}},
    "purge": {"task": "retrieval.tasks.purge", "schedule": 30.0, "options": {"expires": 300}},
    "care-for-indexes": {"task": "retrieval.tasks.care_for_indexes", "schedule": crontab(minute="7")},
    "guard-recall": {"task": "retrieval.tasks.guard_recall", "schedule": crontab(hour="3", minute="17")},
    "drop-expired": {"task": "retrieval.tasks.drop_expired", "schedule": crontab(hour="4", minute="17")},
}

# --- People ----------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "retrieval.services.people.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "retrieval.services.people.passwords.Uncommon"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["retrieval.services.people.passwords.Door"]
SESSION_ENGINE = "retrieval.services.people.sessions"
SESSION_IDLE_HOURS = env.integer("IMAGESEARCH_SESSION_IDLE_HOURS", default=72, low=1, high=8760)
SESSION_DAYS = env.integer("IMAGESEARCH_SESSION_DAYS", default=30, low=1, high=365)
SESSION_COOKIE_AGE = SESSION_DAYS * 24 * 3600
PASSWORDS = env.boolean("IMAGESEARCH_PASSWORDS", default=True)
PROVIDER = identity.provider(Provider(
    env.text("IMAGESEARCH_OIDC_ISSUER"), env.text("IMAGESEARCH_OIDC_CLIENT_ID"),
    env.secret("IMAGESEARCH_OIDC_CLIENT_SECRET"), env.text("IMAGESEARCH_OIDC_NAME"),
    env.text("IMAGESEARCH_OIDC_GROUP"), env.text("IMAGESEARCH_OIDC_ADMIN_GROUP"),
    env.text("IMAGESEARCH_OIDC_GROUPS_CLAIM", "groups"), env.text("IMAGESEARCH_OIDC_SCOPES", "openid profile email"),
), passwords=PASSWORDS)  # fmt: skip
# In the session, as the cookie that is usual would name collections and people in the browser.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LOGIN_URL = LOGOUT_REDIRECT_URL = "/login/"
LOGIN_REDIRECT_URL = "/"

# --- Mail ------------------------------------------------------------------------------------------------------------
SITE = mailing.site(ORIGINS, ALLOWED_HOSTS, https=HTTPS, port=PORT)
mail = mailing.server(env.url("IMAGESEARCH_MAIL_URL", schemes=mailing.SCHEMES, none="off"), site=SITE)
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL, MAIL_FROM = mail
EMAIL_BACKEND, EMAIL_TIMEOUT = "imagesearch.mail_backend.Backend", mailing.SECONDS

# --- Languages and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files ----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.folder("IMAGESEARCH_STATIC_DIR", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_HASHED = env.boolean("IMAGESEARCH_STATIC_HASHED", default=not DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_HASHED
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
        # For everybody, unlike uploads: an image collects them as root and serves them as another user.
        "OPTIONS": {"file_permissions_mode": 0o644, "directory_permissions_mode": 0o755},
    },
}
WHITENOISE_USE_FINDERS = not STATIC_HASHED
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")  # asked for by developers alone

# --- JSON API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "retrieval.api.auth.TokenAuthentication", "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "retrieval.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "retrieval.api.errors.handle",
    "PAGE_SIZE": 50,
    "NUM_PROXIES": PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}  # fmt: skip
SPECTACULAR_SETTINGS = api_pages.SETTINGS

# --- Administration site ---------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "imagesearch",
    "SITE_HEADER": "imagesearch",
    "SHOW_LANGUAGES": True,
    "SITE_ICON": lambda _request: static("img/icon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/icon.svg")}],
    "STYLES": [lambda _request: static("css/admin.css")],
    "SCRIPTS": [lambda _request: static("js/admin.js")],
    "DASHBOARD_CALLBACK": "retrieval.admin.operations.dashboard",
}

# --- Logs ------------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("IMAGESEARCH_LOG_LEVEL", default="INFO", allowed=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logs.configure(readable=DEBUG, level=LOG_LEVEL)

# --- The app ---------------------------------------------------------------------------------------------------------
IMAGESEARCH = Conf(
    data_dir=DATA_DIR,
    weights_dir=env.folder("IMAGESEARCH_WEIGHTS_DIR", DATA_DIR / "weights"),
    encoder=env.text("IMAGESEARCH_ENCODER", "compact-v1"),
    public_search=env.boolean("IMAGESEARCH_PUBLIC_SEARCH"),
    fetch=env.boolean("IMAGESEARCH_FETCH", default=True),
    source_folders=env.folders("IMAGESEARCH_SOURCE_FOLDERS", apart_from=DATA_DIR),
    source_networks=env.networks("IMAGESEARCH_SOURCE_NETWORKS"),
    mail_from=MAIL_FROM,
    site=SITE,
    origins=ORIGINS,
    provider=PROVIDER,
    passwords=PASSWORDS,
    decode_processes=env.integer("IMAGESEARCH_DECODERS", default=2, low=1, high=64),
    decode_line=env.integer("IMAGESEARCH_DECODER_LINE", default=5, low=0, high=1_000),
    unprotected_decoder=env.boolean("IMAGESEARCH_UNPROTECTED_DECODER"),
    own_names=tuple(name for name in ALLOWED_HOSTS if name.strip("*.") and not name.startswith(".")),
    session_idle_hours=SESSION_IDLE_HOURS,
    session_days=SESSION_DAYS,
    trash_days=env.integer("IMAGESEARCH_TRASH_DAYS", default=30, low=0, high=3650),
    limits=Limits(
        user_searches=env.integer("IMAGESEARCH_USER_SEARCHES", default=120, low=1, high=1_000_000),
        upload_searches=env.integer("IMAGESEARCH_UPLOAD_SEARCHES", default=60, low=1, high=1_000_000),
        archive_decode_seconds=env.integer("IMAGESEARCH_ARCHIVE_DECODE_SECONDS", default=1_800, low=1, high=1_000_000),
        image_bytes=env.integer("IMAGESEARCH_IMAGE_MB", default=25, low=1, high=100) * MIB,
        document_pages=env.integer("IMAGESEARCH_DOCUMENT_PAGES", default=500, low=1, high=10_000),
        video_bytes=env.integer("IMAGESEARCH_VIDEO_MB", default=100, low=1, high=120) * MIB,
        video_looks=env.integer("IMAGESEARCH_VIDEO_LOOKS", default=600, low=1, high=100_000),
        video_scenes=env.integer("IMAGESEARCH_VIDEO_SCENES", default=200, low=1, high=10_000),
        image_pixels=env.integer("IMAGESEARCH_IMAGE_MEGAPIXELS", default=50, low=1, high=200) * 1_000_000,
        jpeg_pixels=env.integer("IMAGESEARCH_JPEG_MEGAPIXELS", default=200, low=1, high=1_000) * 1_000_000,
        decode_memory=env.integer("IMAGESEARCH_DECODER_MB", default=1536, low=512, high=65_536) * MIB,
        decode_seconds=env.integer("IMAGESEARCH_DECODE_SECONDS", default=60, low=1, high=1_000_000),
    ),
    x_accel_prefix=env.location("IMAGESEARCH_X_ACCEL_PREFIX"),
    metrics_networks=env.networks("IMAGESEARCH_METRICS_NETWORKS"),
    broker=servers.client(BROKER),
    postgres_tools=env.folder("IMAGESEARCH_POSTGRES_TOOLS", postgres.binaries()),
    proxies=PROXIES,
)
