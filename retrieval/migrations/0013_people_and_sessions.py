"""Sessions by person, addresses in the trail, and tokens and links that end with the password they were made under."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# What was made before was made, as far as anybody can tell, under the password of today.
BIND = """
UPDATE retrieval_{table} AS made SET password = encode(sha256(convert_to(person.password, 'UTF8')), 'hex')
FROM auth_user AS person WHERE person.id = made.user_id
"""
# A line of the trail changes in one way only: once it is old, the address is taken out.
FORGETS = """
CREATE FUNCTION public.retrieval_trail_only_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < now() - interval '7 days' AND NEW.address = ''
       AND to_jsonb(NEW) - 'address' = to_jsonb(OLD) - 'address' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END $$;
DROP TRIGGER audit_event_append_only ON retrieval_auditevent;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE ON retrieval_auditevent
    FOR EACH ROW EXECUTE FUNCTION public.retrieval_trail_only_forgets();
"""
NEVER_FORGETS = """
DROP TRIGGER audit_event_append_only ON retrieval_auditevent;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE ON retrieval_auditevent
    FOR EACH ROW EXECUTE FUNCTION public.retrieval_append_only();
DROP FUNCTION public.retrieval_trail_only_forgets();
"""
DIGEST = models.CharField(default="", help_text="SHA-256 of the password's hash that it was made under.", max_length=64)


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0012_archive_decode_seconds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField('apitoken', 'password', DIGEST.clone(), preserve_default=False),
        migrations.AddField('firstlink', 'password', DIGEST.clone(), preserve_default=False),
        migrations.RunSQL(BIND.format(table="apitoken"), migrations.RunSQL.noop),
        migrations.RunSQL(BIND.format(table="firstlink"), migrations.RunSQL.noop),
        migrations.AddField('auditevent', 'address', models.CharField(blank=True, default='', max_length=45)),
        migrations.AlterField('auditevent', 'action', models.CharField(db_index=True, max_length=60)),
        migrations.RunSQL(FORGETS, NEVER_FORGETS),
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
    ]
