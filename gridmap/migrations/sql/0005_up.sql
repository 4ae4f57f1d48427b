-- Grids may be dedicated to a unit; a building says in which division it is registered.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

-- The kind of a grid has its column already. keep_history() copies columns by name, so a table
-- and its history may have them in different places, but both must have them.
ALTER TABLE division ADD COLUMN unit_name TEXT;
ALTER TABLE division_history ADD COLUMN unit_name TEXT;
ALTER TABLE building ADD COLUMN declared_unit TEXT COLLATE "C";
ALTER TABLE building_history ADD COLUMN declared_unit TEXT COLLATE "C";
