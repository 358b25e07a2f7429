-- What grew the primary mask of a draft last; JSON: domain::run::GrownBy, null: nothing did, or before this was kept
alter table draft add column grown_by text;
