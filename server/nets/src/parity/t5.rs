//! `t5/`: ids of every prompt, and what the text encoder makes of some.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::{Case, Golden, Noise, Report};
use crate::t5::{Config, T5, Tokenizer};
use crate::{Error, Watch, Weights};

const TOLERANCE: f64 = 1e-4; // fixtures/README.md

#[derive(Deserialize)]
struct Prompts {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    i: i64,
    text: String,
    /// The ids, or for long prompts how many there are and the first of them.
    ids_untruncated: Value,
    n_nonpad: usize,
    truncated: bool,
}

#[derive(Deserialize)]
struct Encoded {
    fp32_vs_fp64: Option<Noise>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("t5");
    let model = fixtures.join("pipeline/model");
    if let Some(Prompts { prompts }) = super::cases(&folder.join("tokenizer_cases.json"))? {
        report.case("tokenizer", |case| {
            let tokenizer = Tokenizer::open(&model.join("tokenizer/spiece.model"))?;
            let golden = Golden::open(&folder.join("tokenized.safetensors"))?;
            prompts.iter().try_for_each(|prompt| tokenized(&tokenizer, prompt, &golden, case))
        });
    }
    if let Some(Encoded { fp32_vs_fp64 }) = super::cases(&folder.join("encoder_cases.json"))? {
        let tolerance = Noise::tolerance(fp32_vs_fp64.as_ref(), TOLERANCE);
        report.case("encoder", |case| {
            let golden = Golden::open(&folder.join("encoder_cases.safetensors"))?;
            encoded(&open(fixtures)?, &golden, tolerance, case)
        });
    }
    Ok(())
}

/// The text encoder of the fixtures' tiny model.
pub fn open(fixtures: &Path) -> Result<T5, Error> {
    let folder = fixtures.join("pipeline/model/text_encoder");
    let w = Weights::open(&folder, Device::Cpu, Kind::Float)?;
    let t5 = T5::new(&w, Config::read(&folder.join("config.json"))?)?;
    w.finish()?;
    Ok(t5)
}

fn tokenized(tokenizer: &Tokenizer, prompt: &Prompt, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let Prompt { i, text, ids_untruncated, n_nonpad, truncated } = prompt;
    let ids = tokenizer.ids(text);
    let whole = match ids_untruncated {
        Value::Object(told) => {
            let head: Vec<i64> = numbers(&told["head"]);
            told["len"] == ids.len() && ids.starts_with(&head)
        }
        list => ids == numbers(list),
    };
    case.same(&format!("ids of prompt {i}"), whole);
    let tokens = tokenizer.prompt(text);
    let row = Vec::<i64>::try_from(golden.tensor("input_ids")?.get(*i))?;
    let used = golden.tensor("attention_mask")?.get(*i).sum(Kind::Int64).int64_value(&[]) as usize;
    let padded = tokens.ids == row && tokens.used == *n_nonpad && tokens.used == used;
    case.same(&format!("padded ids of prompt {i}"), padded && tokens.truncated == *truncated);
    Ok(())
}

fn numbers(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn encoded(t5: &T5, golden: &Golden, tolerance: f64, case: &mut Case) -> Result<(), Error> {
    let tensor = |name: &str| golden.tensor(name);
    let ids = tensor("input_ids")?;
    case.compare("last_hidden_state", &t5.forward(&ids), &tensor("last_hidden_state")?, tolerance);
    let short = t5.forward(&tensor("short_input_ids")?);
    case.compare("short_last_hidden_state", &short, &tensor("short_last_hidden_state")?, tolerance);
    let mut watch = Watch::all();
    let _: Tensor = t5.forward_watched(&ids.narrow(0, 0, 1), &mut watch);
    let seen = watch.seen();
    case.compare("embeddings", &seen["embeddings"], &tensor("embeddings")?, tolerance);
    case.compare("block0_out", &seen["block0_out"], &tensor("block0_out")?, tolerance);
    let bias = seen["position_bias"].get(0); // heads n n
    let last = bias.size()[1] - 1;
    for (name, row) in [("position_bias_first_row", 0), ("position_bias_last_row", last)] {
        case.compare(name, &bias.select(1, row), &tensor(name)?, tolerance);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn prompts_become_the_ids_and_embeddings_of_the_reference() {
        crate::parity::check("t5");
    }
}
