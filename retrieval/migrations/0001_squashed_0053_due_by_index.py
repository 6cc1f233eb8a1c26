"""All tables as they are since what is due is found by index, in one step: a new database needs none of the way there.

A database that has gone that way, or a part of it, goes on along it.
"""

from __future__ import annotations

import datetime
import uuid
from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
import pgvector.django.bit
import pgvector.django.halfvec
import uuid6
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import retrieval.models.watches

_views, _people, _integrity, _stems, _dividers, _changes = (
    import_module(f"retrieval.migrations.{name}")
    for name in (
        "0003_counts_and_views", "0013_people_and_sessions", "0014_integrity", "0015_stems", "0019_dividers",
        "0022_changes_of_vectors",
    )
)  # fmt: skip

# What came after the tables below had been written down, in order.
LATER = [
    operation
    for name in (
        "0045_sources", "0046_picture_maps", "0047_neighbourhoods", "0048_image_counts", "0049_indexes_of_the_living",
        "0050_copies_due", "0051_newest_jobs", "0052_sharpened_watches", "0053_due_by_index",
    )
    for operation in import_module(f"retrieval.migrations.{name}").Migration.operations
]  # fmt: skip
WORDS = _stems.FUNCTION.format(_dividers.divided(_stems.PLAIN + _stems.STEMS))
REGIONS = "ALTER TABLE retrieval_regionembedding ALTER COLUMN vector SET STORAGE PLAIN;"


class CreateTables(Operation):
    """Create tables at once. One after another Django makes all models anew for each: most of a first start.

    They are created as they are after the last of the ``operations``: those that change a table have nothing to do.
    """

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations
        self.creations = [operation for operation in operations if isinstance(operation, migrations.CreateModel)]

    def state_forwards(self, app_label, state):
        vars(state).pop("apps", None)  # the models as made of the state so far
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for creation in self.creations:
            creation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        for creation in self.creations:
            creation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self):
        return f"Create {len(self.creations)} tables"


