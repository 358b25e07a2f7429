-- What people did that a studio may have to answer for. Rows are only ever added; names are kept as they were.
create table audit (
    audit_id text primary key,
    at bigint not null,
    deed text not null,
    -- null: nobody known (a wrong password, the command line)
    person_id text,
    who text not null,
    project_id text,
    project_name text,
    about text not null,
    address text not null
);
create index audit_by_time on audit (at);
create index audit_by_person on audit (person_id, at);

-- A link with which a person chooses a new password. Only the hash of its secret is kept.
create table password_reset (
    token_hash text primary key,
    person_id text not null references person (person_id),
    -- null: made on the command line
    made_by text,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index password_reset_by_person on password_reset (person_id);
