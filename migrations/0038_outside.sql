-- That a project may ask a model outside; JSON: domain::outside::Consent, null: it may not
alter table project add column outside text;
-- Of the last search, the model outside that was asked and what it took (JSON: domain::outside::Asked; null: the built-in reasoner
-- looked), and what it said that the scene shows without the target
alter table reasoning add column asked text;
alter table reasoning add column scene text;
-- The target that a belonging became; it may be gone since
alter table proposal add column target_id text;
