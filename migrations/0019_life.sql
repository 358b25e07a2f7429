-- A project that rests, and what lies in the bin until it is gone for good. Times are microseconds UTC; null: neither.
alter table project add column archived_at bigint;
alter table project add column binned_at bigint;
-- a person's id; not a key, since who it was is shown and nothing hangs on it
alter table project add column binned_by text;
alter table shot add column binned_at bigint;
alter table shot add column binned_by text;
create index shot_in_bin on shot (binned_at) where binned_at is not null;

-- Which roles may make links here (JSON), and whether clients see each other.
alter table project add column sharers text not null default '["owner","producer","supervisor"]';
alter table project add column clients_apart bigint not null default 0;

-- Not started and not listed: its project rests, or it or its shot lies in the bin.
alter table job add column held bigint not null default 0;

-- When the bytes were last put or named by a row: what was seen lately is never swept.
alter table blob add column seen_at bigint not null default 0;
update blob set seen_at = created_at;

-- What the server does by itself once in a while, and what it came to.
create table upkeep (
    what text primary key,
    at bigint not null,
    said text not null
);
