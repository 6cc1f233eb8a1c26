"""The addresses of the pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from retrieval.web.views import (
    account,
    activity,
    collections,
    encoders,
    entry,
    media,
    pictures,
    search,
    training,
    uploads,
)

app_name = "web"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", search.front, name="search"),
    path("login/", entry.sign_in, name="sign_in"),
    path("logout/", entry.sign_out, name="sign_out"),
    path("first/<str:token>", entry.first, name="first"),
    path("welcome/", entry.welcome, name="welcome"),
    path("pictures/<uuid:image_id>/", pictures.show, name="picture"),
    path("pictures/<uuid:image_id>/similar/", pictures.similar, name="similar"),
    path("pictures/<uuid:image_id>/measures/", pictures.measures, name="measures"),
    path("pictures/<uuid:image_id>/edit/", pictures.edit, name="edit"),
    path("pictures/<uuid:image_id>/move/", pictures.move, name="move"),
    path("pictures/<uuid:image_id>/delete/", pictures.delete, name="delete"),
    path("pictures/<uuid:image_id>/restore/", pictures.restore, name="restore"),
    path("pictures/<uuid:image_id>/retry/", pictures.retry, name="retry"),
    path("media/thumbnails/<uuid:image_id>/<int:size>", media.thumbnail, name="thumbnail"),
    path("media/originals/<uuid:image_id>", media.original, name="original"),
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
    path("activity/", activity.page, name="activity"),
    path("activity/now/", activity.now, name="activity_now"),
    path("activity/count/", activity.count, name="activity_count"),
    path("activity/retry/", activity.retry, name="activity_retry"),
    path("encoders/", encoders.page, name="encoders"),
    path("encoders/now/", encoders.now, name="encoders_now"),
    path("encoders/projections/", encoders.project, name="encoder_project"),
    path("encoders/<uuid:encoder_id>/build/", encoders.build, name="encoder_build"),
    path("encoders/<uuid:encoder_id>/activate/", encoders.activate, name="encoder_activate"),
    path("encoders/<uuid:encoder_id>/drop/", encoders.drop, name="encoder_drop"),
    path("training/", training.page, name="training"),
    path("training/now/", training.now, name="training_now"),
    path("training/<uuid:run_id>/cancel/", training.cancel, name="training_cancel"),
    path("account/", account.page, name="account"),
    path("account/tokens/", account.make_token, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke/", account.revoke_token, name="token_revoke"),
    path("account/password/", account.password, name="password"),
    path("account/theme/", account.theme, name="theme"),
]
