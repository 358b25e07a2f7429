-- What goes, what else changes, and the draft of the quadmask: one row per frame, so a stroke writes one row.
create table target (
    target_id text primary key,
    shot_id text not null references shot (shot_id),
    position bigint not null,
    name text not null,
    colour text not null,
    points text not null,
    boxes text not null
);
create index target_by_shot on target (shot_id, position);

create table words (
    shot_id text primary key references shot (shot_id),
    removal text not null,
    after text not null
);

create table cause (
    cause_id text primary key,
    shot_id text not null references shot (shot_id),
    position bigint not null,
    name text not null,
    reason text not null,
    consequence text not null check (consequence in ('vanish', 'stay', 'react', 'keep')),
    path text not null,
    spans text not null
);
create index cause_by_shot on cause (shot_id, position);

create table draft (
    shot_id text primary key references shot (shot_id),
    editor text references person (person_id),
    editor_seen_at bigint,
    -- raised by every change, so that a late writer is noticed
    revision bigint not null default 0
);

create table draft_frame (
    shot_id text not null references shot (shot_id),
    frame bigint not null,
    -- two-bit PNG of the levels, cells not included; null: background only
    levels text,
    -- one-bit picture of what a person painted; null: nothing
    locks text,
    locked bigint not null default 0,
    confidence double precision,
    primary_area bigint not null default 0,
    affected_area bigint not null default 0,
    revision bigint not null default 0,
    primary key (shot_id, frame)
);

-- Undo: what a frame was before and after one edit. Redo walks the same rows the other way.
create table draft_edit (
    shot_id text not null references shot (shot_id),
    edit bigint not null,
    person_id text not null references person (person_id),
    frame bigint not null,
    levels_before text,
    locks_before text,
    locked_before bigint not null,
    levels_after text,
    locks_after text,
    locked_after bigint not null,
    undone bigint not null default 0,
    primary key (shot_id, edit)
);
