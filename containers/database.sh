#!/bin/sh
# Runs once, in an empty database container: the site's role owns its database and is no superuser.
set -eu
psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set word `cat "${SECRETS:-/run/secrets}/database_password"`
CREATE ROLE imagesearch LOGIN PASSWORD :'word';
CREATE DATABASE imagesearch OWNER imagesearch;
\connect imagesearch
CREATE EXTENSION vector;
SQL
