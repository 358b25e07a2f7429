-- The plate's sound for the player: a WAV blob as long as the shot's pictures. Shots read before have none until read again.
alter table shot add column sound text;
