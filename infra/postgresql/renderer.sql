-- What the role of the renderers may do in the catalogue. Run it as the owner of the tables, after the first start of
-- Reelmill and after each upgrade; running it again changes nothing else:
--   psql --set ON_ERROR_STOP=1 --file infra/postgresql/renderer.sql "$REELMILL_CATALOGUE_URL"
-- A renderer leases variants, records clips, scores and verdicts, and counts device time. It cannot approve, reject,
-- sign, publish or withdraw, submit provider jobs, nor change accounts, tokens, schedules, sheets or the audit log.
-- Everything that is not granted here is forbidden, including all tables that later versions add.
BEGIN;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, reelmill_renderer;
REVOKE ALL ON SCHEMA public FROM reelmill_renderer;
GRANT USAGE ON SCHEMA public TO reelmill_renderer;

GRANT SELECT ON alembic_version, memberships, runs, variants TO reelmill_renderer;
GRANT SELECT (campaign_id, standing, priority) ON campaigns TO reelmill_renderer;
-- A renderer submits no provider jobs. It only asks which variants have one, and what they add to the budget of its run.
GRANT SELECT (variant_id, run_id, state, fetched_at, cost_micros, reserved_micros) ON provider_jobs TO reelmill_renderer;
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

-- JSON of a renderer is valid, short, and has each key once: readers disagree about repeated keys.
CREATE OR REPLACE FUNCTION renderer_json(body text, most integer) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
DECLARE
    found jsonb;
BEGIN
    IF length(body) <= most THEN
        found := body::jsonb;
        IF jsonb_typeof(found) = 'array' OR (jsonb_typeof(found) = 'object'
            AND (SELECT count(*) FROM json_object_keys(body::json)) = (SELECT count(*) FROM jsonb_object_keys(found))) THEN
            IF jsonb_path_exists(found, '$.** ? (@.type() == "number" && (@ > 1e15 || @ < -1e15))') THEN
                RAISE EXCEPTION 'a number in the JSON of a renderer is too large' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN found;
        END IF;
    END IF;
    RAISE EXCEPTION 'the JSON of a renderer is too long, repeats a key, or is neither object nor list'
        USING ERRCODE = 'insufficient_privilege';
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RAISE EXCEPTION 'the JSON of a renderer is not valid, or nested too deeply' USING ERRCODE = 'insufficient_privilege';
END
$$;
GRANT EXECUTE ON FUNCTION renderer_json(text, integer) TO reelmill_renderer;

-- An event belongs to the state that its variant has now, which a renderer may set. It is not backdated, and names a
-- process as its actor, because `person:NAME` would look like a decision. Both are written in one transaction; the event
-- of a clip that was rendered and judged at once comes in two steps, after the state.
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
        AND renderer_json(detail, 200000) IS NOT NULL
        AND EXISTS (
            SELECT FROM variants AS own WHERE own.variant_id = events.variant_id AND (
                own.state = events.to_state
                OR (events.to_state = 'rendered' AND own.state IN ('passed', 'failed'))
            ) AND (own.state IN ('planned', 'leased', 'rendered') OR own.xmin = pg_current_xact_id()::xid)
        )
    );

-- The only alert of a renderer is that another process on its host was lost, in the program's own words.
ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON alerts;
CREATE POLICY renderer_reads ON alerts FOR SELECT TO reelmill_renderer USING (kind = 'worker-lost');
DROP POLICY IF EXISTS renderer_alerts ON alerts;
CREATE POLICY renderer_alerts ON alerts FOR INSERT TO reelmill_renderer
    WITH CHECK (
        kind = 'worker-lost'
        AND key ~ '^worker-lost:[A-Za-z0-9._-]{1,255}:[0-9a-f-]{0,64}:[0-9]{1,20}:[0-9]{0,20}$'
        AND text ~ ('^A worker was lost: process [0-9]{1,20} on [A-Za-z0-9._-]{1,255}[.] Its leases on [0-9,]{1,20} clips? '
            'pass to other workers[.] Check its log and, if the process was killed, the memory of its machine[.]$')
        AND renderer_json(detail, 200000) IS NOT NULL
        AND at BETWEEN extract(epoch FROM clock_timestamp()) - 60 AND extract(epoch FROM clock_timestamp()) + 60
        AND due_at BETWEEN extract(epoch FROM clock_timestamp()) - 60 AND extract(epoch FROM clock_timestamp()) + 60
    );

