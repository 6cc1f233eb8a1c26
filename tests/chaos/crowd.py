"""Fifty thousand made-up vectors on a site, somebody who sees few of them, and a plain search that tells the truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import requests
from numpy.typing import NDArray

from retrieval.search.integrity import DIGEST
from tests.chaos.site import Site

CROWD = 50_000
DIMENSION = 256
# Of float32 sums, one by PostgreSQL and one here.
ROUNDING = 1e-5
# Vectors in a few thousand clusters, so that they have neighbours worth finding; pictures in collections by share.
FILL = """
WITH homes AS (SELECT array_agg(id ORDER BY name) AS ids FROM retrieval_collection WHERE name LIKE 'share %%'),
made AS (
  INSERT INTO retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
      width, height, format, bytes, sha256, placeholder, created_at, updated_at)
  SELECT gen_random_uuid(), ids[1 + least(floor(-log(random() + 1e-9)), 4)::int], 1, n::text, '', '{}', '', '', '{}',
      4, 3, 'PNG', 1, md5(n::text) || md5(n::text), '', now(), now()
  FROM homes, generate_series(1, %s) AS n RETURNING id, collection_id, title::int AS n)
INSERT INTO retrieval_embedding (image_id, encoder_id, collection_id, vector, length, centred_length, created_at)
SELECT id, encoder.pk, collection_id, l2_normalize(vector)::halfvec, 1, 1, now()
FROM made, (SELECT id AS pk FROM retrieval_encoder WHERE state = 'active') AS encoder,
LATERAL (SELECT array_agg(sin(n %% 2500 * (i + 1) * 0.37) + 0.3 * (random() - 0.5))::vector AS vector
         FROM generate_series(1, %s) AS i WHERE n IS NOT NULL) AS drawn
"""
COUNTED = """
INSERT INTO retrieval_userusage SELECT uploader_id, count(*), sum(bytes) FROM retrieval_image GROUP BY 1
ON CONFLICT (user_id) DO UPDATE SET images = EXCLUDED.images, bytes = EXCLUDED.bytes
"""
DIGESTED = f"""
INSERT INTO retrieval_embeddingdigest (image_id, encoder_id, sha256)
SELECT e.image_id, e.encoder_id, {DIGEST} FROM retrieval_embedding e ON CONFLICT DO NOTHING;
INSERT INTO retrieval_imagedigest (collection_id, sha256, image_id)
SELECT collection_id, sha256, id FROM retrieval_image WHERE deleted_at IS NULL ON CONFLICT DO NOTHING
"""
# One tag for each share, by a number between 0 and 1 that a picture draws for it.
DRAWN = "('x' || substr(md5(sha256 || '{tag}'), 1, 8))::bit(32)::bigint / 4294967296.0"
TAGGED = f"CASE WHEN {DRAWN} < {{share}} THEN '{{tag}}' END"


def fill(site: Site) -> None:
    """Put the crowd into five collections of the administrator; its pictures have no files."""
    for number in range(5):
        site.session.post(site.url("collections/"), json={"name": f"share {number}"}, timeout=60).raise_for_status()
    site.query(FILL % (CROWD, DIMENSION))
    site.query(COUNTED)
    site.query(DIGESTED)
    site.query("ANALYZE retrieval_embedding")


def tag(site: Site, shares: Mapping[str, float]) -> None:
    """Give each tag to a random share of all pictures."""
    chosen = ", ".join(TAGGED.format(tag=name, share=share) for name, share in shares.items())
    site.query(f"UPDATE retrieval_image SET tags = array_remove(ARRAY[{chosen}], NULL)")
    site.query("ANALYZE retrieval_image")


def move(site: Site, images: Sequence[str], collection: str) -> None:
    """Put pictures into another collection."""
    named = ", ".join(f"'{image}'" for image in images)
    for table, key in (("retrieval_image", "id"), ("retrieval_embedding", "image_id")):
        site.query(f"UPDATE {table} SET collection_id = '{collection}' WHERE {key} IN ({named})")


def newcomer(site: Site, name: str) -> requests.Session:
    """Have the administrator make an account on the administration's page; return its session of the API."""
    pages, password = requests.Session(), "a long enough secret 7"
    _post(pages, site.page("login/"), username="admin", password=site.password)
    _post(pages, site.page("admin/auth/user/add/"), username=name, password1=password, password2=password,
          usable_password="true")  # fmt: skip
    answer = requests.post(site.url("auth/token/"), json={"username": name, "password": password}, timeout=60)
    assert answer.status_code in {200, 201}, answer.text
    session = requests.Session()
    session.headers["Authorization"] = f"Token {answer.json()['token']}"
    return session


def _post(pages: requests.Session, address: str, **fields: str) -> None:
    """Fill in a form as a browser does; it must lead on to another page."""
    pages.get(address, timeout=60).raise_for_status()
    fields["csrfmiddlewaretoken"] = pages.cookies["csrftoken"]
    answer = pages.post(address, data=fields, headers={"Referer": address}, allow_redirects=False, timeout=60)
    assert answer.status_code == 302, answer.text[-2000:]


@dataclass(frozen=True)
class Stored:
    """The vectors of one encoder as they lie in the tables, (N, D) of length 1, by the number of their picture."""

    numbers: dict[str, int]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, site: Site, encoder: str) -> Stored:
        """Read all that an encoder of this name has."""
        rows = site.query(
            "SELECT image_id::text, halfvec_send(vector::halfvec) FROM retrieval_embedding "
            f"JOIN retrieval_encoder ON retrieval_encoder.id = encoder_id WHERE name = '{encoder}'"
        )
        halves = np.stack([np.frombuffer(data, dtype=">f2", offset=4) for _, data in rows]).astype(np.float32)
        numbers = {image: number for number, (image, _) in enumerate(rows)}
        return cls(numbers, halves / np.linalg.norm(halves, axis=1, keepdims=True))

    def distances(self, image: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine distances of a picture to others."""
        return 1 - self.vectors[[self.numbers[other] for other in others]] @ self.vectors[self.numbers[image]]

    def nearest(self, image: str, *, among: Collection[str], k: int) -> list[str]:
        """Return the ``k`` nearest of these, by a plain look at every one."""
        others = sorted(among)
        return [others[place] for place in np.argsort(self.distances(image, others), kind="stable")[:k]]

    def agrees(self, image: str, found: Sequence[str], *, among: Collection[str], k: int) -> bool:
        """Are these the ``k`` nearest of all, in their order? Of two equally near ones either may come first."""
        expected = self.nearest(image, among=among, k=k)
        known = len(found) == len(set(found)) == len(expected) and set(found) <= set(among)
        return known and bool(
            np.allclose(self.distances(image, found), self.distances(image, expected), atol=ROUNDING, rtol=0)
        )

    def recall(self, image: str, found: Sequence[str], *, among: Collection[str], k: int) -> float:
        """Return the share of the ``k`` nearest that was found."""
        expected = self.nearest(image, among=among, k=k)
        return len(set(found) & set(expected)) / len(expected)
