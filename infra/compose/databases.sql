-- Runs after infra/postgresql/roles.sql when the volume is empty. Prefect gets a database and a role of its own, so that
-- its server cannot read the catalogue. The administrator loses its password: it can connect only inside the container.
\set ON_ERROR_STOP on
\getenv prefect_password PREFECT_POSTGRES_PASSWORD

CREATE ROLE prefect LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'prefect_password';
CREATE DATABASE prefect OWNER prefect;
REVOKE ALL ON DATABASE prefect FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
ALTER ROLE postgres PASSWORD NULL;
