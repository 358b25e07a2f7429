-- What the built-in reasoner proposes as affected. A person decides on each; what was rejected stays, so that the same
-- search does not bring it back.
create table proposal (
    proposal_id text primary key,
    shot_id text not null references shot (shot_id),
    position bigint not null,
    -- hash of everything that the search looked at
    inputs text not null,
    -- JSON: effect, frames, cells, confidence
    content text not null,
    -- a small JPEG as a data address: nothing of it is a blob, it can be made again
    picture text,
    state text not null check (state in ('proposed', 'accepted', 'rejected')),
    -- what it became; the cause may be gone since
    cause_id text,
    decided_by text references person (person_id),
    decided_at bigint,
    created_at bigint not null
);
create index proposal_by_shot on proposal (shot_id, position);

-- The last search of a shot that came to its end.
create table reasoning (
    shot_id text primary key references shot (shot_id),
    inputs text not null,
    -- JSON: sentences about what could not be looked at
    notes text not null,
    at bigint not null
);
