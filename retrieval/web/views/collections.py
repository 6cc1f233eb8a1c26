"""Collections: the cards, the pictures of one, and its settings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval.errors import InvalidInput
from retrieval.models import Collection, CountKind, Role
from retrieval.models.images import ImageQuerySet
from retrieval.services.images import browse, collections, image_counts, images, members, originals, share_links
from retrieval.services.images.members import Member
from retrieval.services.people import rights
from retrieval.web import facet_links, paging, words
from retrieval.web.forms.browsing import Browsing, browsed
from retrieval.web.forms.people import CollectionForm, MemberForm, SettingsForm, ShareLinkForm
from retrieval.web.pages import for_people, for_readers, may_add, person


@require_safe
@for_readers
def index(request: HttpRequest) -> HttpResponse:
    """Show all collections that the person sees, one's own or those shared with one, each with its newest pictures."""
    found, whose = list(collections.listing(request.user)), request.GET.get("whose", "")
    whose = whose if whose in words.WHOSE else ""
    counts = {kind: sum(kind in ("", _whose(row)) for row in found) for kind in words.WHOSE}
    cards = browse.cards([row for row in found if whose in ("", _whose(row))], user=request.user)
    kinds = [(kind, name, counts[kind]) for kind, name in words.WHOSE.items()] if counts["shared"] else []
    context = {
        "kinds": kinds,
        "whose": whose,
        "cards": cards,
        "form": CollectionForm(),
        "choices": words,
        "invitations": members.asked(request.user),
    }
    return render(request, "web/collections.html", context)


@require_POST
@for_people
def create(request: HttpRequest) -> HttpResponse:
    """Make a collection and go to where pictures are put into it."""
    form = CollectionForm(request.POST)
    if not form.is_valid():
        raise InvalidInput.of("name", _("A collection needs a name of at most 200 characters."))
    collection = collections.create(
        owner=person(request),
        name=form.cleaned_data["name"],
        description=form.cleaned_data["description"],
        visibility=form.cleaned_data["visibility"] or "private",
    )
    if request.POST.get("then") == "upload":
        return redirect(f"/upload/?collection={collection.pk}")
    return redirect("web:collection", collection.pk)


