-- Undoes 0009_up.sql: all accounts are lost.

DROP TABLE sign_in_link;
DROP TABLE api_token;
DROP TABLE session;
DROP TABLE account;
