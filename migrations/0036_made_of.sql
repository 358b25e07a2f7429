-- What of the draft the version was made of, as one hash: another one in work makes what was decided stale. Null: sent before that was kept.
alter table quadmask add column made_of text;