@require_safe
@for_readers
def show(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Show the pictures of one collection, newest first; a script asks for those of any place in the list."""
    browsing = browsed(request.GET)
    if request.headers.get("HX-Request"):
        return _part(request, collection_id, browsing)
    collection = collections.get(collection_id, user=request.user)
    found = images.listing(request.user, filters=browsing.filters(collection.pk))
    around = facet_links.around(collection, browsing, found=found)
    context = {
        "collection": collection,
        **around,
        **_listed(found, browsing, request, total=around["total"]),
        **_around(collection, request),
    }
    return render(request, "web/collection.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def settings(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Show and change name, description and who sees it."""
    collection = collections.get(collection_id, user=request.user)
    rights.require_role(collection, user=request.user, role=Role.MANAGER)
    form = SettingsForm(request.POST or None, initial=_words_of(collection))
    if request.method == "POST" and form.is_valid() and _saved(collection, form, request):
        messages.success(request, _("Saved."))
        return redirect("web:collection_settings", collection.pk)
    context = {
        "collection": collection,
        "form": form,
        "member_form": MemberForm(),
        "members": members.listing(collection, user=person(request)),
        "links": share_links.listing(collection, user=person(request)),
        "link_form": ShareLinkForm(),
        "may": _may(collection, request),
        "choices": words,
    }
    return render(request, "web/collection_settings.html", context, status=400 if form.errors else 200)


@require_POST
@for_people
def share(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Give a member another role, or ask somebody in; a name that nobody has is answered like any other."""
    collection = collections.get(collection_id, user=request.user)
    form = MemberForm(request.POST)
    if not form.is_valid():
        raise InvalidInput.of("username", _("Name a person and a role."))
    try:
        found = members.ask(collection, user=person(request), member=Member(**form.cleaned_data))
        said = _("{name} is asked, and is in once they accept.") if found.pending else _("{name} has this role now.")
        messages.success(request, said.format(name=found.name))
    except InvalidInput:
        name = form.cleaned_data["username"]
        messages.error(request, _("{name} cannot be given a role here.").format(name=name))
    return redirect("web:collection_settings", collection.pk)


@require_POST
@for_people
def unshare(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Take a person's role away, or leave."""
    collection = collections.get(collection_id, user=request.user)
    username = str(request.POST.get("username", ""))
    members.take_out(collection, user=person(request), username=username)
    if username == request.user.get_username():
        return redirect("web:collections")
    return redirect("web:collection_settings", collection.pk)


@require_POST
@for_people
def accept(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Become a member of what one is asked into."""
    found = members.accept(collection_id, user=person(request))
    messages.success(request, _("You are in {name} now.").format(name=found.collection.name))
    seen = collections.is_seen(collection_id, user=request.user)  # a private one only once it is shared
    return redirect("web:collection", collection_id) if seen else redirect("web:collections")


@require_POST
@for_people
def decline(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Be asked no more."""
    members.decline(collection_id, user=person(request))
    messages.success(request, _("You are not asked again."))
    return redirect("web:collections")


@require_POST
@for_people
def delete(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Delete the collection with its pictures, when its name was typed to confirm."""
    collection = collections.get(collection_id, user=request.user)
    if str(request.POST.get("name", "")).strip() != collection.name.strip():
        messages.error(request, _("The name was not typed as it is written; nothing was deleted."))
        return redirect("web:collection_settings", collection.pk)
    collections.delete(collection, user=person(request))
    messages.success(request, _("{name} was deleted.").format(name=collection.name))
    return redirect("web:collections")


def _whose(row: Collection) -> str:
    """Return whether a collection of ``collections.listing`` is one's own, shared with one, or neither."""
    role = getattr(row, "role", None)
    return "own" if role == Role.OWNER else "shared" if role else "other"


def _part(request: HttpRequest, collection_id: UUID, browsing: Browsing) -> HttpResponse:
    """Show some of the pictures; how many there are is counted where they are not those after others."""
    collection = collections.find(collection_id, user=request.user)
    found = images.listing(request.user, filters=browsing.filters(collection.pk))
    total = None if browsing.after else _total(collection, browsing, found=found)
    return render(request, "web/parts/window.html", {"total": total, **_listed(found, browsing, request)})


def _total(collection: Collection, browsing: Browsing, *, found: ImageQuerySet) -> int:
    """Return how many pictures a list has; of all that a collection has it is known."""
    return found.count() if browsing.is_narrowed else image_counts.named(collection.pk, CountKind.ALL)


def _listed(
    found: ImageQuerySet, browsing: Browsing, request: HttpRequest, *, total: int | None = None
) -> dict[str, Any]:
    """Return the pictures of a place in the list, and where that is; never beyond ``total``."""
    first = paging.first(found, order=browsing.order, place=browsing.place)
    first = first if total is None else paging.within(first, total=total)
    return {
        "page": paging.page(found, order=browsing.order, after=browsing.after, at=first),
        "first": first,
        "page_size": paging.PAGE,
        "browsing": browsing,
        "keep": browsing.kept(),
        "selects": request.user.is_authenticated,
    }


def _around(collection: Collection, request: HttpRequest) -> dict[str, Any]:
    """Collect what stands around the pictures: ways to order them, and what may be done."""
    may = _may(collection, request)
    return {
        "may": may,
        "homes": [row for row in collections.with_roles(request.user) if may_add(row)] if may["add"] else [],
        "most_zipped": originals.MOST,
        "orders": [(order, words.ORDERS[order]) for order in paging.ORDERS],
    }


def _may(collection: Collection, request: HttpRequest) -> dict[str, bool]:
    """Return what to offer; the services check again when it is done."""
    role = rights.role_of(collection, request.user)
    return {
        "add": rights.at_least(role, Role.CONTRIBUTOR),
        "manage": rights.at_least(role, Role.MANAGER),
        "own": role is Role.OWNER,
        "leave": role not in {None, Role.OWNER},
    }


def _saved(collection: Collection, form: SettingsForm, request: HttpRequest) -> bool:
    """Write the changes; False where something of them is refused, which the form then says at its field."""
    try:
        collections.edit(collection, user=person(request), changes=form.changes())
    except InvalidInput as error:
        for field in error.fields:
            form.add_error(field, words.reason(error.code, error.message))
    return not form.errors


def _words_of(collection: Collection) -> dict[str, Any]:
    names = "name", "description", "visibility", "local_features", "regions", "read_text"
    return {name: getattr(collection, name) for name in names}
