"""Digests of vectors and thumbnails, by which the audit tells whether they are what was made for their picture."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# A vector goes with its digest: one constraint instead of a second deletion at every place that removes vectors.
GOES_ALONG = """
ALTER TABLE retrieval_embeddingdigest ADD CONSTRAINT embedding_digest_of_a_vector
    FOREIGN KEY (image_id, encoder_id) REFERENCES retrieval_embedding (image_id, encoder_id) ON DELETE CASCADE;
"""
# What is there now is taken for right; that is all that can be known of it.
FILL = """
INSERT INTO retrieval_embeddingdigest (image_id, encoder_id, sha256)
    SELECT e.image_id, e.encoder_id,
           sha256(uuid_send(e.image_id) || uuid_send(e.encoder_id) || halfvec_send(e.vector)
                  || float8send(e.length) || float8send(e.centred_length))
    FROM retrieval_embedding e;
"""


class Migration(migrations.Migration):
    """The digests of vectors are filled in here, those of thumbnails by the running site, a few at a time."""

    dependencies = [("retrieval", "0013_people_and_sessions")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="thumbnail_digests",
            field=models.JSONField(null=True, editable=False, help_text="Long side: SHA-256; empty: not known."),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                fields=["id"], condition=models.Q(thumbnail_digests__isnull=True), name="image_thumbnails_unknown"
            ),
        ),
        migrations.CreateModel(
            name="EmbeddingDigest",
            fields=[
                ("pk", models.CompositePrimaryKey("image_id", "encoder_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("sha256", models.BinaryField(max_length=32)),
                ("encoder", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="retrieval.encoder")),
                ("image", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="retrieval.image")),
            ],
        ),
        migrations.RunSQL(FILL, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(GOES_ALONG, reverse_sql="ALTER TABLE retrieval_embeddingdigest DROP CONSTRAINT embedding_digest_of_a_vector;"),
    ]
