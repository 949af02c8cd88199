//! `kubectl backup snapshot list --watch`

use std::collections::HashMap;

use backup_api::snapshot::{VolumeSnapshot, VolumeSnapshotContent};
use futures::StreamExt as _;
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    runtime::watcher::{Config, Event},
};
use serde::Deserialize as _;
use serde_json::Value;

use super::{Args, RESOURCE, contents, doing, explain, nothing};
use crate::{
    args::OutputFormat,
    client::{Cluster, watch},
    context::Context,
    error::{CliError, Doing as _, Result},
    facts,
    output::print_object,
    plan::snapshot::{origin, table},
};

/// What is printed, and what is known by now.
struct Printer<'a> {
    args: &'a Args,
    context: &'a Context,
    cluster: &'a Cluster,
    widths: Vec<usize>,
    contents: HashMap<String, VolumeSnapshotContent>,
    /// The versions that were shown, by UID: after a break all come again.
    shown: HashMap<String, String>,
}

impl Args {
    /// Shows what is there, then each change.
    pub(super) async fn follow(&self, context: &Context, cluster: &Cluster, namespace: Option<&str>) -> Result<()> {
        // As it travels: fields that our types do not know must not get lost.
        let resource = ApiResource::erase::<VolumeSnapshot>(&());
        let client = cluster.client.clone();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let doing = doing(namespace);
        let mut events = std::pin::pin!(watch(api, Config::default().labels(&self.selectors()), &doing));
        let mut printer = Printer {
            args: self,
            context,
            cluster,
            widths: Vec::new(),
            contents: HashMap::new(),
            shown: HashMap::new(),
        };
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            match event.map_err(|error| explain(error, namespace))? {
                Event::Init => listed.clear(),
                Event::InitApply(object) => listed.push(object),
                Event::InitDone => {
                    let first = printer.shown.is_empty();
                    let listed = std::mem::take(&mut listed);
                    if first && listed.is_empty() && self.output.format().is_table() {
                        context.ui.status(&nothing(namespace));
                    }
                    printer.print(listed).await?;
                }
                Event::Apply(object) | Event::Delete(object) => printer.print(vec![object]).await?,
            }
        }
        Ok(())
    }
}

impl Printer<'_> {
    /// Prints the objects, but for those whose version was shown.
    async fn print(&mut self, objects: Vec<DynamicObject>) -> Result<()> {
        let mut new = Vec::new();
        for object in objects {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            let version = text(&object.metadata.resource_version);
            if self.shown.insert(text(&object.metadata.uid), version.clone()) != Some(version) {
                new.push(serde_json::to_value(&object).map_err(|error| misunderstood(&error))?);
            }
        }
        let ui = &self.context.ui;
        match self.args.output.format() {
            OutputFormat::Table | OutputFormat::Wide if new.is_empty() => Ok(()),
            OutputFormat::Table => self.rows(&new, false).await,
            OutputFormat::Wide => self.rows(&new, true).await,
            OutputFormat::Name => new.iter().try_for_each(|object| {
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                ui.data(&format!("{RESOURCE}/{name}\n"))
            }),
            format @ OutputFormat::Json => new.iter().try_for_each(|object| print_object(ui, format, object)),
            format @ OutputFormat::Yaml => new.iter().try_for_each(|object| {
                ui.data("---\n")?;
                print_object(ui, format, object)
            }),
        }
    }

    async fn rows(&mut self, objects: &[Value], wide: bool) -> Result<()> {
        let rows: Vec<VolumeSnapshot> = objects
            .iter()
            .map(VolumeSnapshot::deserialize)
            .collect::<Result<_, _>>()
            .map_err(|error| misunderstood(&error))?;
        if wide {
            self.read_contents(&rows).await;
        }
        let backups = rows.iter().filter_map(origin::restored).map(|restored| restored.backup).collect();
        let backups = facts::backup_standing::of(self.cluster, backups).await;
        let all = self.args.scope.all_namespaces;
        let table = table::of(&rows, &self.contents, &backups, all, self.context.now());
        let ui = &self.context.ui;
        ui.data(&table.fitting(ui.columns()).render_below(wide, &mut self.widths))
    }

    /// All at once at first, then each that is new. Whoever may not read them sees `<unknown>`.
    async fn read_contents(&mut self, rows: &[VolumeSnapshot]) {
        if self.widths.is_empty() {
            self.contents = contents(self.cluster, rows).await;
        }
        for row in rows {
            let bound = row.status.as_ref().and_then(|status| status.bound_volume_snapshot_content_name.as_deref());
            let Some(name) = bound else { continue };
            let is_known = self
                .contents
                .get(name)
                .is_some_and(|content| content.status.as_ref().is_some_and(|status| status.snapshot_handle.is_some()));
            if !is_known {
                let api: Api<VolumeSnapshotContent> = Api::all(self.cluster.client.clone());
                if let Ok(Some(content)) = api.get_opt(name).await.doing(|| format!("read content {name:?}")) {
                    self.contents.insert(name.to_owned(), content);
                }
            }
        }
    }
}

fn misunderstood(error: &serde_json::Error) -> CliError {
    CliError::new(format!("the server sent a volumesnapshot that was not understood: {error}"))
}
