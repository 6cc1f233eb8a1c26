"""The rows of the system and their filters; a file per noun, everything public is named here."""

from retrieval.models.accounts import (
    ApiToken,
    AuditEvent,
    FirstLink,
    IdempotencyKey,
    Identity,
    RecoveryCode,
    SecondFactor,
    Session,
    UserUsage,
)
from retrieval.models.batches import Batch, BatchDecision, BatchRow, BatchSource
from retrieval.models.bulk import BulkAct, BulkImage
from retrieval.models.calibrations import CalibrationRun
from retrieval.models.collections import Collection, Membership, Role, Visibility
from retrieval.models.compressions import Compression
from retrieval.models.concepts import Concept, ConceptExample
from retrieval.models.copies import CopyDecision, CopyKeys, CopyPair, CopyVerdict, Decided
from retrieval.models.copy_scans import CopyScan
from retrieval.models.embeddings import Embedding, EmbeddingCount, EmbeddingDigest, RegionEmbedding
from retrieval.models.encoders import Encoder, EncoderState, IndexKind, Measure
from retrieval.models.evaluations import PICTURE_LABELS, Evaluation, GroupRule, Labels
from retrieval.models.image_counts import CountKind, ImageCount, ImageCountChange
from retrieval.models.images import Favourite, Image, ImageDigest, ImageFeatures, Status
from retrieval.models.imports import ArchiveImport, ImportIssue
from retrieval.models.jobs import EmbeddingJob, JobEvent, JobEventKind, JobOverview, JobState
from retrieval.models.judgements import Grade, Judgement, Pool
from retrieval.models.letters import Letter, LetterKind, NewAddress
from retrieval.models.long_jobs import GOING, LongJob, LongJobState
from retrieval.models.maps import PictureMap
from retrieval.models.neighbourhoods import Neighbours, SmoothedCollection
from retrieval.models.operations import Heartbeat, RecallFigure
from retrieval.models.receipts import Receipt
from retrieval.models.searches import SearchRecord
from retrieval.models.share_links import ShareLink
from retrieval.models.sources import Source, SourceFile, SourceImage, SourceKind
from retrieval.models.texts import ImageText
from retrieval.models.training import TrainingRun
from retrieval.models.watches import Alert, AlertVerdict, Delivery, DeliveryState, MailWhen, Watch, Way

__all__ = [
    "GOING",
    "PICTURE_LABELS",
    "Alert",
    "AlertVerdict",
    "ApiToken",
    "ArchiveImport",
    "AuditEvent",
    "Batch",
    "BatchDecision",
    "BatchRow",
    "BatchSource",
    "BulkAct",
    "BulkImage",
    "CalibrationRun",
    "Collection",
    "Compression",
    "Concept",
    "ConceptExample",
    "CopyDecision",
    "CopyKeys",
    "CopyPair",
    "CopyScan",
    "CopyVerdict",
    "CountKind",
    "Decided",
    "Delivery",
    "DeliveryState",
    "Embedding",
    "EmbeddingCount",
    "EmbeddingDigest",
    "EmbeddingJob",
    "Encoder",
    "EncoderState",
    "Evaluation",
    "Favourite",
    "FirstLink",
    "Grade",
    "GroupRule",
    "Heartbeat",
    "IdempotencyKey",
    "Identity",
    "Image",
    "ImageCount",
    "ImageCountChange",
    "ImageDigest",
    "ImageFeatures",
    "ImageText",
    "ImportIssue",
    "IndexKind",
    "JobEvent",
    "JobEventKind",
    "JobOverview",
    "JobState",
    "Judgement",
    "Labels",
    "Letter",
    "LetterKind",
    "LongJob",
    "LongJobState",
    "MailWhen",
    "Measure",
    "Membership",
    "Neighbours",
    "NewAddress",
    "PictureMap",
    "Pool",
    "RecallFigure",
    "Receipt",
    "RecoveryCode",
    "RegionEmbedding",
    "Role",
    "SearchRecord",
    "SecondFactor",
    "Session",
    "ShareLink",
    "SmoothedCollection",
    "Source",
    "SourceFile",
    "SourceImage",
    "SourceKind",
    "Status",
    "TrainingRun",
    "UserUsage",
    "Visibility",
    "Watch",
    "Way",
]
