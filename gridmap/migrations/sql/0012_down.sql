-- Undoes 0012_up.sql: nothing is lost, for all of it can be drawn again.

DROP TABLE drawn_tile;
DROP TRIGGER draw_inserted ON building;
DROP TRIGGER draw_updated ON building;
DROP TRIGGER draw_deleted ON building;
DROP FUNCTION draw_buildings();
DROP TABLE building_shape;
