-- What was looked for by words in a shot, and what was found. Nothing of it is in a mask before somebody keeps it.
create table finding (
    finding_id text primary key,
    shot_id text not null references shot (shot_id),
    -- hash of everything that the search looked at: the same question is answered by the same rows
    inputs text not null,
    -- JSON: domain::find::About
    about text not null,
    at bigint not null
);
create index finding_by_shot on finding (shot_id, at);

-- One thing on one frame.
create table sight (
    finding_id text not null references finding (finding_id),
    n bigint not null,
    shot_id text not null references shot (shot_id),
    -- its mask, two-bit PNG at plate size
    mask text not null,
    -- JSON: domain::find::Sight
    content text not null,
    primary key (finding_id, n)
);
create index sight_by_shot on sight (shot_id);

-- The words that a target was found by; JSON: domain::find::FoundBy, null: somebody pointed at it
alter table target add column found text;
