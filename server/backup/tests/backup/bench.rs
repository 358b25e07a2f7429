//! Studios with a store of their own, copies of them, and what is in their tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backup::{Made, Order, Restored};
use db::Db;
use db::dump::{Moment, Row};
use storage::Store;
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// A place with nothing in it: a database's address and a store.
pub struct Bench {
    pub url: String,
    pub store: Store,
    pub folder: TempDir,
    pub on: On,
}

impl Bench {
    /// `None`, said in words, where no server was named.
    pub async fn new(on: On) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match on {
            On::Sqlite => format!("sqlite://{}", folder.path().join("minus-one.db").display()),
            On::Postgres => crate::harness::postgres_url().await?,
        };
        let store = Store::open(folder.path()).expect("a store");
        Some(Self { url, store, folder, on })
    }

    /// One for each engine that is there.
    pub async fn each() -> Vec<Self> {
        let mut all = vec![Self::new(On::Sqlite).await.expect("a file")];
        all.extend(Self::new(On::Postgres).await);
        all
    }

    pub async fn open(&self) -> Db {
        db::open(&self.url).await.expect("opens")
    }

    pub async fn restore(&self, from: &Path) -> backup::Result<Restored> {
        self.restore_with(from, |_| {}).await
    }

    pub async fn restore_with<'a>(
        &'a self,
        from: &'a Path,
        change: impl FnOnce(&mut Order<'a>),
    ) -> backup::Result<Restored> {
        let mut order = Order {
            from,
            snapshot: None,
            url: &self.url,
            store: &self.store,
            replace: false,
            incomplete: false,
        };
        change(&mut order);
        backup::restore(&order, &|_| {}).await
    }
}

pub async fn back_up(db: &Db, store: &Store, to: &Path) -> Made {
    backup::make(db, store, to, &|_| {}).await.expect("backed up")
}

/// Every row of every table, as one moment has them.
pub async fn contents(db: &Db) -> BTreeMap<String, Vec<Row>> {
    let mut moment = Moment::of(db).await.expect("a moment");
    let mut all = BTreeMap::new();
    for table in moment.tables().await.expect("tables") {
        let (to, mut from) = tokio::sync::mpsc::channel::<Vec<Row>>(4);
        let collect = tokio::spawn(async move {
            let mut rows = Vec::new();
            while let Some(mut some) = from.recv().await {
                rows.append(&mut some);
            }
            rows
        });
        moment.read(&table, &to).await.expect("read");
        drop(to);
        all.insert(table.name, collect.await.expect("collected"));
    }
    all
}

pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() { open.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}
