"""A training run names who has it, so that one whose worker died goes on."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0005_job_worker_and_fair_order'),
    ]

    operations = [
        migrations.AddField(
            model_name='trainingrun',
            name='worker',
            field=models.CharField(blank=True, help_text='Who trains it: host, process, its start.', max_length=100),
        ),
    ]
