-- Create the roles and the database of the catalogue. Run it with psql 14 or newer, as an administrator of the server,
-- with the two passwords in the environment:
--   CATALOGUE_PASSWORD=… RENDERER_PASSWORD=… psql --file infra/postgresql/roles.sql "$ADMINISTRATOR_URL"
-- Run it again to change the passwords. Existing roles, databases and tables are kept.
-- Then start Reelmill once as the owner, which creates the tables, and run renderer.sql.
\set ON_ERROR_STOP on
\getenv owner_password CATALOGUE_PASSWORD
\getenv renderer_password RENDERER_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY ['reelmill', 'reelmill_renderer']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- The owner of the database: driver, watcher, sweeper and dashboard. It can neither read other databases nor files of
-- the server, nor create roles.
ALTER ROLE reelmill LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
-- The renderers (Ray workers). Its privileges are in renderer.sql. A worker process needs one or two connections; the
-- limit leaves some to the owner.
ALTER ROLE reelmill_renderer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
    CONNECTION LIMIT 60 PASSWORD :'renderer_password';

SELECT 'CREATE DATABASE reelmill OWNER reelmill'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'reelmill')
\gexec

REVOKE ALL ON DATABASE reelmill FROM PUBLIC;
GRANT CONNECT ON DATABASE reelmill TO reelmill_renderer;

-- Large objects belong to no table, so that row security does not cover them; nothing of Reelmill uses them. PostgreSQL
-- cannot forbid a role to change its own password, to take advisory locks, or to send notifications: renew the password
-- with this file, and allow only the renderers' addresses in pg_hba.conf.
\connect reelmill
REVOKE ALL ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea),
    lo_open(oid, integer), lo_unlink(oid), lo_get(oid), lo_get(oid, bigint, integer) FROM PUBLIC;
