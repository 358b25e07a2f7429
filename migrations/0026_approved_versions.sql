-- When the project's policy was met for a version; null: it is not approved. Until now the last word of whoever may decide was enough.
alter table version add column approved_at bigint;
update version set approved_at = (
    select d.at from decision d
    where d.subject_kind = 'version' and d.subject_id = version.version_id and d.subject = version.subject and d.verdict = 'approve'
        and d.role in ('owner', 'producer', 'supervisor')
        and d.n = (
            select max(e.n) from decision e
            where e.subject_kind = 'version' and e.subject_id = version.version_id and e.subject = version.subject
                and e.role in ('owner', 'producer', 'supervisor')
        )
);

-- What clients and guests say reaches those whose shot it is, also where they name nobody.
create table inbox_again (
    entry_id text primary key,
    person_id text not null references person (person_id),
    kind text not null check (kind in ('assigned', 'mentioned', 'replied', 'client_said', 'quadmask', 'version', 'run_done', 'run_failed')),
    shot_id text not null references shot (shot_id) on delete cascade,
    by_person text references person (person_id),
    comment_id text references comment (comment_id) on delete cascade,
    decision_id text references decision (decision_id) on delete cascade,
    version_id text references version (version_id) on delete cascade,
    words text not null default '',
    at bigint not null,
    read_at bigint
);
insert into inbox_again (entry_id, person_id, kind, shot_id, by_person, comment_id, decision_id, version_id, words, at, read_at)
select entry_id, person_id, kind, shot_id, by_person, comment_id, decision_id, version_id, words, at, read_at from inbox;
drop table inbox;
alter table inbox_again rename to inbox;
create index inbox_by_person on inbox (person_id, at);
create index inbox_unread on inbox (person_id) where read_at is null;

-- How much a guest wrote within the last hour.
create index comment_by_author on comment (author, created_at);
create index decision_by_person on decision (person_id, at);

-- Invitations end with the rights of who made them; these were made by people who have none now.
delete from invitation where used_at is null
    and invited_by in (select person_id from person where active = 0 or role not in ('owner', 'producer'));
