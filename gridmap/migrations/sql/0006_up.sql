-- Organisations of every kind, posts, courtyards, matters, lenses; blank spots and snapshots.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

-- What was computed of organisations is computed anew: its rows say more now.
DELETE FROM coverage_run WHERE subject = 'org';

-- Party organisations are organisations among others.
ALTER TABLE party_org RENAME TO organisation;
ALTER TABLE party_org_history RENAME TO organisation_history;
ALTER SEQUENCE party_org_id_seq RENAME TO organisation_id_seq;
ALTER TABLE organisation RENAME CONSTRAINT pk_party_org TO pk_organisation;
ALTER TABLE organisation RENAME CONSTRAINT ex_party_org_period TO ex_organisation_period;
ALTER TABLE organisation RENAME CONSTRAINT ck_party_org_valid TO ck_organisation_valid;
ALTER TABLE organisation RENAME CONSTRAINT fk_party_org_batch_id TO fk_organisation_batch_id;
ALTER INDEX ix_party_org_host_code RENAME TO ix_organisation_host_code;
ALTER INDEX ix_party_org_parent_code RENAME TO ix_organisation_parent_code;
ALTER INDEX ix_party_org_batch_id RENAME TO ix_organisation_batch_id;
ALTER INDEX ix_party_org_history_ended_by RENAME TO ix_organisation_history_ended_by;
COMMENT ON TABLE organisation IS 'Organisations of every kind: counts only, never persons.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['organisation', 'organisation_history'] LOOP
        EXECUTE format(
            'ALTER TABLE %I ADD COLUMN seat_code TEXT COLLATE "C",'
            ' ADD COLUMN staff_count INTEGER, ADD COLUMN has_committee BOOLEAN,'
            ' ADD COLUMN weak BOOLEAN, ADD COLUMN floor_area_m2 DOUBLE PRECISION,'
            ' ADD COLUMN duty_phone TEXT', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['duty', 'duty_history'] LOOP
        EXECUTE format('ALTER TABLE %I RENAME COLUMN org_code TO holder_code', name);
        EXECUTE format('ALTER TABLE %I ADD COLUMN last_on DATE', name);
    END LOOP;
END $$;
CREATE INDEX ix_duty_holder_code ON duty (holder_code);
CREATE INDEX ix_organisation_code ON organisation (code);
COMMENT ON TABLE duty IS 'Which organisation or post serves which target, from when to when.';

-- A batch is never rewritten, but here the layer's own name changes.
ALTER TABLE import_batch DISABLE TRIGGER written_once;
UPDATE import_batch SET layer = 'organisation' WHERE layer = 'party_org';
ALTER TABLE import_batch ENABLE TRIGGER written_once;

DROP TABLE target_coverage;
COMMENT ON TABLE coverage_rate IS
    'Numerator and denominator of every rate of cameras of every unit.';

CREATE TABLE post (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    kind TEXT NOT NULL,
    org_code TEXT COLLATE "C",
    host_code TEXT COLLATE "C",
    filled BOOLEAN,
    is_secretary BOOLEAN,
    duty_phone TEXT,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_post PRIMARY KEY (id),
    CONSTRAINT ex_post_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_post_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_post_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_post_batch_id ON post (batch_id);
CREATE INDEX ix_post_code ON post (code);
COMMENT ON TABLE post IS
    'Posts and whether they are filled: roles, never persons.';

CREATE TABLE project (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    community_code TEXT COLLATE "C" NOT NULL,
    year INTEGER NOT NULL,
    state TEXT,
    budget_cny DOUBLE PRECISION,
    satisfaction_share DOUBLE PRECISION,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_project PRIMARY KEY (id),
    CONSTRAINT ex_project_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_project_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_project_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_project_batch_id ON project (batch_id);
CREATE INDEX ix_project_code ON project (code);
COMMENT ON TABLE project IS
    'Projects of communities, by year.';

CREATE TABLE matter_item (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    matter_class TEXT NOT NULL,
    route TEXT NOT NULL,
    unit_code TEXT COLLATE "C",
    days_allowed INTEGER,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_matter_item PRIMARY KEY (id),
    CONSTRAINT ex_matter_item_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_matter_item_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_matter_item_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_matter_item_batch_id ON matter_item (batch_id);
CREATE INDEX ix_matter_item_code ON matter_item (code);
COMMENT ON TABLE matter_item IS
    'The catalogue of matters: class and route; its past is kept as its versions.';

CREATE TABLE proposal (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    host_code TEXT COLLATE "C" NOT NULL,
    raised_on DATE NOT NULL,
    state TEXT NOT NULL,
    resolved_on DATE,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_proposal PRIMARY KEY (id),
    CONSTRAINT ex_proposal_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_proposal_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_proposal_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_proposal_batch_id ON proposal (batch_id);
CREATE INDEX ix_proposal_code ON proposal (code);
COMMENT ON TABLE proposal IS
    'What people propose, and what became of it.';

CREATE TABLE lens (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    parts TEXT NOT NULL,
    target_kinds TEXT,
    holders TEXT,
    through TEXT,
    need INTEGER,
    most INTEGER,
    min_members INTEGER,
    min_full INTEGER,
    own_from INTEGER,
    window_days INTEGER,
    neighbour_m DOUBLE PRECISION,
    same_grid BOOLEAN,
    held_by_secretary BOOLEAN,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    CONSTRAINT pk_lens PRIMARY KEY (id),
    CONSTRAINT ex_lens_period EXCLUDE USING gist (code WITH =, valid WITH &&),
    CONSTRAINT ck_lens_valid CHECK (NOT isempty(valid)),
    CONSTRAINT fk_lens_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_lens_batch_id ON lens (batch_id);
CREATE INDEX ix_lens_code ON lens (code);
COMMENT ON TABLE lens IS
    'Coverage lenses beside the shipped ones, or in their place.';

CREATE TABLE courtyard (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    party_leadership DATE,
    council DATE,
    owners_committee DATE,
    supervisory_committee DATE,
    self_service_station DATE,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_courtyard PRIMARY KEY (code),
    CONSTRAINT fk_courtyard_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_courtyard_batch_id ON courtyard (batch_id);
CREATE INDEX ix_courtyard_geom ON courtyard USING gist (geom);
COMMENT ON TABLE courtyard IS
    'Courtyards that group buildings; since when each has the five parts of 131.';

CREATE TABLE department_grid (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    department TEXT NOT NULL,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_department_grid PRIMARY KEY (code),
    CONSTRAINT fk_department_grid_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_department_grid_batch_id ON department_grid (batch_id);
CREATE INDEX ix_department_grid_geom ON department_grid USING gist (geom);
COMMENT ON TABLE department_grid IS
    'Grids of departments, beside the base grid.';

CREATE TABLE matter (
    code TEXT COLLATE "C" NOT NULL,
    item_code TEXT COLLATE "C",
    summary TEXT,
    source_system TEXT,
    state TEXT,
    reported_on DATE NOT NULL,
    accepted_on DATE,
    resolved_on DATE,
    routed_to TEXT COLLATE "C",
    routed_grid TEXT COLLATE "C",
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(POINT,4490) NOT NULL,
    CONSTRAINT pk_matter PRIMARY KEY (code),
    CONSTRAINT fk_matter_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_matter_batch_id ON matter (batch_id);
CREATE INDEX ix_matter_geom ON matter USING gist (geom);
COMMENT ON TABLE matter IS
    'Matters reported at a place: what, when, where to; never by whom.';

CREATE TABLE post_history (
    id BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    kind TEXT NOT NULL,
    org_code TEXT COLLATE "C",
    host_code TEXT COLLATE "C",
    filled BOOLEAN,
    is_secretary BOOLEAN,
    duty_phone TEXT,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_post_history_ended_by ON post_history (ended_by);
COMMENT ON TABLE post_history IS
    'Rows of posts as they were before a write changed them.';

CREATE TABLE project_history (
    id BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    community_code TEXT COLLATE "C" NOT NULL,
    year INTEGER NOT NULL,
    state TEXT,
    budget_cny DOUBLE PRECISION,
    satisfaction_share DOUBLE PRECISION,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_project_history_ended_by ON project_history (ended_by);
COMMENT ON TABLE project_history IS
    'Rows of projects as they were before a write changed them.';

CREATE TABLE matter_item_history (
    id BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    matter_class TEXT NOT NULL,
    route TEXT NOT NULL,
    unit_code TEXT COLLATE "C",
    days_allowed INTEGER,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_matter_item_history_ended_by ON matter_item_history (ended_by);
COMMENT ON TABLE matter_item_history IS
    'Rows of the catalogue as they were before a write changed them.';

CREATE TABLE proposal_history (
    id BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    host_code TEXT COLLATE "C" NOT NULL,
    raised_on DATE NOT NULL,
    state TEXT NOT NULL,
    resolved_on DATE,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_proposal_history_ended_by ON proposal_history (ended_by);
COMMENT ON TABLE proposal_history IS
    'Rows of proposals as they were before a write changed them.';

CREATE TABLE lens_history (
    id BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    parts TEXT NOT NULL,
    target_kinds TEXT,
    holders TEXT,
    through TEXT,
    need INTEGER,
    most INTEGER,
    min_members INTEGER,
    min_full INTEGER,
    own_from INTEGER,
    window_days INTEGER,
    neighbour_m DOUBLE PRECISION,
    same_grid BOOLEAN,
    held_by_secretary BOOLEAN,
    valid DATERANGE NOT NULL,
    batch_id BIGINT NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_lens_history_ended_by ON lens_history (ended_by);
COMMENT ON TABLE lens_history IS
    'Rows of lenses as they were before a write changed them.';

CREATE TABLE courtyard_history (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    party_leadership DATE,
    council DATE,
    owners_committee DATE,
    supervisory_committee DATE,
    self_service_station DATE,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(MULTIPOLYGON,4490) NOT NULL,
    valid_to DATE NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_courtyard_history_code_valid_from ON courtyard_history (code, valid_from);
CREATE INDEX ix_courtyard_history_ended_by ON courtyard_history (ended_by);
COMMENT ON TABLE courtyard_history IS
    'Former states of courtyards.';

CREATE TABLE department_grid_history (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    department TEXT NOT NULL,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(MULTIPOLYGON,4490) NOT NULL,
    valid_to DATE NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_department_grid_history_code_valid_from ON department_grid_history (code, valid_from);
CREATE INDEX ix_department_grid_history_ended_by ON department_grid_history (ended_by);
COMMENT ON TABLE department_grid_history IS
    'Former states of departments'' grids.';

CREATE TABLE matter_history (
    code TEXT COLLATE "C" NOT NULL,
    item_code TEXT COLLATE "C",
    summary TEXT,
    source_system TEXT,
    state TEXT,
    reported_on DATE NOT NULL,
    accepted_on DATE,
    resolved_on DATE,
    routed_to TEXT COLLATE "C",
    routed_grid TEXT COLLATE "C",
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    sys_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    geom GEOMETRY(POINT,4490) NOT NULL,
    valid_to DATE NOT NULL,
    sys_to TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by BIGINT NOT NULL
);
CREATE INDEX ix_matter_history_code_valid_from ON matter_history (code, valid_from);
CREATE INDEX ix_matter_history_ended_by ON matter_history (ended_by);
COMMENT ON TABLE matter_history IS
    'Former states of matters.';

CREATE TABLE unit_coverage (
    lens TEXT NOT NULL,
    unit_code TEXT COLLATE "C" NOT NULL,
    targets INTEGER NOT NULL,
    covered INTEGER NOT NULL,
    parts_covered INTEGER NOT NULL,
    households DOUBLE PRECISION NOT NULL,
    households_covered DOUBLE PRECISION NOT NULL,
    floor_area DOUBLE PRECISION NOT NULL,
    floor_area_covered DOUBLE PRECISION NOT NULL,
    target_codes TEXT[] NOT NULL,
    statuses TEXT[] NOT NULL,
    reasons TEXT[] NOT NULL,
    holder_codes TEXT[] NOT NULL,
    parts INTEGER[] NOT NULL,
    links INTEGER[] NOT NULL,
    missing TEXT[] NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_unit_coverage PRIMARY KEY (lens, unit_code),
    CONSTRAINT fk_unit_coverage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_unit_coverage_unit_code ON unit_coverage (unit_code);
COMMENT ON TABLE unit_coverage IS
    'Who covers the targets of a unit under a lens, or why nobody does; '''' is no unit.';

CREATE TABLE snapshot (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    label TEXT NOT NULL,
    as_of DATE NOT NULL,
    inputs JSONB NOT NULL,
    CONSTRAINT pk_snapshot PRIMARY KEY (id),
    CONSTRAINT uq_snapshot_label UNIQUE (label)
);
COMMENT ON TABLE snapshot IS
    'Frozen statuses of all lenses: one a computation of all, and one a quarter.';

CREATE TABLE frozen_status (
    lens TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    statuses BYTEA NOT NULL,
    CONSTRAINT pk_frozen_status PRIMARY KEY (lens, sha256)
);
COMMENT ON TABLE frozen_status IS
    'The statuses of a lens as Parquet; equal ones are kept once.';

CREATE TABLE snapshot_lens (
    snapshot_id BIGINT NOT NULL,
    lens TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    CONSTRAINT pk_snapshot_lens PRIMARY KEY (snapshot_id, lens),
    CONSTRAINT fk_snapshot_lens_lens_sha256 FOREIGN KEY(lens, sha256) REFERENCES frozen_status (lens, sha256),
    CONSTRAINT fk_snapshot_lens_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshot (id)
);
COMMENT ON TABLE snapshot_lens IS
    'Which statuses a snapshot has.';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['post', 'project', 'matter_item', 'proposal', 'lens',
                                'courtyard', 'department_grid', 'matter'] LOOP
        EXECUTE format(
            'CREATE TRIGGER keep_updated AFTER UPDATE ON %I'
            ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', name);
        EXECUTE format(
            'CREATE TRIGGER keep_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', name);
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name || '_history');
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['snapshot', 'frozen_status', 'snapshot_lens'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO gridmap_app;
        GRANT INSERT, UPDATE, DELETE ON
            post, project, matter_item, proposal, lens, courtyard, department_grid, matter,
            unit_coverage TO gridmap_app;
        GRANT INSERT ON snapshot, frozen_status, snapshot_lens TO gridmap_app;
    END IF;
END $$;
