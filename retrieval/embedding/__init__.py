"""Pixels to vectors: torch only, no Django. What the rest of the app uses of it is named here."""

from retrieval.embedding import checkpoint
from retrieval.embedding.choice import use_quickest
from retrieval.embedding.composing import Step
from retrieval.embedding.encoder import Encoder
from retrieval.embedding.openvino_cpu import OpenVINORuntime, precisions
from retrieval.embedding.preprocessing import Pixels, resized
from retrieval.embedding.quantization import QuantizedConv2d
from retrieval.embedding.spec import EncoderSpec
from retrieval.embedding.whitening import Whitening, fit_pca_whitening
from retrieval.embedding.word_table import WordTable

__all__ = [
    "Encoder", "EncoderSpec", "OpenVINORuntime", "Pixels", "QuantizedConv2d", "Step", "Whitening", "WordTable",
    "backbones", "checkpoint", "composing", "fit_pca_whitening", "precisions", "preprocessing", "resized",
    "use_quickest", "whitening", "word_query", "word_table",
]  # fmt: skip
