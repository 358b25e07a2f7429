-- The form of a draft frame's levels: bounds, specks, holes and affected cells, counted when the frame is written, so that checks
-- read no pictures. '': written before they were counted.
alter table draft_frame add column shape text not null default '';
alter table draft_edit add column shape_before text not null default '';
alter table draft_edit add column shape_after text not null default '';

-- Findings of the checks that somebody looked at. The print is of the masks that were seen: once another one is found, nobody has
-- looked at it.
create table looked_at (
    shot_id text not null references shot (shot_id),
    code text not null,
    subject text not null,
    print text not null,
    person_id text not null references person (person_id),
    at bigint not null,
    primary key (shot_id, code, subject)
);

-- A version's two masks as VOID's tools keep them, once somebody asked for the marks: 0 is the target, and 127 is affected.
alter table quadmask add column black text;
alter table quadmask add column grey text;

-- What following a target came to, by everything that it was followed from: what is the same is not followed again.
create table track (
    shot_id text not null references shot (shot_id),
    inputs text not null,
    file text not null,
    used_at bigint not null,
    primary key (shot_id, inputs)
);
