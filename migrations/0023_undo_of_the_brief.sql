-- Undo of targets and causes, in one sequence with the frames of the draft. item: “target:ID” or “cause:ID”, empty for an edit
-- of a frame (frame is -1 then the other way round); what it was before and after as JSON, null where it was not there.
alter table draft_edit add column item text not null default '';
alter table draft_edit add column item_before text;
alter table draft_edit add column item_after text;
