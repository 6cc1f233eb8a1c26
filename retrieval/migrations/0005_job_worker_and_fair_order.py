"""A lease names its holder, and the ledger is read owner by owner."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0004_collection_deleted_at'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='embeddingjob',
            name='job_to_do',
        ),
        migrations.AddField(
            model_name='embeddingjob',
            name='worker',
            field=models.CharField(blank=True, help_text='Who holds the lease: host, process, its start.', max_length=100),
        ),
        migrations.AddIndex(
            model_name='embeddingjob',
            index=models.Index(condition=models.Q(('state__in', ['pending', 'running'])), fields=['encoder', 'owner', 'priority', 'next_attempt_at'], name='job_to_do'),
        ),
    ]
