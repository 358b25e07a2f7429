-- Immutable quadmask versions, decisions that are never changed, runs of recipes and the versions they make.
create table quadmask (
    quadmask_id text primary key,
    shot_id text not null references shot (shot_id),
    n bigint not null,
    author text not null references person (person_id),
    note text not null,
    -- JSON: per-frame PNG blobs and level hashes
    manifest text not null,
    -- canonical JSON of plate, levels, causes and words, and its SHA-256
    subject_json text not null,
    -- the exported quadmask_0.mp4, once somebody asked for it
    movie text,
    subject text not null,
    created_at bigint not null,
    unique (shot_id, n)
);

create table run (
    run_id text primary key,
    shot_id text not null references shot (shot_id),
    quadmask_id text not null references quadmask (quadmask_id),
    engine text not null,
    recipe text not null,
    started_by text not null references person (person_id),
    created_at bigint not null
);

create table version (
    version_id text primary key,
    shot_id text not null references shot (shot_id),
    run_id text not null unique references run (run_id),
    quadmask_id text not null references quadmask (quadmask_id),
    n bigint not null,
    manifest text not null,
    subject text not null,
    proof text not null,
    result text not null,
    matte text not null,
    proxy text not null,
    proxy_index text not null,
    client_visible bigint not null default 0,
    created_at bigint not null,
    unique (shot_id, n)
);

-- prev is the row hash of the shot's previous decision: a missing or changed row breaks the chain.
create table decision (
    decision_id text primary key,
    shot_id text not null references shot (shot_id),
    n bigint not null,
    subject_kind text not null check (subject_kind in ('quadmask', 'version')),
    subject_id text not null,
    subject text not null,
    person_id text not null references person (person_id),
    role text not null,
    verdict text not null check (verdict in ('approve', 'changes')),
    note text not null,
    at bigint not null,
    prev text not null,
    row_hash text not null,
    unique (shot_id, n)
);
