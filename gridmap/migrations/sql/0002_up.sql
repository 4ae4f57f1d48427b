-- Camera coverage in full: what a register says of cameras, places of law, results at every k.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

-- Former results lack the new figures; they are computed anew by `gridmap coverage refresh`.
DELETE FROM coverage_run WHERE subject = 'camera';

ALTER TABLE camera
    ADD COLUMN direction_type INTEGER,
    ADD COLUMN azimuth_tolerance_deg DOUBLE PRECISION,
    ADD COLUMN position_tolerance_m DOUBLE PRECISION,
    ADD COLUMN h_pixels INTEGER,
    ADD COLUMN group_code TEXT COLLATE "C",
    ADD COLUMN indoor BOOLEAN,
    ADD COLUMN declared_unit TEXT COLLATE "C",
    ADD COLUMN filing_no TEXT,
    ADD COLUMN sign_installed BOOLEAN,
    ADD COLUMN consent_ref TEXT,
    ADD COLUMN retention_days INTEGER;

ALTER TABLE camera_history
    ADD COLUMN direction_type INTEGER,
    ADD COLUMN azimuth_tolerance_deg DOUBLE PRECISION,
    ADD COLUMN position_tolerance_m DOUBLE PRECISION,
    ADD COLUMN h_pixels INTEGER,
    ADD COLUMN group_code TEXT COLLATE "C",
    ADD COLUMN indoor BOOLEAN,
    ADD COLUMN declared_unit TEXT COLLATE "C",
    ADD COLUMN filing_no TEXT,
    ADD COLUMN sign_installed BOOLEAN,
    ADD COLUMN consent_ref TEXT,
    ADD COLUMN retention_days INTEGER;

ALTER TABLE camera_view
    ADD COLUMN certain_area_m2 DOUBLE PRECISION NOT NULL,
    ADD COLUMN certain geometry(MULTIPOLYGON,4490),
    ALTER COLUMN geom TYPE geometry(MULTIPOLYGON,4490);

ALTER TABLE ground_coverage
    ADD COLUMN certain_area_m2 DOUBLE PRECISION NOT NULL,
    ADD COLUMN key_area_m2 DOUBLE PRECISION NOT NULL,
    ADD COLUMN key_seen_area_m2 DOUBLE PRECISION NOT NULL,
    ADD COLUMN areas_m2 DOUBLE PRECISION[] NOT NULL,
    ADD COLUMN level_areas_m2 JSONB NOT NULL;
COMMENT ON TABLE camera_view IS 'The ground each camera possibly sees, and that it certainly sees, in plan (2D).';
COMMENT ON TABLE ground_coverage IS 'Seen and blind open ground of each grid; areas_m2[k] is seen by at least k cameras.';

CREATE TABLE entrance (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    building_code TEXT COLLATE "C" NOT NULL,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(POINT,4490) NOT NULL,
    CONSTRAINT pk_entrance PRIMARY KEY (code),
    CONSTRAINT fk_entrance_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_entrance_geom ON entrance USING gist (geom);
COMMENT ON TABLE entrance IS 'Entrances of buildings, to be seen by cameras and found by visitors.';

CREATE TABLE key_public_area (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    place_category TEXT,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_key_public_area PRIMARY KEY (code),
    CONSTRAINT fk_key_public_area_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_key_public_area_geom ON key_public_area USING gist (geom);
COMMENT ON TABLE key_public_area IS 'Key public areas: the denominator of the official coverage rate.';

CREATE TABLE privacy_zone (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    kind TEXT,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_privacy_zone PRIMARY KEY (code),
    CONSTRAINT fk_privacy_zone_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_privacy_zone_geom ON privacy_zone USING gist (geom);
COMMENT ON TABLE privacy_zone IS 'Where no camera may stand or look.';

CREATE TABLE restricted_site (
    code TEXT COLLATE "C" NOT NULL,
    name TEXT,
    kind TEXT,
    consent_distance_m DOUBLE PRECISION,
    valid_from DATE NOT NULL,
    batch_id BIGINT NOT NULL,
    geom geometry(MULTIPOLYGON,4490) NOT NULL,
    CONSTRAINT pk_restricted_site PRIMARY KEY (code),
    CONSTRAINT fk_restricted_site_batch_id FOREIGN KEY(batch_id) REFERENCES import_batch (id)
);
CREATE INDEX ix_restricted_site_geom ON restricted_site USING gist (geom);
COMMENT ON TABLE restricted_site IS 'Sites near which a camera needs consent first.';

CREATE TABLE blind_area (
    unit_code TEXT COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    area_m2 DOUBLE PRECISION NOT NULL,
    key_area_m2 DOUBLE PRECISION NOT NULL,
    road_m DOUBLE PRECISION NOT NULL,
    frontage_m DOUBLE PRECISION NOT NULL,
    household_count INTEGER NOT NULL,
    run_id BIGINT NOT NULL,
    geom geometry(POLYGON,4490) NOT NULL,
    CONSTRAINT pk_blind_area PRIMARY KEY (unit_code, number),
    CONSTRAINT fk_blind_area_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_blind_area_geom ON blind_area USING gist (geom);
COMMENT ON TABLE blind_area IS 'Connected blind ground of a grid, with what lies in it and who lives at it.';

CREATE TABLE building_frontage (
    building_code TEXT COLLATE "C" NOT NULL,
    unit_code TEXT COLLATE "C",
    wall_m DOUBLE PRECISION NOT NULL,
    open_m DOUBLE PRECISION NOT NULL,
    seen_m DOUBLE PRECISION NOT NULL,
    lengths_m DOUBLE PRECISION[] NOT NULL,
    camera_count INTEGER NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_building_frontage PRIMARY KEY (building_code),
    CONSTRAINT fk_building_frontage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_building_frontage_unit_code ON building_frontage (unit_code);
COMMENT ON TABLE building_frontage IS 'Metres of wall of each building; lengths_m[k] is seen by at least k cameras.';

CREATE TABLE entrance_coverage (
    entrance_code TEXT COLLATE "C" NOT NULL,
    unit_code TEXT COLLATE "C",
    camera_count INTEGER NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_entrance_coverage PRIMARY KEY (entrance_code),
    CONSTRAINT fk_entrance_coverage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_entrance_coverage_unit_code ON entrance_coverage (unit_code);
COMMENT ON TABLE entrance_coverage IS 'How many cameras see each entrance.';

CREATE TABLE failure_loss (
    kind TEXT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    cameras INTEGER NOT NULL,
    area_m2 DOUBLE PRECISION NOT NULL,
    road_m DOUBLE PRECISION NOT NULL,
    frontage_m DOUBLE PRECISION NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_failure_loss PRIMARY KEY (kind, code),
    CONSTRAINT fk_failure_loss_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
COMMENT ON TABLE failure_loss IS 'What only this camera, pole or named group sees: lost if it fails.';

CREATE TABLE camera_issue (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    camera_code TEXT COLLATE "C" NOT NULL,
    shape TEXT NOT NULL,
    field TEXT,
    values JSONB NOT NULL,
    run_id BIGINT NOT NULL,
    geom geometry(GEOMETRY,4490),
    CONSTRAINT pk_camera_issue PRIMARY KEY (id),
    CONSTRAINT fk_camera_issue_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
CREATE INDEX ix_camera_issue_camera_code ON camera_issue (camera_code);
COMMENT ON TABLE camera_issue IS 'Broken rules V00-V11 of each camera, with the numbers of the sentence.';

