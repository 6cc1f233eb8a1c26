"""Medical pictures (DICOM) made in memory."""

from __future__ import annotations

import io

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid


def dicom(samples, *, kind="MONOCHROME2", patient="", packed=False, **tags):
    """Write samples (H, W), (frames, H, W), or (H, W, 3) as a file; ``tags`` by their names."""
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = CTImageStorage, generate_uid()
    found.PatientID, found.PatientName = patient, "Secret^Person"
    colours = 3 if samples.shape[-1] == 3 else 1
    shape = samples.shape[:-1] if colours == 3 else samples.shape
    found.Rows, found.Columns = shape[-2:]
    if len(shape) == 3:
        found.NumberOfFrames = shape[0]
    bits = samples.dtype.itemsize * 8
    found.SamplesPerPixel, found.PhotometricInterpretation = colours, kind
    found.BitsAllocated = found.BitsStored = bits
    found.HighBit, found.PixelRepresentation = bits - 1, int(samples.dtype.kind == "i")
    if colours == 3:
        found.PlanarConfiguration = 0
    for name, value in tags.items():
        setattr(found, name, value)
    data = samples.tobytes()
    found.add_new("PixelData", "OW" if bits > 8 else "OB", data + bytes(len(data) % 2))
    if packed:
        found.compress(RLELossless)
    out = io.BytesIO()
    pydicom.dcmwrite(out, found, enforce_file_format=True)
    return out.getvalue()


def ramp(kind=np.uint8, *, low=0, high=255):
    return np.linspace(low, high, 40 * 60).reshape(40, 60).astype(kind)
