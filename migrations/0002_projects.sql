-- Projects hold sequences and shots. A blob row says that its bytes are in the store.
create table project (
    project_id text primary key,
    name text not null,
    policy text not null,
    first_frame bigint not null default 1001,
    is_demo bigint not null default 0,
    created_by text not null references person (person_id),
    created_at bigint not null
);

create table project_member (
    project_id text not null references project (project_id),
    person_id text not null references person (person_id),
    primary key (project_id, person_id)
);

create table sequence (
    sequence_id text primary key,
    project_id text not null references project (project_id),
    name text not null,
    unique (project_id, name)
);

create table blob (
    hash text primary key,
    size_bytes bigint not null,
    created_at bigint not null
);

create table shot (
    shot_id text primary key,
    project_id text not null references project (project_id),
    sequence_id text references sequence (sequence_id),
    name text not null,
    file_name text not null,
    phase text not null,
    problem text,
    plate text not null references blob (hash),
    facts text,
    proxy text,
    proxy_index text,
    poster text,
    strip text,
    created_by text not null references person (person_id),
    created_at bigint not null,
    updated_at bigint not null,
    unique (project_id, name)
);
create index shot_by_project on shot (project_id, updated_at);
create index shot_by_plate on shot (plate);

-- An upload that is not finished; its bytes are in a part file named after it.
create table upload (
    upload_id text primary key,
    project_id text not null references project (project_id),
    sequence_id text references sequence (sequence_id),
    person_id text not null references person (person_id),
    file_name text not null,
    size_bytes bigint not null,
    -- 'open', then 'done' with the shot it became
    state text not null default 'open' check (state in ('open', 'done')),
    shot_id text,
    created_at bigint not null,
    updated_at bigint not null
);
create index upload_by_project on upload (project_id, state);
