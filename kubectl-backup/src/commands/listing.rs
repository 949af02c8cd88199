//! How objects are listed: rows for people are collected, objects for scripts pass through one by one.

use std::{cmp::Ordering, collections::BTreeMap};

use futures::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    args::{ListOutputArgs, OutputFormat},
    client::{self, Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    output::{ListWriter, SortKey, Table},
};

/// How many of the objects that were named are read at the same time.
const AT_ONCE: usize = 8;

/// What to list.
pub struct Listing<'a> {
    /// The collection.
    pub request: ListRequest,
    /// Completes "failed to …".
    pub doing: String,
    /// The resource as kubectl names its objects, such as `backup.velero.io`.
    pub resource: &'a str,
    /// Only these; all when empty.
    pub names: &'a [String],
    /// How they are printed.
    pub flags: &'a ListOutputArgs,
    /// What is said when there is nothing.
    pub nothing: String,
    /// Turns an error into what it means here.
    pub explain: &'a dyn Fn(CliError) -> CliError,
}

/// What the rows of a listing are.
pub struct Rows<'a, T> {
    /// Whether it is shown; else what is said of one that was named.
    pub keep: &'a dyn Fn(&T) -> Result<()>,
    /// Their order where no other was asked for; the server's when absent.
    pub order: Option<fn(&T, &T) -> Ordering>,
}

impl<T> Rows<'_, T> {
    /// All, in the server's order.
    pub const ALL: Self = Self { keep: &|_| Ok(()), order: None };
}

/// Rows that were found.
pub struct Found<T> {
    /// In their order.
    pub rows: Vec<T>,
    extras: Vec<Extra>,
    errors: Vec<CliError>,
}

/// What the flags show or sort by beside a row's own columns.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    labels: BTreeMap<String, String>,
    key: Option<SortKey>,
}

