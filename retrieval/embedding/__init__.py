"""Pixels to vectors, no Django. What the rest of the app uses of it is named here; what needs torch is loaded late.

So others write ``embedding.checkpoint``: by ``from retrieval.embedding import checkpoint`` they would load it at once.
"""

from typing import TYPE_CHECKING

from retrieval import on_demand
from retrieval.embedding import backbones, header, kept_choice, preprocessing, whitening, word_query, word_table
from retrieval.embedding.graph_encoder import GraphEncoder, LiveEncoder
from retrieval.embedding.openvino_cpu import OpenVINORuntime, precisions
from retrieval.embedding.preprocessing import Pixels, resized
from retrieval.embedding.spec import EncoderSpec
from retrieval.embedding.whitening import Whitening, fit_pca_whitening
from retrieval.embedding.word_table import WordTable

if TYPE_CHECKING:
    from retrieval.embedding import checkpoint, composing, networks, tracing
    from retrieval.embedding.choice import use_quickest
    from retrieval.embedding.composing import Step
    from retrieval.embedding.encoder import Encoder
    from retrieval.embedding.quantization import QuantizedConv2d

__getattr__ = on_demand.names(
    __name__,
    {
        "Encoder": "encoder", "QuantizedConv2d": "quantization", "Step": "composing", "checkpoint": "",
        "composing": "", "networks": "", "tracing": "", "use_quickest": "choice",
    },
)  # fmt: skip

__all__ = [
    "Encoder", "EncoderSpec", "GraphEncoder", "LiveEncoder", "OpenVINORuntime", "Pixels", "QuantizedConv2d", "Step",
    "Whitening", "WordTable", "backbones", "checkpoint", "composing", "fit_pca_whitening", "header", "kept_choice",
    "networks", "precisions", "preprocessing", "resized", "tracing", "use_quickest", "whitening", "word_query",
    "word_table",
]  # fmt: skip
