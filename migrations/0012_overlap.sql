-- Where the two layers of a draft frame meet, for the timeline: pixels in both, and the grid cells that the primary layer
-- touches (a marked cell among them is overlap too). Frames written before know of none until they are written again.
alter table draft_frame add column overlap_area bigint not null default 0;
alter table draft_frame add column primary_cells text not null default '';
alter table draft_edit add column overlap_before bigint not null default 0;
alter table draft_edit add column overlap_after bigint not null default 0;
alter table draft_edit add column cells_before text not null default '';
alter table draft_edit add column cells_after text not null default '';
