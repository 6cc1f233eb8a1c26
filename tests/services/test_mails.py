"""Alerts as mail, to a real receiver: what is said, gathered, put off, tried again, refused; nothing is lost."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from unittest.mock import Mock

import pytest
from aiosmtpd.controller import Controller
from django.urls import reverse
from django.utils import timezone, translation

from imagesearch import mail_backend
from retrieval import tasks
from retrieval.errors import InvalidInput
from retrieval.models import Alert, Delivery, Watch, Way
from retrieval.services.people import posting
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import deliveries, mails, watches
from retrieval.services.watching.notify import Notify
from retrieval.services.watching.watches import Least, WatchRequest
from retrieval.work import messages, watching
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import put
from tests.services.test_watches import RAW, arrives

pytestmark = pytest.mark.django_db
AT_ONCE = Notify(mail="at_once")


class Mailbox:
    """What a server took, and what it says instead of taking it."""

    def __init__(self, site):
        self.site, self.taken, self.refusals = site, [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.taken.append((envelope.rcpt_tos, mail))
        return "250 OK"


class AnyPort(Controller):
    """A server on a port that nobody else has."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def site(settings):
    """A site that mails through a port, which is nobody's until a test says so."""
    settings.EMAIL_BACKEND = "imagesearch.mail_backend.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 0.2
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, mail_from="site@example.org", site="https://pictures.example")
    return settings


@pytest.fixture
def mailbox(site):
    box = Mailbox(site)
    server = AnyPort(box, hostname="127.0.0.1", port=0)
    server.start()
    site.EMAIL_PORT = server.port
    yield box
    server.stop()


@contextmanager
def says(what, *, endless=False, pause=0.0):
    """A server that greets everybody so, and answers the same to all; ``endless``: it goes on by itself."""
    hears = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def greet():
            for _ in range(8):
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.sendall(what)
                    caller.settimeout(1)
                    with suppress(OSError):
                        while endless or (what and caller.recv(100)):
                            caller.sendall(what)
                            hears.wait(pause)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def encoder(db):
    return EncoderFactory(dimension=4)


@pytest.fixture
def library(encoder):
    collection = CollectionFactory(visibility="shared", owner=UserFactory(email="ada@example.org"))
    return collection, put(collection, RAW, encoder=encoder)


@pytest.fixture
def watch(library, site):
    return made(library[1][0])


def made(image, notify=AT_ONCE, *, name="Like it"):
    asked = WatchRequest(name, SearchRequest(images=(image.pk,)), Least(score=0.9), notify)
    return watches.create(asked, user=image.uploader)


def fires(library, encoder, times=1, **fields):
    return [arrives(library[0], RAW[0], encoder=encoder, **fields) for _ in range(times)]


def send():
    """Send what is due, as if the waits were over."""
    Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    deliveries.send_due(Way.MAIL)


def text(mail):
    return mail.get_content()


def test_an_alert_is_mailed_once_in_words_with_links(library, encoder, watch, mailbox):
    (image,) = fires(library, encoder, title="A robin")
    Alert.objects.update(probability=0.934, threshold=0.9)
    deliveries.send_due(Way.MAIL)
    deliveries.send_due(Way.MAIL)
    ((to, mail),) = mailbox.taken
    assert (to, mail["From"], mail["Subject"]) == (
        ["ada@example.org"], "site@example.org", "[imagesearch] Like it: 1 new picture",
    )  # fmt: skip
    assert (mail.get_content_type(), mail["Auto-Submitted"]) == ("text/plain", "auto-generated")
    at = "https://pictures.example"
    wanted = [
        "A robin", "Probability 0.93; the watch fires from 0.90 on.", f"Encoder {encoder.name}",
        at + reverse("web:picture", args=[image.pk]), f"{at}{reverse('web:alerts')}?watch={watch.pk}&all=on",
        at + reverse("web:watch", args=[watch.pk]),
    ]  # fmt: skip
    assert [part for part in wanted if part not in text(mail)] == []
    assert Delivery.objects.get().state == "sent"


def test_a_mail_is_in_the_language_in_which_it_was_asked_for(library, encoder, mailbox):
    with translation.override("zh-hans"):
        made(library[1][0])
    fires(library, encoder)
    deliveries.send_due(Way.MAIL)
    ((_, mail),) = mailbox.taken
    assert (mail["Subject"], "编码器" in text(mail)) == ("[imagesearch] Like it：1 张新图片", True)


def test_names_from_people_make_no_header_and_no_line(library, encoder, mailbox):
    made(library[1][0], name="Like\r\nBcc: all@example.org\x7f it")
    fires(library, encoder, title="a\nb\u2028c")
    deliveries.send_due(Way.MAIL)
    ((to, mail),) = mailbox.taken
    assert (to, mail["Bcc"], mail["Subject"]) == (
        ["ada@example.org"], None, "[imagesearch] Like Bcc: all@example.org it: 1 new picture",
    )  # fmt: skip
    assert "\na b c\r\n" in text(mail)