impl Listing<'_> {
    /// Lists and prints in a format for scripts.
    ///
    /// # Errors
    /// When the server refuses, or a name does not exist.
    pub async fn script<T: DeserializeOwned>(
        &self,
        context: &Context,
        cluster: &Cluster,
        rows: Rows<'_, T>,
    ) -> Result<Exit> {
        let mut writer = ListWriter::new(&context.ui, self.flags, self.resource, self.names.len() == 1);
        let (mut failed, mut hidden) = (None, Vec::new());
        let each = |object: Value| {
            let kept = T::deserialize(&object).map_err(|error| misunderstood(&error)).map(|row| (rows.keep)(&row));
            match kept {
                Ok(Err(why)) => hidden.push(why),
                Ok(Ok(())) if failed.is_none() => failed = writer.object(object).err(),
                Ok(Ok(())) => {}
                Err(error) => failed = failed.take().or(Some(error)),
            }
        };
        let mut errors = self.read(cluster, each).await?;
        failed.map_or(Ok(()), Err)?;
        // Of names that may be missing, nothing is no list either.
        if !(self.names.len() > 1 && self.flags.ignore_not_found && writer.is_empty()) {
            writer.finish()?;
        }
        errors.extend(hidden.into_iter().filter(|_| !self.names.is_empty()));
        context.ui.all_but_last(errors)
    }

    /// Lists for a table.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rows<T: DeserializeOwned>(&self, cluster: &Cluster, rows: Rows<'_, T>) -> Result<Found<T>> {
        let mut kept = Vec::new();
        let mut failed = None;
        let mut hidden = Vec::new();
        let mut add = |row: T, extra: Extra| match (rows.keep)(&row) {
            Ok(()) => kept.push((row, extra)),
            Err(why) => hidden.push(why),
        };
        let mut errors = if self.flags.needs_whole_objects() {
            let each = |object: Value| {
                let read = T::deserialize(&object)
                    .map_err(|error| misunderstood(&error))
                    .and_then(|row| Ok((row, extra(self.flags, &object)?)));
                match read {
                    Ok((row, extra)) => add(row, extra),
                    Err(error) => failed = failed.take().or(Some(error)),
                }
            };
            self.read(cluster, each).await?
        } else {
            self.read(cluster, |row| add(row, Extra::default())).await?
        };
        failed.map_or(Ok(()), Err)?;
        errors.extend(hidden.into_iter().filter(|_| !self.names.is_empty()));
        if let Some(by) = &self.flags.sort_by {
            let keys: Vec<SortKey> = kept.iter_mut().filter_map(|(_, extra)| extra.key.take()).collect();
            let mut sorted: Vec<Option<(T, Extra)>> = kept.into_iter().map(Some).collect();
            let order = by.order(&keys)?;
            kept = order.into_iter().filter_map(|index| sorted.get_mut(index).and_then(Option::take)).collect();
        } else if let (Some(order), true) = (rows.order, self.names.is_empty()) {
            kept.sort_by(|(a, _), (b, _)| order(a, b));
        }
        let (rows, extras) = kept.into_iter().unzip();
        Ok(Found { rows, extras, errors })
    }

    /// Prints the table of what was found.
    ///
    /// # Errors
    /// When stdout cannot be written; and the errors of names that were not found.
    pub fn show<T>(&self, context: &Context, found: Found<T>, table: Table) -> Result<Exit> {
        let ui = &context.ui;
        if found.rows.is_empty() {
            if found.errors.is_empty() && !self.flags.ignore_not_found {
                ui.status(&self.nothing);
            }
        } else {
            let wide = self.flags.format() == OutputFormat::Wide;
            let table = with_labels(table, self.flags, &found.extras);
            ui.data(&table.fitting(ui.columns()).render(wide))?;
        }
        ui.all_but_last(found.errors)
    }

    /// Hands on each object; returns the errors of those that were named and could not be read.
    async fn read<T: DeserializeOwned>(&self, cluster: &Cluster, mut each: impl FnMut(T)) -> Result<Vec<CliError>> {
        if self.names.is_empty() {
            list(cluster, &self.request, &self.doing, each).await.map_err(self.explain)?;
            return Ok(Vec::new());
        }
        let get = |name: &String| {
            let (path, doing) = (format!("{}/{name}", self.request.path), format!("get {} {name:?}", self.resource));
            async move { client::get(cluster, &path, &doing).await }
        };
        let mut errors = Vec::new();
        let gets: Vec<_> = self.names.iter().map(get).collect();
        let mut answers = stream::iter(gets).buffered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            match answer.and_then(|object| T::deserialize(object).map_err(|error| misunderstood(&error))) {
                Ok(object) => each(object),
                Err(error) if error.is_missing_resource_type() => return Err((self.explain)(error)),
                Err(error) if error.is_not_found() && self.flags.ignore_not_found => {}
                Err(error) => errors.push((self.explain)(error)),
            }
        }
        Ok(errors)
    }
}

/// Returns what the flags want to know of an object.
///
/// # Errors
/// When what to sort by cannot be applied to it.
pub fn extra(flags: &ListOutputArgs, object: &Value) -> Result<Extra> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    Ok(Extra {
        labels: labels.into_iter().flatten().map(text).collect(),
        key: flags.sort_by.as_ref().map(|by| by.key(object)).transpose()?,
    })
}

/// Adds the columns that the flags ask for, and takes the header away.
pub fn with_labels(mut table: Table, flags: &ListOutputArgs, extras: &[Extra]) -> Table {
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    for label in &flags.label_columns {
        let title = label.rsplit('/').next().unwrap_or_default().to_uppercase();
        table.column(title, extras.iter().map(|extra| or_none(extra.labels.get(label).cloned().unwrap_or_default())));
    }
    if flags.show_labels {
        let all = |extra: &Extra| {
            let labels: Vec<_> = extra.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            or_none(labels.join(","))
        };
        table.column("LABELS".to_owned(), extras.iter().map(all));
    }
    table.headless(flags.no_headers)
}

fn misunderstood(error: &serde_json::Error) -> CliError {
    CliError::new(format!("the server sent an object that was not understood: {error}"))
}
