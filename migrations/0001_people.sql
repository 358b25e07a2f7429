-- People sign in; sessions live on the server; invitations are links whose secret is stored only as a hash.
-- Times are microseconds UTC, flags are 0/1, ids are UUID text, so that one text serves both engines.
create table person (
    person_id text primary key,
    name text not null,
    email text not null unique,
    password_hash text,
    role text not null check (role in ('owner', 'producer', 'supervisor', 'artist', 'reviewer', 'client')),
    active bigint not null default 1,
    -- raised by "sign out everywhere": sessions that remember a lower number are over
    session_epoch bigint not null default 0,
    created_at bigint not null
);

create table session (
    session_id text primary key,
    record text not null,
    expires_at bigint not null
);

create table sign_in_attempt (
    attempt_id text primary key,
    email text not null,
    address text not null,
    at bigint not null
);
create index sign_in_attempt_by_email on sign_in_attempt (email, at);
create index sign_in_attempt_by_address on sign_in_attempt (address, at);

create table invitation (
    invitation_id text primary key,
    token_hash text not null unique,
    role text not null,
    project_id text,
    invited_by text not null references person (person_id),
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
