"""What the schema of the JSON API and its pages are told about themselves."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {
    "TITLE": "imagesearch",
    "DESCRIPTION": "Put pictures in, find the ones that look alike.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "DEFAULT_GENERATOR_CLASS": "retrieval.api.schema.Generator",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "LongJobStateEnum": "retrieval.models.LongJobState",
        "ShareLinkStateEnum": "retrieval.models.ShareLink.State",
        "LabelsEnum": "retrieval.models.Labels",
        "PictureLabelsEnum": "retrieval.models.PICTURE_LABELS",
        "VerdictEnum": "retrieval.api.serializers.search.VERDICTS",
        "AlertVerdictEnum": "retrieval.models.AlertVerdict",
        "WatchBandEnum": "retrieval.api.serializers.watches.BANDS",
        "CopyDecisionEnum": "retrieval.models.Decided",
        "BatchStandEnum": "retrieval.api.serializers.batches.STANDS",
        "BatchDecisionEnum": "retrieval.api.serializers.batches.DECISIONS",
        "BandEnum": "retrieval.api.serializers.search.BANDS",
        "KindEnum": "retrieval.models.IndexKind",
        "SourceKindEnum": "retrieval.models.SourceKind",
        "RoleEnum": "retrieval.models.Role",
        "MemberRoleEnum": "retrieval.api.serializers.collections.ROLES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
