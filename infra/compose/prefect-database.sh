#!/bin/sh
# Prefect's own database and role: its server can then read nothing of the catalogue.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$PREFECT_POSTGRES_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'password';
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT ON DATABASE reelmill FROM PUBLIC;
SQL
