"""The addresses of the JSON API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from retrieval.api.schema import RENDERERS
from retrieval.api.serializers.batches import BatchSerializer
from retrieval.api.serializers.calibrations import CalibrationSerializer
from retrieval.api.serializers.compressions import CompressionSerializer, CompressionTableSerializer
from retrieval.api.serializers.copies import ScanSerializer
from retrieval.api.serializers.evaluations import EvaluationResultSerializer, EvaluationSerializer
from retrieval.api.serializers.images import ImportSerializer, WholeImportSerializer
from retrieval.api.serializers.maps import MapSerializer
from retrieval.api.serializers.training import TrainingSerializer, WholeTrainingSerializer
from retrieval.api.views import (
    accounts,
    archives,
    asking,
    batches,
    bulk,
    collections,
    concepts,
    copies,
    encoders,
    images,
    judgements,
    long_jobs,
    maps,
    metadata,
    own_address,
    receipts,
    search,
    searches,
    second_factor,
    share_links,
    sheets,
    sources,
    status,
    texts,
    trash,
    vectors,
    watches,
    why,
)
from retrieval.services.copies import batches as batching
from retrieval.services.copies import scans as scanning
from retrieval.services.encoders import compressions, training
from retrieval.services.encoders import maps as mapping
from retrieval.services.evaluation import calibrations, evaluations
from retrieval.services.images import archives as archiving

app_name = "api"


class Username:
    """Path converter: the characters that Django allows in user names, so that no other text reaches the database."""

    regex = r"[\w.@+-]{1,150}"

    def to_python(self, value: str) -> str:
        """Return the name."""
        return value

    def to_url(self, value: str) -> str:
        """Return the name."""
        return value


register_converter(Username, "username")

urlpatterns: list[URLPattern | URLResolver] = [
    path("status/", status.StatusView.as_view(), name="status"),
    path("jobs/", status.JobsView.as_view(), name="jobs"),
    path("jobs/retry/", status.RetryJobsView.as_view(), name="jobs-retry"),
    path("auth/token/", accounts.TokenView.as_view(), name="token"),
    path("auth/tokens/", accounts.TokensView.as_view(), name="tokens"),
    path("auth/tokens/<uuid:token_id>/", accounts.OneTokenView.as_view(), name="one-token"),
    path("auth/address/", own_address.OwnAddressView.as_view(), name="own-address"),
    path("auth/second-factor/", second_factor.SecondFactorView.as_view(), name="second-factor"),
    path("auth/second-factor/on/", second_factor.TurnOnView.as_view(), name="second-factor-on"),
    path("auth/second-factor/off/", second_factor.TurnOffView.as_view(), name="second-factor-off"),
    path("auth/second-factor/codes/", second_factor.RecoveryCodesView.as_view(), name="second-factor-codes"),
    path("auth/sessions/", accounts.SessionsView.as_view(), name="sessions"),
    path("auth/sessions/<uuid:session_id>/", accounts.OneSessionView.as_view(), name="one-session"),
    path("collections/", collections.CollectionsView.as_view(), name="collections"),
    path("collections/<uuid:collection_id>/", collections.CollectionView.as_view(), name="collection"),
    path("collections/<uuid:collection_id>/members/", collections.MembersView.as_view(), name="members"),
    path(
        "collections/<uuid:collection_id>/members/<username:username>/",
        collections.MemberView.as_view(),
        name="member",
    ),
    path("collections/<uuid:collection_id>/links/", share_links.ShareLinksView.as_view(), name="share-links"),
    path(
        "collections/<uuid:collection_id>/links/<uuid:link_id>/",
        share_links.ShareLinkView.as_view(),
        name="share-link",
    ),
    path("collections/<uuid:collection_id>/sources/", sources.SourcesView.as_view(), name="sources"),
    path("collections/<uuid:collection_id>/sources/<uuid:source_id>/", sources.SourceView.as_view(), name="source"),
    path(
        "collections/<uuid:collection_id>/sources/<uuid:source_id>/read/",
        sources.ReadNowView.as_view(),
        name="source-read",
    ),
    path("collections/<uuid:collection_id>/metadata/", metadata.MetadataView.as_view(), name="metadata"),
    path("collections/<uuid:collection_id>/vectors/", vectors.VectorsView.as_view(), name="vectors"),
    path("collections/<uuid:collection_id>/facets/", collections.FacetsView.as_view(), name="facets"),
    path("invitations/", collections.InvitationsView.as_view(), name="invitations"),
    path("invitations/<uuid:collection_id>/", collections.InvitationView.as_view(), name="invitation"),
    path("images/", images.ImagesView.as_view(), name="images"),
    path("images/bulk/", bulk.BulkView.as_view(), name="bulk"),
    path("images/bulk/undo/", bulk.BulkUndoView.as_view(), name="bulk-undo"),
    path("images/download/", bulk.DownloadView.as_view(), name="download"),
    path("images/<uuid:image_id>/", images.ImageView.as_view(), name="image"),
    path("images/<uuid:image_id>/thumbnail/", images.ThumbnailView.as_view(), name="thumbnail"),
    path("images/<uuid:image_id>/full/", images.FullView.as_view(), name="full"),
    path("images/<uuid:image_id>/file/", images.FileView.as_view(), name="file"),
    path("images/<uuid:image_id>/text/", texts.TextView.as_view(), name="text"),
    path("images/<uuid:image_id>/restore/", images.RestoreView.as_view(), name="restore"),
    path("images/<uuid:image_id>/retry/", images.RetryView.as_view(), name="retry"),
    path("images/<uuid:image_id>/similar/", search.SimilarView.as_view(), name="similar"),
    path("images/<uuid:image_id>/why/", why.WhyView.as_view(), name="why"),
    path("trash/", trash.TrashView.as_view(), name="trash"),
    path("trash/restore/", trash.TrashRestoreView.as_view(), name="trash-restore"),
    path("trash/remove/", trash.TrashRemoveView.as_view(), name="trash-remove"),
    path("trash/images/<uuid:image_id>/thumbnail/", trash.TrashThumbnailView.as_view(), name="trash-thumbnail"),
    path("archives/", archives.ArchivesView.as_view(), name="archives"),
    *long_jobs.routes(archiving.KIND, listed=ImportSerializer, whole=WholeImportSerializer),
    path("search/", search.SearchView.as_view(), name="search"),
    path("copies/", copies.CopiesView.as_view(), name="copies"),
    path("copies/resolve/", copies.ResolveView.as_view(), name="copy-resolve"),
    path("copies/decisions/", copies.DecisionsView.as_view(), name="copy-decisions"),
    path("copies/decisions/<uuid:decision_id>/", copies.DecisionView.as_view(), name="copy-decision"),
    *long_jobs.routes(scanning.KIND, listed=ScanSerializer, whole=ScanSerializer, jobs=copies.Scans),
    path("searches/", searches.SearchesView.as_view(), name="searches"),
    *long_jobs.routes(batching.KIND, listed=BatchSerializer, whole=BatchSerializer, jobs=batches.Batches),
    path("batches/<uuid:job_id>/rows/", batches.RowsView.as_view(), name="batch-rows"),
    path("batches/<uuid:job_id>/rows/<int:n>/decision/", batches.RowDecisionView.as_view(), name="batch-decision"),
    path("batches/<uuid:job_id>/export/", batches.ExportView.as_view(), name="batch-export"),
    path("receipts/", receipts.ReceiptsView.as_view(), name="receipts"),
    path("receipts/<uuid:receipt_id>/", receipts.ReceiptView.as_view(), name="receipt"),
    path("receipts/<uuid:receipt_id>/repeat/", receipts.RepeatView.as_view(), name="receipt-repeat"),
    path("concepts/", concepts.ConceptsView.as_view(), name="concepts"),
    path("concepts/<uuid:concept_id>/", concepts.ConceptView.as_view(), name="concept"),
    path("concepts/<uuid:concept_id>/examples/", concepts.ExamplesView.as_view(), name="concept-examples"),
    path("concepts/<uuid:concept_id>/next/", concepts.NextView.as_view(), name="concept-next"),
    path("concepts/<uuid:concept_id>/suggestions/", concepts.SuggestionsView.as_view(), name="concept-suggestions"),
    path("watches/", watches.WatchesView.as_view(), name="watches"),
    path("watches/<uuid:watch_id>/", watches.WatchView.as_view(), name="watch"),
    path("watches/<uuid:watch_id>/try/", watches.TryView.as_view(), name="watch-try"),
    path("watches/<uuid:watch_id>/backfill/", watches.BackfillView.as_view(), name="watch-backfill"),
    path("watches/<uuid:watch_id>/test/", watches.WebhookTestView.as_view(), name="watch-test"),
    path("alerts/", watches.AlertsView.as_view(), name="alerts"),
    path("alerts/<uuid:alert_id>/", watches.AlertView.as_view(), name="alert"),
    path("encoders/", encoders.EncodersView.as_view(), name="encoders"),
    path("encoders/<uuid:encoder_id>/", encoders.EncoderView.as_view(), name="encoder"),
    path("encoders/<uuid:encoder_id>/build/", encoders.BuildView.as_view(), name="build"),
    path("encoders/<uuid:encoder_id>/activate/", encoders.ActivateView.as_view(), name="activate"),
    path("encoders/<uuid:encoder_id>/index/", encoders.IndexView.as_view(), name="encoder_index"),
    path("encoders/<uuid:encoder_id>/projections/", encoders.ProjectionsView.as_view(), name="projections"),
    *long_jobs.routes(
        evaluations.KIND, listed=EvaluationSerializer, whole=EvaluationResultSerializer, jobs=asking.Evaluations
    ),
    *long_jobs.routes(
        calibrations.KIND, listed=CalibrationSerializer, whole=CalibrationSerializer, jobs=asking.Calibrations
    ),
    path("judgements/", judgements.JudgementsView.as_view(), name="judgements"),
    path("judgements/pools/", judgements.PoolsView.as_view(), name="pools"),
    path("judgements/pools/<uuid:pool_id>/", judgements.PoolView.as_view(), name="pool"),
    *long_jobs.routes(
        compressions.KIND, listed=CompressionSerializer, whole=CompressionTableSerializer, jobs=asking.Compressions
    ),
    path("compressions/<uuid:job_id>/adopt/", asking.AdoptView.as_view(), name="compression-adopt"),
    path("training/views/", sheets.ViewsView.as_view(), name="training-views"),
    path("training/<uuid:job_id>/drawn/", sheets.DrawnView.as_view(), name="training-drawn"),
    *long_jobs.routes(training.KIND, listed=TrainingSerializer, whole=WholeTrainingSerializer, jobs=asking.Trainings),
    *long_jobs.routes(mapping.KIND, listed=MapSerializer, whole=MapSerializer, jobs=maps.Maps),
    path("maps/<uuid:job_id>/points/", maps.PointsView.as_view(), name="map-points"),
    path("schema/", SpectacularAPIView.as_view(renderer_classes=RENDERERS), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    re_path(r"^.*$", status.UnknownView.as_view(), name="unknown"),
]
