"""Long work of every kind: one at a time, given back at an orderly end, never left running, and all that people do."""

from __future__ import annotations

import errno
import io
import threading
import time
import uuid
import zipfile
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.signals import worker_shutting_down
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from retrieval import conf, tasks
from retrieval.errors import Conflict, Forbidden, NotFound, RetrievalError, StorageFull
from retrieval.models import (
    AuditEvent,
    Batch,
    CalibrationRun,
    Collection,
    Compression,
    CopyScan,
    Encoder,
    Evaluation,
    LongJobState,
    PictureMap,
    TrainingRun,
)
from retrieval.services.evaluation import evaluations
from retrieval.services.images import archives
from retrieval.services.operations import long_work
from retrieval.work import ProgressWriter, StoppedError, ending, kinds, leases, long_jobs, messages
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db
SENTENCE = "could not receive data from server"
EVALUATION = evaluations.KIND


@pytest.fixture(autouse=True)
def going_on(monkeypatch, settings, tmp_path):
    """No test stops the process of the others, no message is sent, and files are the test's own."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(long_jobs, "stopping", threading.Event())
    monkeypatch.setattr(ending, "_told", bytearray(1))
    monkeypatch.setattr(long_jobs, "_broken", [])
    monkeypatch.setattr(messages, "send", lambda task, args=(): None)


CONFIG = {
    "name": "run",
    "recipe": "classify",
    "encoder": {"backbone": "mobilenet_v2"},
    "optimiser": {"steps": 2, "lr": 1e-3},
}


def an_import(place):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", sample())
    return archives.start(io.BytesIO(out.getvalue()), name="a.zip", **place)


MAKE = {
    "imports": an_import,
    "batches": lambda place: Batch.objects.create(
        **place, name="many", source="collection", asking=place["collection"].pk, against=[place["collection"].pk]
    ),
    "scans": lambda place: CopyScan.objects.create(
        **place, name="all", within=[place["collection"].pk], against=[place["collection"].pk]
    ),
    "evaluations": lambda place: Evaluation.objects.create(**place, encoders=["whole"]),
    "calibrations": lambda place: CalibrationRun.objects.create(**place, encoder="whole"),
    "compressions": lambda place: Compression.objects.create(**place, encoder="whole"),
    "maps": lambda place: PictureMap.objects.create(
        **place, name="all", within=[place["collection"].pk], encoder="whole"
    ),
    "training": lambda place: TrainingRun.objects.create(
        **place, name=f"run-{uuid.uuid4()}", recipe="classify", config=CONFIG
    ),
}
"""One in line, with no more than a row needs; a new kind adds a line here."""


def queued(kind):
    user = UserFactory(is_staff=True, is_superuser=True)
    return MAKE[kind.name]({"user": user, "collection": CollectionFactory(owner=user)})


@pytest.fixture(params=long_work.KINDS.values(), ids=long_work.KINDS)
def kind(request):
    return request.param


@pytest.fixture
def row(kind):
    return queued(kind)


@pytest.fixture
def evaluation():
    return queued(EVALUATION)


def held_by(row, worker, *, minutes=0, **fields):
    heard = timezone.now() - timedelta(minutes=minutes)
    said = {"state": LongJobState.RUNNING, "worker": worker, "heartbeat_at": heard, "lease_token": uuid.uuid4()}
    type(row).objects.filter(pk=row.pk).update(**{**said, **fields})


def dead():
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    return f"{host}/{boot}/{pid}/1"


def together(*acts):
    """Do them at the same time, each by a connection of its own; return what each gave or raised."""
    found, start = [None] * len(acts), threading.Barrier(len(acts))

    def run(number):
        start.wait()
        try:
            found[number] = acts[number]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_two_threads_never_begin_two_at_once(monkeypatch, guarded):
    rows, real = [queued(EVALUATION), queued(EVALUATION)], long_jobs._has_room

    def slowly(kind, row):
        room = real(kind, row)
        time.sleep(1)
        return room

    monkeypatch.setattr(long_jobs, "_has_room", slowly)
    if not guarded:
        monkeypatch.setattr(long_jobs, "_hold", lambda model: None)
    begun = together(*[lambda pk=each.pk: long_jobs.claim(EVALUATION, pk) for each in rows])
    assert sum(each is not None for each in begun) == (1 if guarded else 2)


def test_one_of_each_kind_may_go_on_beside_the_others():
    assert all(long_jobs.claim(kind, queued(kind).pk) for kind in long_work.KINDS.values())


def test_one_at_a_time_first_come_first(kind, row):
    """Of each person one archive, of all other kinds one at all."""
    second = queued(kind)
    type(row).objects.filter(pk=second.pk).update(user=row.user_id)
    assert long_jobs.next_up(kind) == [row.pk]
    assert long_jobs.claim(kind, row.pk)
    assert (long_jobs.next_up(kind), long_jobs.claim(kind, second.pk)) == ([], None)
    type(row).objects.filter(pk=second.pk).update(user=UserFactory(is_staff=True, is_superuser=True))
    assert long_jobs.next_up(kind) == ([second.pk] if kind.of_each_person else [])


def test_delivered_twice_it_is_done_once(kind, row):
    done = replace(kind, do=lambda row, progress: dict)
    assert long_jobs.run(done, row.pk)
    assert not long_jobs.run(done, row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.worker, row.lease_token) == (LongJobState.DONE, 1, "", None)
    assert row.started_at <= row.finished_at
    assert long_jobs.next_up(kind) == []


def test_one_that_somebody_alive_has_is_left_alone(kind, row):
    for worker, minutes in ((leases.worker_name(), 60), ("elsewhere/boot/1/1", 1)):
        held_by(row, worker, minutes=minutes)
        assert (long_jobs.next_up(kind), long_jobs.claim(kind, row.pk)) == ([], None)


@pytest.mark.parametrize("lost", ["dead", "silent"])
def test_one_whose_worker_is_lost_goes_on(kind, row, lost):
    """Silent: a container that is made anew has another name, and nobody can see that the old one's process is gone."""
    held_by(row, dead() if lost == "dead" else "elsewhere/boot/1/1", minutes=0 if lost == "dead" else 16)
    assert long_jobs.next_up(kind) == [row.pk]
    assert long_jobs.claim(kind, row.pk)


