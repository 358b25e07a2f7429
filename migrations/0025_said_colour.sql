-- How the samples are coded, as a person says of a plate whose file does not; a slug of domain::SaidColour, null: as assumed
alter table shot add column said_colour text;