-- A run that has ended stays as it is.
ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON runs;
CREATE POLICY renderer_reads ON runs FOR SELECT TO reelmill_renderer USING (true);
DROP POLICY IF EXISTS renderer_counts ON runs;
CREATE POLICY renderer_counts ON runs FOR UPDATE TO reelmill_renderer USING (ended_at IS NULL);

-- Device use is only added, at most a day in a step, and by a process to a run of its campaign.
GRANT SELECT, INSERT, UPDATE (seconds, booked_at) ON device_use TO reelmill_renderer;
ALTER TABLE device_use ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS renderer_reads ON device_use;
CREATE POLICY renderer_reads ON device_use FOR SELECT TO reelmill_renderer USING (true);
DROP POLICY IF EXISTS renderer_books ON device_use;
CREATE POLICY renderer_books ON device_use FOR INSERT TO reelmill_renderer
    WITH CHECK (
        use_id ~ '^[0-9a-f]{32}$'
        AND kind IN ('generate', 'load', 'other', 'score')
        AND owner ~ '^[^:]+:[0-9a-f-]*:[0-9]+:[0-9]*$'
        AND length(owner) <= 400 AND length(device) <= 200 AND length(device_kind) <= 200 AND length(card) <= 200
        AND (run_id = '' OR EXISTS (
            SELECT FROM runs AS own WHERE own.run_id = device_use.run_id AND own.campaign_id = device_use.campaign_id
        ))
        AND seconds BETWEEN 0 AND 86400
        AND booked_at BETWEEN extract(epoch FROM clock_timestamp()) - 60 AND extract(epoch FROM clock_timestamp()) + 60
    );
DROP POLICY IF EXISTS renderer_adds ON device_use;
CREATE POLICY renderer_adds ON device_use FOR UPDATE TO reelmill_renderer USING (true);
CREATE OR REPLACE FUNCTION renderer_use() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    now double precision := extract(epoch FROM clock_timestamp());
BEGIN
    IF NOT (NEW.seconds - OLD.seconds BETWEEN 0 AND 86400) OR NOT (NEW.booked_at BETWEEN now - 60 AND now + 60) THEN
        RAISE EXCEPTION 'a renderer can only add device time' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_use BEFORE UPDATE ON device_use FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer')
    EXECUTE FUNCTION renderer_use();
REVOKE ALL ON FUNCTION renderer_use() FROM PUBLIC;

