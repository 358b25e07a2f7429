-- Who works on a shot and until when. A due date is a day, counted from 1 January 1970, and has no hour.
alter table shot add column due bigint;
create index shot_by_due on shot (project_id, due);

create table assignment (
    shot_id text not null references shot (shot_id) on delete cascade,
    person_id text not null references person (person_id),
    assigned_by text not null references person (person_id),
    assigned_at bigint not null,
    primary key (shot_id, person_id)
);
create index assignment_by_person on assignment (person_id);

-- What happened to somebody, written with the thing that happened. What an entry says is read from the rows it names, so
-- that it never says more than they do now; `words` is only what no other row keeps.
create table inbox (
    entry_id text primary key,
    person_id text not null references person (person_id),
    kind text not null check (kind in ('assigned', 'mentioned', 'replied', 'quadmask', 'version', 'run_done', 'run_failed')),
    shot_id text not null references shot (shot_id) on delete cascade,
    by_person text references person (person_id),
    comment_id text references comment (comment_id) on delete cascade,
    decision_id text references decision (decision_id) on delete cascade,
    version_id text references version (version_id) on delete cascade,
    words text not null default '',
    at bigint not null,
    read_at bigint
);
create index inbox_by_person on inbox (person_id, at);
create index inbox_unread on inbox (person_id) where read_at is null;

-- A search over comments reads the newest first and stops when it has enough.
create index comment_by_time on comment (created_at);
