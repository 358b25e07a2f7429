-- Who is to answer clicks and grow the primary mask of a draft: a word of domain::run::Segmenter, null: nobody chose
alter table draft add column grow_with text;
-- What answered the newest click since the mask grew last; JSON: domain::run::Answered, null: nothing did
alter table draft add column answered text;
