//! Tests of `media` on clips that the tests make: with our own writers, and with the `ffmpeg` command line as an
//! independent second opinion.

mod clips;
mod mask;
mod movie;
mod probe;
mod proxy;
mod read;
mod refuse;
mod samples;
mod wave;
mod write;
