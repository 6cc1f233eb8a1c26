"""The decoding child: takes files from its channel, answers with pictures or refusals, and ends with its parent."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from retrieval.errors import TooLarge, UnsupportedPicture
from retrieval.ingest import confine, wire
from retrieval.ingest.picture import Decoded, DecodeRequest

Decoder = Callable[[bytes, DecodeRequest], Decoded]


def main(decoder: Decoder) -> None:
    """Serve with this decoder. Arguments: channel's descriptor, parent's id, memory (bytes), processor seconds.

    Ends when the parent closes the channel.
    """
    descriptor, parent, memory, cpu = (int(text) for text in sys.argv[1:])
    offline = confine.leave_network()
    confine.die_with_parent(parent)
    with socket.socket(fileno=descriptor) as channel:
        confine.limit_resources(memory)
        wire.send(channel, wire.Message({"offline": offline}))
        while _serve(channel, decoder, cpu):
            pass


def _serve(channel: socket.socket, decoder: Decoder, cpu: int) -> bool:
    """Answer one request; returns False when the parent has gone."""
    try:
        data, request = wire.read_request(wire.receive(channel))
    except wire.BrokenError:
        return False
    confine.limit_cpu(cpu)
    try:
        answer = wire.decoded_message(decoder(data, request))
    except (TooLarge, UnsupportedPicture) as error:
        answer = wire.refusal_message(error)
    except MemoryError:
        answer = wire.Message({"out_of_memory": True})
    wire.send(channel, answer)
    return True
