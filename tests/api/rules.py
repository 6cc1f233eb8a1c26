"""The table of the matrix: what each method at each address answers to each actor.

Columns: anonymous, stranger, viewer, contributor, manager, owner, staff (an administrator without any role here).
A page sends visitors to the sign-in; the API answers them 401. What one may not see is 404, what one may see but not
change 403.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACTORS = ("anonymous", "stranger", "viewer", "contributor", "manager", "owner", "staff")
Statuses = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True)
class Rule:
    """What a method at an address answers to each actor; FILE, IMAGE, COLLECTION, NAME in ``body`` are the world's."""

    method: str
    answers: Statuses
    body: dict[str, Any] | None = None


def everyone(status: int) -> Statuses:
    return (status,) * 7


def signed_in(status: int) -> Statuses:
    return (401,) + (status,) * 6


def admins(status: int) -> Statuses:
    return (401,) + (403,) * 5 + (status,)


def owners(status: int) -> Statuses:
    return (401,) + (404,) * 4 + (status, 404)


def page_for_owner(status: int) -> Statuses:
    return (302, *owners(status)[1:])


def from_role(role: str, status: int) -> Statuses:
    """401 for visitors, 404 for those who do not see it, 403 below the role."""
    members = ACTORS[2:6]
    return (401, 404, *(status if members.index(name) >= members.index(role) else 403 for name in members), 404)


def pages(status: int) -> Statuses:
    return (302,) + (status,) * 6


def page_for_admins(status: int) -> Statuses:
    return (302,) + (403,) * 5 + (status,)


def page_from_role(role: str, status: int) -> Statuses:
    return (302, *from_role(role, status)[1:])


# Something that is no picture is sent: who may add gets as far as being told so.
UPLOAD = {"file": "FILE", "collection": "COLLECTION"}
# An address that is never asked: who may add is told so, the others are told nothing about it.
ADDRESS = {"url": "http://127.0.0.1/x.jpg", "collection": "COLLECTION"}
CAMERA = {"name": "Gate", "kind": "address", "place": "https://camera.example/x.jpg"}
NOBODYS = "00000000-0000-4000-8000-000000000000"
ANOTHERS = "00000000-0000-4000-8000-000000000001"
FROM_CONTRIBUTOR_415 = from_role("contributor", 415)

