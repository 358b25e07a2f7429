-- Shots that are being deleted for good, while the transaction that does it runs; always empty for everybody else. Only the
-- decisions of such a shot may go: triggers, which each engine spells differently (db::guard), refuse every other change.
create table deletion (
    shot_id text primary key
);
