//! Tells the linker where libtorch lies at run time, for the worker that has it.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_VOID").is_some()
        && let Ok(libtorch) = env::var("LIBTORCH")
    {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
