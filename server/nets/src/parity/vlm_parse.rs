//! `vlm_parse/`: replies of vision-language models. Whatever the reference's parser reads is read with the same result; what
//! it gives up on may be read or refused.

use std::path::Path;

use domain::Reply;
use serde::Deserialize;
use serde_json::Value;

use super::Report;
use crate::Error;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    name: String,
    raw: String,
    ok: bool,
    result: Option<Value>,
    /// The text of the file that the reference writes.
    result_json_indent2: Option<String>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let path = fixtures.join("vlm_parse").join("parse_cases.json");
    let Some(Cases { cases }) = super::cases(&path)? else { return Ok(()) };
    for Told { name, raw, ok, result, result_json_indent2 } in cases {
        report.case(&name, |case| {
            let read = Reply::read(&raw);
            if !ok {
                case.same(
                    "read or refused in words",
                    read.map_or_else(|error| !error.reason.is_empty(), |_| true),
                );
                return Ok(());
            }
            let (reply, _) =
                read.map_err(|error| Error::input(error.to_string(), "The reference reads it."))?;
            if let Some(result) = result {
                case.same("result", serde_json::to_value(&reply).is_ok_and(|value| value == result));
            }
            if let Some(text) = result_json_indent2 {
                case.same("result_json_indent2", reply.to_file() == text);
            }
            Ok(())
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check;

    #[test]
    fn replies_are_read_as_the_reference_reads_them() {
        check("vlm_parse");
    }
}
