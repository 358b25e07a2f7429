-- Ids are handed out by the writer (microseconds, then a counter), since auto-increment is spelled differently on each engine.
create table event (
    event_id bigint primary key,
    project_id text,
    shot_id text,
    kind text not null,
    at bigint not null
);
create index event_by_time on event (at);
