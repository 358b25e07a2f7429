//! JSON with exactly one spelling (RFC 8785), so that equal values have equal hashes in every program.

use domain::Hash;
use serde::Serialize;
use serde_json::{Number, Value};

/// Keys sorted by UTF-16 code units, no white space, numbers as ECMAScript writes them.
pub fn canonical_json(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("our types have string keys and finite numbers");
    let mut text = String::new();
    write(&value, &mut text);
    text
}

/// SHA-256 of the canonical JSON.
pub fn hash_of(value: &impl Serialize) -> Hash {
    Hash::of(canonical_json(value).as_bytes())
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(b) => to.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => write_number(n, to),
        Value::String(s) => write_string(s, to),
        Value::Array(items) => {
            to.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            to.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    to.push(',');
                }
                write_string(key, to);
                to.push(':');
                write(&fields[key], to);
            }
            to.push('}');
        }
    }
}

fn write_string(text: &str, to: &mut String) {
    to.push_str(&serde_json::to_string(text).expect("a string is JSON"));
}

/// Whole numbers keep all their digits (RFC 8785 would round those beyond 2^53; a time in microseconds must not be).
fn write_number(number: &Number, to: &mut String) {
    if number.is_i64() || number.is_u64() {
        to.push_str(&number.to_string());
        return;
    }
    let value = number.as_f64().expect("not an integer, so a float");
    if value == 0.0 {
        to.push('0'); // also -0
        return;
    }
    // Rust's shortest digits are ECMAScript's; only the layout differs.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`e` is always written");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let count = i32::try_from(digits.len()).expect("at most 17 digits");
    let point = exponent.parse::<i32>().expect("an exponent is a number") + 1;
    to.push_str(sign);
    if count <= point && point <= 21 {
        to.push_str(&digits);
        to.extend(std::iter::repeat_n('0', (point - count) as usize));
    } else if 0 < point && point <= 21 {
        let (whole, part) = digits.split_at(point as usize);
        to.push_str(&format!("{whole}.{part}"));
    } else if -6 < point && point <= 0 {
        to.push_str("0.");
        to.extend(std::iter::repeat_n('0', -point as usize));
        to.push_str(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let plus = if point > 0 { "+" } else { "" };
        to.push_str(&format!("{first}{dot}{rest}e{plus}{}", point - 1));
    }
}

/// The canonical spelling of compact JSON whose keys are in order already. Unlike reading it into values and writing those,
/// this takes every float exactly as it is written.
pub fn respelled(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let is_number = !in_string && (c == '-' || c.is_ascii_digit());
        if is_number {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            let whole = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
            match number.parse::<f64>().ok().and_then(Number::from_f64).filter(|_| !whole) {
                Some(float) => write_number(&float, &mut text),
                None => text.push_str(number),
            }
            rest = after;
            continue;
        }
        if in_string {
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else {
            in_string = c == '"';
        }
        text.push(c);
        rest = &rest[c.len_utf8()..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_change_the_text() {
        let a = json!({"b": 1, "a": [true, null, "x\n\u{1}é"], "\u{20ac}": {}, "\r": 0});
        assert_eq!(canonical_json(&a), "{\"\\r\":0,\"a\":[true,null,\"x\\n\\u0001é\"],\"b\":1,\"€\":{}}");
    }

    /// From RFC 8785, appendix B.
    #[test]
    fn floats_are_written_as_ecmascript_writes_them() {
        for (bits, text) in [
            (0x0000_0000_0000_0001u64, "5e-324"),
            (0x8000_0000_0000_0000, "0"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ] {
            assert_eq!(canonical_json(&f64::from_bits(bits)), text);
        }
        assert_eq!(canonical_json(&1_763_760_000_000_000_123i64), "1763760000000000123");
    }

    #[test]
    fn another_value_has_another_hash() {
        assert_eq!(hash_of(&json!({"a": 1, "b": 2})), hash_of(&json!({"b": 2, "a": 1})));
        assert_ne!(hash_of(&json!({"a": 1})), hash_of(&json!({"a": 2})));
    }

    #[test]
    fn floats_are_read_as_they_are_written_and_text_is_left_alone() {
        let made = json!({"a": 0.1f32, "b": 1e-7, "c": [1.0, -0.0, 3], "d": "1.0 \\\" -0.0 é", "e": 1_763_760_000_000_000_123i64});
        let stored = serde_json::to_string(&made).expect("JSON");
        assert_eq!(respelled(&stored), canonical_json(&made));
        // Digits that a quick reader takes for the float beside it.
        let hard: f64 = "0.00034028236692093845".parse().expect("a number");
        assert_eq!(respelled(&format!("{{\"x\":{hard:e}}}")), canonical_json(&json!({ "x": hard })));
    }
}
