"""The line of long work: one at a time, given back at an orderly end, and never left running by an error."""

from __future__ import annotations

import errno
import threading
import time
from datetime import timedelta

import pytest
from celery.signals import worker_shutting_down
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from retrieval import tasks
from retrieval.models import Collection, Compression, Evaluation, RunState, TrainingRun
from retrieval.services.evaluation import evaluations
from retrieval.services.images import lines
from retrieval.work import leases
from tests.factories import CollectionFactory, UserFactory

pytestmark = pytest.mark.django_db
SENTENCE = "could not receive data from server"


@pytest.fixture(autouse=True)
def going_on(monkeypatch):
    """No test stops the process of the others, and no message is sent."""
    monkeypatch.setattr(lines, "stopping", threading.Event())
    monkeypatch.setattr(lines, "_broken", [])
    monkeypatch.setattr(tasks, "_publish", lambda task, args: None)


def queued(kind):
    """One in line, with no more than a row needs."""
    user = UserFactory(is_staff=True, is_superuser=True)
    if kind is TrainingRun:
        return TrainingRun.objects.create(user=user, name="mine", recipe="classify",
                                          config={"collection": str(CollectionFactory(owner=user).pk)})  # fmt: skip
    collection = CollectionFactory(owner=user)
    if kind is Compression:
        return Compression.objects.create(user=user, collection=collection, encoder="whole")
    return Evaluation.objects.create(user=user, collection=collection, encoders=["whole"])


@pytest.fixture(params=lines.KINDS, ids=lambda kind: kind.__name__)
def row(request):
    return queued(request.param)


@pytest.fixture
def evaluation():
    return queued(Evaluation)


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
    rows, real = [queued(Evaluation), queued(Evaluation)], lines._busy

    def slowly(kind):
        busy = real(kind)
        time.sleep(1)
        return busy

    monkeypatch.setattr(lines, "_busy", slowly)
    if not guarded:
        monkeypatch.setattr(lines, "_hold", lambda kind: None)
    begun = together(*[lambda pk=each.pk: lines.claim(Evaluation, pk) for each in rows])
    assert sum(each is not None for each in begun) == (1 if guarded else 2)


def test_one_of_each_kind_may_go_on_beside_the_others():
    assert all(lines.claim(kind, queued(kind).pk) for kind in lines.KINDS)


@pytest.mark.parametrize("guarded", [True, False])
def test_orderly_ends_cost_no_attempts(row, guarded):
    """Without it three restarts take healthy work for work that ends its worker."""
    kind, host = type(row), leases.worker_name().rpartition("/")[0]
    for _ in range(lines.ATTEMPTS):
        assert lines.claim(kind, row.pk)
        if guarded:
            assert lines.give_back() == 1
        kind.objects.filter(state=RunState.RUNNING).update(worker=f"{host}/1")  # its process is gone
    again = lines.claim(kind, row.pk)
    row.refresh_from_db()
    if guarded:
        assert (again.attempts, row.state) == (1, RunState.RUNNING)
    else:
        assert (again, row.error_code) == (None, "worker_ended")


def test_what_was_given_back_is_nobody_s_to_write(row, monkeypatch):
    """The next attempt has the same number, so that the number alone would take one for the other."""
    kind = type(row)
    before = lines.claim(kind, row.pk)
    lines.give_back()
    assert not lines.Teller(before)()
    assert not lines.end(before, RunState.DONE)
    monkeypatch.setattr(leases, "worker_name", lambda: "elsewhere/boot/1/1")
    after = lines.claim(kind, row.pk)
    assert after.attempts == before.attempts
    assert not lines.Teller(before)()
    assert not lines.end(before, RunState.DONE)
    assert lines.Teller(after)()
    assert lines.end(after, RunState.DONE)


def test_work_of_others_is_not_given_back(row):
    type(row).objects.update(state=RunState.RUNNING, worker="elsewhere/boot/1/1", attempts=1)
    assert lines.give_back() == 0


