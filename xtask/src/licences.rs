//! Every crate we link has a licence that `deny.toml` allows. `cargo deny` also looks at bans and sources where it is
//! installed; this needs nothing.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{place, sh, spdx};

pub fn licences() -> Result<()> {
    let config = std::fs::read_to_string(place::root().join("deny.toml")).context("reading deny.toml")?;
    let allowed = allowed(&config);
    // What is linked where we run: crates for other systems are in the lock file and in nothing we make.
    let on = |target| ["--filter-platform", target];
    let platforms = [on("x86_64-unknown-linux-gnu"), on("wasm32-unknown-unknown")].concat();
    let metadata = sh::read(sh::cargo(&["metadata", "--format-version", "1"]).args(platforms))?;
    let metadata: Value = serde_json::from_str(&metadata).context("reading cargo's metadata")?;
    let packages = metadata["packages"].as_array().context("cargo's metadata lists packages")?;
    let mut refused = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        if !spdx::met(licence, &allowed) {
            let name = package["name"].as_str().unwrap_or_default();
            refused.push(format!("{name}: `{licence}`"));
        }
    }
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n  {}", refused.join("\n  "));
    }
    if sh::which("cargo-deny").is_some() {
        return sh::run(&mut sh::cargo(&["deny", "check", "bans", "licenses", "sources"]));
    }
    sh::say(&format!(
        "  {} crates have allowed licences (cargo-deny is not installed: bans and sources not checked)",
        packages.len()
    ));
    Ok(())
}

/// The names in `allow = [ … ]` of the `[licenses]` section.
fn allowed(config: &str) -> Vec<String> {
    let section = config.split("[licenses]").nth(1).unwrap_or_default();
    let list = section.split_once("allow = [").map(|(_, rest)| rest.split(']').next().unwrap_or_default());
    list.unwrap_or_default().split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allow_list_is_read_from_its_own_section() {
        let config = "[bans]\nallow = [\"x\"]\n[licenses]\nversion = 2\nallow = [\n  \"MIT\",\n  \"Apache-2.0\",\n]\nother = [\"y\"]\n";
        assert_eq!(allowed(config), ["MIT", "Apache-2.0"]);
    }
}
