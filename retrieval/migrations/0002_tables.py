"""The tables, as the models have them."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.bit
import pgvector.django.halfvec
import uuid
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0001_extension'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            ],
            options={
                'verbose_name': 'job',
                'db_table': 'retrieval_joboverview',
                'ordering': ['-created_at'],
                'managed': False,
            },
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
            name='UserUsage',
            fields=[
                ('user', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='usage', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('images', models.PositiveBigIntegerField(default=0)),
                ('bytes', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(blank=True, max_length=100)),
                ('digest', models.CharField(max_length=64, unique=True)),
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
            name='AuditEvent',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('action', models.CharField(max_length=60)),
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
            name='Collection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True, max_length=2000)),
                ('visibility', models.CharField(choices=[('private', 'Private'), ('shared', 'Shared'), ('public', 'Public')], default='private', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='owned_collections', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ArchiveImport',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=300)),
                ('file', models.CharField(help_text='File name in the incoming folder; empty when it is gone.', max_length=300)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=8)),
                ('total', models.PositiveIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('position', models.PositiveIntegerField(default=0)),
                ('lease_token', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error_text', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='imports', to=settings.AUTH_USER_MODEL)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='retrieval.collection')),
            ],
            options={
                'ordering': ['-created_at'],
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
                ('state', models.CharField(choices=[('draft', 'Draft'), ('building', 'Building'), ('active', 'Active'), ('retired', 'Retired')], default='draft', max_length=10)),
                ('scores', models.JSONField(blank=True, default=dict)),
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
            name='EmbeddingCount',
            fields=[
                ('pk', models.CompositePrimaryKey('collection_id', 'encoder_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('images', models.BigIntegerField(default=0)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='embedding_counts', to='retrieval.collection')),
                ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='retrieval.encoder')),
            ],
        ),
        migrations.CreateModel(
            name='FirstLink',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
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
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('deleted_at', models.DateTimeField(blank=True, db_index=True, null=True)),
                ('words', models.GeneratedField(db_persist=True, expression=models.Func(models.F('title'), models.F('caption'), models.F('tags'), function='public.retrieval_words'), output_field=django.contrib.postgres.search.SearchVectorField())),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='images', to='retrieval.collection')),
                ('uploader', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='images', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
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
                ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error_text', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('encoder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='retrieval.encoder')),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='retrieval.image')),
            ],
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
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('contributor', 'Contributor'), ('manager', 'Manager')], default='viewer', max_length=12)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='retrieval.collection')),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['user__username'],
            },
        ),
        migrations.CreateModel(
            name='RecallFigure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
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
            name='TrainingRun',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('recipe', models.CharField(max_length=40)),
                ('config', models.JSONField()),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('step', models.PositiveIntegerField(default=0)),
                ('steps', models.PositiveIntegerField(default=0)),
                ('curve', models.JSONField(default=list)),
                ('record', models.JSONField(default=dict)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error_text', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('encoder', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='retrieval.encoder')),
                ('user', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['collection', '-created_at', '-id'], name='image_newest_first'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(fields=['-created_at', '-id'], name='image_newest_of_all'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=django.contrib.postgres.indexes.GinIndex(fields=['tags'], name='image_tags'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=django.contrib.postgres.indexes.GinIndex(fields=['words'], name='image_words'),
        ),
        migrations.AddIndex(
            model_name='embeddingjob',
            index=models.Index(condition=models.Q(('state__in', ['pending', 'running'])), fields=['priority', 'next_attempt_at', 'image'], name='job_to_do'),
        ),
        migrations.AddIndex(
            model_name='embeddingjob',
            index=models.Index(fields=['state', 'encoder'], name='job_by_state'),
        ),
        migrations.AddIndex(
            model_name='embedding',
            index=models.Index(fields=['encoder', 'collection'], name='embedding_scope'),
        ),
        migrations.AddIndex(
            model_name='embedding',
            index=models.Index(fields=['created_at'], name='embedding_newest'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('collection', 'user'), name='one_role_per_member'),
        ),
    ]