NOON = datetime(2026, 1, 1, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"mail": "at_once"}, NOON),
        ({"mail": "hourly"}, NOON.replace(hour=13, minute=0)),
        ({"mail": "daily"}, NOON.replace(day=2, hour=7, minute=0)),
        ({"mail": "daily", "quiet_until": time(18)}, NOON.replace(hour=18, minute=0)),
        ({"mail": "daily", "quiet_until": time(12, 20)}, NOON.replace(day=2)),
    ],
)
def test_when_the_next_mail_is_due(fields, due):
    assert watching.next_mail(Watch(**fields), now=NOON) == due


def test_a_digest_waits_and_gathers(library, encoder, mailbox):
    made(library[1][0], Notify(mail="daily"))
    fires(library, encoder, 3)
    deliveries.send_due(Way.MAIL)
    assert mailbox.taken == []
    send()
    ((_, mail),) = mailbox.taken
    assert mail["Subject"] == "[imagesearch] Like it: 3 new pictures"
    assert text(mail).count("/pictures/") == 3


def test_quiet_hours_and_so_many_an_hour_hold_mail_back_and_lose_none(library, encoder, mailbox):
    row = made(library[1][0], Notify(mail="at_once", most_an_hour=1))
    fires(library, encoder)
    send()
    fires(library, encoder, 2)
    send()
    assert len(mailbox.taken) == 1
    now = timezone.now()
    held = Delivery.objects.filter(state="waiting")
    assert [(one.attempts, one.due_at > now + timedelta(minutes=50)) for one in held] == [(0, True)] * 2
    watches.change(row.pk, {"notify": AT_ONCE}, user=row.user)
    send()
    assert [mail["Subject"].partition(": ")[2] for _, mail in mailbox.taken] == ["1 new picture", "2 new pictures"]


@pytest.mark.parametrize("greeting", [None, b"", b"\x00\xffhello\r\n", b"421 away\r\n", b"2" * 9000])
def test_a_server_that_is_down_slow_or_answers_rubbish_costs_time_and_no_alert(
    library, encoder, watch, mailbox, greeting
):
    site = mailbox.site
    good, site.EMAIL_PORT = site.EMAIL_PORT, 1
    fires(library, encoder, 2)
    if greeting is None:
        send()
    else:
        with says(greeting) as site.EMAIL_PORT:
            send()
    rows = Delivery.objects.order_by("-attempts")
    assert [(row.state, row.error, row.attempts) for row in rows] == [
        ("waiting", "mail_unreachable", 1), ("waiting", "mail_unreachable", 0),
    ]  # fmt: skip
    assert all(row.due_at > timezone.now() for row in rows)
    site.EMAIL_PORT = good
    send()
    assert [mail["Subject"][-14:] for _, mail in mailbox.taken] == ["2 new pictures"]
    assert Counter(Delivery.objects.values_list("state", flat=True)) == {"sent": 2}


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("flood", [(b"220-more\r\n", 0.0), (b"2", 0.05)])
def test_a_server_that_never_comes_to_an_end_is_left(library, encoder, mailbox, flood, monkeypatch):
    monkeypatch.setattr(mail_backend, "SECONDS", 0.4)
    monkeypatch.setattr(mail_backend, "MOST_BYTES", 10_000)
    mailbox.site.EMAIL_TIMEOUT = 30
    fires(library, encoder)
    with says(flood[0], endless=True, pause=flood[1]) as mailbox.site.EMAIL_PORT:
        send()
    assert Delivery.objects.get().error == "mail_unreachable"


