-- Texts by which objects are found.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables/search.py.
-- They are empty at first: whoever opens the store fills them from the rows that are there, for the
-- readings of characters are none of the database's.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE search_entry (
    kind TEXT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    field TEXT NOT NULL,
    text TEXT NOT NULL,
    unit_code TEXT COLLATE "C",
    lon DOUBLE PRECISION,
    lat DOUBLE PRECISION,
    written TEXT COLLATE "C" NOT NULL,
    pinyin TEXT COLLATE "C" NOT NULL,
    initials TEXT COLLATE "C" NOT NULL,
    starts TEXT NOT NULL,
    syllables TEXT NOT NULL,
    grams TEXT NOT NULL,
    CONSTRAINT pk_search_entry PRIMARY KEY (kind, code, field, text)
);
CREATE INDEX ix_search_entry_unit_code ON search_entry (unit_code);
CREATE INDEX ix_search_entry_kind_written ON search_entry (kind, written);
CREATE INDEX ix_search_entry_kind_pinyin ON search_entry (kind, pinyin);
CREATE INDEX ix_search_entry_kind_initials ON search_entry (kind, initials);
CREATE INDEX ix_search_entry_grams ON search_entry USING gin (grams gin_trgm_ops);
COMMENT ON TABLE search_entry IS
    'Texts by which divisions, buildings, organisations are found.';

CREATE TABLE camera_entry (
    kind TEXT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    field TEXT NOT NULL,
    text TEXT NOT NULL,
    unit_code TEXT COLLATE "C",
    lon DOUBLE PRECISION,
    lat DOUBLE PRECISION,
    written TEXT COLLATE "C" NOT NULL,
    pinyin TEXT COLLATE "C" NOT NULL,
    initials TEXT COLLATE "C" NOT NULL,
    starts TEXT NOT NULL,
    syllables TEXT NOT NULL,
    grams TEXT NOT NULL,
    CONSTRAINT pk_camera_entry PRIMARY KEY (kind, code, field, text)
);
CREATE INDEX ix_camera_entry_unit_code ON camera_entry (unit_code);
CREATE INDEX ix_camera_entry_kind_written ON camera_entry (kind, written);
CREATE INDEX ix_camera_entry_kind_pinyin ON camera_entry (kind, pinyin);
CREATE INDEX ix_camera_entry_kind_initials ON camera_entry (kind, initials);
CREATE INDEX ix_camera_entry_grams ON camera_entry USING gin (grams gin_trgm_ops);
COMMENT ON TABLE camera_entry IS
    'Texts by which cameras are found.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT, INSERT, DELETE ON search_entry, camera_entry TO gridmap_app;
    END IF;
END $$;
