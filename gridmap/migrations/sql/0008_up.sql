-- In which unit each row is, and the ranges of codes that a request may see.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in gridmap/tables.

CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- What was imported once more without any change is no other version.
ALTER TABLE import_batch
    ADD COLUMN changed BOOLEAN GENERATED ALWAYS AS (inserted + updated + ended > 0) STORED;

-- A place belongs to the grid in which a point of it lies; of stored rows it is found once here.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site', 'courtyard', 'department_grid', 'matter'] LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN grid_code TEXT COLLATE "C"', name);
        EXECUTE format('ALTER TABLE %I ADD COLUMN grid_code TEXT COLLATE "C"', name || '_history');
        EXECUTE format('CREATE INDEX %I ON %I (grid_code)', 'ix_' || name || '_grid_code', name);
        -- What is derived is no change: neither a row of the past nor a version.
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER keep_updated', name);
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER append_only', name || '_history');
        EXECUTE format(
            'UPDATE %I SET grid_code = (SELECT d.code FROM division d WHERE d.level = ''grid'''
            ' AND d.valid @> current_date AND d.geom && ST_PointOnSurface(%I.geom)'
            ' AND ST_Covers(d.geom, ST_PointOnSurface(%I.geom)) ORDER BY d.code LIMIT 1)',
            name, name, name);
        EXECUTE format(
            'UPDATE %I h SET grid_code = (SELECT d.code FROM division d WHERE d.level = ''grid'''
            ' AND d.valid @> current_date AND d.geom && ST_PointOnSurface(h.geom)'
            ' AND ST_Covers(d.geom, ST_PointOnSurface(h.geom)) ORDER BY d.code LIMIT 1)',
            name || '_history');
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER keep_updated', name);
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER append_only', name || '_history');
    END LOOP;
END $$;

-- A duty belongs to the unit of its target: of a division itself, of anything else where it is.
CREATE FUNCTION units_of_codes() RETURNS TABLE (code text, unit text) LANGUAGE sql STABLE
    SET search_path = public, pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (of.code) of.code, of.unit FROM (
        SELECT d.code, d.code AS unit, 1 AS place, lower(d.valid) AS since FROM division d
        UNION ALL SELECT b.code, b.grid_code, 2, b.valid_from FROM building b
        UNION ALL SELECT c.code, c.grid_code, 3, c.valid_from FROM courtyard c
        UNION ALL SELECT o.code, o.host_code, 4, lower(o.valid) FROM organisation o
    ) of WHERE of.unit IS NOT NULL ORDER BY of.code, of.place, of.since DESC
$$;

ALTER TABLE duty ADD COLUMN target_unit TEXT COLLATE "C";
ALTER TABLE duty_history ADD COLUMN target_unit TEXT COLLATE "C";
CREATE INDEX ix_duty_target_unit ON duty (target_unit);
ALTER TABLE duty DISABLE TRIGGER keep_updated;
ALTER TABLE duty_history DISABLE TRIGGER append_only;
UPDATE duty SET target_unit = u.unit FROM units_of_codes() u WHERE u.code = duty.target_code;
UPDATE duty_history h SET target_unit = u.unit FROM units_of_codes() u WHERE u.code = h.target_code;
ALTER TABLE duty ENABLE TRIGGER keep_updated;
ALTER TABLE duty_history ENABLE TRIGGER append_only;

CREATE INDEX ix_post_host_code ON post (host_code);
CREATE INDEX ix_project_community_code ON project (community_code);
CREATE INDEX ix_proposal_host_code ON proposal (host_code);

ALTER TABLE camera_view ADD COLUMN unit_code TEXT COLLATE "C";
ALTER TABLE camera_issue ADD COLUMN unit_code TEXT COLLATE "C";
UPDATE camera_view v SET unit_code = c.grid_code FROM camera c WHERE c.code = v.camera_code;
UPDATE camera_issue i SET unit_code = c.grid_code FROM camera c WHERE c.code = i.camera_code;
CREATE INDEX ix_camera_view_unit_code ON camera_view (unit_code);
CREATE INDEX ix_camera_issue_unit_code ON camera_issue (unit_code);

ALTER TABLE blind_area ADD COLUMN place geometry(POINT, 4490);
UPDATE blind_area SET place = ST_PointOnSurface(geom);

-- Where only the unit of a duty's target changed, the duty did not.
CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text;
    olds text;
    derived text := '';
    batch bigint := nullif(current_setting('gridmap.batch', true), '')::bigint;
    current_rows boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = TG_RELID AND attname = 'valid_from');
BEGIN
    IF TG_TABLE_NAME = 'duty' AND TG_OP = 'UPDATE' THEN
        derived := ' WHERE NOT EXISTS (SELECT FROM new_rows n WHERE n.id = o.id AND'
            ' to_jsonb(n) - ''target_unit'' = to_jsonb(o) - ''target_unit'')';
    ELSIF batch IS NULL THEN
        RAISE EXCEPTION 'gridmap.batch is not set: a write to % is of no batch', TG_TABLE_NAME
            USING ERRCODE = '25000';
    END IF;
    -- By name: a column added to both tables stands in another place in each.
    SELECT string_agg(quote_ident(attname), ', '), string_agg('o.' || quote_ident(attname), ', ')
    INTO names, olds
    FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
    IF NOT current_rows THEN
        EXECUTE format(
            'INSERT INTO %I.%I (%s, sys_to, ended_by) SELECT %s, now(), $1 FROM old_rows o%s',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds, derived) USING batch;
    ELSIF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO %I.%I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, n.valid_from, now(), $1 FROM old_rows o JOIN new_rows n USING (code)',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds) USING batch;
    ELSE
        EXECUTE format(
            'INSERT INTO %I.%I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, b.effective, now(), $1 FROM old_rows o, %I.import_batch b WHERE b.id = $1',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds, TG_TABLE_SCHEMA) USING batch;
    END IF;
    RETURN NULL;
END $$;

-- What a request may see: half-open ranges of codes, signed by whoever knows the key.
CREATE TYPE code_range AS RANGE (
    subtype = text, collation = "C", multirange_type_name = code_multirange);

CREATE TABLE scope_key (
    key BYTEA NOT NULL,
    CONSTRAINT pk_scope_key PRIMARY KEY (key)
);
COMMENT ON TABLE scope_key IS
    'What scopes are signed with; roles that are kept apart cannot read it.';
INSERT INTO scope_key VALUES (gen_random_bytes(32));

-- Nothing where anything is amiss: unset, changed, widened, of yesterday, for another account. What
-- the signature fits is what the application made: its parts need no look of their own.
CREATE FUNCTION scope_ranges() RETURNS code_multirange LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_catalog, pg_temp AS $$
DECLARE
    ranges text := current_setting('gridmap.ranges', true);
    expires text := current_setting('gridmap.expires', true);
BEGIN
    IF encode(hmac(
            convert_to(
                ranges || E'\n' || expires || E'\n' || current_setting('gridmap.account', true),
                'UTF8'),
            (SELECT key FROM scope_key), 'sha256'), 'hex')
        = current_setting('gridmap.signature', true)
    THEN
        IF expires::bigint > extract(epoch FROM clock_timestamp()) THEN
            RETURN ranges::code_multirange;
        END IF;
    END IF;
    RETURN '{}';
END $$;