def test_one_that_ends_its_worker_every_time_fails(kind, row):
    for _ in range(long_jobs.ATTEMPTS):
        assert long_jobs.claim(kind, row.pk)
        type(row).objects.update(worker=dead())
    assert long_jobs.claim(kind, row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.error_code) == (LongJobState.FAILED, "worker_ended")


def test_only_what_gets_no_further_ends_its_workers_in_vain(kind, row):
    """A power cut every night must not end the work of a week."""
    for _ in range(2 * long_jobs.ATTEMPTS):
        ProgressWriter(kind, long_jobs.claim(kind, row.pk)).further(done=1)
        type(row).objects.update(worker=dead())
    row.refresh_from_db()
    assert (row.state, row.attempts) == (LongJobState.RUNNING, 1)


def test_an_overtaken_attempt_settles_nothing(kind, row):
    """What belongs to the end is in the commit of the end."""

    def overtaken(row, progress):
        type(row).objects.update(lease_token=uuid.uuid4())

        def settle():
            EncoderFactory(name="made of it")
            return {"stage": "settled"}

        return settle

    assert long_jobs.run(replace(kind, do=overtaken), row.pk)
    row.refresh_from_db()
    assert (row.state, row.stage) == (LongJobState.RUNNING, "")
    assert not Encoder.objects.exists()


def test_a_turn_that_is_over_puts_it_last_and_costs_no_attempt(kind, row):
    second = queued(kind)
    assert long_jobs.run(replace(kind, do=lambda row, progress: None), row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.worker) == (LongJobState.QUEUED, 0, "")
    assert long_jobs.next_up(kind)[0] == second.pk


@pytest.mark.parametrize("guarded", [True, False])
def test_orderly_ends_cost_no_attempts(kind, row, guarded):
    """Without it three restarts take healthy work for work that ends its worker."""
    for _ in range(long_jobs.ATTEMPTS):
        assert long_jobs.claim(kind, row.pk)
        if guarded:
            assert long_jobs.give_back() == 1
        type(row).objects.filter(state=LongJobState.RUNNING).update(worker=dead())
    again = long_jobs.claim(kind, row.pk)
    row.refresh_from_db()
    if guarded:
        assert (again.attempts, row.state) == (1, LongJobState.RUNNING)
    else:
        assert (again, row.error_code) == (None, "worker_ended")


def nobody_s(kind, row):
    with pytest.raises(StoppedError):
        ProgressWriter(kind, row).note()
    assert not long_jobs.end(row, LongJobState.DONE)


def test_what_was_given_back_is_nobody_s_to_write(kind, row):
    """The next attempt has the same number, and may be of the same process."""
    before = long_jobs.claim(kind, row.pk)
    long_jobs.give_back()
    nobody_s(kind, before)
    after = long_jobs.claim(kind, row.pk)
    nobody_s(kind, before)
    assert after.attempts == before.attempts
    ProgressWriter(kind, after).note()
    assert long_jobs.end(after, LongJobState.DONE)


