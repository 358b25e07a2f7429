//! Whatever the reference's parser accepts is accepted here with the same result.

use std::fs;
use std::path::Path;

use domain::reply::Reply;
use serde_json::Value;

#[test]
fn every_answer_that_the_reference_reads_reads_the_same() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/vlm_parse/parse_cases.json");
    if !path.is_file() {
        println!("skipped: no ../shared/fixtures beside the checkout");
        return;
    }
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let mut more = Vec::new();
    for case in cases {
        let (name, raw) = (case["name"].as_str().unwrap(), case["raw"].as_str().unwrap());
        let read = Reply::read(raw);
        if case["ok"] == true {
            let (reply, _) = read.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(serde_json::to_value(&reply).unwrap(), case["result"], "{name}");
            assert_eq!(reply.to_file(), case["result_json_indent2"].as_str().unwrap(), "{name}");
        } else if read.is_ok() {
            more.push(name);
        }
    }
    println!("read here and not by the reference: {}", more.join(", "));
}
