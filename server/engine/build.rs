//! Tells the linker where libtorch lies at run time: `LD_LIBRARY_PATH` cannot be set from a cargo configuration.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = env::var("LIBTORCH") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
