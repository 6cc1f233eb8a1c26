"""The image and its containers, without an engine: the steps of both files are gone through in a folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import yaml

from imagesearch import servers
from imagesearch.embedded import roles
from imagesearch.embedded.supervisor import Supervisor
from tests.ops.test_up import answer, free_port

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
APP = [name for name, service in COMPOSE["services"].items() if service.get("image") == "imagesearch"]
# What the image decides, and no operator of containers.
OF_THE_IMAGE = {"IMAGESEARCH_DATA_DIR", "IMAGESEARCH_STATIC_DIR", "IMAGESEARCH_STATIC_HASHED"}
OF_THE_MACHINE = {"IMAGESEARCH_HOST", "IMAGESEARCH_PORT"}  # where the engine listens; inside it is always 8000
# Root without its powers may no more write to what is closed to writing than the image's user may.
POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []
NESTED = re.compile(r"\$\{(\w+)(?::-((?:[^{}$]|\$\{[^{}]*\})*))?\}")


def filled(text, values):
    """A text of the compose file with its variables put in, as compose does it."""

    def value(match):
        return values.get(match[1]) or filled(match[2] or "", values)

    return NESTED.sub(value, text)


def test_every_documented_variable_reaches_the_programs():
    page = (ROOT / "docs" / "configuration.md").read_text()
    told = set(re.findall(r"`((?:IMAGESEARCH_|DATABASE_|REDIS_)[A-Z_]+)`", page))
    for name in APP:
        given = COMPOSE["services"][name]["environment"]
        assert set(given) == told - OF_THE_IMAGE - OF_THE_MACHINE
        for variable, text in given.items():
            assert filled(text, {variable: "mine"}) == "mine"
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())) - {"COMPOSE_PROJECT_NAME"}
    assert set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.M)) == asked
    assert asked >= OF_THE_MACHINE


def test_a_container_made_anew_is_the_same_machine_and_never_doubled():
    for name in APP:
        assert COMPOSE["services"][name]["hostname"] == name
    for name in ("worker", "long-worker"):
        assert COMPOSE["services"][name]["container_name"].endswith(f"-{name}")


@pytest.fixture
def image(short_folder):
    """What the Dockerfile leaves in /app, which its user may read and nobody write, and the empty /data beside it."""
    app = short_folder / "app"
    app.mkdir()
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE.split("WORKDIR /app")[1], re.M):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, app / target)
    step = re.search(r"^RUN (IMAGESEARCH_DATA_DIR=.*)$", DOCKERFILE, re.M)[1]
    step = step.replace("/app", str(app)).replace("/tmp/build", str(short_folder / "build"))
    step = step.replace("python ", shlex.quote(sys.executable) + " ")
    subprocess.run(["sh", "-ec", step], cwd=app, env=of_image(app), check=True)
    subprocess.run(["chmod", "-R", "a-w", str(app)], check=True)
    (short_folder / "data").mkdir(mode=0o700)
    yield app
    subprocess.run(["chmod", "-R", "u+w", str(app)], check=True)


def of_image(app):
    """The environment that the Dockerfile sets."""
    words = " ".join(re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE.split("WORKDIR /app")[1], re.M))
    found = dict(word.split("=", 1) for word in words.replace("\\\n", " ").split())
    found |= {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return found | {"IMAGESEARCH_STATIC_DIR": str(app / "collected"), "IMAGESEARCH_DATA_DIR": str(app.parent / "data")}


@pytest.fixture
def theirs(short_folder):
    """A database and a broker of one's own, reached by an address; the variables that name them."""
    folder, port, other = short_folder / "servers", free_port(), free_port()
    folder.mkdir()
    (folder / "access").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    listening = {"listen_addresses": "127.0.0.1", "port": str(port), "hba_file": str(folder / "access")}
    embedded = replace(servers.postgres(folder), settings=listening)
    word = roles.password(embedded.passfile(roles.OPERATOR))
    address = f"postgresql://{roles.OPERATOR}:{word}@127.0.0.1:{port}/postgres"
    database, broker = embedded.service(), servers.valkey(folder).service()
    supervisor = Supervisor(print)
    supervisor.start(
        replace(database, answers=lambda: takes_connections(address), settle=lambda: None),
        replace(broker, argv=[*broker.argv, "--port", str(other)]),
    )
    yield {"DATABASE_URL": address, "REDIS_URL": f"redis://:{servers.valkey(folder).password}@127.0.0.1:{other}/0"}
    supervisor.stop()


def takes_connections(address):
    """Does the database there answer?"""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def in_container(name, app, values):
    """Command line and environment of a service's container; ``values`` is what stands in .env."""
    service = COMPOSE["services"][name]
    given = {variable: filled(text, values) for variable, text in service["environment"].items()}
    return [*POWERLESS, sys.executable, *service["command"][1:]], of_image(app) | given


def closed(path):
    """May others not read it?"""
    needed = 0o005 if path.is_dir() else 0o004
    return path.stat().st_mode & needed != needed


@pytest.mark.slow
def test_an_image_starts_as_its_user_who_may_write_to_the_data_alone(image, theirs):
    assert [path for path in image.rglob("*") if closed(path)] == []
    words, environment = in_container("prepare", image, theirs)
    for _ in range(2):
        done = subprocess.run(words, cwd=image, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    port = free_port()
    words, environment = in_container("web", image, theirs)
    address = f"http://127.0.0.1:{port}/"
    with (image.parent / "web.log").open("w") as log:
        web = subprocess.Popen(
            words, cwd=image, env=environment | {"IMAGESEARCH_PORT": str(port)}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 120
        while not answers(address + "readyz"):
            assert web.poll() is None, (image.parent / "web.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        style = re.search(r'href="/(static/[^"]+\.css)"', answer(address + "login/")[1])[1]
        assert answer(address + style)[0] == 200
    finally:
        web.terminate()
        web.wait(30)


def answers(address):
    """Is there a page?"""
    try:
        return answer(address)[0] == 200
    except OSError:
        return False


@pytest.mark.slow
def test_an_image_with_the_static_files_of_another_version_says_so(image, theirs):
    (image / "static" / "css").chmod(0o755)
    (image / "static" / "css" / "new.css").write_text("a{}")
    words, environment = in_container("prepare", image, theirs)
    done = subprocess.run(words, cwd=image, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    sentence = f"CommandError: IMAGESEARCH_STATIC_DIR names {image}/collected, which holds the static files of another"
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