def test_a_worker_that_is_to_end_takes_nothing_more(row):
    lines.stopping.set()
    assert lines.claim(type(row), row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.attempts) == (RunState.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_the_signal_to_end_gives_back_what_is_going_on(evaluation):
    assert lines.claim(Evaluation, evaluation.pk)
    tasks._watch_for_the_end.__wrapped__()
    worker_shutting_down.send(sender="long", sig="SIGTERM", how="Warm", exitcode=0)
    until = time.monotonic() + 30
    while evaluation.state != RunState.QUEUED or evaluation.worker or evaluation.attempts:
        assert time.monotonic() < until
        time.sleep(0.05)
        evaluation.refresh_from_db()
    assert not evaluation.error_code


@pytest.mark.parametrize(("worker", "minutes", "lost"), [
    ("elsewhere/boot/1/1", 16, True), ("elsewhere/boot/1/1", 14, False), ("", 16, True), ("here", 600, False),
])  # fmt: skip
def test_only_elsewhere_silence_means_that_a_worker_is_lost(evaluation, worker, minutes, lost):
    """A living process has its row, however long one step takes."""
    heard = timezone.now() - timedelta(minutes=minutes)
    worker = leases.worker_name() if worker == "here" else worker
    Evaluation.objects.update(state=RunState.RUNNING, worker=worker, heard_at=heard)
    assert bool(lines.claim(Evaluation, evaluation.pk)) == lost


def caused(error, cause):
    error.__cause__ = cause
    return error


def of_postgres(state):
    cause = Exception("as PostgreSQL says it")
    cause.sqlstate = state
    return caused(OperationalError("as Django says it"), cause)


FULL = OSError(errno.ENOSPC, "No space left on device")


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

    def broken(row):
        raise error

    monkeypatch.setattr(evaluations, "_measured", broken)
    tasks.evaluate(str(evaluation.pk))
    evaluation.refresh_from_db()
    state, attempts = (RunState.FAILED, 1) if code else (RunState.QUEUED, 0)
    assert (evaluation.state, evaluation.attempts, evaluation.error_code) == (state, attempts, code)
    assert said in evaluation.error_text


@pytest.mark.parametrize("error", [OperationalError(SENTENCE), FULL], ids=["away", "full"])
def test_what_cannot_be_written_down_is_written_by_the_next_claim(evaluation, monkeypatch, error):
    """PostgreSQL restarts in the midst of it; the row must not be taken for running once it is back."""
    row = lines.claim(Evaluation, evaluation.pk)

    def away(kind):
        raise OperationalError(SENTENCE)

    with monkeypatch.context() as patch:
        patch.setattr(lines, "_running_here", away)
        lines.break_off(Evaluation, row.pk, error)
        with pytest.raises(OperationalError):
            lines.claim(Evaluation, row.pk)
    again = lines.claim(Evaluation, row.pk)
    evaluation.refresh_from_db()
    if error is FULL:
        assert (again, evaluation.error_code) == (None, "storage_full")
    else:
        assert (again.attempts, evaluation.state) == (1, RunState.RUNNING)
    assert lines._broken == []


@pytest.mark.parametrize("task", [tasks.train, tasks.evaluate, tasks.compress], ids=lambda task: task.name)
def test_each_task_writes_down_why_it_broke_off(task, monkeypatch):
    kind = {"train": TrainingRun, "evaluate": Evaluation, "compress": Compression}[task.name.rpartition(".")[2]]
    row = queued(kind)
    monkeypatch.setattr(f"retrieval.services.{SERVICES[kind]}", lambda row: (_ for _ in ()).throw(FULL))
    task(str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.error_code) == (RunState.FAILED, "storage_full")


SERVICES = {
    TrainingRun: "encoders.training._train",
    Evaluation: "evaluation.evaluations._measured",
    Compression: "encoders.compressions._measured",
}  # fmt: skip


LOSING = {
    "closed": lambda row: get_user_model().objects.filter(pk=row.user_id).update(is_active=False),
    "no right": lambda row: get_user_model().objects.filter(pk=row.user_id).update(is_superuser=False),
    "hidden": lambda row: Collection.objects.update(owner=UserFactory()),
}


@pytest.mark.parametrize("losing", LOSING.values(), ids=LOSING)
def test_none_is_begun_whose_person_lost_the_right(row, losing):
    losing(row)
    assert lines.claim(type(row), row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.error_code) in {("failed", "forbidden"), ("failed", "not_found")}


@pytest.mark.parametrize("losing", LOSING.values(), ids=LOSING)
def test_what_goes_on_ends_when_its_person_loses_the_right(row, losing, monkeypatch):
    claimed = lines.claim(type(row), row.pk)
    tell = lines.Teller(claimed)
    assert tell()
    losing(row)
    tell.told, tell.asked = 0.0, time.monotonic() - lines.ASK_EVERY - 1
    assert not tell()
    row.refresh_from_db()
    assert (row.state, row.error_code) in {("failed", "forbidden"), ("failed", "not_found")}
    assert not lines.end(claimed, "done")


def test_where_nobody_asks_it_goes_on(row, monkeypatch):
    LOSING["closed"](row)
    monkeypatch.setattr(lines, "refusal", lambda row: None)
    claimed = lines.claim(type(row), row.pk)
    tell = lines.Teller(claimed, asked=-1e9)
    assert tell()