def test_work_of_others_is_not_given_back(row):
    held_by(row, "elsewhere/boot/1/1", attempts=1)
    assert long_jobs.give_back() == 0


def test_a_worker_that_is_to_end_takes_nothing_more(kind, row):
    long_jobs.stopping.set()
    assert long_jobs.claim(kind, row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.attempts) == (LongJobState.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_the_signal_to_end_gives_back_what_is_going_on(evaluation, monkeypatch):
    ended = []
    monkeypatch.setattr(ending, "END_SECONDS", 0)
    monkeypatch.setattr(ending, "os", SimpleNamespace(_exit=ended.append))
    assert long_jobs.claim(EVALUATION, evaluation.pk)
    ending.watch.__wrapped__()
    worker_shutting_down.send(sender="long", sig="SIGTERM", how="Warm", exitcode=0)
    until = time.monotonic() + 30
    while evaluation.state != LongJobState.QUEUED or evaluation.worker or evaluation.attempts:
        assert time.monotonic() < until
        time.sleep(0.05)
        evaluation.refresh_from_db()
    assert not evaluation.error_code
    while not ended:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert ended == [0]


@pytest.mark.parametrize(("worker", "minutes", "lost"), [
    ("elsewhere/boot/1/1", 16, True), ("elsewhere/boot/1/1", 14, False), ("", 16, True), ("here", 600, False),
])  # fmt: skip
def test_only_elsewhere_silence_means_that_a_worker_is_lost(evaluation, worker, minutes, lost):
    """A living process has its row, however long one step takes."""
    held_by(evaluation, leases.worker_name() if worker == "here" else worker, minutes=minutes)
    assert bool(long_jobs.claim(EVALUATION, evaluation.pk)) == lost


def caused(error, cause):
    error.__cause__ = cause
    return error


def of_postgres(state):
    cause = Exception("as PostgreSQL says it")
    cause.sqlstate = state
    return caused(OperationalError("as Django says it"), cause)


FULL = OSError(errno.ENOSPC, "No space left on device")


def breaking_off(monkeypatch, kind, error):
    """Let the work of a kind end with this error."""

    def broken(row, progress):
        raise error

    monkeypatch.setitem(long_work.KINDS, kind.name, replace(kind, do=broken))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FULL, "storage_full", "disk is full"),
        (caused(RuntimeError("unexpected pos 704"), FULL), "storage_full", "disk is full"),
        (of_postgres("53100"), "storage_full", "disk is full"),
        (MemoryError(), "memory_full", "memory"),
        (ValueError("a\0b"), "unexpected", "ValueError: ab"),
        (of_postgres("57014"), "unexpected", "as Django says it"),
        (of_postgres("57P01"), "", ""),
        (of_postgres("53300"), "", ""),
        (OperationalError(SENTENCE), "", ""),
        (InterfaceError("the connection is closed"), "", ""),
    ],
)
def test_whatever_breaks_it_off_no_row_is_left_running(evaluation, monkeypatch, error, code, said):
    """Without a code it waits again, as only the database was away."""
    breaking_off(monkeypatch, EVALUATION, error)
    tasks.long_job("evaluations", str(evaluation.pk))
    evaluation.refresh_from_db()
    state, attempts = (LongJobState.FAILED, 1) if code else (LongJobState.QUEUED, 0)
    assert (evaluation.state, evaluation.attempts, evaluation.error_code) == (state, attempts, code)
    assert said in evaluation.error_text


def test_each_kind_writes_down_why_it_broke_off(kind, row, monkeypatch):
    breaking_off(monkeypatch, kind, FULL)
    tasks.long_job(kind.name, str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.error_code) == (LongJobState.FAILED, "storage_full")


def test_passing_troubles_only_cost_time(kind, row):
    """A full disk stops an archive until there is room; what is measured anew is told at once."""

    def troubled(row, progress):
        raise StorageFull("No room.")

    assert long_jobs.run(replace(kind, do=troubled), row.pk) == (not kind.passing)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (("queued", 0) if kind.passing else ("failed", 1))


