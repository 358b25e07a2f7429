-- What is said about a shot. The thread of the shot as a whole has the shot's id, and the line that says a version arrived
-- has the version's id: neither can be there twice, however often a worker tries.
create table thread (
    thread_id text primary key,
    shot_id text not null references shot (shot_id),
    -- the version that was looked at
    version_id text references version (version_id),
    -- Pictures of the plate's file, from 0, both ends included: a trim moves the shot and not what was said. Null: the whole.
    plate_from bigint,
    plate_to bigint,
    client_visible bigint not null default 0,
    state text not null default 'open' check (state in ('open', 'resolved')),
    resolved_by text references person (person_id),
    resolved_at bigint,
    -- null: the worker
    started_by text references person (person_id),
    -- the number of the newest comment
    comments bigint not null default 0,
    created_at bigint not null,
    changed_at bigint not null,
    check (plate_from is null or plate_to >= plate_from)
);
create index thread_by_shot on thread (shot_id, created_at);

create table comment (
    comment_id text primary key,
    thread_id text not null references thread (thread_id),
    n bigint not null,
    kind text not null check (kind in ('said', 'version', 'resolved', 'reopened')),
    author text references person (person_id),
    text text not null,
    -- JSON, vectors in parts of the picture
    drawing text,
    version_id text references version (version_id),
    created_at bigint not null,
    edited_at bigint,
    deleted_at bigint,
    unique (thread_id, n)
);

create table mention (
    comment_id text not null references comment (comment_id),
    person_id text not null references person (person_id),
    primary key (comment_id, person_id)
);
create index mention_by_person on mention (person_id);

-- How far somebody has read.
create table thread_seen (
    thread_id text not null references thread (thread_id),
    person_id text not null references person (person_id),
    n bigint not null,
    primary key (thread_id, person_id)
);

-- Versions that are here already have arrived too.
insert into thread (thread_id, shot_id, comments, created_at, changed_at)
select shot_id, shot_id, count(*), min(created_at), max(created_at) from version group by shot_id;

insert into comment (comment_id, thread_id, n, kind, text, version_id, created_at)
select version_id, shot_id, row_number() over (partition by shot_id order by n), 'version', '', version_id, created_at
from version;
