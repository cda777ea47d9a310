-- What the role of the renderers may do in the catalogue. Run it as the owner of the tables, after the first start of
-- Reelmill and after each upgrade; running it again changes nothing else:
--   psql --set ON_ERROR_STOP=1 --file infra/postgresql/renderer.sql "$REELMILL_CATALOGUE_URL"
-- A renderer leases variants, records clips, scores and verdicts, and counts device time. It cannot approve, reject,
-- sign, publish or withdraw, nor change accounts, tokens, schedules, sheets or the audit log. Everything that is not
-- granted here is forbidden, including all tables that later versions add.
BEGIN;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON SCHEMA public FROM reelmill_renderer;
GRANT USAGE ON SCHEMA public TO reelmill_renderer;

GRANT SELECT ON alembic_version, memberships, runs, variants TO reelmill_renderer;
GRANT SELECT (campaign_id, standing, priority, draft_seconds), UPDATE (draft_seconds) ON campaigns TO reelmill_renderer;
GRANT UPDATE (waiting, working, served, spent_s, claimed_at, detail) ON runs TO reelmill_renderer;
GRANT UPDATE (
    state, attempt, tries, lease_owner, lease_expires, clip, score, prompt_adherence, sort_score, reasons, error, made_at
) ON variants TO reelmill_renderer;
-- SQLAlchemy asks for the ids of the rows that it has inserted.
GRANT INSERT (variant_id, at, actor, from_state, to_state, detail), SELECT (event_id) ON events TO reelmill_renderer;
GRANT INSERT (key, kind, text, campaign_id, detail, at, due_at), SELECT (alert_id, key) ON alerts TO reelmill_renderer;
GRANT USAGE ON SEQUENCE events_event_id_seq, alerts_alert_id_seq TO reelmill_renderer;

-- Row security applies to this role only, because the owner of a table bypasses it.
ALTER TABLE variants ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON variants;
CREATE POLICY renderer_reads ON variants FOR SELECT TO reelmill_renderer USING (true);
DROP POLICY IF EXISTS renderer_works ON variants;
CREATE POLICY renderer_works ON variants FOR UPDATE TO reelmill_renderer
    USING (state IN ('planned', 'leased', 'rendered'))
    WITH CHECK (state IN ('planned', 'leased', 'rendered', 'passed', 'failed', 'quarantined'));

-- An event belongs to a state that a renderer may set, is not backdated, and names a process as its actor, because
-- `person:NAME` would look like a decision.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON events;
CREATE POLICY renderer_reads ON events FOR SELECT TO reelmill_renderer USING (true);
DROP POLICY IF EXISTS renderer_reports ON events;
CREATE POLICY renderer_reports ON events FOR INSERT TO reelmill_renderer
    WITH CHECK (
        from_state IN ('planned', 'leased', 'rendered')
        AND to_state IN ('planned', 'leased', 'rendered', 'passed', 'failed', 'quarantined')
        AND (actor ~ '^[^:]+:[0-9a-f-]*:[0-9]+:[0-9]*$' OR (actor = 'system' AND to_state = 'quarantined'))
        AND at BETWEEN extract(epoch FROM clock_timestamp()) - 60 AND extract(epoch FROM clock_timestamp()) + 60
    );

-- The only alert of a renderer is that another process on its host was lost.
ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON alerts;
CREATE POLICY renderer_reads ON alerts FOR SELECT TO reelmill_renderer USING (kind = 'worker-lost');
DROP POLICY IF EXISTS renderer_alerts ON alerts;
CREATE POLICY renderer_alerts ON alerts FOR INSERT TO reelmill_renderer WITH CHECK (kind = 'worker-lost');

-- A run that has ended stays as it is.
ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON runs;
CREATE POLICY renderer_reads ON runs FOR SELECT TO reelmill_renderer USING (true);
DROP POLICY IF EXISTS renderer_counts ON runs;
CREATE POLICY renderer_counts ON runs FOR UPDATE TO reelmill_renderer USING (ended_at IS NULL);

-- A clip of a renderer is staged in the bucket under its own variant. Otherwise it could name any file of the driver's
-- host, such as a private key, which the driver would then publish as the clip's poster.
CREATE OR REPLACE FUNCTION renderer_clip() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    own text := '/' || left(NEW.variant_id, 2) || '/' || NEW.variant_id;
BEGIN
    IF NEW.clip IS NOT NULL AND (
        NEW.clip::json ->> 'machine' IS DISTINCT FROM 'bucket'
        OR NEW.clip::json ->> 'variant_id' IS DISTINCT FROM NEW.variant_id
        OR coalesce(NEW.clip::json ->> 'sha256', '') !~ '^[0-9a-f]{64}$'
        OR right(NEW.clip::json ->> 'path', length(own || '/master.mp4')) IS DISTINCT FROM own || '/master.mp4'
        OR right(NEW.clip::json ->> 'poster', length(own || '/poster.jpg')) IS DISTINCT FROM own || '/poster.jpg'
    ) THEN
        RAISE EXCEPTION 'a clip of a renderer must be staged in the bucket under its own variant'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_clip BEFORE UPDATE OF clip ON variants FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer' AND NEW.clip IS DISTINCT FROM OLD.clip)
    EXECUTE FUNCTION renderer_clip();

-- Device time and leases are only added, because a run's budget and its turn depend on them.
CREATE OR REPLACE FUNCTION renderer_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.spent_s < OLD.spent_s OR NEW.served < OLD.served
        OR NEW.detail::jsonb - 'credit' IS DISTINCT FROM OLD.detail::jsonb - 'credit' THEN
        RAISE EXCEPTION 'a renderer can only add device time and leases to a run'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_count BEFORE UPDATE ON runs FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer')
    EXECUTE FUNCTION renderer_count();

REVOKE ALL ON FUNCTION renderer_clip(), renderer_count() FROM PUBLIC;
COMMIT;
