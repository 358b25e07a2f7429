-- Clicks whose frame waits for its mask. A worker puts it into the draft, then the row goes; nothing else is kept.
create table click (
    shot_id text not null references shot (shot_id),
    frame bigint not null,
    -- raised by each click on the frame: an answer to an older one is none
    asked_at bigint not null,
    -- a worker has it in hand until then
    taken_until bigint not null default 0,
    primary key (shot_id, frame)
);
