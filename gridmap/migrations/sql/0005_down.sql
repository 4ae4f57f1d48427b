-- Undoes 0005_up.sql: units and declared divisions are lost; a grid's kind stays as text.

ALTER TABLE division DROP COLUMN unit_name;
ALTER TABLE division_history DROP COLUMN unit_name;
ALTER TABLE building DROP COLUMN declared_unit;
ALTER TABLE building_history DROP COLUMN declared_unit;
