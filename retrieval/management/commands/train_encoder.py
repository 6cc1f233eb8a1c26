"""Trains an encoder on a folder of class folders or a CSV manifest, and can make a draft encoder of the result."""

from __future__ import annotations

import itertools
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from retrieval import conf, live_encoders, training
from retrieval.embedding import Pixels
from retrieval.errors import RetrievalError, WeightsError
from retrieval.ingest import sandbox
from retrieval.management.bars import Bars
from retrieval.services.encoders import training as runs
from retrieval.services.encoders import weights
from retrieval.services.evaluation.labelled import Folder


class Command(BaseCommand):
    """``manage.py train_encoder CONFIG.toml [--data DIR]``; stop it with Ctrl-C, call it again to go on."""

    help = "Train an encoder as CONFIG.toml says (recipes/ has examples; docs/training.md explains them)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Config, data, and where things lie."""
        parser.add_argument("config", metavar="CONFIG.toml", type=Path)
        parser.add_argument(
            "--data", type=Path, help="a folder of class folders, or a CSV manifest, in place of the config's data.path"
        )
        parser.add_argument(
            "--weights",
            type=Path,
            help="a folder of weights files, looked at before the bundled ones and the settings' folder",
        )
        parser.add_argument("--output", type=Path, help="where the run keeps its files (default: DATA_DIR/training)")
        parser.add_argument("--restart", action="store_true", help="begin anew even when there is a checkpoint")
        parser.add_argument("--register", action="store_true", help="make a draft encoder of a finished run")

    def handle(self, **options: Any) -> None:
        """Train; every expected failure is one sentence."""
        stop = _Stop()
        try:
            config = training.RunConfig.from_toml(options["config"])
            result = self._handle(config, options, stop)
        except RetrievalError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._end(stop, "Stopped before the first step. The same command begins again.")
        if stop.asked and result.record.steps < config.optimiser.steps:
            text = f"Stopped at {result.record.steps} of {config.optimiser.steps} steps, with a checkpoint."
            self._end(stop, f"{text} The same command goes on from there, --restart begins anew.")
        self.stdout.write(f"{result.weights}: SHA-256 {result.sha256}, {result.record.steps} steps.")
        if options["register"]:
            self._register(config, result, data=_data(config, options))

    def _handle(self, config: training.RunConfig, options: dict[str, Any], stop: _Stop) -> training.Result:
        """What can be refused is refused before anything is read or trained."""
        training.require_recipe(config)
        if options["register"]:
            weights.require_free(config.name)
        training.require_weights(config, _weights(options["weights"]))
        return _train(config, options, stop)

    def _register(self, config: training.RunConfig, result: training.Result, *, data: Path) -> None:
        learned_from = [Folder(data).digest()] if data.is_dir() else []  # a manifest is nothing to be measured on
        try:
            row = runs.registered(config.name, result, learned_from=learned_from)
        except RetrievalError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{row.name} is a draft encoder now.")

    def _end(self, stop: _Stop, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        sys.exit(128 + stop.asked)


class _Stop:
    """Ctrl-C and SIGTERM: at once before the first step, later after the present one, with its checkpoint written."""

    def __init__(self) -> None:
        self.asked, self._going = 0, False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        """The loop asks at each step whether to end."""
        self._going = True
        return self.asked > 0

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.asked = number
        if not self._going:
            raise KeyboardInterrupt


def _train(config: training.RunConfig, options: dict[str, Any], stop: _Stop) -> training.Result:
    output = options["output"] or conf.get().data_dir / "training" / config.name
    with Bars(quiet=options["verbosity"] == 0) as bars:
        places = training.Places(
            pictures=_pictures(_data(config, options), config, bars),
            weights=_weights(options["weights"]),
            output=output,
        )
        hooks = training.Hooks(
            watch=lambda at: bars(f"training, {_figures(at)}", at.step, at.steps), stop=stop, tell=bars.say
        )
        resume = (output / training.CHECKPOINT).exists() and not options["restart"]
        return training.run(config, places=places, hooks=hooks, resume=resume)


def _weights(folder: Path | None) -> Callable[[str], Path]:
    """Find weights files in the folder given, and where they always are."""

    def find(name: str) -> Path:
        if folder and (folder / name).is_file():
            return folder / name
        try:
            return live_encoders.weights_path(name)
        except WeightsError as error:
            raise WeightsError(f"{error.message} --weights DIR names another folder to look in.") from error

    return find


def _data(config: training.RunConfig, options: dict[str, Any]) -> Path:
    """Where the pictures are: as the command line says, else as the config does."""
    said: Path | None = options["data"]
    if not said and not config.data.path:
        raise CommandError("Say with --data DIR where the pictures are, or in the config with path under [data].")
    return said or options["config"].parent / Path(config.data.path).expanduser()


def _pictures(path: Path, config: training.RunConfig, bars: Bars) -> training.PictureSet:
    """Read them as the product does: turned upright, in the sandbox, within its limits."""
    entries, done = training.listed(path, groups=config.data.groups), itertools.count(1)

    def read(file: Path) -> Pixels:
        bars("reading pictures", next(done), len(entries))
        return sandbox.pixels(file)

    return training.from_entries(entries, side=config.data.stored_size, read=read)


def _figures(progress: training.Progress) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in progress.point.values.items())
