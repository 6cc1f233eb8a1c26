"""The image and its containers, without an engine: the steps of both files are gone through in a folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path

import psycopg
import pytest
import yaml

from containers import make_secrets, pin_images
from imagesearch import safety, servers
from imagesearch.embedded import postgres, roles
from imagesearch.embedded.supervisor import Supervisor
from tests import made
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
    named = {variable for variable in told if variable.endswith("_FILE")}
    for name in APP:
        files = named if name == "prepare" else named - {"IMAGESEARCH_ADMIN_PASSWORD_FILE"}
        given = COMPOSE["services"][name]["environment"]
        assert set(given) == told - OF_THE_IMAGE - OF_THE_MACHINE - (named - files) - {
            file.removesuffix("_FILE") for file in named
        }
        for variable, text in given.items():
            assert filled(text, {variable: "mine"}) == "mine" or variable in files
        mounted = {f"/run/secrets/{each}" for each in COMPOSE["services"][name]["secrets"]}
        assert {given[file] for file in files} == mounted
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())) - {"COMPOSE_PROJECT_NAME"}
    assert set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.M)) == asked
    assert asked >= OF_THE_MACHINE


def test_a_container_made_anew_is_the_same_machine_and_never_doubled():
    for name in APP:
        assert COMPOSE["services"][name]["hostname"] == name
    for name in ("worker", "long-worker"):
        assert COMPOSE["services"][name]["container_name"].endswith(f"-{name}")


def test_no_container_can_do_more_than_it_needs():
    for name, service in COMPOSE["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"][0] == "no-new-privileges:true", name
        assert service["read_only"] is True, name
        assert service["pids_limit"] <= 512, name
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert not service.get("privileged")
        assert service.get("user") in {"postgres", "valkey"} or name in APP
    assert "USER imagesearch" in DOCKERFILE


def test_database_and_broker_are_reached_by_the_programs_alone():
    inside = {"database": "db", "broker": "broker"}
    for network, server in inside.items():
        assert COMPOSE["networks"][network] == {"internal": True}
        assert {name for name, each in COMPOSE["services"].items() if network in each["networks"]} == {*APP, server}
        assert COMPOSE["services"][server]["networks"] == [network]
    assert [name for name, each in COMPOSE["services"].items() if "outside" in each["networks"]] == [
        "web",
        "long-worker",
    ]
    published = {name: each["ports"] for name, each in COMPOSE["services"].items() if "ports" in each}
    assert {name: [filled(port, {}) for port in ports] for name, ports in published.items()} == {
        "web": ["127.0.0.1:8000:8000"]
    }


def test_the_first_password_is_in_the_container_that_sets_it_alone():
    given = {name for name, service in COMPOSE["services"].items() if "admin_password" in str(service)}
    assert given == {"prepare"}


def test_no_secret_is_in_an_environment_or_a_command_line():
    whole = (ROOT / "docker-compose.yml").read_text() + (ROOT / ".env.example").read_text()
    assert not re.search(r"PASSWORD[:=](?! *$)|_URL: |SECRET_KEY: |requirepass|(redis|postgresql)://", whole, re.M)
    for name, place in COMPOSE["secrets"].items():
        assert place == {"file": f"./secrets/{name}"}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")
    assert "secrets" not in (ROOT / ".dockerignore").read_text()


def test_every_image_can_be_pinned_by_one_command(short_folder, monkeypatch, capsys):
    asked = [service["image"] for service in COMPOSE["services"].values() if service["image"] != "imagesearch"]
    base = COMPOSE["services"]["web"]["build"]["args"]["BASE"]
    assert {filled(text, {}) for text in [*asked, base]} == set(pin_images.IMAGES.values())
    assert {filled(text, dict.fromkeys(pin_images.IMAGES, "pinned")) for text in [*asked, base]} == {"pinned"}
    assert re.findall(r"^ARG BASE=(.*)$|^FROM (\S+)", DOCKERFILE, re.M) == [
        (filled(base, {}), ""), ("", "${BASE}"), ("", "${BASE}")
    ]  # fmt: skip
    settings = short_folder / ".env"
    settings.write_text("IMAGESEARCH_PORT=80\nBASE_IMAGE=\n")
    docker(short_folder, "case $* in *python*) exit 1;; esac; echo sha256:" + "a" * 64)
    monkeypatch.setenv("PATH", str(short_folder), prepend=os.pathsep)
    with pytest.raises(SystemExit, match="The digest of python"):
        pin_images.main(settings)
    assert settings.read_text() == "IMAGESEARCH_PORT=80\nBASE_IMAGE=\n"
    docker(short_folder, "echo sha256:" + "a" * 64)
    pin_images.main(settings)
    lines = settings.read_text().splitlines()
    assert lines[0] == "IMAGESEARCH_PORT=80"
    assert lines[1:] == [f"{name}={image}@sha256:{'a' * 64}" for name, image in pin_images.IMAGES.items()]


def docker(folder, script):
    """A program of that name that answers so."""
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)


def test_the_secrets_are_made_once_and_fit_each_other(short_folder):
    folder, settings = short_folder / "secrets", short_folder / ".env"
    settings.write_text("IMAGESEARCH_SECRET_KEY=\nIMAGESEARCH_ADMIN_PASSWORD=of earlier versions\n")
    make_secrets.main(folder, settings)
    made = {file.name: file.read_text().strip() for file in folder.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert made["admin_password"] == "of earlier versions"
    assert made["database_url"] == f"postgresql://imagesearch:{made['database_password']}@db/imagesearch"
    assert made["redis_url"] == f"redis://:{made['broker.conf'].split()[1]}@broker:6379/0"
    safety.require_safe_secret(made["secret_key"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    make_secrets.main(folder, settings)
    assert {file.name: file.read_text().strip() for file in folder.iterdir()} == made


def test_the_site_is_no_superuser_of_the_databases_container(short_folder, monkeypatch):
    """The script that the database's image runs once, on a cluster like the one that it makes."""
    for place in (roles, postgres):
        monkeypatch.setattr(place, "OPERATOR", "postgres")
    server = replace(servers.postgres(short_folder), settings={"fsync": "off"})
    supervisor = Supervisor(print)
    supervisor.start(replace(server.service(), settle=lambda: None))
    try:
        make_secrets.main(short_folder / "files", short_folder / ".env")
        given = {"POSTGRES_USER": "postgres", "PGPASSWORD": roles.password(server.passfile("postgres"))}
        given |= {"PGHOST": str(server.sockets), "SECRETS": str(short_folder / "files")}
        path = f"{postgres.binaries()}{os.pathsep}{os.environ['PATH']}"
        words = ["sh", str(ROOT / "containers" / "database.sh")]
        subprocess.run(words, env=os.environ | given | {"PATH": path}, check=True)
        word = (short_folder / "files" / "database_password").read_text().strip()
        address = f"postgresql://imagesearch:{word}@/imagesearch?host={server.sockets}"
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT '[1]'::vector, rolsuper FROM pg_roles WHERE rolname = current_user"
                                      ).fetchone()[1] is False  # fmt: skip
            connection.execute("CREATE TABLE own (id int)")
    finally:
        supervisor.stop()


