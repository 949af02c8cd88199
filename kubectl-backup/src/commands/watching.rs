//! `--watch`: what is there, then each change until interrupted.

use std::collections::HashMap;

use futures::StreamExt as _;
use kube::{
    Api,
    api::DynamicObject,
    runtime::watcher::{Config, Event},
};
use serde_json::Value;

use super::listing::{Listing, extra, with_labels};
use crate::{
    args::OutputFormat,
    client::watch,
    context::Context,
    error::{CliError, Result},
    output::{ObjectWriter, Table},
};

impl Listing<'_> {
    /// Shows what is there, then each change, of those that are kept.
    ///
    /// # Errors
    /// When the server refuses, or more than one name is to be watched.
    pub async fn follow(
        &self,
        context: &Context,
        api: Api<DynamicObject>,
        keep: &dyn Fn(&Value) -> Result<bool>,
        table: impl AsyncFnMut(&[Value]) -> Result<Table>,
    ) -> Result<()> {
        let mut config = Config::default().labels(&self.request.selector);
        match self.names {
            [] => {}
            [name] => config = config.fields(&format!("metadata.name={name}")),
            [..] => return Err(CliError::usage("--watch shows all, or one: name no more than one")),
        }
        if self.flags.sort_by.is_some() {
            context.ui.warning("--watch shows changes as they come: --sort-by only sorts what is there at first");
        }
        let mut printer = Printer {
            listing: self,
            context,
            keep,
            table,
            widths: Vec::new(),
            writer: ObjectWriter::new(&context.ui, self.flags, self.resource),
            shown: HashMap::new(),
        };
        let mut events = std::pin::pin!(watch(api, config, &self.doing));
        let mut listed = Vec::new();
        let mut first = true;
        while let Some(event) = events.next().await {
            match event.map_err(self.explain)? {
                Event::Init => listed.clear(),
                Event::InitApply(object) => listed.push(object),
                Event::InitDone => {
                    let shown = printer.print(std::mem::take(&mut listed), first).await?;
                    if std::mem::take(&mut first) && shown == 0 && self.flags.format().is_table() {
                        context.ui.status(&self.nothing);
                    }
                }
                Event::Apply(object) | Event::Delete(object) => {
                    printer.print(vec![object], false).await?;
                }
            }
        }
        Ok(())
    }
}

/// What is printed, and what is known by now.
struct Printer<'a, F> {
    listing: &'a Listing<'a>,
    context: &'a Context,
    keep: &'a dyn Fn(&Value) -> Result<bool>,
    table: F,
    widths: Vec<usize>,
    writer: ObjectWriter<'a>,
    /// The versions that were shown, by UID: after a break all come again.
    shown: HashMap<String, String>,
}

impl<F: AsyncFnMut(&[Value]) -> Result<Table>> Printer<'_, F> {
    /// Prints the objects, but for those whose version was shown; returns how many.
    async fn print(&mut self, objects: Vec<DynamicObject>, sorted: bool) -> Result<usize> {
        let mut new = Vec::new();
        for object in objects {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            let version = text(&object.metadata.resource_version);
            if self.shown.insert(text(&object.metadata.uid), version.clone()) == Some(version) {
                continue;
            }
            let object = serde_json::to_value(&object).map_err(|error| {
                CliError::new(format!("the server sent an object that was not understood: {error}"))
            })?;
            if (self.keep)(&object)? {
                new.push(object);
            }
        }
        if let (Some(by), true) = (&self.listing.flags.sort_by, sorted) {
            let keys = new.iter().map(|object| by.key(object)).collect::<Result<Vec<_>>>()?;
            new = by.order(&keys)?.into_iter().filter_map(|index| new.get_mut(index).map(Value::take)).collect();
        }
        if !self.listing.flags.format().is_table() {
            new.iter().try_for_each(|object| self.writer.object(object))?;
        } else if !new.is_empty() {
            self.rows(&new).await?;
        }
        Ok(new.len())
    }

    async fn rows(&mut self, objects: &[Value]) -> Result<()> {
        let flags = self.listing.flags;
        let extras = objects.iter().map(|object| extra(flags, object)).collect::<Result<Vec<_>>>()?;
        let table = with_labels((self.table)(objects).await?, flags, &extras);
        let ui = &self.context.ui;
        ui.data(&table.fitting(ui.columns()).render_below(flags.format() == OutputFormat::Wide, &mut self.widths))
    }
}