API: dict[str, list[Rule]] = {
    "api/v1/status/": [Rule("get", signed_in(200))],
    "api/v1/jobs/": [Rule("get", signed_in(200))],
    "api/v1/jobs/retry/": [Rule("post", signed_in(202))],
    "api/v1/auth/token/": [Rule("post", everyone(400)), Rule("delete", signed_in(204))],
    "api/v1/auth/tokens/": [Rule("get", signed_in(200)), Rule("delete", signed_in(204))],
    "api/v1/auth/address/": [Rule("get", signed_in(200)), Rule("post", signed_in(400), {})],
    "api/v1/auth/second-factor/": [Rule("get", signed_in(200)), Rule("post", signed_in(201), {})],
    "api/v1/auth/second-factor/on/": [Rule("post", signed_in(400), {})],
    "api/v1/auth/second-factor/off/": [Rule("post", signed_in(400), {})],
    "api/v1/auth/second-factor/codes/": [Rule("post", signed_in(400), {})],
    "api/v1/auth/sessions/": [Rule("get", signed_in(200)), Rule("delete", signed_in(204))],
    "api/v1/auth/sessions/<session_id>/": [Rule("delete", signed_in(404))],
    "api/v1/auth/tokens/<token_id>/": [Rule("delete", signed_in(404))],
    "api/v1/collections/": [Rule("get", signed_in(200)), Rule("post", signed_in(201), {"name": "New"})],
    "api/v1/collections/<collection_id>/": [
        Rule("get", from_role("viewer", 200)),
        Rule("patch", from_role("manager", 200), {"name": "Changed"}),
        Rule("delete", from_role("owner", 204)),
    ],
    "api/v1/collections/<collection_id>/members/": [
        Rule("get", from_role("viewer", 200)),
        Rule("post", from_role("manager", 201), {"username": "stranger", "role": "viewer"}),
    ],
    "api/v1/collections/<collection_id>/members/<username>/": [
        Rule("patch", from_role("manager", 200), {"role": "contributor"}),
        Rule("delete", (401, 404, 204, 403, 204, 204, 404)),  # the member named is the viewer, who may leave
    ],
    "api/v1/collections/<collection_id>/links/": [
        Rule("get", from_role("manager", 200)),
        Rule("post", from_role("manager", 201), {"downloads": True}),
    ],
    "api/v1/collections/<collection_id>/links/<link_id>/": [Rule("delete", from_role("manager", 204))],
    "api/v1/collections/<collection_id>/sources/": [
        Rule("get", from_role("manager", 200)),
        Rule("post", from_role("manager", 201), CAMERA),
        Rule("post", from_role("manager", 403), {**CAMERA, "kind": "folder", "place": "/"}),
    ],
    "api/v1/collections/<collection_id>/sources/<source_id>/": [
        Rule("get", from_role("manager", 200)),
        Rule("patch", from_role("manager", 200), {"active": False}),
        Rule("delete", from_role("manager", 204)),
    ],
    "api/v1/collections/<collection_id>/sources/<source_id>/read/": [Rule("post", from_role("manager", 202))],
    "api/v1/collections/<collection_id>/metadata/": [
        Rule("get", from_role("viewer", 200)),
        Rule("post", from_role("contributor", 200), {"rows": [{"id": "IMAGE", "title": "Changed"}]}),
    ],
    "api/v1/collections/<collection_id>/vectors/": [Rule("get", from_role("viewer", 200))],
    "api/v1/collections/<collection_id>/facets/": [Rule("get", from_role("viewer", 200))],
    "api/v1/invitations/": [Rule("get", signed_in(200))],
    # Nobody of the world is asked into its collection.
    "api/v1/invitations/<collection_id>/": [Rule("post", signed_in(404)), Rule("delete", signed_in(404))],
    "api/v1/images/": [
        Rule("get", signed_in(200)),
        Rule("post", FROM_CONTRIBUTOR_415, UPLOAD),
        Rule("post", from_role("contributor", 400), ADDRESS),
    ],
    # Checked picture by picture: the answer tells what was refused.
    "api/v1/images/bulk/": [Rule("post", signed_in(200), {"filter": {"tag": "any"}, "delete": True})],
    "api/v1/images/bulk/undo/": [Rule("post", signed_in(404), {"undo": NOBODYS})],
    "api/v1/images/download/": [Rule("post", signed_in(404), {"ids": [NOBODYS]})],
    "api/v1/images/<image_id>/": [
        Rule("get", from_role("viewer", 200)),
        Rule("patch", from_role("contributor", 200), {"title": "Changed"}),
        Rule("delete", from_role("contributor", 204)),
    ],
    "api/v1/images/<image_id>/thumbnail/": [Rule("get", from_role("viewer", 200))],
    # The world's picture has a file that is none.
    "api/v1/images/<image_id>/full/": [Rule("get", from_role("viewer", 415))],
    "api/v1/images/<image_id>/file/": [Rule("get", from_role("viewer", 200))],
    "api/v1/images/<image_id>/restore/": [Rule("post", signed_in(404))],
    "api/v1/images/<image_id>/retry/": [Rule("post", from_role("contributor", 202))],
    "api/v1/images/<image_id>/text/": [Rule("get", from_role("viewer", 200))],
    "api/v1/images/<image_id>/similar/": [Rule("get", from_role("viewer", 200))],
    # The world's picture has a file that is none.
    "api/v1/images/<image_id>/why/": [
        Rule("get", from_role("viewer", 415), {"query": "IMAGE"}),
        Rule("post", from_role("viewer", 415), {"file": "FILE"}),
    ],
    "api/v1/trash/": [Rule("get", signed_in(200))],
    "api/v1/trash/restore/": [Rule("post", signed_in(200), {"images": [NOBODYS]})],
    "api/v1/trash/remove/": [Rule("post", signed_in(200), {"images": [NOBODYS]})],
    # The world's picture is not in the trash.
    "api/v1/trash/images/<image_id>/thumbnail/": [Rule("get", signed_in(404))],
    "api/v1/archives/": [Rule("post", FROM_CONTRIBUTOR_415, UPLOAD)],
    # An archive is its person's alone; the world's waits in line.
    "api/v1/imports/": [Rule("get", signed_in(200))],
    "api/v1/imports/<job_id>/": [Rule("get", owners(200)), Rule("delete", owners(409))],
    "api/v1/imports/<job_id>/cancel/": [Rule("post", owners(202))],
    "api/v1/imports/<job_id>/resume/": [Rule("post", owners(409))],
    "api/v1/search/": [Rule("post", signed_in(200), {"text": "anything"})],
    "api/v1/batches/": [
        Rule("get", signed_in(200)),
        Rule("post", signed_in(400), {}),
        Rule("post", (401, 404, *[202] * 4, 404), {"against": ["COLLECTION"], "collection": "COLLECTION"}),
    ],
    "api/v1/batches/<job_id>/": [Rule("get", signed_in(404)), Rule("delete", signed_in(404))],
    "api/v1/batches/<job_id>/cancel/": [Rule("post", signed_in(404))],
    "api/v1/batches/<job_id>/resume/": [Rule("post", signed_in(404))],
    "api/v1/batches/<job_id>/rows/": [Rule("get", signed_in(404))],
    "api/v1/batches/<job_id>/rows/<n>/decision/": [Rule("post", signed_in(404), {"decision": "match"})],
    "api/v1/batches/<job_id>/export/": [Rule("get", signed_in(404))],
    "api/v1/copies/": [
        Rule("get", signed_in(200)),
        Rule("get", (401, 404, *[200] * 4, 404), {"collection": "COLLECTION"}),
    ],
    "api/v1/scans/": [
        Rule("get", signed_in(200)),
        Rule("post", (401, 404, *[202] * 4, 404), {"collection": "COLLECTION"}),
    ],
    "api/v1/scans/<job_id>/": [Rule("get", signed_in(404)), Rule("delete", signed_in(404))],
    "api/v1/scans/<job_id>/cancel/": [Rule("post", signed_in(404))],
    "api/v1/scans/<job_id>/resume/": [Rule("post", signed_in(404))],
    "api/v1/copies/resolve/": [
        Rule("post", signed_in(400), {}),
        Rule("post", signed_in(200), {"verdict": "same_file"}),
        Rule("post", (401, 404, *[200] * 4, 404), {"collection": "COLLECTION"}),
        Rule("post", signed_in(404), {"groups": [NOBODYS]}),
    ],
    "api/v1/copies/decisions/": [
        Rule("get", signed_in(200)),
        Rule("post", signed_in(400), {"pairs": [], "decision": "different"}),
        Rule("post", signed_in(404), {"pairs": [[NOBODYS, ANOTHERS]], "decision": "different"}),
    ],
    "api/v1/copies/decisions/<decision_id>/": [Rule("delete", signed_in(404))],
    "api/v1/searches/": [Rule("get", signed_in(200)), Rule("delete", signed_in(204))],
    "api/v1/receipts/": [Rule("get", signed_in(200)), Rule("post", signed_in(201), {"text": "anything"})],
    "api/v1/receipts/<receipt_id>/": [Rule("get", owners(200)), Rule("delete", owners(204))],
    "api/v1/receipts/<receipt_id>/repeat/": [Rule("post", owners(200), {})],
    # A concept is its person's alone; the world's is its owner's, taught by nothing.
    "api/v1/concepts/": [Rule("get", signed_in(200)), Rule("post", signed_in(201), {"name": "Hat"})],
    "api/v1/concepts/<concept_id>/": [
        Rule("get", owners(200)),
        Rule("patch", owners(200), {"name": "Cap"}),
        Rule("delete", owners(204)),
    ],
    "api/v1/concepts/<concept_id>/examples/": [Rule("post", owners(201), {"yes": ["IMAGE"]})],
    "api/v1/concepts/<concept_id>/next/": [Rule("get", owners(409))],
    "api/v1/concepts/<concept_id>/suggestions/": [Rule("get", owners(409))],
    # A watch is its person's alone; the world's is its owner's, for its picture, and fired for it. No webhook is set.
    "api/v1/watches/": [
        Rule("get", signed_in(200)),
        Rule("post", (401, 404, 201, 201, 201, 201, 404), {"name": "Like it", "image": "IMAGE", "min_score": 0.9}),
    ],
    "api/v1/watches/<watch_id>/": [
        Rule("get", owners(200)),
        Rule("patch", owners(200), {"active": False}),
        Rule("delete", owners(204)),
    ],
    "api/v1/watches/<watch_id>/try/": [Rule("post", owners(200), {})],
    "api/v1/watches/<watch_id>/backfill/": [Rule("post", owners(202))],
    "api/v1/watches/<watch_id>/test/": [Rule("post", owners(400))],
    "api/v1/alerts/": [Rule("get", signed_in(200))],
    "api/v1/alerts/<alert_id>/": [Rule("get", owners(200)), Rule("patch", owners(200), {"verdict": "wrong"})],
    "api/v1/encoders/": [Rule("get", signed_in(200))],
    "api/v1/encoders/<encoder_id>/": [Rule("get", signed_in(200)), Rule("delete", admins(409))],
    "api/v1/encoders/<encoder_id>/build/": [Rule("post", admins(409))],
    "api/v1/encoders/<encoder_id>/activate/": [Rule("post", admins(200), {})],
    "api/v1/encoders/<encoder_id>/index/": [
        Rule("get", admins(200)),
        Rule("put", admins(202), {"kind": "bits"}),
    ],
    # More dimensions than the encoder has: an administrator gets as far as being told so.
    "api/v1/encoders/<encoder_id>/projections/": [Rule("post", admins(400), {"name": "new", "dimension": 9})],
    # Who does not see the collection, be it as an administrator, is told nothing about it.
    "api/v1/evaluations/": [
        Rule("get", admins(200)),
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "encoders": ["any"]}),
    ],
    **{
        address: rules
        for kind in ("evaluations", "calibrations", "compressions", "training", "maps")
        for address, rules in {
            f"api/v1/{kind}/<job_id>/": [Rule("get", admins(404)), Rule("delete", admins(404))],
            f"api/v1/{kind}/<job_id>/cancel/": [Rule("post", admins(404))],
            f"api/v1/{kind}/<job_id>/resume/": [Rule("post", admins(404))],
        }.items()
    },
    # Nothing is said of pictures that are not there.
    "api/v1/judgements/": [
        Rule("post", admins(404), {"judgements": [{"query": NOBODYS, "answer": NOBODYS[:-1] + "1", "grade": 1}]})
    ],
    "api/v1/judgements/pools/": [
        Rule("get", admins(200)),
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "encoders": ["any", "other"]}),
    ],
    "api/v1/judgements/pools/<pool_id>/": [Rule("get", admins(404))],
    "api/v1/calibrations/": [
        Rule("get", admins(200)),
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "encoder": "any"}),
    ],
    "api/v1/compressions/": [
        Rule("get", admins(200)),
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "encoder": "any"}),
    ],
    "api/v1/compressions/<job_id>/adopt/": [Rule("post", admins(404), {"row": "int8", "name": "new"})],
    "api/v1/maps/": [Rule("get", admins(200)), Rule("post", admins(404), {"collection": "COLLECTION"})],
    "api/v1/maps/<job_id>/points/": [Rule("get", admins(404))],
    "api/v1/training/": [
        Rule("get", admins(200)),
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "config": {"name": "new"}}),
    ],
    "api/v1/training/views/": [
        Rule("post", (401, 404, 403, 403, 403, 403, 404), {"collection": "COLLECTION", "config": {"name": "new"}}),
    ],
    "api/v1/training/<job_id>/drawn/": [Rule("get", admins(404))],
    "api/v1/schema/": [Rule("get", everyone(200))],
    "api/v1/docs/": [Rule("get", everyone(200))],
    "api/v1/^.*$": [Rule("get", everyone(404))],
}

