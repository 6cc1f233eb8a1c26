"""Trains an encoder on a folder of class folders or a CSV manifest, and can make a draft encoder of the result."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval import conf, live_encoders, training
from retrieval.errors import RetrievalError
from retrieval.ingest import sandbox
from retrieval.management.bars import Bars
from retrieval.services.encoders import weights
from retrieval.training import CHECKPOINT


class Command(BaseCommand):
    """``manage.py train_encoder CONFIG.toml [--data DIR]``; stop it with Ctrl-C, call it again to go on."""

    help = "Train an encoder as CONFIG.toml says (recipes/ has examples; docs/training.md explains them)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Config, data, and where things lie."""
        parser.add_argument("config", metavar="CONFIG.toml", type=Path)
        parser.add_argument(
            "--data", type=Path, help="a folder of class folders, or a CSV manifest, in place of the config's data.path"
        )
        parser.add_argument("--weights", type=Path, help="where weights files are (default: bundled, settings' folder)")
        parser.add_argument("--output", type=Path, help="where the run keeps its files (default: DATA_DIR/training)")
        parser.add_argument("--restart", action="store_true", help="begin anew even when there is a checkpoint")
        parser.add_argument("--register", action="store_true", help="make a draft encoder of a finished run")

    def handle(self, **options: Any) -> None:
        """Train; every expected failure is one sentence."""
        try:
            self._handle(training.RunConfig.from_toml(options["config"]), options)
        except RetrievalError as error:
            raise CommandError(str(error)) from error

    def _handle(self, config: training.RunConfig, options: dict[str, Any]) -> None:
        """What can be refused is refused before anything is read or trained."""
        training.require_recipe(config)
        if options["register"]:
            weights.require_free(config.name)
        result = _train(config, options)
        done = result.record.steps == config.optimiser.steps or bool(config.schedule.patience)
        self.stdout.write(f"{result.weights}: SHA-256 {result.sha256}, {result.record.steps} steps.")
        if options["register"] and done:
            row = weights.register(config.name, result.weights, sha256=result.sha256)
            self.stdout.write(f"{row.name} is a draft encoder now.")


def _train(config: training.RunConfig, options: dict[str, Any]) -> training.Result:
    output = options["output"] or conf.get().data_dir / "training" / config.name
    places = training.Places(
        pictures=_pictures(_data(config, options), config),
        weights=options["weights"].joinpath if options["weights"] else live_encoders.weights_path,
        output=output,
    )
    with Bars(quiet=options["verbosity"] == 0) as bars:
        hooks = training.Hooks(watch=lambda at: bars(_figures(at), at.step, at.steps), stop=_stop_asked())
        resume = (output / CHECKPOINT).exists() and not options["restart"]
        return training.run(config, places=places, hooks=hooks, resume=resume)


def _data(config: training.RunConfig, options: dict[str, Any]) -> Path:
    """Where the pictures are: as the command line says, else as the config does."""
    said: Path | None = options["data"]
    if not said and not config.data.path:
        raise CommandError("Say with --data DIR where the pictures are, or in the config with path under [data].")
    return said or options["config"].parent / Path(config.data.path).expanduser()


def _pictures(path: Path, config: training.RunConfig) -> training.PictureSet:
    """Read them as the product does: turned upright, in the sandbox, within its limits."""
    side = config.data.stored_size
    if path.suffix == ".csv":
        return training.from_manifest(path, side=side, read=sandbox.pixels)
    return training.from_folder(path, side=side, read=sandbox.pixels, groups=config.data.groups)


def _figures(progress: training.Progress) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in progress.point.values.items())


def _stop_asked() -> Any:
    """Ctrl-C and SIGTERM end the run after the present step, with its checkpoint written."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    return asked.is_set
