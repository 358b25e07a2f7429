//! Reading our column conventions: ids as text, JSON as text, flags as 0/1, counts that are never negative.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::{Error, Result, from_json, parse};

pub(crate) trait Cells {
    fn text(&self, column: &str) -> Result<String>;
    fn maybe_text(&self, column: &str) -> Result<Option<String>>;
    fn int(&self, column: &str) -> Result<i64>;
    fn maybe_int(&self, column: &str) -> Result<Option<i64>>;
    fn maybe_float(&self, column: &str) -> Result<Option<f64>>;

    /// An id, a hash or a word of one of our enums.
    fn word<T: FromStr>(&self, column: &str) -> Result<T> {
        parse(column, &self.text(column)?)
    }

    fn maybe_word<T: FromStr>(&self, column: &str) -> Result<Option<T>> {
        self.maybe_text(column)?.map(|text| parse(column, &text)).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        from_json(column, &self.text(column)?)
    }

    fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        self.maybe_text(column)?.map(|text| from_json(column, &text)).transpose()
    }

    fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    fn count(&self, column: &str) -> Result<u32> {
        let value = self.int(column)?;
        u32::try_from(value).map_err(|_| Error::Corrupt(format!("{column} = {value}")))
    }

    fn maybe_count(&self, column: &str) -> Result<Option<u32>> {
        let value = self.maybe_int(column)?;
        value.map(|v| u32::try_from(v).map_err(|_| Error::Corrupt(format!("{column} = {v}")))).transpose()
    }
}

impl Cells for AnyRow {
    fn text(&self, column: &str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn int(&self, column: &str) -> Result<i64> {
        Ok(self.try_get(column)?)
    }

    fn maybe_int(&self, column: &str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn maybe_float(&self, column: &str) -> Result<Option<f64>> {
        Ok(self.try_get(column)?)
    }
}

/// `$first, $first+1, …` for `count` values.
pub(crate) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}