WEB: dict[str, list[Rule]] = {
    "": [Rule("get", pages(200)), Rule("post", pages(303), {})],
    "login/": [Rule("get", (200,) + (302,) * 6), Rule("post", (200,) + (302,) * 6, {})],
    "login/code/": [Rule("get", everyone(302)), Rule("post", everyone(302), {})],
    "login/forgotten/": [Rule("get", everyone(200)), Rule("post", everyone(400), {})],
    "login/provider/": [Rule("get", everyone(404))],
    "login/provider/done/": [Rule("get", everyone(404))],
    "logout/": [Rule("post", everyone(302), {})],
    "first/<token>": [Rule("get", everyone(404)), Rule("post", everyone(404), {})],
    "welcome/": [Rule("get", everyone(302)), Rule("post", everyone(302), {})],
    "pictures/<image_id>/": [Rule("get", page_from_role("viewer", 200))],
    "pictures/<image_id>/similar/": [Rule("get", page_from_role("viewer", 200))],
    "pictures/<image_id>/measures/": [Rule("get", page_from_role("viewer", 200))],
    "pictures/<image_id>/why/": [
        Rule("get", page_from_role("viewer", 415), {"image": "IMAGE"}),
        Rule("post", page_from_role("viewer", 415), {"file": "FILE"}),
    ],
    "pictures/<image_id>/edit/": [Rule("post", page_from_role("contributor", 302), {"title": "Changed"})],
    "pictures/<image_id>/move/": [Rule("post", page_from_role("contributor", 302), {"collection": "COLLECTION"})],
    "pictures/<image_id>/delete/": [Rule("post", page_from_role("contributor", 302), {})],
    "pictures/<image_id>/restore/": [Rule("post", pages(404), {})],
    "pictures/<image_id>/retry/": [Rule("post", page_from_role("contributor", 302), {})],
    # An address of a file gives nothing away: visitors are not sent to the sign-in either.
    # What they may not change is left as it is, and said.
    "selection/": [Rule("post", pages(302), {"id": "IMAGE", "act": "untag", "tags": "x"})],
    "selection/download/": [Rule("post", pages(404), {"id": NOBODYS})],
    "selection/<act_id>/undo/": [Rule("post", pages(404), {})],
    "media/thumbnails/<image_id>/<size>": [Rule("get", (404, *from_role("viewer", 200)[1:]))],
    "media/full/<image_id>": [Rule("get", (404, *from_role("viewer", 415)[1:]))],
    "media/originals/<image_id>": [Rule("get", (404, *from_role("viewer", 200)[1:]))],
    "upload/": [Rule("get", pages(200)), Rule("post", pages(400), {})],
    # The page's script is told in words what became of a file, be it refused for its bytes or for the role.
    "upload/file/": [
        Rule("post", page_from_role("contributor", 200), UPLOAD),
        Rule("post", page_from_role("contributor", 200), ADDRESS),
    ],
    "upload/states/": [Rule("post", pages(200), {})],
    "upload/archives/<import_id>/": [Rule("get", (302, 404, 404, 404, 404, 200, 404))],
    "collections/": [Rule("get", pages(200))],
    "collections/new/": [Rule("post", pages(302), {"name": "New"})],
    "collections/<collection_id>/": [Rule("get", page_from_role("viewer", 200))],
    "collections/<collection_id>/settings/": [
        Rule("get", page_from_role("manager", 200)),
        Rule("post", page_from_role("manager", 302), {"name": "Changed", "visibility": "shared"}),
    ],
    "collections/<collection_id>/share/": [
        Rule("post", page_from_role("manager", 302), {"username": "stranger", "role": "viewer"})
    ],
    "collections/<collection_id>/unshare/": [
        Rule("post", (302, 404, 302, 403, 302, 302, 404), {"username": "viewer"})  # the viewer may leave
    ],
    "collections/<collection_id>/links/": [Rule("post", page_from_role("manager", 200), {"name": "A client"})],
    "collections/<collection_id>/links/<link_id>/end/": [Rule("post", page_from_role("manager", 302), {})],
    "collections/<collection_id>/sources/": [
        Rule("get", page_from_role("manager", 200)),
        Rule("post", page_from_role("manager", 302), {**CAMERA, "every_minutes": 5}),
    ],
    "collections/<collection_id>/sources/<source_id>/": [
        Rule("post", page_from_role("manager", 302), {"active": "off"})
    ],
    "collections/<collection_id>/sources/<source_id>/read/": [Rule("post", page_from_role("manager", 302), {})],
    "collections/<collection_id>/sources/<source_id>/remove/": [Rule("post", page_from_role("manager", 302), {})],
    "collections/<collection_id>/delete/": [Rule("post", page_from_role("owner", 302), {"name": "NAME"})],
    # What is sent is no table: who may take one in is told so.
    "collections/<collection_id>/metadata/try/": [Rule("post", page_from_role("contributor", 400), {"file": "FILE"})],
    "collections/<collection_id>/metadata/take/": [Rule("post", (302, 404, *[404] * 4, 404), {"table": NOBODYS})],
    "collections/<collection_id>/metadata.csv": [Rule("get", page_from_role("viewer", 200))],
    "collections/<collection_id>/metadata.json": [Rule("get", page_from_role("viewer", 200))],
    "collections/<collection_id>/vectors.npz": [Rule("get", page_from_role("viewer", 200))],
    "invitations/<collection_id>/accept/": [Rule("post", pages(404), {})],
    "invitations/<collection_id>/decline/": [Rule("post", pages(404), {})],
    # Whoever has the secret of the world's link sees what it shows; it gives no originals.
    "shared/<secret>/": [Rule("get", everyone(200)), Rule("post", everyone(302), {})],
    "shared/<secret>/pictures/<image_id>/": [Rule("get", everyone(200))],
    "shared/<secret>/thumbnails/<image_id>/<size>": [Rule("get", everyone(200))],
    "shared/<secret>/originals/<image_id>": [Rule("get", everyone(404))],
    "trash/": [Rule("get", pages(200))],
    "trash/act/": [Rule("post", pages(302), {"id": NOBODYS, "act": "restore"})],
    # The world's picture is not in the trash.
    "trash/<image_id>/thumbnail/": [Rule("get", pages(404))],
    "activity/": [Rule("get", pages(200))],
    "activity/now/": [Rule("get", pages(200))],
    "activity/count/": [Rule("get", pages(200))],
    "activity/retry/": [Rule("post", pages(302), {})],
    "encoders/": [Rule("get", pages(200))],
    "maps/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(400), {})],
    "maps/<job_id>/": [Rule("get", page_for_admins(404))],
    "encoders/beside/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(200), {})],
    "encoders/now/": [Rule("get", pages(200))],
    "encoders/projections/": [Rule("post", page_for_admins(400), {})],
    "encoders/<encoder_id>/build/": [Rule("post", page_for_admins(409), {})],
    "encoders/<encoder_id>/activate/": [Rule("post", page_for_admins(302), {})],
    "encoders/<encoder_id>/index/": [Rule("post", page_for_admins(302), {"kind": "bits"})],
    "encoders/<encoder_id>/drop/": [Rule("post", page_for_admins(409), {})],
    "evaluations/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(400), {})],
    "evaluations/<job_id>/": [Rule("get", page_for_admins(404))],
    "judging/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(400), {})],
    "judging/<pool_id>/": [Rule("get", page_for_admins(404)), Rule("post", page_for_admins(404), {})],
    "judging/<pool_id>/undo/": [Rule("post", page_for_admins(404), {})],
    "compressions/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(400), {})],
    "compressions/<job_id>/": [Rule("get", page_for_admins(404))],
    "compressions/<job_id>/adopt/": [Rule("post", page_for_admins(404), {"row": "int8", "name": "new"})],
    "training/": [Rule("get", page_for_admins(200)), Rule("post", page_for_admins(400), {})],
    "training/views/": [Rule("post", page_for_admins(400), {})],
    "training/<job_id>/": [Rule("get", page_for_admins(404))],
    "training/<job_id>/drawn/<seed>/": [Rule("get", page_for_admins(404))],
    "training/<job_id>/drawn/like/<image_id>/": [Rule("get", page_for_admins(404))],
    # The world's long work is its owner's archive, which waits in line.
    "<kind>/now/": [Rule("get", pages(200))],
    "<kind>/<job_id>/now/": [Rule("get", page_for_owner(200))],
    "<kind>/<job_id>/cancel/": [Rule("post", page_for_owner(302), {})],
    "<kind>/<job_id>/resume/": [Rule("post", page_for_owner(409), {})],
    "<kind>/<job_id>/remove/": [Rule("post", page_for_owner(409), {})],
    "copies/": [Rule("get", pages(200))],
    "copies/scan/": [Rule("post", pages(404), {"collection": NOBODYS})],
    "copies/scans/<job_id>/": [Rule("get", pages(404))],
    "copies/decide/": [Rule("post", pages(404), {})],
    "copies/all/": [Rule("post", pages(302), {"verdict": "same_file"})],
    "copies/undo/": [Rule("post", pages(404), {})],
    "receipts/": [Rule("post", pages(302), {"q": "anything"})],
    "receipts/<receipt_id>/": [Rule("get", page_for_owner(200))],
    "receipts/<receipt_id>/file/": [Rule("get", page_for_owner(200))],
    "receipts/<receipt_id>/repeat/": [Rule("post", page_for_owner(200), {})],
    "receipts/<receipt_id>/remove/": [Rule("post", page_for_owner(302), {})],
    "review/": [Rule("get", pages(302))],
    "review/count/": [Rule("get", pages(200))],
    "batches/": [Rule("get", pages(200)), Rule("post", pages(400), {})],
    # The world's long work is an archive, no batch.
    "batches/<job_id>/": [Rule("get", pages(404))],
    "batches/<job_id>/decide/": [Rule("post", pages(404), {})],
    "batches/<job_id>/table/": [Rule("get", pages(404))],
    "batches/<job_id>/queries/<n>/": [Rule("get", pages(404))],
    "concepts/": [
        Rule("get", pages(200)),
        Rule("post", page_from_role("viewer", 302), {"name": "Hat", "id": "IMAGE"}),
    ],
    "concepts/<concept_id>/": [Rule("get", page_for_owner(200))],
    "concepts/<concept_id>/teach/": [Rule("post", page_for_owner(302), {})],
    "concepts/<concept_id>/suggested/": [Rule("post", page_for_owner(302), {"act": "all", "id": "IMAGE"})],
    "concepts/<concept_id>/rename/": [Rule("post", page_for_owner(302), {"name": "Cap"})],
    "concepts/<concept_id>/remove/": [Rule("post", page_for_owner(302), {})],
    "watches/": [
        Rule("get", pages(200)),
        Rule("post", page_from_role("viewer", 302), {"name": "Like it", "image": "IMAGE"}),
    ],
    "watches/<watch_id>/": [Rule("get", page_for_owner(200))],
    "watches/<watch_id>/change/": [Rule("post", page_for_owner(302), {"active": "on"})],
    "watches/<watch_id>/back/": [Rule("post", page_for_owner(302), {})],
    "watches/<watch_id>/notify/": [Rule("post", page_for_owner(302), {})],
    "watches/<watch_id>/test/": [Rule("post", page_for_owner(302), {})],
    "watches/<watch_id>/remove/": [Rule("post", page_for_owner(302), {})],
    "alerts/": [Rule("get", pages(200))],
    "alerts/mark/": [Rule("post", pages(302), {})],
    "alerts/see/": [Rule("post", pages(302), {})],
    "account/": [Rule("get", pages(200))],
    "account/tokens/": [Rule("post", pages(400), {})],
    "account/tokens/<token_id>/revoke/": [Rule("post", pages(404), {})],
    "account/tokens/revoke/": [Rule("post", pages(302), {})],
    "account/searches/clear/": [Rule("post", pages(302), {})],
    "account/sessions/end/": [Rule("post", pages(302), {})],
    "account/sessions/<session_id>/end/": [Rule("post", pages(404), {})],
    "account/mail/": [Rule("post", pages(400), {})],
    "account/mail/<secret>": [Rule("get", pages(404)), Rule("post", pages(404), {})],
    "account/provider/": [Rule("get", pages(404)), Rule("post", pages(404), {})],
    "account/second-factor/": [Rule("get", pages(200))],
    "account/second-factor/begin/": [Rule("post", pages(200), {})],
    "account/second-factor/on/": [Rule("post", pages(404), {})],
    "account/second-factor/off/": [Rule("post", pages(400), {})],
    "account/second-factor/codes/": [Rule("post", pages(400), {})],
    "account/password/": [Rule("post", pages(400), {})],
    "account/theme/": [Rule("post", pages(302), {})],
}

# Addresses of Django itself and of operations.
OTHER: dict[str, list[Rule]] = {
    "i18n/setlang/": [Rule("post", everyone(302), {"language": "en"})],
    "healthz": [Rule("get", everyone(200))],
    "readyz": [Rule("get", everyone(200))],
    "metrics": [Rule("get", (403,) * 6 + (200,))],
}

RULES = {**API, **WEB, **OTHER}
