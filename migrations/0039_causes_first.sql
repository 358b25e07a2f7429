-- Where a project says so, causes are approved before a quadmask is made of them. Decisions are about one state of the causes:
-- changed causes need decisions of their own.
alter table project add column causes_first bigint not null default 0;

create table causes_decision (
    decision_id text primary key,
    shot_id text not null references shot (shot_id),
    n bigint not null,
    -- hash of the causes that were seen
    subject text not null,
    person_id text not null references person (person_id),
    role text not null,
    verdict text not null check (verdict in ('approve', 'changes')),
    note text not null,
    at bigint not null,
    unique (shot_id, n)
);
