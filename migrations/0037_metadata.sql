-- What a client said of its file when it began an upload: the header Upload-Metadata as it came, which is said again to whoever
-- asks how far the upload is; null: nothing, or before this was kept
alter table upload add column metadata text;
