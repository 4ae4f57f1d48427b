-- Undoes 0011_up.sql: nothing is lost, texts to be found follow from other rows.

DROP TABLE camera_entry;
DROP TABLE search_entry;
