-- The lease queue, its workers, and the live events that views listen to.
create table job (
    job_id text primary key,
    kind text not null,
    payload text not null,
    -- one open job per key
    dedupe text,
    project_id text,
    shot_id text,
    state text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    priority bigint not null default 0,
    run_after bigint not null,
    attempt bigint not null default 0,
    worker text,
    lease_until bigint,
    cancel_asked bigint not null default 0,
    step text,
    fraction double precision not null default 0,
    seconds_left bigint,
    error text,
    log text not null default '',
    created_at bigint not null,
    started_at bigint,
    finished_at bigint
);
create unique index job_open_dedupe on job (dedupe) where dedupe is not null and state in ('queued', 'running');
create index job_by_state on job (state, run_after);
create index job_by_shot on job (shot_id, created_at);

create table worker (
    worker text primary key,
    host text not null,
    pid bigint not null,
    about text not null,
    started_at bigint not null,
    seen_at bigint not null,
    job_id text
);
