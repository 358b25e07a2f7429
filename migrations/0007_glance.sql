-- A board shows thousands of shots: what a card needs of the facts is kept apart from the facts, which hold a hash per frame.
alter table shot add column frames bigint;
alter table shot add column width bigint;
alter table shot add column height bigint;
-- 'num/den'
alter table shot add column rate text;
-- Undo must give back the areas too, without reading the pictures again.
alter table draft_edit add column primary_before bigint not null default 0;
alter table draft_edit add column affected_before bigint not null default 0;
alter table draft_edit add column primary_after bigint not null default 0;
alter table draft_edit add column affected_after bigint not null default 0;