@pytest.mark.parametrize("error", [OperationalError(SENTENCE), FULL], ids=["away", "full"])
def test_what_cannot_be_written_down_is_written_by_the_next_claim(evaluation, monkeypatch, error):
    """PostgreSQL restarts in the midst of it; the row must not be taken for running once it is back."""
    row = long_jobs.claim(EVALUATION, evaluation.pk)

    def away(model):
        raise OperationalError(SENTENCE)

    with monkeypatch.context() as patch:
        patch.setattr(long_jobs, "_running_here", away)
        long_jobs.break_off(EVALUATION, row.pk, error)
        with pytest.raises(OperationalError):
            long_jobs.claim(EVALUATION, row.pk)
    again = long_jobs.claim(EVALUATION, row.pk)
    evaluation.refresh_from_db()
    if error is FULL:
        assert (again, evaluation.error_code) == (None, "storage_full")
    else:
        assert (again.attempts, evaluation.state) == (1, LongJobState.RUNNING)
    assert long_jobs._broken == []


LOSING = {
    "closed": lambda row: get_user_model().objects.filter(pk=row.user_id).update(is_active=False),
    "no right": lambda row: get_user_model().objects.filter(pk=row.user_id).update(is_superuser=False),
    "hidden": lambda row: Collection.objects.update(owner=UserFactory()),
}
losses = pytest.mark.parametrize(
    ("kind", "losing"),
    [
        pytest.param(kind, losing, id=f"{name} {said}")
        for name, kind in long_work.KINDS.items()
        for said, losing in LOSING.items()
        if said != "no right"
        or name not in {"imports", "batches", "scans"}  # who sees the collection needs no other right
    ],
)
REFUSED = {"forbidden", "not_found", "account_closed"}


@losses
def test_none_is_begun_whose_person_lost_the_right(row, kind, losing):
    losing(row)
    assert long_jobs.claim(kind, row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.error_code in REFUSED) == ("failed", True)


@losses
@pytest.mark.parametrize("guarded", [True, False])
def test_what_goes_on_ends_when_its_person_loses_the_right(row, kind, losing, guarded, monkeypatch):
    def loses(row, progress):
        progress.note()
        losing(row)
        progress.told, progress.asked = 0.0, time.monotonic() - kinds.ASK_EVERY - 1
        progress.note()
        return dict

    if not guarded:
        monkeypatch.setattr(kinds.Kind, "refusal", lambda kind, row: None)
    assert long_jobs.run(replace(kind, do=loses), row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code in REFUSED) == (("failed", True) if guarded else ("done", False))


def test_progress_is_written_at_the_beginning_of_a_stage_and_then_now_and_then(kind, row):
    progress = ProgressWriter(kind, long_jobs.claim(kind, row.pk))
    seen = []
    for stage, done in (("reading", 1), ("reading", 2), ("measuring x", 0)):
        progress(stage, done, 9)
        seen.append(type(row).objects.values_list("stage", "done", "total").get())
    assert seen == [("reading", 1, 9), ("reading", 1, 9), ("measuring x", 0, 9)]


def test_one_that_takes_too_long_ends(kind, row):
    def long(row, progress):
        progress.began -= kind.most.total_seconds() + 1
        progress.note()
        return dict

    assert long_jobs.run(replace(kind, do=long), row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code) == ("failed", "took_too_long")


@pytest.mark.parametrize("silent", [True, False])
def test_one_that_hangs_in_a_living_process_ends_and_leaves_its_place(kind, row, silent):
    """Nobody can end a thread; but it writes nothing any more, and the next may begin."""
    hanging = long_jobs.claim(kind, row.pk)
    long_ago = timezone.now() - kind.most - 2 * kind.silent
    heard = long_ago if silent else timezone.now()
    type(row).objects.update(started_at=long_ago, heartbeat_at=heard)
    long_work.tidy()
    row.refresh_from_db()
    assert (row.state, row.error_code) == (("failed", "took_too_long") if silent else ("running", ""))
    assert long_jobs.end(hanging, LongJobState.DONE) != silent


def test_a_site_that_was_off_for_long_goes_on_with_what_it_had(kind, row):
    long_ago = timezone.now() - kind.most - 2 * kind.silent
    held_by(row, dead(), started_at=long_ago, heartbeat_at=long_ago)
    long_work.tidy()
    assert long_jobs.claim(kind, row.pk)


# --- What people do -----------------------------------------------------------------------------------------------


def files_of(kind, row):
    """What lies on the disk for a row, after putting something there for kinds that have a folder."""
    if kind.folder:
        kind.folder_of(row).mkdir(parents=True, exist_ok=True)
        (kind.folder_of(row) / "file").write_bytes(b"x")
    return [kind.folder_of(row)] if kind.folder else list(kind.files(row))


