"""What an encoder would cost and find if it were smaller: every row of the table measured, one of them adopted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from retrieval import compression, live_encoders
from retrieval.compression import Table, Variants, slug
from retrieval.embedding import EncoderSpec
from retrieval.errors import Conflict, InvalidInput
from retrieval.models import Encoder
from retrieval.progress import Progress, silent
from retrieval.services.encoders import neighbourhoods, weights
from retrieval.services.evaluation import evaluation, lineage
from retrieval.services.evaluation.labelled import Folder, Source

MOST_CALIBRATION = 1024


@dataclass(frozen=True)
class Wanted(Variants):
    """The variants, and ordinary pictures to calibrate them on, labels unused.

    Without a ``calibration`` the measured pictures calibrate as well, which flatters a little.
    """

    calibration: Source | None = None


def workshop_in(folder: Path, progress: Progress = silent) -> compression.Workshop:
    """Return where ``run`` works: the weights of what can be adopted are left in this folder."""
    return compression.Workshop(folder, live_encoders.graphs(), progress)


def run(row: Encoder, *, source: Source, wanted: Wanted, workshop: compression.Workshop) -> Table:
    """Build every smaller encoder, encode the labelled pictures with each, and measure; no row is stored.

    What is measured is read back from the file that can be adopted. Raises InvalidInput when there are no pictures or
    too few, or for one that smooths, and WeightsError for the row's own file.
    """
    neighbourhoods.require_plain(row)
    if isinstance(source, Folder):
        source.require_two_labels()
    calibration, progress = wanted.calibration or source, workshop.progress
    full = live_encoders.network(row).to("cpu")
    pictures = [compression.shrunk(full, each) for each in calibration.sample(most=MOST_CALIBRATION, progress=progress)]
    if not pictures:
        raise InvalidInput.of("calibration", f"No picture in {calibration.name} can be read.")
    made = compression.build(full, pictures=pictures, wanted=wanted, progress=progress)
    measured_by = compression.networks(full, made=made, pictures=pictures, workshop=workshop)
    seen = source.encode([network.encoder for network in measured_by], progress=progress)
    seen.require_two_labels()
    shutil.rmtree(workshop.graphs, ignore_errors=True)
    bench = compression.Bench(row.name, seen.name, seen.digest, seen.galleries, seen.queries)
    rows = compression.measured(bench, measured_by, calibration=full.encode(pictures), progress=progress)
    return Table(row.name, rows, calibration.name, seen.unreadable)


def require_adoptable(row: Encoder, name: str, *, wanted: Wanted, called: str = "") -> None:
    """Say before all the work what ``adopt`` would refuse after it: a row that will not be there, a name.

    Raises InvalidInput and Conflict as ``adopt`` does.
    """
    known = wanted.names(EncoderSpec.from_dict(row.spec))
    if name not in known:
        raise InvalidInput.of("row", f"Only these rows can be adopted: {', '.join(known) or 'none'}.")
    weights.require_free(called or slug(f"{row.name}-{name}"))


def adopt(table: Table, name: str, *, folder: Path, called: str = "") -> Encoder:
    """Make a draft encoder of a row, from the weights left in ``folder``, with its scorecard, and return it.

    It is called ``<source>-<row>`` unless told otherwise. Raises InvalidInput for a row that is not there or that only
    differs in how vectors are stored, and for a name that none can have; Conflict when the name is taken or the weights
    are not there any more; WeightsError when they were altered.
    """
    found = table.row(name)
    if found is None or not found.sha256:
        known = ", ".join(row.name for row in table.rows if row.sha256)
        raise InvalidInput.of("row", f"Only these rows can be adopted: {known or 'none'}.")
    called = called or slug(f"{table.source}-{name}")
    weights.require_free(called)
    file = compression.weights_file(folder, name)
    if not file.is_file():
        raise Conflict("The weights of this row are not kept any more; measure again.", code="weights_gone")
    adopted = weights.register(called, file, sha256=found.sha256)
    adopted.origin = {"compressed_from": table.source, "row": name, "calibrated_on": table.calibrated_on}
    measured = found.report.subject
    lineage.write(
        adopted,
        ancestors=Encoder.objects.filter(name=table.source),
        also=[measured.digest] if table.calibrated_on == measured.dataset else (),
    )
    adopted.save(update_fields=["origin"])
    evaluation.save_scorecards([adopted], result=evaluation.Result((found.report,), {}, ()))
    return adopted
