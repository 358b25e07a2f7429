-- Links for people without an account. Of a link's token only the SHA-256 is kept, of its password the argon2id hash.
create table share_link (
    link_id text primary key,
    project_id text not null references project (project_id),
    name text not null,
    token_hash text not null unique,
    may_comment bigint not null default 0,
    may_approve bigint not null default 0,
    may_download bigint not null default 0,
    password_hash text,
    -- null: open until it is revoked
    expires_at bigint,
    created_by text not null references person (person_id),
    created_at bigint not null,
    revoked_by text references person (person_id),
    revoked_at bigint
);
create index share_link_by_project on share_link (project_id, created_at);

-- What a link shows, in the order in which it was chosen.
create table share_version (
    link_id text not null references share_link (link_id),
    version_id text not null references version (version_id),
    place bigint not null,
    primary key (link_id, version_id)
);
create index share_version_by_version on share_version (version_id);

-- A guest is a person without an account, so that comments and decisions have one kind of author: no password, never active,
-- and nothing but this link. Not listed among the people of the studio.
create table guest (
    guest_id text primary key references person (person_id),
    link_id text not null references share_link (link_id),
    created_at bigint not null
);
create index guest_by_link on guest (link_id);

-- Who looked at what and when. A visitor is one browser; once a name was given, the guest has the visitor's id.
create table share_opening (
    opening_id text primary key,
    link_id text not null references share_link (link_id),
    visitor text not null,
    version_id text not null references version (version_id),
    what text not null check (what in ('seen', 'downloaded')),
    at bigint not null
);
create index share_opening_by_link on share_opening (link_id, at);

-- Wrong passwords are counted as failed sign-ins are; guests may hear of an event when it says so, and only of their versions.
alter table event add column version_id text;
alter table event add column for_guests bigint not null default 0;