@pytest.fixture
def image(short_folder):
    """What the Dockerfile leaves in /app, which its user may read and nobody write, and the empty /data beside it."""
    app = short_folder / "app"
    app.mkdir()
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE.split("WORKDIR /app")[1], re.M):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target)  # with what is compiled, which is then not done again
        else:
            shutil.copy(ROOT / source, app / target)
    for step in re.findall(r"^RUN (python .*|IMAGESEARCH_DATA_DIR=.*)$", DOCKERFILE.split("WORKDIR /app")[1], re.M):
        here = step.replace("/app", str(app)).replace("/tmp/build", str(short_folder / "build"))
        words = here.replace("python ", shlex.quote(sys.executable) + " ")
        subprocess.run(["sh", "-ec", words], cwd=app, env=of_image(app), check=True)
    subprocess.run(["chmod", "-R", "a-w", str(app)], check=True)
    made.lend(short_folder / "data")
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
    """A database and a broker of one's own, reached by addresses in files; the place of those files."""
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
    given = {"database_url": address, "redis_url": f"redis://:{servers.valkey(folder).password}@127.0.0.1:{other}/0"}
    make_secrets.main(short_folder / "files", short_folder / ".env")
    for name, text in given.items():
        (short_folder / "files" / name).chmod(0o644)
        (short_folder / "files" / name).write_text(text + "\n")
    yield {"/run/secrets": str(short_folder / "files")}
    supervisor.stop()


def takes_connections(address):
    """Does the database there answer?"""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def in_container(name, app, mounts):
    """Command line and environment of a service's container; ``mounts`` says what lies where in it."""
    service = COMPOSE["services"][name]
    given = {variable: filled(text, {}) for variable, text in service["environment"].items()}
    for inside, outside in mounts.items():
        given = {variable: text.replace(inside, outside) for variable, text in given.items()}
    return [*POWERLESS, sys.executable, *service["command"][1:]], of_image(app) | given


def closed(path):
    """May others not read it?"""
    needed = 0o005 if path.is_dir() else 0o004
    return path.stat().st_mode & needed != needed


@pytest.mark.slow
def test_an_image_starts_as_its_user_who_may_write_to_the_data_alone(image, theirs):
    assert [path for path in image.rglob("*") if closed(path)] == []
    assert [path for path in image.glob("*/**/*.py") if not Path(cache_from_source(str(path))).exists()] == []
    words, environment = in_container("prepare", image, theirs)
    for _ in range(2):
        done = subprocess.run(words, cwd=image, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    made.keep(image.parent / "data")
    port = free_port()
    words, environment = in_container("web", image, theirs)
    address = f"http://127.0.0.1:{port}/"
    with (image.parent / "web.log").open("w") as log:
        web = subprocess.Popen(
            words, cwd=image, env=environment | {"IMAGESEARCH_PORT": str(port)}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 120
        while broken(address + "readyz") != {"scheduler"}:  # which has a container of its own
            assert web.poll() is None, (image.parent / "web.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        style = re.search(r'href="/(static/[^"]+\.css)"', answer(address + "login/")[1])[1]
        assert answer(address + style)[0] == 200
    finally:
        web.terminate()
        web.wait(30)
    static_files_of_another_version_stop_it(image, theirs)


def static_files_of_another_version_stop_it(image, theirs):
    (image / "static" / "css").chmod(0o755)
    (image / "static" / "css" / "new.css").write_text("a{}")
    words, environment = in_container("prepare", image, theirs)
    done = subprocess.run(words, cwd=image, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    sentence = f"CommandError: IMAGESEARCH_STATIC_DIR names {image}/collected, which holds the static files of another"
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def broken(address):
    """The parts that do not work, None before anybody says so."""
    try:
        return set(json.loads(answer(address)[1])["broken"])
    except urllib.error.HTTPError as error:
        return set(json.loads(error.read())["broken"])
    except OSError:
        return None
