-- What was made of a version to be taken away: a movie, and the package with it. One per version and kind of movie; asked for
-- again, it is this one.
create table delivery (
    version_id text not null references version (version_id),
    movie text not null check (movie in ('prores_422_hq', 'prores_4444', 'h264')),
    what text not null check (what in ('movie', 'package')),
    file text not null references blob (hash),
    size_bytes bigint not null,
    -- what the file is called
    name text not null,
    created_at bigint not null,
    primary key (version_id, movie, what)
);
