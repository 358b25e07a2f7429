-- Engines that not every worker has: what a worker can do, what a job needs, and how the networks made a version.

-- JSON: domain::run::Abilities
alter table worker add column abilities text not null default '{}';
-- the word of a domain::run::Need; null: any worker
alter table job add column needs text;
-- JSON: domain::version::MadeBy; null: made without networks
alter table version add column made_by text;
-- what the model made, on its canvas: what pass 2 starts from
alter table version add column model_output text;