def test_a_worker_that_ends_in_the_midst_of_it_leaves_it_to_be_sent(library, encoder, watch, mailbox, monkeypatch):
    fires(library, encoder, 2)
    with monkeypatch.context() as patched:
        patched.setattr(mails, "send", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliveries.send_due(Way.MAIL)
    assert sorted(Delivery.objects.values_list("state", "attempts")) == [("waiting", 0), ("waiting", 1)]
    send()
    assert [mail["Subject"][-14:] for _, mail in mailbox.taken] == ["2 new pictures"]


def test_when_the_server_is_back_what_it_kept_waiting_goes_at_once(library, encoder, watch, mailbox, site):
    good, site.EMAIL_PORT = site.EMAIL_PORT, 1
    fires(library, encoder)
    deliveries.send_due(Way.MAIL)
    site.EMAIL_PORT = good
    fires(library, encoder)
    deliveries.send_due(Way.MAIL)
    assert (len(mailbox.taken), Delivery.objects.filter(state="sent").count()) == (2, 2)


def test_one_who_is_refused_holds_nobody_up_and_is_given_up_in_the_end(library, encoder, watch, mailbox):
    mailbox.refusals["ada@example.org"] = "550 nobody here"
    other = CollectionFactory(owner=UserFactory(email="eve@example.org"))
    made(put(other, RAW[1:2], encoder=encoder)[0])
    fires(library, encoder)
    arrives(other, RAW[1], encoder=encoder)
    deliveries.send_due(Way.MAIL)
    assert [to for to, _ in mailbox.taken] == [["eve@example.org"]]
    for _ in range(deliveries.MOST_ATTEMPTS):
        send()
    row = Delivery.objects.get(alert__watch=watch)
    assert (row.state, row.error, row.attempts) == ("dead", "mail_refused", deliveries.MOST_ATTEMPTS)
    told = watches.deliveries_of(watches.get(watch.pk, user=watch.user))
    assert told == {"waiting": 0, "dead": 1, "error": "mail_refused"}


def test_rights_are_asked_again_when_it_is_sent(library, encoder, watch, mailbox):
    hidden, shown = fires(library, encoder, 2)
    type(hidden).objects.filter(pk=hidden.pk).update(deleted_at=timezone.now())
    for _ in range(2):
        send()
    ((_, mail),) = mailbox.taken
    assert (str(hidden.pk) in text(mail), str(shown.pk) in text(mail)) == (False, True)
    fires(library, encoder)
    library[0].owner.is_active = False
    library[0].owner.save()
    send()
    assert len(mailbox.taken) == 1
    assert Counter(Delivery.objects.values_list("state", "error")) == {("sent", ""): 1, ("dead", "not_found"): 2}


def test_what_is_set_anew_holds_for_what_waits_already(library, encoder, mailbox):
    row = made(library[1][0], Notify(mail="daily"))
    fires(library, encoder)
    watches.change(row.pk, {"notify": AT_ONCE}, user=row.user)
    deliveries.send_due(Way.MAIL)
    assert len(mailbox.taken) == 1
    fires(library, encoder)
    watches.change(row.pk, {"notify": Notify()}, user=row.user)
    assert list(Delivery.objects.values_list("state", flat=True)) == ["sent"]


def test_what_was_switched_off_at_this_moment_is_not_mailed(library, encoder, watch, mailbox):
    fires(library, encoder)
    Watch.objects.update(mail="")
    send()
    assert (mailbox.taken, Delivery.objects.get().state) == ([], "dead")


def test_while_no_server_is_set_nothing_is_lost(library, encoder, watch, mailbox, site):
    usual = site.IMAGESEARCH
    site.IMAGESEARCH = replace(usual, mail_from="")
    fires(library, encoder)
    send()
    assert Delivery.objects.get().error == "mail_off"
    site.IMAGESEARCH = usual
    send()
    assert len(mailbox.taken) == 1


def test_mail_is_refused_where_it_could_not_be_sent(library, site):
    image = library[1][0]
    for email in ("", "no address"):
        image.uploader.email = email
        with pytest.raises(InvalidInput) as caught:
            made(image)
        assert (caught.value.code, [*caught.value.fields]) == ("no_address", ["notify"])
    site.IMAGESEARCH = replace(site.IMAGESEARCH, mail_from="")
    for notify, code in ((AT_ONCE, "mail_off"), (Notify(mail="weekly"), "invalid_input")):
        with pytest.raises(InvalidInput) as caught:
            made(image, notify)
        assert (caught.value.code, [*caught.value.fields]) == (code, ["notify"])


def test_the_test_button_mails_what_is_no_alert(watch, mailbox, site):
    assert deliveries.test(watch.pk, user=watch.user) == deliveries.Answered(mail="sent")
    ((_, mail),) = mailbox.taken
    assert "This is a test" in text(mail)
    site.EMAIL_PORT = 1
    assert deliveries.test(watch.pk, user=watch.user).mail == "mail_unreachable"


@pytest.mark.usefixtures("watch")
def test_each_way_has_a_message_of_its_own(library, encoder, mailbox, monkeypatch):
    told = []
    monkeypatch.setattr(messages, "send", lambda task, args=(): told.append((task.name, args)))
    monkeypatch.setattr(tasks.ending, "watch", lambda: None)
    fires(library, encoder)
    tasks._send_alerts()
    assert told == [("retrieval.tasks.deliver", (Way.MAIL,))]
    tasks.deliver(*told[0][1])
    tasks._send_alerts()
    assert (len(mailbox.taken), len(told)) == (1, 1)


def test_one_thread_at_a_time_waits_for_the_mail_server(library, encoder, watch, mailbox):
    fires(library, encoder)
    with deliveries._mailing:
        assert not deliveries.send_due(Way.MAIL)
    assert mailbox.taken == []
    deliveries.send_due(Way.MAIL)
    assert len(mailbox.taken) == 1


def test_no_password_is_written_down(library, encoder, watch, mailbox, capsys):
    site = mailbox.site
    site.EMAIL_HOST_USER, site.EMAIL_HOST_PASSWORD = "ada", "hunter2-hunter2"
    fires(library, encoder)
    send()
    told = capsys.readouterr()
    assert Delivery.objects.get().error == posting.UNREACHABLE  # this server takes no passwords
    assert "hunter2" not in told.out + told.err
