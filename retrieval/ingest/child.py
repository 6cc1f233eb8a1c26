"""The decoding process: takes files from its channel, answers with pictures or refusals, and ends with its parent."""

from __future__ import annotations

import functools
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import confine, forking, landlock, measure, seccomp, wire
from retrieval.ingest.picture import Decoded, DecodeRequest

Decoder = Callable[[bytes, DecodeRequest], Decoded]


@dataclass(frozen=True)
class Work:
    """What a child does, and within which limits: memory in bytes, processor time in seconds of one picture."""

    decoder: Decoder
    memory: int
    cpu: int
    apart: bool
    powerless: bool


def main(decoder: Decoder) -> None:
    """Fork children with this decoder. Arguments: control's descriptor, parent's id, memory (bytes), processor seconds.

    Ends when the parent closes the control socket. By now everything is imported: from here on there are no files.
    """
    descriptor, parent, memory, cpu = (int(text) for text in sys.argv[1:])
    os.environ.clear()
    apart = confine.leave_system()
    work = Work(decoder, memory, cpu, apart=apart, powerless=confine.drop_capabilities())
    confine.die_with_parent(parent)
    confine.hide()
    with socket.socket(fileno=descriptor) as control:
        forking.serve(control, functools.partial(_decode, work), apart=apart)


def _decode(work: Work, descriptor: int) -> None:
    """Be a child: give everything up, say what is in force, and decode until the parent closes the channel."""
    with socket.socket(fileno=descriptor) as channel:
        confine.limit_resources(work.memory)
        hidden = confine.hide()
        version = landlock.refuse_everything()
        confine.open_nothing_more()
        filtered = seccomp.allow_decoding_only(descriptor)
        guards = {"namespaces": work.apart, "landlock": version, "seccomp": filtered}
        powers = {"capabilities": work.powerless, "hidden": hidden}
        wire.send(channel, wire.Message({"guards": guards, "held": {**measure.held(), **powers}}))
        while _serve(channel, work):
            pass


def _serve(channel: socket.socket, work: Work) -> bool:
    """Answer one request; returns False when the parent has gone."""
    try:
        data, request = wire.read_request(wire.receive(channel))
    except wire.BrokenError:
        return False
    confine.limit_cpu(work.cpu)
    try:
        answer = wire.decoded_message(work.decoder(data, request))
    except (TooLarge, UnsupportedPicture) as error:
        answer = wire.refusal_message(error)
    except MemoryError:
        answer = wire.Message({"out_of_memory": True})
    wire.send(channel, answer)
    return True
