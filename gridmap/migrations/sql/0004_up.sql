-- Every layer keeps its past, every write its reason; what was written cannot be erased.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

ALTER TABLE import_batch
    ADD COLUMN actor TEXT,
    ADD COLUMN action TEXT NOT NULL DEFAULT 'import',
    ADD COLUMN key TEXT,
    ADD COLUMN ended INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN undoes BIGINT,
    ADD CONSTRAINT uq_import_batch_key UNIQUE (key),
    ADD CONSTRAINT uq_import_batch_undoes UNIQUE (undoes),
    ADD CONSTRAINT fk_import_batch_undoes FOREIGN KEY (undoes) REFERENCES import_batch (id);
COMMENT ON TABLE import_batch IS
    'One row a write: who, when, from which file, of which day, how many rows it changed.';

CREATE TABLE lineage (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    level TEXT NOT NULL,
    old_code TEXT COLLATE "C" NOT NULL,
    new_code TEXT COLLATE "C" NOT NULL,
    effective DATE NOT NULL,
    area_m2 DOUBLE PRECISION NOT NULL,
    old_share DOUBLE PRECISION NOT NULL,
    new_share DOUBLE PRECISION NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_lineage PRIMARY KEY (id),
    CONSTRAINT fk_lineage_batch_id FOREIGN KEY (batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_lineage_old_code ON lineage (old_code);
CREATE INDEX ix_lineage_new_code ON lineage (new_code);
COMMENT ON TABLE lineage IS
    'What became of a division: the ground that one had and another got, with both shares.';

-- The places, like buildings and cameras, get a version and a past.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site'] LOOP
        EXECUTE format(
            'ALTER TABLE %I ADD COLUMN version INTEGER NOT NULL DEFAULT 1,'
            ' ADD COLUMN sys_from TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site', 'division', 'party_org', 'duty'] LOOP
        -- NOT NULL comes along, defaults and keys do not.
        EXECUTE format('CREATE TABLE %I (LIKE %I)', name || '_history', name);
        IF name NOT IN ('division', 'party_org', 'duty') THEN
            EXECUTE format('ALTER TABLE %I ADD COLUMN valid_to DATE NOT NULL,'
                           ' ALTER COLUMN version SET DEFAULT 1,'
                           ' ALTER COLUMN sys_from SET DEFAULT now()', name || '_history');
            EXECUTE format('CREATE INDEX %I ON %I (code, valid_from)',
                           'ix_' || name || '_history_code_valid_from', name || '_history');
        END IF;
        EXECUTE format(
            'ALTER TABLE %I ADD COLUMN sys_to TIMESTAMP WITH TIME ZONE NOT NULL,'
            ' ADD COLUMN ended_by BIGINT NOT NULL', name || '_history');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['building', 'camera', 'road', 'entrance', 'key_public_area',
                                'privacy_zone', 'restricted_site', 'division', 'party_org',
                                'duty'] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (ended_by)',
                       'ix_' || name || '_history_ended_by', name || '_history');
        EXECUTE format('CREATE INDEX %I ON %I (batch_id)',
                       'ix_' || name || '_batch_id', name);
    END LOOP;
END $$;
CREATE INDEX ix_building_history_geom ON building_history USING gist (geom);
CREATE INDEX ix_camera_history_geom ON camera_history USING gist (geom);
COMMENT ON TABLE road_history IS 'Former states of roads.';
COMMENT ON TABLE entrance_history IS 'Former states of entrances.';
COMMENT ON TABLE key_public_area_history IS 'Former states of key public areas.';
COMMENT ON TABLE privacy_zone_history IS 'Former states of privacy zones.';
COMMENT ON TABLE restricted_site_history IS 'Former states of restricted sites.';
COMMENT ON TABLE division_history IS 'Rows of divisions as they were before a write changed them.';
COMMENT ON TABLE party_org_history IS
    'Rows of organisations as they were before a write changed them.';
COMMENT ON TABLE duty_history IS 'Rows of duties as they were before a write changed them.';

-- Former rows go to <table>_history once a statement (reliability.md 3: 1.5 times the cost of
-- none). The write that ends them is the transaction's batch, which undoing has too. A row of a
-- current table was true until its successor's first day, or the batch's.
CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text;
    olds text;
    batch bigint := current_setting('gridmap.batch')::bigint;
    current_rows boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = TG_RELID AND attname = 'valid_from');
BEGIN
    -- By name: a column added to both tables stands in another place in each.
    SELECT string_agg(quote_ident(attname), ', '), string_agg('o.' || quote_ident(attname), ', ')
    INTO names, olds
    FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
    IF NOT current_rows THEN
        EXECUTE format(
            'INSERT INTO %I.%I (%s, sys_to, ended_by) SELECT %s, now(), $1 FROM old_rows o',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds) USING batch;
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

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site', 'division', 'party_org', 'duty'] LOOP
        EXECUTE format(
            'CREATE TRIGGER keep_updated AFTER UPDATE ON %I'
            ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', name);
        EXECUTE format(
            'CREATE TRIGGER keep_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', name);
    END LOOP;
END $$;

-- What was written is never rewritten: not by the application, not by its owner by mistake.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['building', 'camera', 'road', 'entrance', 'key_public_area',
                                'privacy_zone', 'restricted_site', 'division', 'party_org',
                                'duty'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name || '_history');
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lineage
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON import_batch
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- The counts are written by the transaction that opened the batch, and by no other.
CREATE TRIGGER written_once BEFORE UPDATE ON import_batch
    FOR EACH ROW WHEN (OLD.at <> now()) EXECUTE FUNCTION refuse_change();

-- The application's role owns nothing; where an operator has not made it, the triggers remain.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO gridmap_app;
        GRANT INSERT, UPDATE, DELETE ON
            division, party_org, duty, building, camera, road, entrance, key_public_area,
            privacy_zone, restricted_site, coverage_run, target_coverage, coverage_rate,
            camera_view, ground_coverage, blind_area, building_frontage, entrance_coverage,
            failure_loss, camera_issue TO gridmap_app;
        GRANT INSERT ON lineage, import_batch TO gridmap_app;
        GRANT UPDATE (inserted, updated, unchanged, ended) ON import_batch TO gridmap_app;
    END IF;
END $$;
