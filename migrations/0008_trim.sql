-- The part of the file that is the shot, and where each picture lies in the file: read once at ingest.
alter table shot add column trim_first bigint;
alter table shot add column trim_frames bigint;
-- JSON in the store
alter table shot add column frame_index text;
