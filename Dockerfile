# One image for the web server, the workers and the scheduler; docker-compose.yml says which one a container is.

# `make pin-images` names it by its digest.
ARG BASE=python:3.12-slim-trixie
FROM ${BASE} AS build
RUN python -m venv /venv
# Not empty: with what reads more formats; "video": with what reads videos too.
ARG EXTRAS=
COPY requirements.txt requirements.lock requirements-extras.lock requirements-extras-video.lock /
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r /requirements.lock \
    # One index alone may answer for torch, the one with builds for processors; what is left wants nothing more then.
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps \
        --index-url https://download.pytorch.org/whl/cpu "$(grep ^torch== /requirements.txt)" \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements.txt \
    && if [ -n "$EXTRAS" ]; then /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r /requirements-extras.lock; fi \
    && if [ "$EXTRAS" = video ]; then /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        --no-deps -r /requirements-extras-video.lock; fi

FROM ${BASE}
RUN useradd --system --uid 10001 --home-dir /nonexistent imagesearch \
    && install -d -o imagesearch -g imagesearch -m 0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY imagesearch imagesearch
COPY retrieval retrieval
COPY templates templates
COPY static static
COPY locale locale
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    IMAGESEARCH_STATIC_DIR=/app/collected IMAGESEARCH_HOST=0.0.0.0
# No program can write beside its code later, and each would compile all of it at each start; nobody changes it any more.
RUN python -m compileall -q --invalidation-mode unchecked-hash imagesearch retrieval
RUN IMAGESEARCH_DATA_DIR=/tmp/build python manage.py collect_static && rm -rf /tmp/build && chmod -R a+rX /app
ENV IMAGESEARCH_DATA_DIR=/data
USER imagesearch
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "program", "web"]
