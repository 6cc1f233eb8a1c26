"""The addresses of the pages."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, path, register_converter

from retrieval.services.operations import long_work
from retrieval.web.views import (
    account,
    activity,
    alerts,
    batches,
    collections,
    compressions,
    concepts,
    copies,
    encoders,
    entry,
    evaluations,
    judging,
    long_jobs,
    media,
    metadata,
    pictures,
    receipts,
    review,
    search,
    second_factor,
    selection,
    training,
    trash,
    uploads,
    watches,
    why,
)
from retrieval.work import Kind

app_name = "web"


class KindConverter:
    """Path converter: the name of a kind of long work, as its list is called."""

    regex = "|".join(long_work.KINDS)

    def to_python(self, name: str) -> Kind[Any]:
        """Return the kind."""
        return long_work.KINDS[name]

    def to_url(self, kind: Kind[Any] | str) -> str:
        """Return the name of a kind, or the name as it is."""
        return str(kind)


register_converter(KindConverter, "kind")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", search.front, name="search"),
    path("login/", entry.sign_in, name="sign_in"),
    path("login/code/", entry.code, name="code"),
    path("logout/", entry.sign_out, name="sign_out"),
    path("first/<str:token>", entry.first, name="first"),
    path("welcome/", entry.welcome, name="welcome"),
    path("pictures/<uuid:image_id>/", pictures.show, name="picture"),
    path("pictures/<uuid:image_id>/similar/", pictures.similar, name="similar"),
    path("pictures/<uuid:image_id>/measures/", pictures.measures, name="measures"),
    path("pictures/<uuid:image_id>/why/", why.show, name="why"),
    path("pictures/<uuid:image_id>/edit/", pictures.edit, name="edit"),
    path("pictures/<uuid:image_id>/move/", pictures.move, name="move"),
    path("pictures/<uuid:image_id>/delete/", pictures.delete, name="delete"),
    path("pictures/<uuid:image_id>/restore/", pictures.restore, name="restore"),
    path("pictures/<uuid:image_id>/retry/", pictures.retry, name="retry"),
    path("selection/", selection.act, name="selection"),
    path("selection/download/", selection.download, name="selection_download"),
    path("selection/<uuid:act_id>/undo/", selection.undo, name="selection_undo"),
    path("media/thumbnails/<uuid:image_id>/<int:size>", media.thumbnail, name="thumbnail"),
    path("media/originals/<uuid:image_id>", media.original, name="original"),
    path("receipts/", receipts.keep, name="receipts"),
    path("receipts/<uuid:receipt_id>/", receipts.show, name="receipt"),
    path("receipts/<uuid:receipt_id>/file/", receipts.download, name="receipt_file"),
    path("receipts/<uuid:receipt_id>/repeat/", receipts.repeat, name="receipt_repeat"),
    path("receipts/<uuid:receipt_id>/remove/", receipts.remove, name="receipt_remove"),
    path("review/", review.page, name="review"),
    path("review/count/", review.count, name="review_count"),
    path("batches/", batches.page, name="batches"),
    path("batches/<uuid:job_id>/", batches.show, name="batch"),
    path("batches/<uuid:job_id>/decide/", batches.decide, name="batch_decide"),
    path("batches/<uuid:job_id>/table/", batches.table, name="batch_table"),
    path("copies/", copies.page, name="copies"),
    path("copies/decide/", copies.decide, name="copies_decide"),
    path("copies/all/", copies.decide_all, name="copies_all"),
    path("copies/undo/", copies.undo, name="copies_undo"),
    path("concepts/", concepts.page, name="concepts"),
    path("concepts/<uuid:concept_id>/", concepts.show, name="concept"),
    path("concepts/<uuid:concept_id>/teach/", concepts.teach, name="concept_teach"),
    path("concepts/<uuid:concept_id>/suggested/", concepts.suggested, name="concept_suggested"),
    path("concepts/<uuid:concept_id>/rename/", concepts.rename, name="concept_rename"),
    path("concepts/<uuid:concept_id>/remove/", concepts.remove, name="concept_remove"),
    path("watches/", watches.page, name="watches"),
    path("watches/<uuid:watch_id>/", watches.show, name="watch"),
    path("watches/<uuid:watch_id>/change/", watches.change, name="watch_change"),
    path("watches/<uuid:watch_id>/back/", watches.look_back, name="watch_back"),
    path("watches/<uuid:watch_id>/remove/", watches.remove, name="watch_remove"),
    path("alerts/", alerts.page, name="alerts"),
    path("alerts/mark/", alerts.mark, name="alerts_mark"),
    path("alerts/see/", alerts.see, name="alerts_see"),
    path("upload/", uploads.page, name="upload"),
    path("upload/file/", uploads.one, name="upload_file"),
    path("upload/states/", uploads.states, name="upload_states"),
    path("upload/archives/<uuid:import_id>/", uploads.archive, name="upload_archive"),
    path("collections/", collections.index, name="collections"),
    path("collections/new/", collections.create, name="collection_new"),
    path("collections/<uuid:collection_id>/", collections.show, name="collection"),
    path("collections/<uuid:collection_id>/settings/", collections.settings, name="collection_settings"),
    path("collections/<uuid:collection_id>/share/", collections.share, name="share"),
    path("collections/<uuid:collection_id>/unshare/", collections.unshare, name="unshare"),
    path("collections/<uuid:collection_id>/delete/", collections.delete, name="collection_delete"),
    path("collections/<uuid:collection_id>/metadata/try/", metadata.attempt, name="metadata_try"),
    path("collections/<uuid:collection_id>/metadata/take/", metadata.take, name="metadata_take"),
    path("collections/<uuid:collection_id>/metadata.csv", metadata.send, {"kind": "csv"}, name="metadata_csv"),
    path("collections/<uuid:collection_id>/metadata.json", metadata.send, {"kind": "json"}, name="metadata_json"),
    path("collections/<uuid:collection_id>/vectors.npz", metadata.vectors, name="vectors"),
    path("invitations/<uuid:collection_id>/accept/", collections.accept, name="invitation_accept"),
    path("invitations/<uuid:collection_id>/decline/", collections.decline, name="invitation_decline"),
    path("trash/", trash.page, name="trash"),
    path("trash/act/", trash.act, name="trash_act"),
    path("trash/<uuid:image_id>/thumbnail/", trash.thumbnail, name="trash_thumbnail"),
    path("activity/", activity.page, name="activity"),
    path("activity/now/", activity.now, name="activity_now"),
    path("activity/count/", activity.count, name="activity_count"),
    path("activity/retry/", activity.retry, name="activity_retry"),
    path("encoders/", encoders.page, name="encoders"),
    path("encoders/now/", encoders.now, name="encoders_now"),
    path("encoders/projections/", encoders.project, name="encoder_project"),
    path("encoders/<uuid:encoder_id>/build/", encoders.build, name="encoder_build"),
    path("encoders/<uuid:encoder_id>/activate/", encoders.activate, name="encoder_activate"),
    path("encoders/<uuid:encoder_id>/index/", encoders.index, name="encoder_index"),
    path("encoders/<uuid:encoder_id>/drop/", encoders.drop, name="encoder_drop"),
    path("evaluations/", evaluations.page, name="evaluations"),
    path("evaluations/<uuid:job_id>/", evaluations.show, name="evaluation"),
    path("judging/", judging.page, name="judging"),
    path("judging/<uuid:pool_id>/", judging.show, name="judging_pool"),
    path("judging/<uuid:pool_id>/undo/", judging.undo, name="judging_undo"),
    path("compressions/", compressions.page, name="compressions"),
    path("compressions/<uuid:job_id>/", compressions.show, name="compression"),
    path("compressions/<uuid:job_id>/adopt/", compressions.adopt, name="compression_adopt"),
    path("training/", training.page, name="training"),
    path("training/views/", training.views, name="training_views"),
    path("training/<uuid:job_id>/", training.show, name="training_run"),
    path("training/<uuid:job_id>/drawn/<int:seed>/", training.drawn, name="training_drawn"),
    path("training/<uuid:job_id>/drawn/like/<uuid:image_id>/", training.drawn_like, name="training_drawn_like"),
    path("<kind:kind>/now/", long_jobs.now, name="long_jobs_now"),
    path("<kind:kind>/<uuid:job_id>/now/", long_jobs.progress, name="long_job_now"),
    path("<kind:kind>/<uuid:job_id>/cancel/", long_jobs.cancel, name="long_job_cancel"),
    path("<kind:kind>/<uuid:job_id>/resume/", long_jobs.resume, name="long_job_resume"),
    path("<kind:kind>/<uuid:job_id>/remove/", long_jobs.remove, name="long_job_remove"),
    path("account/", account.page, name="account"),
    path("account/tokens/", account.make_token, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke/", account.revoke_token, name="token_revoke"),
    path("account/tokens/revoke/", account.revoke_tokens, name="tokens_revoke"),
    path("account/sessions/end/", account.end_sessions, name="sessions_end"),
    path("account/sessions/<uuid:session_id>/end/", account.end_session, name="session_end"),
    path("account/searches/clear/", account.clear_searches, name="searches_clear"),
    path("account/password/", account.password, name="password"),
    path("account/second-factor/", second_factor.page, name="second_factor"),
    path("account/second-factor/begin/", second_factor.begin, name="second_factor_begin"),
    path("account/second-factor/on/", second_factor.turn_on, name="second_factor_on"),
    path("account/second-factor/off/", second_factor.turn_off, name="second_factor_off"),
    path("account/second-factor/codes/", second_factor.renew, name="second_factor_codes"),
    path("account/theme/", account.theme, name="theme"),
]
