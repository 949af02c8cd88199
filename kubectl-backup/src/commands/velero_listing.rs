//! Lists of Velero's objects: they are all in Velero's namespace, whichever namespace they are about.

use std::cmp::Ordering;

use jiff::Timestamp;
use kube::api::{Api, ApiResource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::listing::{Listing, Rows};
use crate::{
    args::ListOutputArgs,
    client::ListRequest,
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    facts,
    output::Table,
    plan::velero_namespace,
};

/// The flags that say what is listed.
#[derive(Debug, clap::Args)]
pub struct VeleroListArgs {
    /// Label selector, as kubectl has it
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    /// Show those of all namespaces, whatever -n says
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// After listing, show each change until interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: ListOutputArgs,
}

/// What a kind of Velero's objects is as rows.
pub struct Kind<T> {
    /// Its plural, such as `backups`.
    pub plural: &'static str,
    /// `hold namespace`, `wrote into namespace`: what a row has to do with the namespace of `-n`.
    pub verb: &'static str,
    /// A row's name.
    pub name: fn(&T) -> &str,
    /// Whether a row has to do with a namespace, as far as its filter tells.
    pub concerns: fn(&T, &str) -> bool,
    /// The order of tables.
    pub order: fn(&T, &T) -> Ordering,
    /// The table.
    pub table: fn(&[T], Timestamp) -> Table,
}

impl VeleroListArgs {
    /// Lists the resource `K`.
    ///
    /// # Errors
    /// When the server refuses, or a name does not exist.
    pub async fn run<K: kube::Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        context: &Context,
        names: &[String],
        kind: &Kind<T>,
    ) -> Result<Exit> {
        self.output.check()?;
        let cluster = context.cluster().await?;
        let velero = facts::velero::namespace(&cluster).await?;
        let holding = context.connection.namespace.as_deref().filter(|_| !self.all_namespaces);
        let Kind { plural, verb, .. } = kind;
        let place = format!("Velero's namespace {velero:?}");
        let listing = Listing {
            request: ListRequest::of::<K>(Some(&velero), self.selector.as_deref()),
            doing: format!("list {plural} in namespace {velero:?}"),
            resource: &format!("{}.velero.io", plural.trim_end_matches('s')),
            names,
            flags: &self.output,
            nothing: match holding {
                Some(namespace) => format!("No {plural} that {verb} {namespace:?} found in {place}."),
                None => format!("No {plural} found in {place}."),
            },
            explain: &|error| {
                let missing = error.is_not_found() && !error.is_missing_resource_type();
                let error = velero_namespace::explain(error, Some(&velero));
                if missing { error.hint(format!("Looked in {place}.")) } else { error }
            },
        };
        let keep = |row: &T| {
            match holding {
            Some(namespace) if !(kind.concerns)(row, namespace) => Err(CliError::new(format!(
                "{}.velero.io {:?} is there, but is none of those that {verb} {namespace:?}, as far as its filter tells",
                plural,
                (kind.name)(row),
            ))
            .hint("It is shown without -n, and with -A.")),
            _ => Ok(()),
        }
        };
        if self.watch {
            let read = |object: &Value| T::deserialize(object).map_err(|error| misunderstood(plural, &error));
            let kept = |object: &Value| read(object).map(|row| keep(&row).is_ok());
            let table = async |objects: &[Value]| {
                let rows = objects.iter().map(read).collect::<Result<Vec<_>>>()?;
                Ok((kind.table)(&rows, context.now()))
            };
            let api = Api::namespaced_with(cluster.client.clone(), &velero, &ApiResource::erase::<K>(&()));
            listing.follow(context, api, &kept, table).await?;
            return Ok(Exit::Done);
        }
        let rows = Rows { keep: &keep, order: Some(kind.order) };
        if !self.output.format().is_table() {
            return listing.script(context, &cluster, rows).await;
        }
        let found = listing.rows(&cluster, rows).await?;
        let table = (kind.table)(&found.rows, context.now());
        listing.show(context, found, table)
    }
}

fn misunderstood(plural: &str, error: &serde_json::Error) -> CliError {
    CliError::new(format!("one of the {plural} was not understood: {error}"))
}