def test_it_is_listed_and_followed_by_those_who_may(kind, row):
    stranger, other_admin = UserFactory(), UserFactory(is_staff=True, is_superuser=True)
    assert list(long_work.listing(kind, user=row.user)) == [row]
    assert long_work.get(kind, row.pk, user=row.user) == row
    assert list(long_work.listing(kind, user=other_admin)) == []
    with pytest.raises(NotFound):
        long_work.get(kind, row.pk, user=other_admin)
    with pytest.raises((Forbidden, NotFound)):
        long_work.get(kind, row.pk, user=stranger)


def test_one_in_line_is_stopped_at_once(kind, row):
    long_work.cancel(row, user=row.user)
    row.refresh_from_db()
    assert (row.state, long_jobs.next_up(kind)) == (LongJobState.CANCELLED, [])
    assert AuditEvent.objects.filter(action=f"{row._meta.model_name}.cancelled", actor=row.user).exists()


def test_one_that_goes_on_is_stopped(kind, row):
    def stopped(row, progress):
        long_work.cancel(row, user=row.user)
        progress("more", 1, 2)
        return dict

    assert long_jobs.run(replace(kind, do=stopped), row.pk)
    row.refresh_from_db()
    assert (row.state, row.done, row.error_code) == (LongJobState.CANCELLED, 0, "")


def test_one_that_was_to_stop_when_its_worker_died_is_not_begun_anew(kind, row):
    held_by(row, dead(), cancel_asked=True)
    assert long_jobs.claim(kind, row.pk) is None
    row.refresh_from_db()
    assert row.state == LongJobState.CANCELLED


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_ended_early_is_begun_again_as_the_last_in_line(kind, row, state):
    type(row).objects.update(state=state, attempts=3, cancel_asked=True, error_code="odd", finished_at=timezone.now())
    second = queued(kind)
    long_work.resume(row, user=row.user)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.cancel_asked, row.error_code) == ("queued", 0, False, "")
    assert long_jobs.next_up(kind)[0] == second.pk


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_nothing_else_is_begun_again(kind, row, state):
    type(row).objects.update(state=state)
    with pytest.raises(Conflict):
        long_work.resume(row, user=row.user)


@losses
def test_it_is_not_begun_again_without_the_right(row, kind, losing):
    type(row).objects.update(state="failed")
    losing(row)
    with pytest.raises(RetrievalError) as refused:
        long_work.resume(row, user=row.user)
    assert refused.value.code in REFUSED


def test_it_is_removed_with_its_files_once_it_is_over(kind, row, django_capture_on_commit_callbacks):
    files = files_of(kind, row)
    with pytest.raises(Conflict):
        long_work.remove(row, user=row.user)
    long_work.cancel(row, user=row.user)
    with django_capture_on_commit_callbacks(execute=True):
        long_work.remove(row, user=row.user)
    assert not type(row).objects.exists()
    assert [path for path in files if path.exists()] == []
    assert bool(files) == (kind.name not in {"evaluations", "calibrations", "scans"})


@pytest.mark.parametrize("kind", [each for each in long_work.KINDS.values() if each.folder], ids=str)
def test_folders_go_after_their_rows_went_with_the_collection(row, kind):
    (folder,) = files_of(kind, row)
    by_hand = kind.root / "made-at-the-terminal"
    by_hand.mkdir()
    long_work.tidy()
    assert (folder.exists(), long_work.strays()) == (True, [])
    Collection.objects.all().delete()
    assert long_work.strays() == [folder]
    long_work.tidy()
    assert (folder.exists(), by_hand.exists()) == (False, True)


def test_an_attempt_whose_row_is_gone_leaves_nothing(kind, row):
    def gone(row, progress):
        left.extend(files_of(kind, row))
        type(row).objects.all().delete()
        return dict

    left = []
    assert long_jobs.run(replace(kind, do=gone), row.pk)
    assert [path for path in left if path.exists()] == []


def test_the_task_does_one_and_begins_the_next(kind, row, monkeypatch):
    second, sent = queued(kind), []
    monkeypatch.setitem(long_work.KINDS, kind.name, replace(kind, do=lambda row, progress: dict))
    monkeypatch.setattr(messages, "send", lambda task, args=(): sent.append(args))
    tasks.reconcile()
    assert (kind.name, row.pk) in sent
    sent.clear()
    tasks.long_job(kind.name, str(row.pk))
    assert sent == [(), (kind.name, second.pk)]


def test_all_go_to_the_worker_for_long_work(row, monkeypatch, settings, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(messages, "send_beside", lambda task, args: sent.append((task.name, *args)))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.wake_long_job(row)
    assert sent == [("retrieval.tasks.long_job", long_work.kind_of(row).name, row.pk)]
    assert settings.CELERY_TASK_ROUTES["retrieval.tasks.long_job"]["queue"] == "long"
