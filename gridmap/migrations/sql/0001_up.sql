-- First schema: divisions, buildings, organisations, duties, cameras, and what is computed of them.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE building (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    address TEXT,
    kind TEXT,
    floors INTEGER,
    height_m DOUBLE PRECISION,
    household_count INTEGER,
    floor_area_m2 DOUBLE PRECISION,
    management_kind TEXT,
    grid_code TEXT COLLATE "C",
    grid_share DOUBLE PRECISION,
    version INTEGER DEFAULT 1 NOT NULL,
    valid_from DATE NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_building PRIMARY KEY (code)
);
CREATE INDEX ix_building_geom ON building USING gist (geom);
CREATE INDEX ix_building_grid_code ON building (grid_code);
COMMENT ON TABLE building IS 'Buildings as they are now; what they were is in building_history.';

CREATE TABLE building_history (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    address TEXT,
    kind TEXT,
    floors INTEGER,
    height_m DOUBLE PRECISION,
    household_count INTEGER,
    floor_area_m2 DOUBLE PRECISION,
    management_kind TEXT,
    grid_code TEXT COLLATE "C",
    grid_share DOUBLE PRECISION,
    version INTEGER DEFAULT 1 NOT NULL,
    valid_from DATE NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    valid_to DATE NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_building_history_code_valid_from ON building_history (code, valid_from);
COMMENT ON TABLE building_history IS 'Former states of buildings, written by trigger, never changed.';

CREATE TABLE camera (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    azimuth_deg DOUBLE PRECISION,
    hfov_deg DOUBLE PRECISION,
    max_range_m DOUBLE PRECISION,
    mount_height_m DOUBLE PRECISION,
    place_category TEXT,
    point_type INTEGER,
    networked BOOLEAN,
    hd BOOLEAN,
    state TEXT,
    in_use_since DATE,
    filed_at DATE,
    grid_code TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    valid_from DATE NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(POINT,4490) NOT NULL,
    CONSTRAINT pk_camera PRIMARY KEY (code)
);
CREATE INDEX ix_camera_geom ON camera USING gist (geom);
CREATE INDEX ix_camera_grid_code ON camera (grid_code);
COMMENT ON TABLE camera IS 'Cameras as they are now; exact positions are for roles that need them.';

CREATE TABLE camera_history (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    azimuth_deg DOUBLE PRECISION,
    hfov_deg DOUBLE PRECISION,
    max_range_m DOUBLE PRECISION,
    mount_height_m DOUBLE PRECISION,
    place_category TEXT,
    point_type INTEGER,
    networked BOOLEAN,
    hd BOOLEAN,
    state TEXT,
    in_use_since DATE,
    filed_at DATE,
    grid_code TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    valid_from DATE NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(POINT,4490) NOT NULL,
    valid_to DATE NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_camera_history_code_valid_from ON camera_history (code, valid_from);
COMMENT ON TABLE camera_history IS 'Former states of cameras, written by trigger, never changed.';

CREATE TABLE coverage_run (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject TEXT NOT NULL,
    as_of DATE NOT NULL,
    computed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    inputs JSONB NOT NULL,
    CONSTRAINT pk_coverage_run PRIMARY KEY (id)
);
COMMENT ON TABLE coverage_run IS 'One computation: its date, its inputs'' versions, its parameters.';

CREATE TABLE import_batch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    layer TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    source_crs TEXT,
    encoding TEXT,
    effective DATE NOT NULL,
    rows INTEGER NOT NULL,
    inserted INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    synthetic BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_import_batch PRIMARY KEY (id)
);
COMMENT ON TABLE import_batch IS 'One row a write: which file, of which day, what it changed.';

CREATE TABLE camera_view (
    camera_code TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    moved_m DOUBLE PRECISION NOT NULL,
    assumed TEXT,
    area_m2 DOUBLE PRECISION NOT NULL,
    run_id BIGINT NOT NULL,
    geom geometry(POLYGON,4490),
    CONSTRAINT pk_camera_view PRIMARY KEY (camera_code),
    CONSTRAINT fk_camera_view_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_camera_view_geom ON camera_view USING gist (geom);
COMMENT ON TABLE camera_view IS 'The ground each camera sees, in plan (2D).';

CREATE TABLE coverage_rate (
    measure TEXT NOT NULL,
    unit_code TEXT COLLATE "C" NOT NULL,
    level TEXT NOT NULL,
    unit_of_measure TEXT NOT NULL,
    covered DOUBLE PRECISION NOT NULL,
    total DOUBLE PRECISION NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_coverage_rate PRIMARY KEY (measure, unit_code),
    CONSTRAINT fk_coverage_rate_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_coverage_rate_unit_code ON coverage_rate (unit_code);
COMMENT ON TABLE coverage_rate IS 'Numerator and denominator of every rate of every unit.';

CREATE TABLE division (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    level TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent_code TEXT COLLATE "C",
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_division PRIMARY KEY (id),
    CONSTRAINT ex_division_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_division_code CHECK (code ~ '^[0-9]+$' AND length(code) = CASE level WHEN 'district' THEN 6 WHEN 'street' THEN 9 WHEN 'community' THEN 12 WHEN 'grid' THEN 15 END),
    CONSTRAINT ck_division_parent CHECK (CASE level WHEN 'district' THEN parent_code IS NULL ELSE parent_code = left(code, length(code) - 3) END),
    CONSTRAINT ck_division_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_division_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_division_code ON division (code);
CREATE INDEX ix_division_geom ON division USING gist (geom);
COMMENT ON TABLE division IS 'District, streets, communities, grids: one row a code and period.';

CREATE TABLE duty (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    org_code TEXT COLLATE "C" NOT NULL,
    service TEXT NOT NULL,
    target_code TEXT COLLATE "C" NOT NULL,
    mode TEXT,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_duty PRIMARY KEY (id),
    CONSTRAINT ex_duty_period EXCLUDE USING gist (org_code WITH =, service WITH =, target_code WITH =, valid WITH &&),
    CONSTRAINT ck_duty_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_duty_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_duty_target_code_service ON duty (target_code, service);
COMMENT ON TABLE duty IS 'Which organisation serves which grid or building, from when to when.';

CREATE TABLE ground_coverage (
    unit_code TEXT COLLATE "C" NOT NULL,
    gross_area_m2 DOUBLE PRECISION NOT NULL,
    building_area_m2 DOUBLE PRECISION NOT NULL,
    open_area_m2 DOUBLE PRECISION NOT NULL,
    seen_area_m2 DOUBLE PRECISION NOT NULL,
    blind_area_m2 DOUBLE PRECISION NOT NULL,
    camera_count INTEGER NOT NULL,
    run_id BIGINT NOT NULL,
    seen geometry(MULTIPOLYGON,4490),
    blind geometry(MULTIPOLYGON,4490),
    CONSTRAINT pk_ground_coverage PRIMARY KEY (unit_code),
    CONSTRAINT fk_ground_coverage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_ground_coverage_blind ON ground_coverage USING gist (blind);
COMMENT ON TABLE ground_coverage IS 'Seen and blind open ground of each grid.';

CREATE TABLE party_org (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_code TEXT COLLATE "C",
    host_code TEXT COLLATE "C",
    full_members INTEGER,
    probationary_members INTEGER,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_party_org PRIMARY KEY (id),
    CONSTRAINT ex_party_org_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_party_org_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_party_org_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_party_org_host_code ON party_org (host_code);
CREATE INDEX ix_party_org_parent_code ON party_org (parent_code);
COMMENT ON TABLE party_org IS 'Party organisations and groups: counts only, never persons.';

CREATE TABLE road (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    kind TEXT,
    width_m DOUBLE PRECISION,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTILINESTRING,4490) NOT NULL,
    CONSTRAINT pk_road PRIMARY KEY (code),
    CONSTRAINT fk_road_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_road_geom ON road USING gist (geom);
COMMENT ON TABLE road IS 'Roads, for orientation and for the length of road in a blind area.';

CREATE TABLE target_coverage (
    lens TEXT NOT NULL,
    target_code TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    org_code TEXT COLLATE "C",
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_target_coverage PRIMARY KEY (lens, target_code),
    CONSTRAINT fk_target_coverage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
COMMENT ON TABLE target_coverage IS 'Who covers a building or grid under a lens, or why nobody does.';
-- Former rows go to <table>_history once a statement (reliability.md 3: 1.5 times the cost of none).
-- An update says itself by which batch and from which day; a delete is told by gridmap.batch.
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- By name: a column added to both tables stands in another place in each.
    names text := (
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped);
    olds text := (
        SELECT string_agg('o.' || quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO %I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, n.valid_from, now(), n.batch_id'
            ' FROM old_rows o JOIN new_rows n USING (code)',
            TG_TABLE_NAME || '_history', names, olds);
    ELSE
        EXECUTE format(
            'INSERT INTO %I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, b.effective, now(), b.id'
            ' FROM old_rows o JOIN import_batch b'
            ' ON b.id = current_setting(''gridmap.batch'')::bigint',
            TG_TABLE_NAME || '_history', names, olds);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_updated AFTER UPDATE ON building
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_deleted AFTER DELETE ON building
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_updated AFTER UPDATE ON camera
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_deleted AFTER DELETE ON camera
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_history();
