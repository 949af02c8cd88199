//! How Velero's objects are listed: rows for people are collected, objects for scripts pass through one by one.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    args::OutputFormat,
    client::{Cluster, ListRequest, list},
    context::Context,
    error::{CliError, Result},
    output::{ListWriter, Table},
    plan::velero_namespace,
};

/// What to list.
pub struct Listing<'a> {
    /// The collection.
    pub request: ListRequest,
    /// Velero's namespace.
    pub namespace: &'a str,
    /// The resource's plural, such as `backups`.
    pub plural: &'a str,
    /// Only these; all when empty.
    pub names: &'a [String],
    /// The application's namespace that rows were asked for.
    pub holding: Option<&'a str>,
    /// How they are printed.
    pub format: OutputFormat,
}

/// What the rows of a listing are.
pub struct Rows<'a, T> {
    /// A row's name.
    pub name: fn(&T) -> &str,
    /// Whether it is shown.
    pub keep: &'a dyn Fn(&T) -> bool,
    /// The table of all rows.
    pub table: fn(Vec<T>, Timestamp) -> Table,
}

impl Listing<'_> {
    /// Lists and prints.
    ///
    /// # Errors
    /// When the server refuses, or a name does not exist.
    pub async fn print<T: DeserializeOwned>(
        &self,
        context: &Context,
        cluster: &Cluster,
        rows: Rows<'_, T>,
    ) -> Result<()> {
        let mut seen = Vec::new();
        let wanted = |row: &T| {
            (self.names.is_empty() || self.names.iter().any(|name| name == (rows.name)(row))) && (rows.keep)(row)
        };
        let mut note = |row: &T| {
            if !self.names.is_empty() {
                seen.push((rows.name)(row).to_owned());
            }
        };
        if self.format.is_structured() {
            self.stream(context, cluster, &wanted, &mut note).await?;
        } else {
            let mut kept = Vec::new();
            let each = |row: T| {
                if wanted(&row) {
                    note(&row);
                    kept.push(row);
                }
            };
            self.read(cluster, each).await?;
            self.show(context, &rows, kept)?;
        }
        match self.names.iter().find(|name| !seen.contains(name)) {
            None => Ok(()),
            Some(missing) => {
                let mut error = CliError::new(format!("{}.velero.io {missing:?} not found", self.plural))
                    .hint(format!("Looked in namespace {:?}.", self.namespace));
                error.prefix = "Error from server (NotFound)".into();
                Err(error)
            }
        }
    }

    async fn stream<T: DeserializeOwned>(
        &self,
        context: &Context,
        cluster: &Cluster,
        wanted: &dyn Fn(&T) -> bool,
        note: &mut dyn FnMut(&T),
    ) -> Result<()> {
        let resource = self.resource();
        let mut writer = ListWriter::new(&context.ui, self.format, &resource);
        let mut failed = None;
        let each = |object: Value| {
            let written = T::deserialize(&object)
                .map_err(|error| CliError::new(format!("one of the {} was not understood: {error}", self.plural)))
                .and_then(|row| {
                    if !wanted(&row) {
                        return Ok(());
                    }
                    note(&row);
                    writer.object(object)
                });
            if let Err(error) = written {
                failed.get_or_insert(error);
            }
        };
        self.read(cluster, each).await?;
        failed.map_or(Ok(()), Err)?;
        writer.finish()
    }

    async fn read<T: DeserializeOwned>(&self, cluster: &Cluster, each: impl FnMut(T)) -> Result<()> {
        let doing = format!("list {} in namespace {:?}", self.plural, self.namespace);
        list(cluster, &self.request, &doing, each)
            .await
            .map_err(|error| velero_namespace::explain(error, Some(self.namespace)))
    }

    fn show<T>(&self, context: &Context, rows: &Rows<'_, T>, kept: Vec<T>) -> Result<()> {
        let ui = &context.ui;
        if self.format == OutputFormat::Name {
            let resource = self.resource();
            return ui.data(&kept.iter().map(|row| format!("{resource}/{}\n", (rows.name)(row))).collect::<String>());
        }
        if kept.is_empty() {
            if self.names.is_empty() {
                ui.status(&self.nothing());
            }
            return Ok(());
        }
        ui.data(&(rows.table)(kept, context.now()).render(self.format == OutputFormat::Wide))
    }

    fn nothing(&self) -> String {
        let place = format!("Velero's namespace {:?}", self.namespace);
        match self.holding {
            Some(namespace) => format!("No {} that hold namespace {namespace:?} found in {place}.", self.plural),
            None => format!("No {} found in {place}.", self.plural),
        }
    }

    /// The resource as kubectl names its objects: `backup.velero.io`.
    fn resource(&self) -> String {
        format!("{}.velero.io", self.plural.trim_end_matches('s'))
    }
}