-- The driver reads these columns, so each has a fixed form: one damaged row must not stop the others. A clip of a
-- renderer is staged in the bucket under its own variant; otherwise it could name any file of the driver's host.
CREATE OR REPLACE FUNCTION renderer_number(value jsonb, low double precision, high double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric BETWEEN low AND high ELSE false END
$$;
CREATE OR REPLACE FUNCTION renderer_clip() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    own text := '/' || left(NEW.variant_id, 2) || '/' || NEW.variant_id;
    clip jsonb;
    name text;
BEGIN
    IF NEW.clip IS NULL THEN
        RETURN NEW;
    END IF;
    clip := renderer_json(NEW.clip, 4000);
    IF clip ->> 'machine' IS DISTINCT FROM 'bucket'
        OR clip ->> 'variant_id' IS DISTINCT FROM NEW.variant_id
        OR coalesce(clip ->> 'sha256', '') !~ '^[0-9a-f]{64}$'
        OR right(clip ->> 'path', length(own || '/master.mp4')) IS DISTINCT FROM own || '/master.mp4'
        OR right(clip ->> 'poster', length(own || '/poster.jpg')) IS DISTINCT FROM own || '/poster.jpg'
    THEN
        RAISE EXCEPTION 'a clip of a renderer must be staged in the bucket under its own variant'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT clip ?& ARRAY ['size', 'height', 'width', 'num_frames', 'fps', 'device_seconds']
        OR clip - ARRAY ['variant_id', 'path', 'poster', 'sha256', 'size', 'height', 'width', 'num_frames', 'fps',
            'device_seconds', 'machine', 'profile', 'rung', 'campaign_id', 'device_kind', 'sound_sha256', 'provider',
            'job_id', 'cost_micros', 'currency', 'cost_is_estimate', 'has_audio', 'codec', 'frame_rate',
            'file_duration_s', 'original_sha256', 'parent_credential', 'revised_prompt_sha256'] <> '{}'
        OR (SELECT bool_or(jsonb_typeof(value) <> 'string') FROM jsonb_each(clip)
            WHERE key IN ('variant_id', 'path', 'poster', 'sha256', 'machine', 'profile', 'rung', 'campaign_id',
                'device_kind', 'sound_sha256', 'provider', 'job_id', 'currency', 'codec', 'frame_rate',
                'original_sha256', 'parent_credential', 'revised_prompt_sha256'))
        OR (SELECT bool_or(jsonb_typeof(value) <> 'boolean') FROM jsonb_each(clip)
            WHERE key IN ('cost_is_estimate', 'has_audio'))
        OR (SELECT bool_or(value !~ '^([0-9a-f]{64})?$') FROM jsonb_each_text(clip)
            WHERE key IN ('sound_sha256', 'original_sha256', 'revised_prompt_sha256'))
        OR coalesce(clip ->> 'parent_credential', '') NOT IN ('', 'trusted', 'valid', 'invalid')
    THEN
        RAISE EXCEPTION 'a clip of a renderer has unknown or missing fields' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF coalesce(clip ->> 'provider', '') <> '' OR coalesce(clip ->> 'job_id', '') <> ''
        OR coalesce(clip -> 'cost_micros', 'null') <> 'null'
    THEN
        RAISE EXCEPTION 'a clip of a renderer is from no provider' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH name IN ARRAY ARRAY ['size', 'height', 'width', 'num_frames', 'fps'] LOOP
        IF NOT renderer_number(clip -> name, 1, CASE name WHEN 'size' THEN 1e12 WHEN 'fps' THEN 1000 ELSE 1000000 END) OR (clip ->> name) !~ '^[0-9]+$' THEN
            RAISE EXCEPTION 'the % of a clip is out of range', name USING ERRCODE = 'insufficient_privilege';
        END IF;
    END LOOP;
    IF clip ->> 'file_duration_s' IS NOT NULL AND NOT renderer_number(clip -> 'file_duration_s', 0, 1e6) THEN
        RAISE EXCEPTION 'the length of a clip is out of range' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT renderer_number(clip -> 'device_seconds', 0, 1e7) THEN
        RAISE EXCEPTION 'the device time of a clip is out of range' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_clip BEFORE UPDATE OF clip ON variants FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer' AND NEW.clip IS DISTINCT FROM OLD.clip)
    EXECUTE FUNCTION renderer_clip();

CREATE OR REPLACE FUNCTION renderer_values() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    now double precision := extract(epoch FROM clock_timestamp());
    body jsonb;
BEGIN
    -- Python would read NaN, which is no JSON, and numbers beyond its range, which the record of a clip cannot contain.
    IF NEW.score IS DISTINCT FROM OLD.score AND NEW.score IS NOT NULL THEN
        body := renderer_json(NEW.score, 20000);
        IF jsonb_typeof(body) <> 'object' OR body ->> 'variant_id' IS DISTINCT FROM NEW.variant_id
            OR body - ARRAY ['variant_id', 'checks', 'prompt_adherence', 'prompt_rank', 'num_distractors', 'scorer'] <> '{}'
            OR jsonb_typeof(coalesce(body -> 'checks', '{}')) <> 'object'
            OR jsonb_typeof(coalesce(body -> 'scorer', '""')) <> 'string'
            OR NOT (coalesce(body -> 'prompt_adherence', 'null') = 'null'
                OR renderer_number(body -> 'prompt_adherence', -1.01, 1.01))
            OR NOT (coalesce(body -> 'prompt_rank', 'null') = 'null' OR body ->> 'prompt_rank' ~ '^[0-9]{1,9}$')
            OR NOT coalesce(body ->> 'num_distractors', '0') ~ '^[0-9]{1,9}$'
            OR (SELECT bool_or(NOT renderer_number(value, -1e12, 1e12)) FROM jsonb_each(coalesce(body -> 'checks', '{}')))
            OR length(body ->> 'scorer') > 1000
        THEN
            RAISE EXCEPTION 'the score of a renderer has another form' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    IF NEW.reasons IS DISTINCT FROM OLD.reasons AND NEW.reasons IS NOT NULL THEN
        body := renderer_json(NEW.reasons, 200000);
        IF jsonb_typeof(body) <> 'array' OR jsonb_path_exists(body, 'strict $[*] ? (@.type() != "array" || @.size() != 2)')
            OR jsonb_path_exists(body, '$[*][*] ? (@.type() != "string")')
        THEN
            RAISE EXCEPTION 'the reasons of a renderer have another form' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    IF (NEW.made_at IS DISTINCT FROM OLD.made_at AND NEW.made_at NOT BETWEEN now - 60 AND now + 60)
        OR (NEW.lease_expires IS DISTINCT FROM OLD.lease_expires AND NEW.lease_expires NOT BETWEEN now - 60 AND now + 604800)
        OR NEW.attempt NOT BETWEEN OLD.attempt AND OLD.attempt + 1
        OR NEW.tries NOT BETWEEN -1 AND OLD.tries + 1
        OR (NEW.prompt_adherence IS DISTINCT FROM OLD.prompt_adherence AND NEW.prompt_adherence NOT BETWEEN -1.01 AND 1.01)
        OR (NEW.sort_score IS DISTINCT FROM OLD.sort_score AND NEW.sort_score NOT BETWEEN -2 AND 1.01)
        OR length(NEW.error) > 200000 OR length(NEW.lease_owner) > 400
    THEN
        RAISE EXCEPTION 'a value of a renderer is out of range' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_values BEFORE UPDATE ON variants FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer')
    EXECUTE FUNCTION renderer_values();

-- Device time and leases are only added, because a run's budget and its turn depend on them. A step adds at most a day of
-- device time; NaN would never reach a budget.
CREATE OR REPLACE FUNCTION renderer_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    now double precision := extract(epoch FROM clock_timestamp());
    credit jsonb := renderer_json(NEW.detail, 20000) -> 'credit';
BEGIN
    IF NEW.spent_s < OLD.spent_s OR NEW.served < OLD.served
        OR NEW.detail::jsonb - 'credit' IS DISTINCT FROM OLD.detail::jsonb - 'credit' THEN
        RAISE EXCEPTION 'a renderer can only add device time and leases to a run'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT (NEW.spent_s - OLD.spent_s BETWEEN 0 AND 86400) OR NEW.served > 1e12
        OR NEW.waiting NOT BETWEEN 0 AND 1000000 OR NEW.working NOT BETWEEN 0 AND 1000000
        OR (NEW.claimed_at IS DISTINCT FROM OLD.claimed_at AND NEW.claimed_at NOT BETWEEN now - 60 AND now + 60)
        OR (credit IS NOT NULL AND (credit::text !~ '^[0-9]+$' OR NOT renderer_number(credit, 0, 1e12)))
    THEN
        RAISE EXCEPTION 'a count of a renderer is out of range' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER renderer_count BEFORE UPDATE ON runs FOR EACH ROW
    WHEN (current_user = 'reelmill_renderer')
    EXECUTE FUNCTION renderer_count();

-- Earlier versions counted the device time of drafts here.
DROP TRIGGER IF EXISTS renderer_drafts ON campaigns;
DROP FUNCTION IF EXISTS renderer_drafts();

-- The triggers run as the renderer, so it needs the functions that they call; neither reads or writes anything.
REVOKE ALL ON FUNCTION renderer_clip(), renderer_values(), renderer_count() FROM PUBLIC;
REVOKE ALL ON FUNCTION renderer_number(jsonb, double precision, double precision), renderer_json(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION renderer_number(jsonb, double precision, double precision), renderer_json(text, integer)
    TO reelmill_renderer;
COMMIT;
