-- Shapes of buildings in Web Mercator, and tiles drawn beforehand.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables/drawn.py.

CREATE TABLE building_shape (
    code TEXT COLLATE "C" NOT NULL,
    grid_code TEXT COLLATE "C",
    geom geometry(MULTIPOLYGON, 3857) NOT NULL,
    CONSTRAINT pk_building_shape PRIMARY KEY (code)
);
COMMENT ON TABLE building_shape IS
    'Buildings as they are now, in Web Mercator for tiles; written by triggers of building.';
INSERT INTO building_shape SELECT code, grid_code, ST_Transform(geom, 3857) FROM building;
CREATE INDEX ix_building_shape_geom ON building_shape USING gist (geom);

CREATE FUNCTION draw_buildings() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Where PostGIS lives is the operator's choice.
    at text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                WHERE e.extname = 'postgis');
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format(
            'DELETE FROM %I.building_shape s USING old_rows o WHERE s.code = o.code',
            TG_TABLE_SCHEMA);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format(
            'INSERT INTO %I.building_shape (code, grid_code, geom)'
            ' SELECT code, grid_code, %I.ST_Transform(geom, 3857) FROM new_rows',
            TG_TABLE_SCHEMA, at);
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION draw_buildings() FROM PUBLIC;
CREATE TRIGGER draw_inserted AFTER INSERT ON building REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION draw_buildings();
CREATE TRIGGER draw_updated AFTER UPDATE ON building
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION draw_buildings();
CREATE TRIGGER draw_deleted AFTER DELETE ON building REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION draw_buildings();

CREATE TABLE drawn_tile (
    asked TEXT NOT NULL,
    zoom INTEGER NOT NULL,
    tile_column INTEGER NOT NULL,
    tile_row INTEGER NOT NULL,
    version TEXT NOT NULL,
    features INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT pk_drawn_tile PRIMARY KEY (asked, zoom, tile_column, tile_row)
);
COMMENT ON TABLE drawn_tile IS
    'Tiles of the whole district, compressed, of one state of the store.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT ON building_shape TO gridmap_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON drawn_tile TO gridmap_app;
    END IF;
END $$;
