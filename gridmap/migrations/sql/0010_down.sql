-- Undoes 0010_up.sql: the reasons of change sets, jobs and corrections are lost.

DROP TABLE correction;
DROP TABLE web_job;
DROP TABLE change_set;
