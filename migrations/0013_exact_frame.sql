-- Pictures at full size that somebody waits for. A worker makes them into the cache, then the row goes; nothing else is kept.
create table exact_frame (
    -- the blob of a plate or result, and which picture of it
    file text not null,
    frame bigint not null,
    shot_id text not null references shot (shot_id),
    -- null: the plate
    version_id text,
    asked_at bigint not null,
    -- a worker has it in hand until then
    taken_until bigint not null default 0,
    problem text,
    primary key (file, frame)
);
