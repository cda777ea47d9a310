#!/bin/sh
# Create a separate database and role for Prefect, so that its server cannot read the catalogue.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$PREFECT_POSTGRES_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'password';
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT ON DATABASE reelmill FROM PUBLIC;
SQL
