//! Fresh databases for tests: a SQLite file always, a PostgreSQL schema where `TEST_DATABASE_URL` names a server.