class Migration(migrations.Migration):
    """What the models say, and beside it what the ORM cannot say."""

    initial = True

    replaces = [
        ("retrieval", "0001_extension"),
        ("retrieval", "0002_tables"),
        ("retrieval", "0003_counts_and_views"),
        ("retrieval", "0004_collection_deleted_at"),
        ("retrieval", "0005_job_worker_and_fair_order"),
        ("retrieval", "0006_training_worker"),
        ("retrieval", "0007_evaluations"),
        ("retrieval", "0008_compressions"),
        ("retrieval", "0009_judgements"),
        ("retrieval", "0010_training_in_line"),
        ("retrieval", "0011_invitations"),
        ("retrieval", "0012_archive_decode_seconds"),
        ("retrieval", "0013_people_and_sessions"),
        ("retrieval", "0014_integrity"),
        ("retrieval", "0015_stems"),
        ("retrieval", "0016_encoder_calibration"),
        ("retrieval", "0017_index_kinds"),
        ("retrieval", "0018_long_jobs"),
        ("retrieval", "0019_dividers"),
        ("retrieval", "0020_calibration_runs"),
        ("retrieval", "0021_local_features"),
        ("retrieval", "0022_changes_of_vectors"),
        ("retrieval", "0023_receipts"),
        ("retrieval", "0024_bulk_acts"),
        ("retrieval", "0025_concepts"),
        ("retrieval", "0026_copies"),
        ("retrieval", "0027_trash_counts"),
        ("retrieval", "0028_search_history"),
        ("retrieval", "0029_batches"),
        ("retrieval", "0030_feature_parts"),
        ("retrieval", "0031_documents"),
        ("retrieval", "0032_watches"),
        ("retrieval", "0033_facts"),
        ("retrieval", "0034_regions"),
        ("retrieval", "0035_alerts_waiting"),
        ("retrieval", "0036_texts"),
        ("retrieval", "0037_second_factor"),
        ("retrieval", "0038_share_links"),
        ("retrieval", "0039_mail"),
        ("retrieval", "0040_letters"),
        ("retrieval", "0041_copy_keys_at_once"),
        ("retrieval", "0042_video"),
        ("retrieval", "0043_copy_scans"),
        ("retrieval", "0044_identities"),
        ("retrieval", "0045_sources"),
        ("retrieval", "0046_picture_maps"),
        ("retrieval", "0047_neighbourhoods"),
        ("retrieval", "0048_image_counts"),
        ("retrieval", "0049_indexes_of_the_living"),
        ("retrieval", "0050_copies_due"),
        ("retrieval", "0051_newest_jobs"),
        ("retrieval", "0052_sharpened_watches"),
        ("retrieval", "0053_due_by_index"),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgvector.django.VectorExtension(),
        migrations.RunSQL(WORDS, "DROP FUNCTION public.retrieval_words(text, text, text[]);"),
        CreateTables([
            migrations.CreateModel(
                name='Alert',
                fields=[
                    ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                    ('gathered_into', models.UUIDField(db_index=True, null=True)),
                    ('score', models.FloatField(help_text="The cosine with the watch's query.")),
                    ('probability', models.FloatField(null=True)),
                    ('threshold', models.FloatField()),
                    ('encoder', models.CharField(max_length=80)),
                    ('calibration', models.CharField(blank=True, max_length=64)),
                    ('fired_at', models.DateTimeField(auto_now_add=True)),
                    ('seen', models.BooleanField(default=False)),
                    ('verdict', models.CharField(blank=True, choices=[('right', 'Right'), ('wrong', 'Wrong')], max_length=5)),
                    ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('watch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='retrieval.watch')),
                ],
                options={
                    'ordering': ['-fired_at', '-id'],
                    'indexes': [models.Index(fields=['watch', '-fired_at'], name='alert_newest_of_watch'), models.Index(condition=models.Q(('gathered_into', None), ('seen', False)), fields=['watch'], name='alert_waiting')],
                },
            ),
            migrations.CreateModel(
                name='ApiToken',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(blank=True, max_length=100)),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('password', models.CharField(help_text="SHA-256 of the password's hash that it was made under.", max_length=64)),
                    ('scope', models.CharField(choices=[('read', 'Read only'), ('write', 'Read and write')], default='write', max_length=5)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('expires_at', models.DateTimeField()),
                    ('last_used_at', models.DateTimeField(blank=True, null=True)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='ArchiveImport',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('name', models.CharField(max_length=300)),
                    ('file', models.CharField(help_text='File name in the incoming folder; empty when it is gone.', max_length=300)),
                    ('failed', models.PositiveIntegerField(default=0)),
                    ('skipped', models.PositiveIntegerField(default=0)),
                    ('position', models.PositiveIntegerField(default=0)),
                    ('document', models.UUIDField(blank=True, help_text='Of the pages of a document: its id; there is no file.', null=True)),
                    ('scenes', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), db_default=[], default=list, help_text='Of a video: in which second each begins.', size=None)),
                    ('decode_seconds', models.FloatField(default=0, help_text='How long its pictures have held decoders so far.')),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='AuditEvent',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                    ('address', models.CharField(blank=True, default='', max_length=45)),
                    ('action', models.CharField(db_index=True, max_length=60)),
                    ('kind', models.CharField(max_length=40)),
                    ('object_id', models.CharField(max_length=60)),
                    ('detail', models.JSONField(default=dict)),
                    ('actor', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-at', '-id'],
                },
            ),
            migrations.CreateModel(
                name='Batch',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('name', models.CharField(max_length=300)),
                    ('source', models.CharField(choices=[('files', 'Files'), ('archive', 'An archive'), ('addresses', 'Addresses'), ('collection', 'A collection')], max_length=10)),
                    ('names', models.JSONField(default=list)),
                    ('asking', models.UUIDField(null=True)),
                    ('against', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                    ('encoder', models.CharField(max_length=80)),
                    ('candidates', models.PositiveIntegerField(default=0)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='BatchRow',
                fields=[
                    ('pk', models.CompositePrimaryKey('batch_id', 'n', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('n', models.PositiveIntegerField()),
                    ('name', models.CharField(blank=True, max_length=300)),
                    ('image', models.UUIDField(null=True)),
                    ('sha256', models.CharField(blank=True, max_length=64)),
                    ('pdq', models.CharField(blank=True, max_length=256)),
                    ('vector', models.BinaryField(help_text='Half precision, of length 1.', null=True)),
                    ('compared', models.BooleanField(default=False)),
                    ('match', models.CharField(blank=True, max_length=10)),
                    ('results', models.JSONField(default=list)),
                    ('doubt', models.FloatField(default=0)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('decision', models.CharField(blank=True, choices=[('match', 'Match'), ('not', 'No match'), ('unsure', 'Unsure'), ('', 'Open')], max_length=10)),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='retrieval.batch')),
                    ('decided_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['n'],
                },
            ),
            migrations.CreateModel(
                name='BulkAct',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                    ('at', models.DateTimeField(db_index=True)),
                    ('undone_at', models.DateTimeField(null=True)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='BulkImage',
                fields=[
                    ('pk', models.CompositePrimaryKey('act_id', 'image_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('collection', models.UUIDField()),
                    ('before', models.JSONField()),
                    ('refused', models.CharField(blank=True, max_length=60)),
                    ('act', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='images', to='retrieval.bulkact')),
                    ('image', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                ],
            ),
            migrations.CreateModel(
                name='CalibrationRun',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('encoder', models.CharField(max_length=80)),
                    ('labels', models.CharField(choices=[('tags', 'First tag'), ('group_key', 'Belongs to')], default='tags', max_length=10)),
                    ('result', models.JSONField(default=dict)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='Collection',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=200)),
                    ('description', models.TextField(blank=True, max_length=2000)),
                    ('visibility', models.CharField(choices=[('private', 'Private'), ('shared', 'Shared'), ('public', 'Public')], default='private', max_length=10)),
                    ('local_features', models.BooleanField(db_default=False, default=False, help_text='Keep what is needed to tell edited copies, about 10 kB a picture.')),
                    ('drop_place', models.BooleanField(db_default=False, default=False, help_text='Do not keep where new pictures were taken; their files stay as sent.')),
                    ('regions', models.BooleanField(db_default=False, default=False, help_text='Keep vectors of parts of the pictures, some 10 kB a picture.')),
                    ('read_text', models.BooleanField(db_default=False, default=False, help_text='Read the words on the pictures, a second or so of a processor for each.')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                    ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='owned_collections', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['name', 'id'],
                },
            ),
            migrations.CreateModel(
                name='Compression',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('encoder', models.CharField(max_length=80)),
                    ('labels', models.CharField(choices=[('tags', 'First tag'), ('group_key', 'Belongs to')], default='tags', max_length=10)),
                    ('calibration', models.UUIDField(blank=True, null=True)),
                    ('dimensions', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), blank=True, default=list, size=None)),
                    ('int8', models.BooleanField(default=True)),
                    ('keep', models.FloatField(default=1.0, help_text='The share of channels that pruning leaves; 1: no pruning.')),
                    ('steps', models.PositiveIntegerField(default=100, help_text='Of the fine-tune after pruning.')),
                    ('result', models.JSONField(default=dict)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='Concept',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=100)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('direction', models.BinaryField(null=True)),
                    ('offset', models.FloatField(default=0)),
                    ('knows', models.FloatField(null=True)),
                    ('fitted_to', models.PositiveIntegerField(default=0)),
                    ('encoder', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='retrieval.encoder')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='concepts', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                },
            ),
            migrations.CreateModel(
                name='ConceptExample',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'concept_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('right', models.BooleanField()),
                    ('clicked_at', models.DateTimeField(auto_now=True)),
                    ('concept', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='examples', to='retrieval.concept')),
                    ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='CopyDecision',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('decision', models.CharField(choices=[('copies', 'Copies'), ('different', 'Not copies')], max_length=10)),
                    ('decided_at', models.DateTimeField(auto_now=True)),
                    ('one', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-decided_at', '-id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('one__lt', models.F('other'))), name='copy_decision_ordered'), models.UniqueConstraint(fields=('one', 'other'), name='copy_decided_once')],
                },
            ),
            migrations.CreateModel(
                name='CopyKeys',
                fields=[
                    ('image', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='copy_keys', serialize=False, to='retrieval.image')),
                    ('prints', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list, size=None)),
                    ('corners', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                    ('with_details', models.BooleanField(default=False)),
                    ('looked_at', models.DateTimeField(null=True)),
                ],
                options={
                    'indexes': [django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['prints'], name='copy_prints'), django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['corners'], name='copy_corners')],
                },
            ),
            migrations.CreateModel(
                name='CopyPair',
                fields=[
                    ('pk', models.CompositePrimaryKey('one_id', 'other_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('verdict', models.CharField(choices=[('same_file', 'Same file'), ('same_image', 'Same picture, edited'), ('same_thing', 'Same thing')], max_length=10)),
                    ('edit', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                    ('outline', models.JSONField(default=list)),
                    ('other_outline', models.JSONField(default=list)),
                    ('matches', models.PositiveIntegerField(default=0)),
                    ('probability', models.FloatField(null=True)),
                    ('found_at', models.DateTimeField(auto_now_add=True)),
                    ('one', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('one__lt', models.F('other'))), name='copy_pair_ordered')],
                },
            ),
            migrations.CreateModel(
                name='CopyScan',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('name', models.TextField()),
                    ('within', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                    ('against', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                    ('after', models.UUIDField(default=uuid.UUID('00000000-0000-0000-0000-000000000000'))),
                    ('pairs', models.PositiveIntegerField(default=0)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='Delivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('way', models.CharField(choices=[('webhook', 'Webhook'), ('mail', 'Mail')], default='webhook', max_length=7)),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('dead', 'Dead')], default='waiting', max_length=7)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('sent_at', models.DateTimeField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('alert', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='retrieval.alert')),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='delivery_due')],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'way'), name='delivery_once_each_way')],
                },
            ),
            migrations.CreateModel(
                name='Embedding',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'encoder_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('vector', pgvector.django.halfvec.HalfVectorField()),
                    ('length', models.FloatField()),
                    ('centred_length', models.FloatField()),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('collection', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='retrieval.collection')),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.encoder')),
                    ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='embeddings', to='retrieval.image')),
                ],
                options={
                    'indexes': [models.Index(fields=['encoder', 'collection'], name='embedding_scope'), models.Index(fields=['created_at'], name='embedding_newest')],
                },
            ),
            migrations.CreateModel(
                name='EmbeddingCount',
                fields=[
                    ('pk', models.CompositePrimaryKey('collection_id', 'encoder_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('images', models.BigIntegerField(default=0)),
                    ('changes', models.BigIntegerField(db_default=0, default=0)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='embedding_counts', to='retrieval.collection')),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.encoder')),
                ],
            ),
            migrations.CreateModel(
                name='EmbeddingDigest',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'encoder_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('sha256', models.BinaryField(max_length=32)),
                    ('encoder', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='retrieval.encoder')),
                    ('image', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='retrieval.image')),
                ],
            ),
            migrations.CreateModel(
                name='EmbeddingJob',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'encoder_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('pending', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='pending', max_length=8)),
                    ('priority', models.PositiveSmallIntegerField(default=0)),
                    ('round', models.PositiveIntegerField(default=1)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('lease_until', models.DateTimeField(blank=True, null=True)),
                    ('worker', models.CharField(blank=True, help_text='Who holds the lease: host, process, its start.', max_length=100)),
                    ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='retrieval.encoder')),
                    ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='retrieval.image')),
                    ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state__in', ['pending', 'running'])), fields=['encoder', 'owner', 'priority', 'next_attempt_at'], name='job_to_do'), models.Index(fields=['state', 'encoder'], name='job_by_state')],
                },
            ),
            migrations.CreateModel(
                name='Encoder',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.SlugField(max_length=80, unique=True)),
                    ('spec', models.JSONField(help_text='What embedding.EncoderSpec writes: backbone, pooling ...')),
                    ('weights_name', models.CharField(blank=True, max_length=200)),
                    ('weights_sha256', models.CharField(blank=True, max_length=64)),
                    ('dimension', models.PositiveIntegerField()),
                    ('trained', models.BooleanField(default=False, help_text='Off: the weights are random and results mean little.')),
                    ('measure', models.CharField(choices=[('cosine', 'Cosine'), ('euclidean', 'Euclidean'), ('pearson', 'Pearson')], default='cosine', max_length=10)),
                    ('index_kind', models.CharField(choices=[('halves', 'Half precision'), ('bits', 'Bits')], default='halves', max_length=10)),
                    ('bits_centre', pgvector.django.halfvec.HalfVectorField(editable=False, help_text='Numbers above this mean of its vectors become a bit.', null=True)),
                    ('state', models.CharField(choices=[('draft', 'Draft'), ('building', 'Building'), ('active', 'Active'), ('retired', 'Retired')], default='draft', max_length=10)),
                    ('scores', models.JSONField(blank=True, default=dict)),
                    ('calibration', models.JSONField(blank=True, default=dict, editable=False, help_text='What its scores mean; empty: not known.')),
                    ('origin', models.JSONField(blank=True, default=dict, help_text='Where it came from: data, recipe, versions.')),
                    ('note', models.TextField(blank=True, help_text='Why it was activated, forced or retired.')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('activated_at', models.DateTimeField(blank=True, null=True)),
                    ('retired_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('state',), name='exactly_one_active_encoder')],
                },
            ),
            migrations.CreateModel(
                name='Evaluation',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('labels', models.CharField(choices=[('tags', 'First tag'), ('group_key', 'Belongs to'), ('judgements', 'Judgements')], default='tags', max_length=10)),
                    ('encoders', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), size=None)),
                    ('measure', models.CharField(choices=[('cosine', 'Cosine'), ('euclidean', 'Euclidean'), ('pearson', 'Pearson')], default='cosine', max_length=10)),
                    ('groups', models.CharField(choices=[('ignore', 'Like any other'), ('count', 'Counted'), ('exclude', 'Left out')], default='ignore', max_length=10)),
                    ('result', models.JSONField(default=dict)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='Favourite',
                fields=[
                    ('pk', models.CompositePrimaryKey('user_id', 'image_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('image', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='favourites', to='retrieval.image')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='FirstLink',
                fields=[
                    ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                    ('password', models.CharField(help_text="SHA-256 of the password's hash that it was made under.", max_length=64)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('expires_at', models.DateTimeField()),
                    ('used_at', models.DateTimeField(blank=True, null=True)),
                    ('by_terminal', models.BooleanField(default=False, help_text='It opens also where passwords are off.')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Heartbeat',
                fields=[
                    ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=20)),
                    ('at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('detail', models.JSONField(default=dict)),
                ],
            ),
            migrations.CreateModel(
                name='IdempotencyKey',
                fields=[
                    ('pk', models.CompositePrimaryKey('user_id', 'key', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('key', models.CharField(max_length=200)),
                    ('fingerprint', models.CharField(max_length=64)),
                    ('image_id', models.UUIDField(null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Identity',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('issuer', models.CharField(max_length=2000)),
                    ('subject', models.CharField(max_length=255)),
                    ('gave_powers', models.BooleanField(default=False, help_text='Its groups made an administrator of the person.')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='identities', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('issuer', 'subject'), name='identity_is_one_persons')],
                },
            ),
            migrations.CreateModel(
                name='Image',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('title', models.CharField(blank=True, max_length=300)),
                    ('caption', models.TextField(blank=True, max_length=5000)),
                    ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, size=None)),
                    ('group_key', models.CharField(blank=True, db_index=True, help_text='Case, document, product ...', max_length=200)),
                    ('source_url', models.URLField(blank=True, max_length=2000)),
                    ('metadata', models.JSONField(blank=True, default=dict)),
                    ('width', models.PositiveIntegerField()),
                    ('height', models.PositiveIntegerField()),
                    ('format', models.CharField(max_length=8)),
                    ('bytes', models.PositiveBigIntegerField()),
                    ('sha256', models.CharField(db_index=True, max_length=64)),
                    ('pdq', pgvector.django.bit.BitField(editable=False, length=256, null=True)),
                    ('placeholder', models.CharField(blank=True, editable=False, max_length=2000)),
                    ('thumbnail_digests', models.JSONField(editable=False, help_text='Long side: SHA-256; empty: not known.', null=True)),
                    ('document', models.UUIDField(editable=False, help_text="What its pages have in common: the first's id.", null=True)),
                    ('page', models.PositiveIntegerField(db_default=1, default=1, editable=False)),
                    ('pages', models.PositiveIntegerField(db_default=1, default=1, editable=False)),
                    ('second', models.FloatField(editable=False, help_text='Of a scene: when it begins in its video.', null=True)),
                    ('taken_at', models.DateTimeField(blank=True, help_text='In UTC where its offset is not known.', null=True)),
                    ('taken_offset', models.SmallIntegerField(blank=True, help_text='Minutes east of UTC.', null=True)),
                    ('camera', models.CharField(blank=True, db_default='', default='', max_length=200)),
                    ('latitude', models.FloatField(blank=True, null=True)),
                    ('longitude', models.FloatField(blank=True, null=True)),
                    ('path', models.CharField(blank=True, db_default='', default='', help_text='As the file came.', max_length=1000)),
                    ('rating', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='0 to 5.')),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                    ('deleted_at', models.DateTimeField(blank=True, db_index=True, null=True)),
                    ('moment', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce('taken_at', 'created_at'), output_field=models.DateTimeField())),
                    ('words', models.GeneratedField(db_persist=True, expression=models.Func(models.F('title'), models.F('caption'), models.F('tags'), function='public.retrieval_words'), output_field=django.contrib.postgres.search.SearchVectorField())),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='images', to='retrieval.collection')),
                    ('uploader', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='images', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                    'indexes': [models.Index(fields=['collection', '-created_at', '-id'], name='image_newest_first'), models.Index(fields=['-created_at', '-id'], name='image_newest_of_all'), models.Index(fields=['collection', '-moment', '-id'], name='image_by_moment'), models.Index(fields=['collection', 'camera'], name='image_by_camera'), models.Index(condition=models.Q(('thumbnail_digests__isnull', True)), fields=['id'], name='image_thumbnails_unknown'), models.Index(condition=models.Q(('document__isnull', False)), fields=['document', 'page'], name='image_pages'), django.contrib.postgres.indexes.GinIndex(fields=['tags'], name='image_tags'), django.contrib.postgres.indexes.GinIndex(fields=['words'], name='image_words')],
                },
            ),
            migrations.CreateModel(
                name='ImageDigest',
                fields=[
                    ('pk', models.CompositePrimaryKey('collection_id', 'sha256', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('sha256', models.CharField(max_length=64)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('image', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='retrieval.image')),
                ],
            ),
            migrations.CreateModel(
                name='ImageFeatures',
                fields=[
                    ('image', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='features', serialize=False, to='retrieval.image')),
                    ('packed', models.BinaryField()),
                    ('parts', django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), db_default=[], default=list, help_text='Of parts that stand out.', size=None)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
            ),
            migrations.CreateModel(
                name='ImageText',
                fields=[
                    ('image', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='read', serialize=False, to='retrieval.image')),
                    ('text', models.TextField(blank=True)),
                    ('lines', models.JSONField(default=list)),
                    ('words', django.contrib.postgres.search.SearchVectorField()),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='read_words')],
                },
            ),
            migrations.CreateModel(
                name='ImportIssue',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=500)),
                    ('code', models.CharField(max_length=60)),
                    ('message', models.TextField()),
                    ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='issues', to='retrieval.archiveimport')),
                ],
                options={
                    'ordering': ['id'],
                },
            ),
            migrations.CreateModel(
                name='JobEvent',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'encoder_id', 'lease_token', 'kind', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('lease_token', models.UUIDField()),
                    ('kind', models.CharField(choices=[('claimed', 'Claimed'), ('done', 'Done'), ('retry', 'Will be tried again'), ('failed', 'Failed'), ('released', 'Given back')], max_length=8)),
                    ('round', models.PositiveIntegerField()),
                    ('attempt', models.PositiveSmallIntegerField()),
                    ('worker', models.CharField(max_length=100)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.encoder')),
                    ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='job_events', to='retrieval.image')),
                ],
            ),
            migrations.CreateModel(
                name='JobOverview',
                fields=[
                    ('id', models.CharField(max_length=80, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('pending', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], max_length=8)),
                    ('priority', models.PositiveSmallIntegerField()),
                    ('attempts', models.PositiveSmallIntegerField()),
                    ('lease_until', models.DateTimeField(null=True)),
                    ('next_attempt_at', models.DateTimeField()),
                    ('error_code', models.CharField(max_length=60)),
                    ('error_text', models.TextField()),
                    ('created_at', models.DateTimeField()),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('encoder', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='retrieval.encoder')),
                    ('image', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='retrieval.image')),
                    ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'job',
                    'db_table': 'retrieval_joboverview',
                    'ordering': ['-created_at'],
                    'managed': False,
                },
            ),
            migrations.CreateModel(
                name='Judgement',
                fields=[
                    ('pk', models.CompositePrimaryKey('query_id', 'answer_id', 'user_id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('grade', models.PositiveSmallIntegerField(choices=[(0, 'No'), (1, 'Somewhat'), (2, 'Yes')])),
                    ('judged_at', models.DateTimeField(auto_now=True)),
                    ('answer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('query', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.image')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('grade__lte', 2)), name='judgement_grade_known'), models.CheckConstraint(condition=models.Q(('query', models.F('answer')), _negated=True), name='judgement_of_another')],
                },
            ),
            migrations.CreateModel(
                name='Letter',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('kind', models.CharField(choices=[('forgotten', 'Forgotten password'), ('reset', 'Link for a new password'), ('invitation', 'Invitation'), ('confirmation', 'Confirmation of an address'), ('new_address', 'Changed address'), ('new_password', 'Changed password')], max_length=12)),
                    ('asked', models.CharField(blank=True, max_length=254)),
                    ('address', models.CharField(blank=True, max_length=254)),
                    ('language', models.CharField(blank=True, max_length=10)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('due_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('user', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['due_at'],
                },
            ),
            migrations.CreateModel(
                name='Membership',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('username', models.CharField(editable=False, max_length=150)),
                    ('declined_at', models.DateTimeField(editable=False, null=True)),
                    ('role', models.CharField(choices=[('viewer', 'Viewer'), ('contributor', 'Contributor'), ('manager', 'Manager')], default='viewer', max_length=12)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='retrieval.collection')),
                    ('invited_by', models.ForeignKey(db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('user', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['username'],
                    'constraints': [models.UniqueConstraint(fields=('collection', 'user'), name='one_role_per_member'), models.UniqueConstraint(condition=models.Q(('user', None)), fields=('collection', 'username'), name='one_invitation_per_name')],
                },
            ),
            migrations.CreateModel(
                name='NewAddress',
                fields=[
                    ('user', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('address', models.CharField(max_length=254)),
                    ('digest', models.CharField(blank=True, max_length=64)),
                    ('expires_at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='Pool',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('encoders', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), size=None)),
                    ('depth', models.PositiveSmallIntegerField()),
                    ('seed', models.PositiveIntegerField(default=0)),
                    ('queries', models.JSONField()),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='RecallFigure',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('kind', models.CharField(choices=[('halves', 'Half precision'), ('bits', 'Bits')], default='halves', max_length=10)),
                    ('size', models.BigIntegerField(default=0)),
                    ('recall', models.FloatField()),
                    ('queries', models.PositiveIntegerField()),
                    ('k', models.PositiveIntegerField()),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recall_figures', to='retrieval.encoder')),
                ],
                options={
                    'ordering': ['-at'],
                },
            ),
            migrations.CreateModel(
                name='Receipt',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('document', models.JSONField()),
                    ('signature', models.CharField(max_length=64)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='receipts', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                },
            ),
            migrations.CreateModel(
                name='RecoveryCode',
                fields=[
                    ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='RegionEmbedding',
                fields=[
                    ('pk', models.CompositePrimaryKey('image_id', 'encoder_id', 'place', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('place', models.PositiveSmallIntegerField()),
                    ('vector', pgvector.django.halfvec.HalfVectorField()),
                    ('length', models.FloatField()),
                    ('centred_length', models.FloatField()),
                    ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.encoder')),
                    ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='region_embeddings', to='retrieval.image')),
                ],
            ),
            migrations.CreateModel(
                name='SearchRecord',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('asked', models.JSONField()),
                    ('files', models.PositiveSmallIntegerField(default=0)),
                    ('url', models.TextField(blank=True)),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                    'indexes': [models.Index(fields=['user', '-created_at', '-id'], name='search_of_person')],
                },
            ),
            migrations.CreateModel(
                name='SecondFactor',
                fields=[
                    ('user', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='second_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('secret', models.CharField(help_text='In base 32.', max_length=64)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('confirmed_at', models.DateTimeField(help_text='When a code of the app was seen; it is asked for since.', null=True)),
                    ('last_step', models.BigIntegerField(default=0, help_text='The half minute of the last code that let somebody in.')),
                ],
            ),
            migrations.CreateModel(
                name='Session',
                fields=[
                    ('session_data', models.TextField(verbose_name='session data')),
                    ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                    ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('address', models.CharField(blank=True, default='', max_length=45)),
                    ('agent', models.CharField(blank=True, default='', max_length=300)),
                    ('user', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'session',
                    'verbose_name_plural': 'sessions',
                    'ordering': ['-seen_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='ShareLink',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(blank=True, max_length=100)),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('password', models.CharField(blank=True, max_length=128)),
                    ('downloads', models.BooleanField(default=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('expires_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('visits', models.PositiveBigIntegerField(default=0)),
                    ('last_visit_at', models.DateTimeField(null=True)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='share_links', to='retrieval.collection')),
                    ('made_by', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='TrainingRun',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('stage', models.CharField(blank=True, max_length=100)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('total', models.PositiveIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('worker', models.CharField(blank=True, help_text='Who works on it: host, process, its start.', max_length=100)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='The last sign of life of its worker.', null=True)),
                    ('cancel_asked', models.BooleanField(default=False)),
                    ('error_code', models.CharField(blank=True, max_length=60)),
                    ('error_text', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('queued_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('name', models.CharField(max_length=80)),
                    ('recipe', models.CharField(max_length=40)),
                    ('config', models.JSONField()),
                    ('labels', models.CharField(choices=[('tags', 'First tag'), ('group_key', 'Belongs to')], default='tags', max_length=10)),
                    ('step', models.PositiveIntegerField(default=0)),
                    ('steps', models.PositiveIntegerField(default=0)),
                    ('curve', models.JSONField(default=list)),
                    ('record', models.JSONField(default=dict)),
                    ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.collection')),
                    ('encoder', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='retrieval.encoder')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'abstract': False,
                },
            ),
            migrations.CreateModel(
                name='UserUsage',
                fields=[
                    ('user', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='usage', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('images', models.PositiveBigIntegerField(default=0)),
                    ('bytes', models.PositiveBigIntegerField(default=0)),
                ],
            ),
            migrations.CreateModel(
                name='Watch',
                fields=[
                    ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=200)),
                    ('asked', models.JSONField()),
                    ('min_probability', models.FloatField(null=True)),
                    ('min_score', models.FloatField(null=True)),
                    ('active', models.BooleanField(default=True)),
                    ('gather', models.DurationField(default=datetime.timedelta(0), help_text='Repeats within so long are gathered in one alert.')),
                    ('direction', models.BinaryField(null=True)),
                    ('least', models.FloatField(null=True)),
                    ('calibration', models.CharField(blank=True, max_length=64)),
                    ('candidates', models.PositiveIntegerField(default=0, help_text='Among how many ``least`` was told.')),
                    ('trouble', models.CharField(blank=True, help_text='Code of why it could not be fitted.', max_length=60)),
                    ('fitted_at', models.DateTimeField(null=True)),
                    ('version', models.BigIntegerField(default=retrieval.models.watches.version)),
                    ('webhook', models.URLField(blank=True, max_length=2000)),
                    ('secret', models.CharField(blank=True, help_text='Signs what is sent to the webhook.', max_length=64)),
                    ('mail', models.CharField(blank=True, choices=[('at_once', 'At once'), ('hourly', 'Hourly'), ('daily', 'Daily')], max_length=7)),
                    ('language', models.CharField(blank=True, help_text='Of mails: in which they were asked for.', max_length=10)),
                    ('most_an_hour', models.PositiveIntegerField(null=True)),
                    ('quiet_from', models.TimeField(help_text='UTC', null=True)),
                    ('quiet_until', models.TimeField(help_text='UTC', null=True)),
                    ('backfill_from', models.UUIDField(help_text='Older pictures up to this one are still to be looked at.', null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('encoder', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='retrieval.encoder')),
                    ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='watches', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', '-id'],
                },
            ),
            *(each for each in LATER if not isinstance(each, migrations.RunSQL)),
        ]),
        migrations.RunSQL([_views.STORAGE, REGIONS, _integrity.GOES_ALONG], migrations.RunSQL.noop),
        migrations.RunSQL([_views.COUNTS, _changes.COUNTS], _views.NO_COUNTS),
        migrations.RunSQL([_views.APPEND_ONLY, _people.FORGETS], [_people.NEVER_FORGETS, _views.NO_APPEND_ONLY]),
        migrations.RunSQL(_views.OVERVIEW, "DROP VIEW retrieval_joboverview;"),
        *(each for each in LATER if isinstance(each, migrations.RunSQL)),
    ]
